/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See dns_resolver.h. The library calls back whenever it likes, also before it returns:
 * what it says is kept, and told on a later turn. A question that nobody waits for any
 * more stays with the library until that has an answer, without its asker.
 */
#include "io/dns_resolver.h"

#include <errno.h>
#include <string.h>
#include <unbound-event.h>
#include <unbound.h>

#include "io/dns_events.h"
#include "io/dns_message.h"
#include "util/list.h"
#include "util/mem.h"

#define TIMEOUT_USEC (20 * USEC_PER_SEC)
#define CLASS_IN     1
#define SEC_BOGUS    1
#define SEC_SECURE   2

struct dns_resolver {
	struct loop *loop;          /* borrowed */
	struct ub_event_base *base; /* owned */
	struct ub_ctx *ctx;         /* owned; NULL: about to go */
	struct list questions;      /* question.entry */
	usec_t timeout_usec;
};

/* What the library has a pointer to. */
struct question {
	struct list entry;
	struct dns_lookup *lookup; /* borrowed; NULL: nobody waits */
};

struct dns_lookup {
	struct dns_resolver *resolver; /* borrowed; NULL: gone */
	struct question *question;     /* borrowed; NULL: the library has answered */
	char *name;                    /* owned */
	enum dns_type type;
	dns_done_fn *done;
	void *userdata;
	struct loop_timer *timer; /* owned */
	struct loop_defer *defer; /* owned */
	struct dns_answer answer;
};

/* --- a look-up ----------------------------------------------------------------------------- */

static void forget_question(struct dns_lookup *lookup)
{
	if (lookup->question)
		lookup->question->lookup = NULL;
	lookup->question = NULL;
}

struct dns_lookup *dns_lookup_cancel(struct dns_lookup *lookup)
{
	if (!lookup)
		return NULL;
	forget_question(lookup);
	loop_timer_free(lookup->timer);
	loop_defer_free(lookup->defer);
	dns_answer_done(&lookup->answer);
	free(lookup->name);
	free(lookup);
	return NULL;
}

static void finish(struct dns_lookup *lookup)
{
	struct dns_answer answer = lookup->answer;

	lookup->answer = (struct dns_answer){ .status = DNS_FAILED };
	loop_timer_disarm(lookup->timer);
	lookup->done(&answer, lookup->userdata);
	dns_answer_done(&answer);
}

static void on_answered(void *userdata)
{
	struct dns_lookup *lookup = userdata;

	lookup->defer = loop_defer_free(lookup->defer);
	finish(lookup);
}

static void on_timeout(struct loop_timer *timer, void *userdata)
{
	struct dns_lookup *lookup = userdata;

	forget_question(lookup);
	lookup->defer = loop_defer_free(lookup->defer);
	dns_answer_fail(&lookup->answer, "the resolver has no answer within %u s",
		(unsigned)(lookup->resolver->timeout_usec / USEC_PER_SEC));
	finish(lookup);
}

static const char *rcode_text(int rcode)
{
	switch (rcode) {
	case 2:
		return "SERVFAIL: no server has an answer to give";
	case 5:
		return "REFUSED";
	default:
		return "an error";
	}
}

struct told {
	int rcode;
	const uint8_t *packet;
	int len;
	int sec;
	const char *why_bogus;
};

/* A forged answer has the rcode 0, and its packet: the status comes first. */
static void take(struct dns_lookup *lookup, const struct told *told)
{
	if (told->sec == SEC_BOGUS) {
		dns_answer_fail(&lookup->answer, "DNSSEC: %s",
			told->why_bogus ? told->why_bogus : "it does not validate");
		lookup->answer.status = DNS_BOGUS;
	} else if (told->rcode != 0 && told->rcode != 3) {
		dns_answer_fail(&lookup->answer, "the resolver says %s",
			rcode_text(told->rcode));
	} else {
		dns_message_read_content(lookup->name, lookup->type, told->packet,
			told->len > 0 ? (size_t)told->len : 0, &lookup->answer);
		lookup->answer.is_secure = told->sec == SEC_SECURE;
	}
	lookup->defer = loop_defer_new(lookup->resolver->loop, on_answered, lookup);
}

static void on_told(void *userdata, int rcode, void *packet, int len, int sec,
	char *why_bogus, int was_ratelimited)
{
	struct question *q = userdata;
	struct dns_lookup *lookup = q->lookup;
	const struct told told = { rcode, packet, len, sec, why_bogus };

	list_remove(&q->entry);
	free(q);
	if (!lookup)
		return;
	lookup->question = NULL;
	take(lookup, &told);
}

int dns_lookup_start(struct dns_lookup **ret, struct dns_resolver *resolver,
	const struct dns_lookup_params *params, dns_done_fn *done, void *userdata,
	struct err *err)
{
	struct dns_lookup *lookup = xnew(struct dns_lookup);
	struct question *q = xnew(struct question);
	int id = 0;

	lookup->resolver = resolver;
	lookup->name = xstrdup(params->name);
	lookup->type = params->type;
	lookup->done = done;
	lookup->userdata = userdata;
	lookup->timer = loop_timer_new(resolver->loop, on_timeout, lookup);
	lookup->question = q;
	q->lookup = lookup;
	list_append(&resolver->questions, &q->entry);
	/* It may have been answered, and freed, when this returns. */
	int r = ub_resolve_event(resolver->ctx, params->name, (int)params->type,
		CLASS_IN, q, on_told, &id);
	if (r != 0) {
		list_remove(&q->entry);
		free(q);
		lookup->question = NULL;
		dns_lookup_cancel(lookup);
		return err_set(err, -EINVAL, "%s cannot be looked up: %s", params->name,
			ub_strerror(r));
	}
	loop_timer_set_after(lookup->timer, resolver->timeout_usec);
	*ret = lookup;
	return 0;
}

/* --- the object ------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	const char *value;
} options[] = {
	{ "do-not-query-localhost:", "no" },
	{ "cache-max-ttl:", "60" },
	{ "cache-max-negative-ttl:", "0" },
	{ "infra-host-ttl:", "60" },
	{ "use-caps-for-id:", "no" },
	{ "hide-identity:", "yes" },
	{ "edns-buffer-size:", "1232" },
	{ "msg-cache-size:", "1m" },
	{ "rrset-cache-size:", "2m" },
	{ "key-cache-size:", "1m" },
	{ "neg-cache-size:", "1m" },
};

static int check(int r, const char *what, const char *value, struct err *err)
{
	if (r == 0)
		return 0;
	return err_set_kind(err, ERR_CONFIG, -EINVAL,
		"the resolver does not take %s%s%s: %s", what, value ? " " : "",
		value ? value : "", ub_strerror(r));
}

static int set_options(struct ub_ctx *ctx, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(options); i++)
		r = check(ub_ctx_set_option(ctx, options[i].name, options[i].value),
			options[i].name, options[i].value, err);
	return r;
}

/* Some names have answers built in (RFC 6761): not those that are said to be real. */
static int set_insecure(struct ub_ctx *ctx, const char *zone, struct err *err)
{
	_cleanup_(freep) char *local = xasprintf("%s. transparent", zone);
	int r = check(ub_ctx_set_option(ctx, "domain-insecure:", zone), "the zone",
		zone, err);

	if (r == 0)
		r = check(ub_ctx_set_option(ctx, "local-zone:", local), "the zone",
			zone, err);
	return r;
}

static int set_zones(
	struct ub_ctx *ctx, const struct dns_resolver_params *params, struct err *err)
{
	int r = 0;

	for (size_t i = 0;
		r == 0 && params->insecure_zones && params->insecure_zones[i]; i++)
		r = set_insecure(ctx, params->insecure_zones[i], err);
	for (size_t i = 0; r == 0 && i < params->n_stubs; i++)
		r = check(ub_ctx_set_stub(ctx, params->stubs[i].zone,
				  params->stubs[i].server, 0),
			"the server", params->stubs[i].server, err);
	for (size_t i = 0; r == 0 && params->forwarders && params->forwarders[i]; i++)
		r = check(ub_ctx_set_fwd(ctx, params->forwarders[i]), "the resolver",
			params->forwarders[i], err);
	return r;
}

static int set_anchors(struct ub_ctx *ctx, const char *file, struct err *err)
{
	return file ? check(ub_ctx_add_ta_file(ctx, file), "the trust anchors of", file,
			      err)
		    : 0;
}

int dns_resolver_new(struct dns_resolver **ret, struct loop *loop,
	const struct dns_resolver_params *params, struct err *err)
{
	_cleanup_(dns_resolver_freep) struct dns_resolver *resolver =
		xnew(struct dns_resolver);

	resolver->loop = loop;
	list_init(&resolver->questions);
	resolver->timeout_usec =
		params->timeout_usec ? params->timeout_usec : TIMEOUT_USEC;
	resolver->base = dns_events_new(loop);
	resolver->ctx = ub_ctx_create_ub_event(resolver->base);
	if (!resolver->ctx)
		return err_set(err, -ENOMEM, "the resolver cannot be made");
	ub_ctx_debugout(resolver->ctx, NULL);
	int r = set_options(resolver->ctx, err);
	if (r == 0)
		r = set_zones(resolver->ctx, params, err);
	if (r == 0)
		r = set_anchors(resolver->ctx, params->trust_anchor_file, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(resolver);
	return 0;
}

static void silence(struct question *q)
{
	struct dns_lookup *lookup = q->lookup;

	if (!lookup)
		return;
	loop_timer_disarm(lookup->timer);
	forget_question(lookup);
}

struct dns_resolver *dns_resolver_free(struct dns_resolver *resolver)
{
	struct question *q, *next;

	if (!resolver)
		return NULL;
	list_foreach(q, &resolver->questions, entry)
		silence(q);
	/* It may call back what is open, or not. */
	if (resolver->ctx)
		ub_ctx_delete(resolver->ctx);
	list_foreach_safe(q, next, &resolver->questions, entry) {
		list_remove(&q->entry);
		free(q);
	}
	dns_events_free(resolver->base);
	free(resolver);
	return NULL;
}
