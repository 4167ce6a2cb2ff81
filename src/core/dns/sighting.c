/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See sighting.h.
 *
 *   SURVEY ──► RESOLVERS ──► seen
 *
 * The resolvers come last: one that is asked too early remembers that there is nothing.
 */
#include "core/dns/sighting.h"

#include <errno.h>
#include <string.h>

#include "io/address.h"
#include "io/dns_ask.h"
#include "io/dns_survey.h"
#include "util/buf.h"
#include "util/mem.h"

#define DETAIL_BYTES_MAX 2048
#define RESOLVERS_MAX    16

/* As the setting has them. */
enum propagation {
	PROPAGATION_ALL,
	PROPAGATION_ANY,
	PROPAGATION_RESOLVERS,
	PROPAGATION_NONE,
};

struct asked {
	struct sighting *sighting; /* borrowed */
	const char *address;       /* borrowed from the configuration */
	struct dns_ask *ask;       /* owned */
};

struct sighting {
	struct sighting_params in; /* borrowed members */
	sighted_fn *done;
	void *userdata;
	char *name;  /* owned */
	char *value; /* owned */

	/* owned operations */
	struct dns_survey *survey;
	struct asked asked[RESOLVERS_MAX];
	struct loop_defer *defer;

	unsigned n_asked;
	unsigned n_open;
	struct buf detail; /* who has it not */
};

struct sighting *sighting_cancel(struct sighting *s)
{
	if (!s)
		return NULL;
	dns_survey_cancel(s->survey);
	for (size_t i = 0; i < s->n_asked; i++)
		dns_ask_cancel(s->asked[i].ask);
	loop_defer_free(s->defer);
	buf_done(&s->detail);
	free(s->value);
	free(s->name);
	free(s);
	return NULL;
}

static enum propagation get_propagation(const struct sighting *s)
{
	return (enum propagation)conf_get_int(s->in.domain, "propagation");
}

static void complete(struct sighting *s)
{
	_cleanup_(freep) char *detail = s->detail.len ? buf_steal(&s->detail) : NULL;

	s->done(detail, s->userdata);
}

static bool has_value(const struct sighting *s, const struct dns_answer *answer)
{
	return answer->status == DNS_FOUND && strv_contains(answer->values, s->value);
}

static void blame(
	struct sighting *s, const char *server, const struct dns_answer *answer)
{
	buf_printf(&s->detail, "%s%s %s", s->detail.len ? "; " : "", server,
		answer->detail ? answer->detail : "does not have it");
}

/* --- RESOLVERS -------------------------------------------------------------------------- */

static void on_resolver(const struct dns_answer *answer, void *userdata)
{
	struct asked *asked = userdata;
	struct sighting *s = asked->sighting;

	if (!has_value(s, answer))
		blame(s, asked->address, answer);
	if (--s->n_open == 0)
		complete(s);
}

static int ask_resolver(struct sighting *s, const char *address, struct err *err)
{
	struct asked *asked = &s->asked[s->n_asked];
	struct dns_ask_params params = {
		.loop = s->in.loop,
		.name = s->name,
		.type = DNS_TXT,
		.wants_recursion = true,
	};
	int r = address_parse(address, &params.server, err);

	*asked = (struct asked){ s, address, NULL };
	if (r >= 0)
		r = dns_ask_start(&asked->ask, &params, on_resolver, asked, err);
	if (r >= 0)
		s->n_asked++;
	return r;
}

static void ask_resolvers(struct sighting *s)
{
	char *const *list = conf_get_list(s->in.domain, "propagation_resolvers");
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = 0;

	for (size_t i = 0; r >= 0 && list[i] && i < RESOLVERS_MAX; i++)
		r = ask_resolver(s, list[i], &err);
	s->n_open = s->n_asked;
	if (r < 0)
		buf_printf(&s->detail, "%s", err.detail);
	if (r < 0 || s->n_open == 0)
		complete(s);
}

/* --- SURVEY ------------------------------------------------------------------------------ */

static unsigned count_seen(
	const struct sighting *s, const struct dns_survey_result *result)
{
	unsigned n = 0;

	for (size_t i = 0; i < result->n_seen; i++)
		n += has_value(s, &result->seen[i].answer);
	return n;
}

/* Who does not answer has nothing to say, unless nobody does. */
static void blame_servers(
	struct sighting *s, const struct dns_survey_result *result, bool wants_any)
{
	unsigned n_seen = count_seen(s, result);

	for (size_t i = 0; i < result->n_seen; i++) {
		const struct dns_seen *seen = &result->seen[i];
		bool is_silent = seen->answer.status == DNS_FAILED;
		if (has_value(s, &seen->answer) ||
			(n_seen > 0 && (wants_any || is_silent)))
			continue;
		blame(s, seen->server, &seen->answer);
	}
	if (result->detail)
		buf_printf(&s->detail, "%s", result->detail);
}

static void on_survey(const struct dns_survey_result *result, void *userdata)
{
	struct sighting *s = userdata;

	blame_servers(s, result, get_propagation(s) == PROPAGATION_ANY);
	if (s->detail.len > 0)
		complete(s);
	else
		ask_resolvers(s);
}

static void on_begin(void *userdata)
{
	struct sighting *s = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct dns_survey_params params = {
		.loop = s->in.loop,
		.resolver = s->in.resolver,
		.name = s->name,
		.type = DNS_TXT,
	};

	s->defer = loop_defer_free(s->defer);
	switch (get_propagation(s)) {
	case PROPAGATION_NONE:
		complete(s);
		return;
	case PROPAGATION_RESOLVERS:
		ask_resolvers(s);
		return;
	default:
		break;
	}
	if (dns_survey_start(&s->survey, &params, on_survey, s, &err) >= 0)
		return;
	buf_printf(&s->detail, "%s", err.detail);
	complete(s);
}

int sighting_start(struct sighting **ret, const struct sighting_params *params,
	sighted_fn *done, void *userdata, struct err *err)
{
	struct sighting *s = xnew(struct sighting);

	if (!params->resolver) {
		free(s);
		return err_set(err, -EOPNOTSUPP, "there is no resolver here");
	}
	s->in = *params;
	s->done = done;
	s->userdata = userdata;
	s->name = xstrdup(params->name);
	s->value = xstrdup(params->value);
	s->detail = (struct buf)BUF_INIT(DETAIL_BYTES_MAX);
	s->defer = loop_defer_new(params->loop, on_begin, s);
	*ret = s;
	return 0;
}
