/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See preparation.h. For one name after the other, of the policy's challenges in their
 * order:
 *
 *   NAME ──► CHOOSE ──► OFFERS ──► WANT ──► possible: the next name
 *               ▲          │         │
 *               └──────────┴─────────┘ not possible, or its records are not there: the
 *                                      reason is kept, and the next challenge asked
 *
 * The CA is asked for nothing, so what it offers is not known yet.
 */
#include "core/preparation.h"

#include <errno.h>
#include <string.h>

#include "plugin/challenge.h"
#include "util/buf.h"
#include "util/dname.h"
#include "util/mem.h"

#define TEXT_BYTES_MAX 2048

enum preparation_state {
	PREPARATION_CHOOSE,
	PREPARATION_OFFERS,
	PREPARATION_WANT,
};

struct preparation {
	/* inputs */
	struct preparation_params in; /* borrowed members */
	preparation_fn *done;
	void *userdata;
	char *authority, *directory_url, *directory_json, *account_url, *thumbprint;
	char **names; /* owned */

	/* owned operations */
	struct plugin_call *call;
	struct loop_defer *defer;

	/* where it stands */
	enum preparation_state state;
	size_t i_name;
	size_t next;           /* of the policy's challenges */
	const char *challenge; /* what is asked; borrowed */
	struct plugin_instance *instance;
	bool is_waiting; /* this name's: for a record or for a person */

	struct buf reasons; /* this name's */
	struct buf text;    /* of the names that are not possible now */
	bool has_waiting, has_impossible;
};

static void preparation_step(struct preparation *p);

struct preparation *preparation_cancel(struct preparation *p)
{
	if (!p)
		return NULL;
	plugin_call_cancel(p->call);
	loop_defer_free(p->defer);
	strv_free(p->names);
	buf_done(&p->reasons);
	buf_done(&p->text);
	free(p->authority);
	free(p->directory_url);
	free(p->directory_json);
	free(p->account_url);
	free(p->thumbprint);
	free(p);
	return NULL;
}

static void complete(struct preparation *p)
{
	_cleanup_(freep) char *text = p->text.len ? buf_steal(&p->text) : NULL;
	const struct preparation_result result = {
		.outcome = p->has_impossible ? PREPARATION_IMPOSSIBLE
			   : p->has_waiting  ? PREPARATION_WAITING
					     : PREPARATION_READY,
		.text = text,
	};

	p->done(&result, p->userdata);
}

/* --- names ------------------------------------------------------------------------------- */

static const char *get_base(const struct preparation *p)
{
	const char *name = p->names[p->i_name];

	return dname_is_wildcard(name) ? name + 2 : name;
}

static void next_name(struct preparation *p)
{
	p->i_name++;
	p->next = 0;
	p->is_waiting = false;
	buf_reset(&p->reasons);
	p->state = PREPARATION_CHOOSE;
	preparation_step(p);
}

static void give_name_up(struct preparation *p)
{
	buf_printf(&p->text, "%s%s for %s: %s", p->text.len ? "; " : "",
		p->is_waiting ? "a record is waited for" : "no challenge is possible",
		p->names[p->i_name], buf_str(&p->reasons));
	p->has_waiting |= p->is_waiting;
	p->has_impossible |= !p->is_waiting;
	next_name(p);
}

static void pass_over(struct preparation *p, const char *reason)
{
	buf_printf(&p->reasons, "%s%s: %s", p->reasons.len ? "; " : "", p->challenge,
		reason);
	p->state = PREPARATION_CHOOSE;
	preparation_step(p);
}

/* --- CHOOSE ------------------------------------------------------------------------------- */

static const char *next_challenge(struct preparation *p)
{
	const char *name = NULL;

	if (conf_is_set(p->in.domain, "challenge"))
		name = conf_get_list(p->in.domain, "challenge")[p->next];
	else if (!instances_get(
			 p->in.instances, POSTSEAL_KIND_CHALLENGE, p->next, &name))
		return NULL;
	p->next++;
	return name;
}

static void step_choose(struct preparation *p)
{
	if (!p->names[p->i_name]) {
		complete(p);
		return;
	}
	p->challenge = next_challenge(p);
	if (!p->challenge) {
		give_name_up(p);
		return;
	}
	p->instance =
		instances_find(p->in.instances, POSTSEAL_KIND_CHALLENGE, p->challenge);
	if (!p->instance) {
		pass_over(p, "its plugin could not be opened");
		return;
	}
	unsigned flags =
		plugin_get_challenge_flags(plugin_instance_get_plugin(p->instance));
	if (dname_is_wildcard(p->names[p->i_name]) &&
		!(flags & POSTSEAL_CHALLENGE_WILDCARD)) {
		pass_over(p, "cannot validate a wildcard name");
		return;
	}
	p->state = PREPARATION_OFFERS;
	preparation_step(p);
}

/* --- OFFERS, WANT -------------------------------------------------------------------------- */

static bool has_wildcard(const struct preparation *p)
{
	_cleanup_(freep) char *wildcard = xasprintf("*.%s", get_base(p));

	return strv_contains(p->names, wildcard);
}

/* Records first: what was wanted by this challenge for this name before is over. */
static void take_wanted(struct preparation *p, const struct plugin_result *result)
{
	_cleanup_(freep) char *missing = NULL;
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct records_wish wish = {
		.domain = conf_block_get_name(p->in.domain),
		.name = get_base(p),
		.challenge = p->challenge,
		.wanted = result->wanted,
		.n_wanted = result->n_wanted,
	};
	int r = p->in.records ? records_want(p->in.records, &wish, &missing, &err) : 1;

	if (r < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		pass_over(p, text);
	} else if (r == 0) {
		p->is_waiting = true;
		pass_over(p, missing);
	} else {
		next_name(p);
	}
}

static void on_asked(const struct plugin_result *result, void *userdata)
{
	struct preparation *p = userdata;

	p->call = plugin_call_cancel(p->call);
	if (result->outcome == POSTSEAL_OK && p->state == PREPARATION_OFFERS) {
		p->state = PREPARATION_WANT;
		preparation_step(p);
	} else if (result->outcome == POSTSEAL_OK) {
		take_wanted(p, result);
	} else {
		p->is_waiting |= result->outcome == POSTSEAL_NOT_YET;
		pass_over(p, result->detail);
	}
}

static void ask(struct preparation *p, enum plugin_challenge_method method)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct postseal_task task = {
		.size = sizeof(task),
		.domain = conf_block_get_name(p->in.domain),
		.name = get_base(p),
		.is_wildcard = dname_is_wildcard(p->names[p->i_name]),
		.account_url = p->account_url,
		.thumbprint = p->thumbprint,
		.authority = p->authority,
		.directory_url = p->directory_url,
		.directory_json = p->directory_json,
		.has_wildcard = has_wildcard(p),
	};

	if (plugin_challenge_start(
		    &p->call, p->instance, method, &task, on_asked, p, &err) >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	pass_over(p, text);
}

static void preparation_step(struct preparation *p)
{
	switch (p->state) {
	case PREPARATION_CHOOSE:
		step_choose(p);
		break;
	case PREPARATION_OFFERS:
		ask(p, PLUGIN_CHALLENGE_OFFERS);
		break;
	case PREPARATION_WANT:
		ask(p, PLUGIN_CHALLENGE_WANT);
		break;
	}
}

/* --- the object ------------------------------------------------------------------------------ */

static void on_begin(void *userdata)
{
	struct preparation *p = userdata;

	p->defer = loop_defer_free(p->defer);
	preparation_step(p);
}

int preparation_start(struct preparation **ret, const struct preparation_params *params,
	preparation_fn *done, void *userdata, struct err *err)
{
	struct preparation *p = xnew(struct preparation);
	const struct preparation_account *account = params->account;

	p->in = *params;
	p->in.account = NULL;
	p->done = done;
	p->userdata = userdata;
	p->authority = xstrdup(account->authority);
	p->directory_url = xstrdup(account->directory_url);
	p->directory_json = xstrdup(account->directory_json);
	p->account_url = xstrdup(account->account_url);
	p->thumbprint = xstrdup(account->thumbprint);
	p->names = strv_split(params->names);
	p->reasons = (struct buf)BUF_INIT(TEXT_BYTES_MAX);
	p->text = (struct buf)BUF_INIT(TEXT_BYTES_MAX);
	p->defer = loop_defer_new(params->loop, on_begin, p);
	*ret = p;
	return 0;
}
