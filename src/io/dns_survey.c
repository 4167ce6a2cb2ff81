/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See dns_survey.h.
 *
 *   ZONE ──► HOSTS ──► ASK ──► end
 *     ▲        ▲        │ │
 *     │        └────────┘ │  a zone below: its servers
 *     └───────────────────┘  a CNAME: the target's servers
 *
 * ZONE asks the resolver for the NS of the names above, from the nearest one.
 */
#include "io/dns_survey.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "io/address.h"
#include "io/dns_ask.h"
#include "util/mem.h"

#define TIMEOUT_USEC (30 * USEC_PER_SEC)
#define HOSTS_MAX    16
#define CUTS_MAX     8 /* zones below that we are led to */
#define PORT         53

enum survey_state {
	SURVEY_ZONE,
	SURVEY_HOSTS,
	SURVEY_ASK,
	SURVEY_END,
};

struct server {
	struct dns_survey *survey; /* borrowed */
	char *text;                /* owned */
	struct address address;
	struct dns_ask *ask; /* owned */
	struct dns_answer answer;
	bool has_answered;
};

struct host {
	struct dns_survey *survey;  /* borrowed */
	char *name;                 /* owned */
	struct dns_lookup *v4, *v6; /* owned */
};

struct dns_survey {
	/* inputs */
	struct loop *loop;             /* borrowed */
	struct dns_resolver *resolver; /* borrowed */
	enum dns_type type;
	dns_survey_done_fn *done;
	void *userdata;

	/* owned operations */
	struct dns_lookup *lookup;
	struct loop_timer *timer;
	struct loop_defer *defer;

	/* where it stands */
	enum survey_state state;
	char *name;      /* owned; what is asked for now */
	const char *cut; /* into name: which name above may be the zone */
	char *zone;      /* owned */
	struct host hosts[HOSTS_MAX];
	size_t n_hosts;
	struct server servers[DNS_SERVERS_MAX];
	size_t n_servers;
	unsigned n_open; /* look-ups of hosts, or questions */
	unsigned n_cuts;

	/* result */
	struct dns_seen seen[2 * DNS_SERVERS_MAX];
	size_t n_seen;
	char **chain; /* owned */
	char *detail; /* owned */
};

static void survey_step(struct dns_survey *s);

/* --- the end ------------------------------------------------------------------------------ */

static void clear_servers(struct dns_survey *s)
{
	for (size_t i = 0; i < s->n_servers; i++) {
		struct server *server = &s->servers[i];
		dns_ask_cancel(server->ask);
		dns_answer_done(&server->answer);
		free(server->text);
		*server = (struct server){ NULL };
	}
	s->n_servers = 0;
}

static void clear_hosts(struct dns_survey *s)
{
	for (size_t i = 0; i < s->n_hosts; i++) {
		dns_lookup_cancel(s->hosts[i].v4);
		dns_lookup_cancel(s->hosts[i].v6);
		free(s->hosts[i].name);
		s->hosts[i] = (struct host){ NULL };
	}
	s->n_hosts = 0;
}

static void stop(struct dns_survey *s)
{
	s->lookup = dns_lookup_cancel(s->lookup);
	clear_hosts(s);
	clear_servers(s);
	s->defer = loop_defer_free(s->defer);
	loop_timer_disarm(s->timer);
}

struct result {
	struct dns_seen seen[2 * DNS_SERVERS_MAX];
	size_t n_seen;
	char **chain, *detail;
};

static void result_done(struct result *result)
{
	for (size_t i = 0; i < result->n_seen; i++) {
		free(result->seen[i].server);
		dns_answer_done(&result->seen[i].answer);
	}
	strv_free(result->chain);
	free(result->detail);
}

/* Out of the survey, which may be freed while it is being told. */
static void take_result(struct dns_survey *s, struct result *ret)
{
	memcpy(ret->seen, s->seen, sizeof(ret->seen));
	ret->n_seen = s->n_seen;
	ret->chain = TAKE_PTR(s->chain);
	ret->detail = TAKE_PTR(s->detail);
	s->n_seen = 0;
}

struct dns_survey *dns_survey_cancel(struct dns_survey *s)
{
	struct result result;

	if (!s)
		return NULL;
	stop(s);
	take_result(s, &result);
	result_done(&result);
	loop_timer_free(s->timer);
	free(s->name);
	free(s->zone);
	free(s);
	return NULL;
}

static void finish(struct dns_survey *s)
{
	_cleanup_(result_done) struct result result = { .n_seen = 0 };

	stop(s);
	s->state = SURVEY_END;
	if (s->n_seen == 0 && !s->detail)
		s->detail = xstrdup("no server of its zone is known");
	take_result(s, &result);
	const struct dns_survey_result told = {
		.seen = result.seen,
		.n_seen = result.n_seen,
		.chain = result.chain,
		.detail = result.n_seen == 0 ? result.detail : NULL,
	};
	s->done(&told, s->userdata);
}

_printf_(2, 3) static void fail(struct dns_survey *s, const char *fmt, ...)
{
	va_list ap;

	free(s->detail);
	va_start(ap, fmt);
	s->detail = xvasprintf(fmt, ap);
	va_end(ap);
	finish(s);
}

/* --- what was asked, looked at ----------------------------------------------------------------- */

static void keep_seen(struct dns_survey *s, struct server *server)
{
	if (s->n_seen == ARRAY_SIZE(s->seen))
		return;
	struct dns_seen *seen = &s->seen[s->n_seen++];
	*seen = (struct dns_seen){ TAKE_PTR(server->text), { .status = DNS_FAILED } };
	dns_answer_move(&seen->answer, &server->answer);
}

static void begin_name(struct dns_survey *s, const char *name)
{
	xstrset(&s->name, name);
	s->cut = strchr(s->name, '.');
	s->cut = s->cut ? s->cut + 1 : s->name;
	s->n_cuts = 0;
	s->state = SURVEY_ZONE;
	survey_step(s);
}

static bool leads_on(const struct dns_survey *s, const struct server *server)
{
	const struct dns_answer *a = &server->answer;

	return a->chain && a->status != DNS_FAILED &&
	       strcmp(dns_answer_get_owner(a, s->name), s->name) != 0;
}

static const struct server *find_cname(const struct dns_survey *s)
{
	for (size_t i = 0; i < s->n_servers; i++) {
		if (leads_on(s, &s->servers[i]))
			return &s->servers[i];
	}
	return NULL;
}

/* The servers that lead on say no more; what the others say is kept. */
static void follow_cname(struct dns_survey *s, const struct server *leader)
{
	_cleanup_(freep) char *target = xstrdup(leader->answer.chain[0]);

	for (size_t i = 0; i < s->n_servers; i++) {
		if (!leads_on(s, &s->servers[i]))
			keep_seen(s, &s->servers[i]);
	}
	if (strv_length(s->chain) == DNS_CHAIN_MAX ||
		(s->chain && strv_contains(s->chain, target))) {
		fail(s, "%s is a CNAME in a circle", s->name);
		return;
	}
	strv_append(&s->chain, target);
	clear_servers(s);
	begin_name(s, target);
}

static void take_hosts(struct dns_survey *s, const char *zone, char *const *names)
{
	xstrset(&s->zone, zone);
	clear_hosts(s);
	for (size_t i = 0; names[i] && s->n_hosts < HOSTS_MAX; i++)
		s->hosts[s->n_hosts++] =
			(struct host){ .survey = s, .name = xstrdup(names[i]) };
	s->state = SURVEY_HOSTS;
	survey_step(s);
}

/* Deeper each time, or they send us round. */
static const struct server *find_referral(const struct dns_survey *s)
{
	for (size_t i = 0; i < s->n_servers && s->n_cuts < CUTS_MAX; i++) {
		const struct dns_answer *a = &s->servers[i].answer;
		if (a->status == DNS_REFERRAL && strlen(a->zone) > strlen(s->zone))
			return &s->servers[i];
	}
	return NULL;
}

static void follow_referral(struct dns_survey *s, struct server *server)
{
	struct dns_answer answer = { .status = DNS_FAILED };

	dns_answer_move(&answer, &server->answer);
	clear_servers(s);
	s->n_cuts++;
	take_hosts(s, answer.zone, answer.values);
	dns_answer_done(&answer);
}

static void evaluate(struct dns_survey *s)
{
	const struct server *referral = find_referral(s);
	const struct server *leader = find_cname(s);

	if (referral) {
		follow_referral(s, &s->servers[referral - s->servers]);
		return;
	}
	if (s->type != DNS_CNAME && leader) {
		follow_cname(s, leader);
		return;
	}
	for (size_t i = 0; i < s->n_servers; i++)
		keep_seen(s, &s->servers[i]);
	finish(s);
}

/* --- ASK ----------------------------------------------------------------------------------------- */

static void on_asked(const struct dns_answer *answer, void *userdata)
{
	struct server *server = userdata;
	struct dns_survey *s = server->survey;

	server->has_answered = true;
	server->answer = (struct dns_answer){
		.status = answer->status,
		.zone = xstrdup(answer->zone),
		.detail = xstrdup(answer->detail),
	};
	for (size_t i = 0; answer->values && answer->values[i]; i++)
		strv_append(&server->answer.values, answer->values[i]);
	for (size_t i = 0; answer->chain && answer->chain[i]; i++)
		strv_append(&server->answer.chain, answer->chain[i]);
	if (--s->n_open == 0)
		evaluate(s);
}

static int ask_server(struct dns_survey *s, struct server *server, struct err *err)
{
	const struct dns_ask_params params = {
		.loop = s->loop,
		.server = server->address,
		.name = s->name,
		.type = s->type,
	};

	return dns_ask_start(&server->ask, &params, on_asked, server, err);
}

static void step_ask(struct dns_survey *s)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (s->n_servers == 0) {
		fail(s, "no server of the zone %s has an address", s->zone);
		return;
	}
	s->n_open = (unsigned)s->n_servers;
	for (size_t i = 0; i < s->n_servers; i++) {
		if (ask_server(s, &s->servers[i], &err) < 0) {
			fail(s, "%s", err.detail);
			return;
		}
	}
}

/* --- HOSTS --------------------------------------------------------------------------------------- */

static void add_server(struct dns_survey *s, const char *ns, const char *ip)
{
	_cleanup_(freep) char *text =
		xasprintf(strchr(ip, ':') ? "[%s]:%d" : "%s:%d", ip, PORT);
	struct server *server = &s->servers[s->n_servers];

	if (s->n_servers == DNS_SERVERS_MAX ||
		address_parse(text, &server->address, NULL) < 0)
		return;
	server->survey = s;
	server->text = xasprintf("%s (%s)", ns, ip);
	server->answer = (struct dns_answer){ .status = DNS_FAILED };
	s->n_servers++;
}

static void on_host(const struct dns_answer *answer, void *userdata)
{
	struct host *host = userdata;
	struct dns_survey *s = host->survey;

	for (size_t i = 0; answer->values && answer->values[i]; i++)
		add_server(s, host->name, answer->values[i]);
	if (--s->n_open > 0)
		return;
	s->state = SURVEY_ASK;
	survey_step(s);
}

static int look_up_host(
	struct host *host, struct dns_lookup **ret, enum dns_type type, struct err *err)
{
	const struct dns_lookup_params params = { host->name, type };

	return dns_lookup_start(
		ret, host->survey->resolver, &params, on_host, host, err);
}

static void step_hosts(struct dns_survey *s)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = 0;

	clear_servers(s);
	s->n_open = 2 * (unsigned)s->n_hosts;
	for (size_t i = 0; r == 0 && i < s->n_hosts; i++) {
		struct host *host = &s->hosts[i];
		r = look_up_host(host, &host->v4, DNS_A, &err);
		if (r == 0)
			r = look_up_host(host, &host->v6, DNS_AAAA, &err);
	}
	if (r < 0)
		fail(s, "%s", err.detail);
	else if (s->n_hosts == 0)
		fail(s, "the zone %s has no servers", s->zone);
}

/* --- ZONE ---------------------------------------------------------------------------------------- */

static void on_zone(const struct dns_answer *answer, void *userdata)
{
	struct dns_survey *s = userdata;
	const char *above = strchr(s->cut, '.');

	s->lookup = dns_lookup_cancel(s->lookup);
	if (answer->status == DNS_FOUND && !answer->chain) {
		_cleanup_(freep) char *zone = xstrdup(s->cut);
		take_hosts(s, zone, answer->values);
	} else if (answer->status == DNS_FAILED || answer->status == DNS_BOGUS) {
		fail(s, "the servers of %s cannot be found: %s", s->cut,
			answer->detail);
	} else if (!above) {
		fail(s, "no zone is known that %s is in", s->name);
	} else {
		s->cut = above + 1;
		survey_step(s);
	}
}

static void step_zone(struct dns_survey *s)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	const struct dns_lookup_params params = { s->cut, DNS_NS };
	if (dns_lookup_start(&s->lookup, s->resolver, &params, on_zone, s, &err) < 0)
		fail(s, "%s", err.detail);
}

static void survey_step(struct dns_survey *s)
{
	switch (s->state) {
	case SURVEY_ZONE:
		step_zone(s);
		break;
	case SURVEY_HOSTS:
		step_hosts(s);
		break;
	case SURVEY_ASK:
		step_ask(s);
		break;
	default:
		break;
	}
}

/* --- the object ----------------------------------------------------------------------------------- */

/* What has not answered has failed; the rest counts. */
static void on_timeout(struct loop_timer *timer, void *userdata)
{
	struct dns_survey *s = userdata;

	if (s->state != SURVEY_ASK) {
		fail(s, "the servers of %s cannot be found in time", s->cut);
		return;
	}
	for (size_t i = 0; i < s->n_servers; i++) {
		if (!s->servers[i].has_answered)
			dns_answer_fail(
				&s->servers[i].answer, "it does not answer in time");
		keep_seen(s, &s->servers[i]);
	}
	finish(s);
}

static void on_begin(void *userdata)
{
	struct dns_survey *s = userdata;
	_cleanup_(freep) char *name = xstrdup(s->name);

	s->defer = loop_defer_free(s->defer);
	begin_name(s, name);
}

int dns_survey_start(struct dns_survey **ret, const struct dns_survey_params *params,
	dns_survey_done_fn *done, void *userdata, struct err *err)
{
	struct dns_survey *s = xnew(struct dns_survey);

	s->loop = params->loop;
	s->resolver = params->resolver;
	s->type = params->type;
	s->done = done;
	s->userdata = userdata;
	s->name = xstrdup(params->name);
	s->cut = s->name;
	s->timer = loop_timer_new(s->loop, on_timeout, s);
	loop_timer_set_after(
		s->timer, params->timeout_usec ? params->timeout_usec : TIMEOUT_USEC);
	s->defer = loop_defer_new(s->loop, on_begin, s);
	*ret = s;
	return 0;
}
