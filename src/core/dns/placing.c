/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See placing.h.
 *
 *   LOOK ──► ASK ──► placed
 *             │ ▲ not its zone: the next provider
 *             └─┘ the last said no to where a CNAME leads: the name itself
 *
 * A wildcard CNAME makes every name look delegated: so one is followed only by a provider
 * that knows the zone at its end to be its own.
 */
#include "core/dns/placing.h"

#include <errno.h>
#include <string.h>

#include "io/dns_survey.h"
#include "plugin/dns.h"
#include "util/buf.h"
#include "util/mem.h"

#define REASONS_BYTES_MAX 2048
#define WANTED_ALL        (1 + 16)

enum placing_state {
	PLACING_LOOK, /* is there a CNAME at the name? */
	PLACING_ASK,  /* a provider: is that yours? */
};

struct placing {
	/* inputs */
	struct placing_params in; /* borrowed members */
	placed_fn *done;
	void *userdata;

	/* owned operations */
	struct dns_survey *survey;
	struct plugin_call *call;
	struct loop_defer *defer;

	/* where it stands */
	enum placing_state state;
	char *name;        /* owned */
	char *target;      /* owned; the other name; NULL: the name itself */
	bool is_delegated; /* by a CNAME that we have found */
	size_t next;       /* provider */

	struct buf reasons;
};

static void placing_step(struct placing *p);

struct placing *placing_cancel(struct placing *p)
{
	if (!p)
		return NULL;
	dns_survey_cancel(p->survey);
	plugin_call_cancel(p->call);
	loop_defer_free(p->defer);
	buf_done(&p->reasons);
	free(p->target);
	free(p->name);
	free(p);
	return NULL;
}

/* --- the end -------------------------------------------------------------------------- */

static const char *placing_provider(const struct placing *p)
{
	return conf_get_list(p->in.domain, "dns")[p->next];
}

static void refuse(struct placing *p)
{
	_cleanup_(freep) char *detail =
		xasprintf("no provider puts values at %s: %s", p->name,
			p->reasons.len ? buf_str(&p->reasons)
				       : "the policy names none (setting dns)");
	const struct placed placed = {
		.outcome = POSTSEAL_REFUSED,
		.detail = detail,
	};

	p->done(&placed, p->userdata);
}

static void fail(struct placing *p, const struct plugin_result *result)
{
	_cleanup_(freep) char *detail =
		xasprintf("%s: %s", placing_provider(p), result->detail);
	const struct placed placed = {
		.outcome = result->outcome,
		.detail = detail,
	};

	p->done(&placed, p->userdata);
}

/* An explicit delegation is of the operator's making, and has to be there. */
static bool is_explicit(const struct placing *p)
{
	return p->target && !p->is_delegated;
}

static void complete(struct placing *p, struct plugin_instance *instance,
	const struct plugin_result *result)
{
	_cleanup_(freep) char *place = xstrdup(result->place ? result->place
					       : p->target   ? p->target
							     : p->name);
	_cleanup_(freep) char *name = xstrdup(p->name);
	_cleanup_(freep) char *provider = xstrdup(placing_provider(p));
	struct postseal_wanted wanted[WANTED_ALL];
	size_t n = 0;

	if (is_explicit(p))
		wanted[n++] = (struct postseal_wanted){
			.size = sizeof(wanted[0]),
			.owner = name,
			.type = "CNAME",
			.value = place,
			.why = "lets Postseal answer challenges for this name from "
			       "another zone",
		};
	for (size_t i = 0; i < result->n_wanted && n < WANTED_ALL; i++)
		wanted[n++] = result->wanted[i];
	const struct placed placed = {
		.outcome = POSTSEAL_OK,
		.instance = instance,
		.provider = provider,
		.place = place,
		.wanted = wanted,
		.n_wanted = n,
	};
	p->done(&placed, p->userdata);
}

/* --- ASK -------------------------------------------------------------------------------- */

static void pass_over(struct placing *p, const char *reason)
{
	buf_printf(&p->reasons, "%s%s: %s", p->reasons.len ? "; " : "",
		placing_provider(p), reason);
	p->next++;
}

/* Nobody has the zone at the CNAME's end: then it is not ours, and the name is. */
static void end_of_list(struct placing *p)
{
	if (!p->is_delegated) {
		refuse(p);
		return;
	}
	log_notice(p->in.log,
		"%s is a CNAME to %s, whose zone no provider has: values are put at the name itself",
		p->name, p->target);
	xstrset(&p->target, NULL);
	p->is_delegated = false;
	p->next = 0;
	placing_step(p);
}

static void on_asked(const struct plugin_result *result, void *userdata)
{
	struct placing *p = userdata;

	p->call = plugin_call_cancel(p->call);
	if (result->outcome == POSTSEAL_OK) {
		complete(p,
			instances_find(p->in.instances, POSTSEAL_KIND_DNS,
				placing_provider(p)),
			result);
	} else if (result->outcome == POSTSEAL_REFUSED) {
		pass_over(p, result->detail);
		placing_step(p);
	} else {
		fail(p, result);
	}
}

static void step_ask(struct placing *p)
{
	const char *provider = placing_provider(p);
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (!provider) {
		end_of_list(p);
		return;
	}
	struct plugin_instance *instance =
		instances_find(p->in.instances, POSTSEAL_KIND_DNS, provider);
	const struct plugin_dns_ask ask = {
		.method = PLUGIN_DNS_PLACE,
		.value = {
			.domain = p->in.domain_name,
			.name = p->target ? p->target : p->name,
			.is_delegated = p->is_delegated,
		},
	};
	int r = instance ? plugin_dns_start(&p->call, instance, &ask, on_asked, p, &err)
			 : err_set(&err, -ENOENT, "its plugin could not be opened");
	if (r >= 0)
		return;
	pass_over(p, err.detail);
	placing_step(p);
}

/* --- LOOK ------------------------------------------------------------------------------- */

/* Without an answer the name itself is the guess; what was put at a wrong name is not seen
 * later, and the CA is not asked. */
static void on_looked(const struct dns_survey_result *result, void *userdata)
{
	struct placing *p = userdata;
	size_t n = strv_length((char **)result->chain);

	if (n > 0) {
		xstrset(&p->target, result->chain[n - 1]);
		p->is_delegated = true;
	}
	p->survey = dns_survey_cancel(p->survey);
	p->state = PLACING_ASK;
	placing_step(p);
}

static void step_look(struct placing *p)
{
	const char *delegation = conf_get_string(p->in.domain, "delegation");
	const struct dns_survey_params params = {
		.loop = p->in.loop,
		.resolver = p->in.resolver,
		.name = p->name,
		.type = DNS_TXT,
	};

	p->state = PLACING_ASK;
	if (strcmp(delegation, "follow") != 0 && strcmp(delegation, "none") != 0)
		xstrset(&p->target, delegation);
	if (strcmp(delegation, "follow") == 0 && p->in.resolver &&
		conf_get_list(p->in.domain, "dns")[0] &&
		dns_survey_start(&p->survey, &params, on_looked, p, NULL) >= 0)
		return;
	placing_step(p);
}

static void placing_step(struct placing *p)
{
	if (p->state == PLACING_LOOK)
		step_look(p);
	else
		step_ask(p);
}

static void on_begin(void *userdata)
{
	struct placing *p = userdata;

	p->defer = loop_defer_free(p->defer);
	placing_step(p);
}

int placing_start(struct placing **ret, const struct placing_params *params,
	placed_fn *done, void *userdata, struct err *err)
{
	struct placing *p = xnew(struct placing);

	p->in = *params;
	p->name = xstrdup(params->name);
	p->done = done;
	p->userdata = userdata;
	p->reasons = (struct buf)BUF_INIT(REASONS_BYTES_MAX);
	p->defer = loop_defer_new(params->loop, on_begin, p);
	*ret = p;
	return 0;
}
