/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See leftovers.h. What the store has of an authorization, its order, slot and account is
 * all that is needed: a clean-up may come for a domain that is gone. An order that is
 * open belongs to the next job of its slot, unless there will be none.
 */
#include "core/leftovers.h"

#include <string.h>

#include "pki/key.h"
#include "plugin/challenge.h"
#include "store/account.h"
#include "store/order.h"
#include "store/slot.h"
#include "util/list.h"
#include "util/mem.h"

/* At once; the others when these are done. */
#define SWEEPS_MAX 32
/* A plugin that could not do it, or is not there, is asked again. */
#define RETRY_USEC (10 * USEC_PER_MIN)

struct leftovers {
	struct leftovers_params in; /* borrowed members */
	struct loop_defer *defer;   /* owned; NULL = no look is planned */
	struct loop_timer *retry;   /* owned */
	bool is_waiting;            /* for retry */
	struct list sweeps;         /* sweep.entry */
	unsigned n_sweeps;
};

/* One answer that is being cleaned up. */
struct sweep {
	struct list entry;
	struct leftovers *leftovers;              /* borrowed */
	struct store_authorization authorization; /* owned strings */
	struct plugin_call *call;                 /* owned */
};

/* --- one of them ------------------------------------------------------------------------ */

static void sweep_free(struct sweep *s)
{
	list_remove(&s->entry);
	s->leftovers->n_sweeps--;
	plugin_call_cancel(s->call);
	store_authorization_done(&s->authorization);
	free(s);
}

static struct sweep *find_sweep(const struct leftovers *l, int64_t authorization_id)
{
	struct sweep *s;

	list_foreach(s, &l->sweeps, entry)
		if (s->authorization.id == authorization_id)
			return s;
	return NULL;
}

static void complain(
	const struct leftovers *l, const struct store_authorization *a, const char *why)
{
	log_warning(l->in.log, "the %s answer for %s still stands: %s",
		a->challenge ? a->challenge : "unknown", a->name, why);
}

static void set_retry(struct leftovers *l)
{
	l->is_waiting = true;
	loop_timer_set_after(l->retry, RETRY_USEC);
}

static void on_swept(const struct plugin_result *result, void *userdata)
{
	struct sweep *s = userdata;
	struct leftovers *l = s->leftovers;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (result->outcome != POSTSEAL_OK) {
		complain(l, &s->authorization, result->detail);
		set_retry(l);
	} else {
		s->authorization.presented = false;
		if (store_authorization_save(l->in.store, &s->authorization, &err) < 0)
			set_retry(l);
		else
			log_info(l->in.log,
				"the %s answer for %s, which was left over, is cleaned up",
				s->authorization.challenge, s->authorization.name);
	}
	sweep_free(s);
	leftovers_run(l);
}

/* --- what its plugin has to know ----------------------------------------------------------- */

struct context {
	struct store_order order;
	struct store_slot slot;
	struct store_account account;
	char *thumbprint; /* owned */
};

static void context_done(struct context *c)
{
	store_order_done(&c->order);
	store_slot_done(&c->slot);
	store_account_done(&c->account);
	free(c->thumbprint);
}

struct find_account {
	int64_t id;
	struct context *context;
};

static int on_account(const struct store_account *account, void *userdata)
{
	struct find_account *find = userdata;
	struct context *c = find->context;
	_cleanup_(key_freep) struct key *key = NULL;

	if (account->id != find->id)
		return 0;
	xstrset(&c->account.url, account->url);
	int r = key_parse_pem(&key, account->key_pem, strlen(account->key_pem), NULL);
	if (r >= 0)
		r = key_format_thumbprint(key, &c->thumbprint, NULL);
	return r < 0 ? r : 1;
}

/* 0: it is to be cleaned up. STORE_E_NOT_FOUND: a job of its slot will see to it. */
static int load_context(struct leftovers *l, const struct store_authorization *a,
	struct context *ret, struct err *err)
{
	struct find_account find = { .context = ret };
	int r = store_order_load(l->in.store, a->order_id, &ret->order, err);

	if (r == 0)
		r = store_slot_load(l->in.store, ret->order.slot_id, &ret->slot, err);
	if (r != 0)
		return r;
	if (!ret->order.finished && !ret->slot.removed)
		return STORE_E_NOT_FOUND;
	find.id = ret->order.account_id;
	r = store_account_each(l->in.store, on_account, &find, err);
	return r < 0 ? r : 0;
}

static struct plugin_instance *find_solver(
	const struct leftovers *l, const struct store_authorization *a)
{
	struct plugin_instance *instance;
	const char *name;

	for (size_t i = 0; (instance = instances_get(l->in.instances,
				    POSTSEAL_KIND_CHALLENGE, i, &name));
		i++) {
		const struct plugin *plugin = plugin_instance_get_plugin(instance);
		if (strcmp(plugin_get_challenge_type(plugin), a->challenge) == 0)
			return instance;
	}
	return NULL;
}

/* --- beginning ------------------------------------------------------------------------------- */

static int call_plugin(struct sweep *s, struct plugin_instance *instance,
	const struct context *c, struct err *err)
{
	const struct store_authorization *a = &s->authorization;
	_cleanup_(strv_freep) char **names = strv_split(c->order.names);
	_cleanup_(freep) char *key_authorization =
		a->token && c->thumbprint ? xasprintf("%s.%s", a->token, c->thumbprint)
					  : NULL;
	const struct postseal_task task = {
		.size = sizeof(task),
		.domain = c->slot.domain,
		.name = a->name,
		.is_wildcard = !strv_contains(names, a->name),
		.account_url = c->account.url,
		.thumbprint = c->thumbprint,
		.token = a->token,
		.key_authorization = key_authorization,
	};

	return plugin_challenge_start(
		&s->call, instance, PLUGIN_CHALLENGE_CLEANUP, &task, on_swept, s, err);
}

static void copy_row(
	struct store_authorization *ret, const struct store_authorization *a)
{
	*ret = (struct store_authorization){
		.id = a->id,
		.order_id = a->order_id,
		.name = xstrdup(a->name),
		.url = xstrdup(a->url),
		.challenge = xstrdup(a->challenge),
		.challenge_url = xstrdup(a->challenge_url),
		.token = xstrdup(a->token),
		.state = xstrdup(a->state),
		.presented = a->presented,
	};
}

static void sweep_start(struct leftovers *l, const struct store_authorization *a,
	const struct context *c)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct plugin_instance *instance = find_solver(l, a);

	if (!instance) {
		complain(l, a, "no plugin for it is configured");
		set_retry(l);
		return;
	}
	struct sweep *s = xnew(struct sweep);
	s->leftovers = l;
	copy_row(&s->authorization, a);
	list_append(&l->sweeps, &s->entry);
	l->n_sweeps++;
	if (call_plugin(s, instance, c, &err) >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	complain(l, a, text);
	set_retry(l);
	sweep_free(s);
}

/* --- looking ------------------------------------------------------------------------------------ */

static int on_presented(const struct store_authorization *a, void *userdata)
{
	struct leftovers *l = userdata;
	_cleanup_(context_done) struct context c = { 0 };

	if (l->n_sweeps >= SWEEPS_MAX)
		return 1;
	if (!a->challenge || find_sweep(l, a->id) || load_context(l, a, &c, NULL) != 0)
		return 0;
	sweep_start(l, a, &c);
	return 0;
}

static void on_look(void *userdata)
{
	struct leftovers *l = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	l->defer = loop_defer_free(l->defer);
	if (store_authorization_each_presented(l->in.store, on_presented, l, &err) >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	log_error(l->in.log, "answers that are left over: %s", text);
	set_retry(l);
}

void leftovers_run(struct leftovers *l)
{
	if (l && !l->defer && !l->is_waiting)
		l->defer = loop_defer_new(l->in.loop, on_look, l);
}

static void on_retry(struct loop_timer *timer, void *userdata)
{
	struct leftovers *l = userdata;

	l->is_waiting = false;
	leftovers_run(l);
}

void leftovers_stop(struct leftovers *l)
{
	struct sweep *s, *next;

	list_foreach_safe(s, next, &l->sweeps, entry)
		sweep_free(s);
	loop_timer_disarm(l->retry);
	l->is_waiting = false;
}

struct leftovers *leftovers_new(const struct leftovers_params *params)
{
	struct leftovers *l = xnew(struct leftovers);

	l->in = *params;
	list_init(&l->sweeps);
	l->retry = loop_timer_new(params->loop, on_retry, l);
	return l;
}

struct leftovers *leftovers_free(struct leftovers *l)
{
	if (!l)
		return NULL;
	leftovers_stop(l);
	loop_timer_free(l->retry);
	loop_defer_free(l->defer);
	free(l);
	return NULL;
}
