/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See judgement.h. */
#include "core/records/judgement.h"

#include <string.h>

#include "plugin/challenge.h"
#include "util/buf.h"
#include "util/mem.h"

#define DETAIL_BYTES_MAX 2048

struct counts {
	unsigned n_there, n_without, n_differ, n_silent;
	struct buf lacking;   /* servers that have nothing of it */
	struct buf different; /* what differs, and where */
	struct buf silent;
	char *foreign; /* owned */
};

void judgement_done(struct judgement *judgement)
{
	free(judgement->detail);
	free(judgement->foreign);
	*judgement = (struct judgement){ .verdict = JUDGEMENT_UNKNOWN };
}

static struct postseal_wanted format_wanted(const struct store_wanted_record *record)
{
	return (struct postseal_wanted){
		.size = sizeof(struct postseal_wanted),
		.owner = record->owner,
		.type = record->type,
		.value = record->value,
		.why = record->why,
		.until_sec = record->until_usec / USEC_PER_SEC,
	};
}

static enum postseal_fit fits(const struct instances *instances,
	const struct store_wanted_record *record, const char *value, char *detail)
{
	const struct postseal_wanted wanted = format_wanted(record);
	const struct plugin_instance *instance =
		instances_find(instances, POSTSEAL_KIND_CHALLENGE, record->challenge);

	detail[0] = '\0';
	if (instance && strcmp(record->type, "TXT") == 0)
		return plugin_challenge_fits(
			instance, &wanted, value, detail, PLUGIN_FIT_DETAIL_MAX);
	return strcmp(record->value, value) == 0 ? POSTSEAL_FIT_YES
						 : POSTSEAL_FIT_OTHER;
}

static void add(struct buf *buf, const char *server, const char *what)
{
	buf_printf(buf, "%s%s%s%s", buf->len ? "; " : "", server, what ? ": " : "",
		what ? what : "");
}

/* Of a CNAME there is one: whatever stands there was meant to be it. */
static bool is_sole(const struct store_wanted_record *record)
{
	return strcmp(record->type, "CNAME") == 0;
}

static void count_values(struct counts *c, const struct instances *instances,
	const struct store_wanted_record *record, const struct dns_seen *seen)
{
	char detail[PLUGIN_FIT_DETAIL_MAX];
	bool is_there = false, differs = false;

	for (size_t i = 0; seen->answer.values[i]; i++) {
		const char *value = seen->answer.values[i];
		enum postseal_fit fit = fits(instances, record, value, detail);
		is_there |= fit == POSTSEAL_FIT_YES;
		if (fit == POSTSEAL_FIT_FOREIGN && !c->foreign)
			c->foreign = xasprintf("%s (%s)", value, detail);
		if (fit != POSTSEAL_FIT_NO &&
			!(fit == POSTSEAL_FIT_OTHER && is_sole(record)))
			continue;
		differs = true;
		add(&c->different, seen->server, *detail ? detail : value);
	}
	c->n_there += is_there;
	c->n_differ += !is_there && differs;
	if (is_there || differs)
		return;
	c->n_without++;
	add(&c->lacking, seen->server, NULL);
}

static void count(struct counts *c, const struct instances *instances,
	const struct store_wanted_record *record, const struct dns_seen *seen)
{
	switch (seen->answer.status) {
	case DNS_FOUND:
		count_values(c, instances, record, seen);
		break;
	case DNS_NO_DATA:
	case DNS_NO_NAME:
		c->n_without++;
		add(&c->lacking, seen->server, NULL);
		break;
	default:
		c->n_silent++;
		add(&c->silent, seen->server, seen->answer.detail);
		break;
	}
}

static enum judgement_verdict get_verdict(const struct counts *c)
{
	if (c->n_differ > 0)
		return JUDGEMENT_DIFFERS;
	if (c->n_there == 0)
		return c->n_without > 0 ? JUDGEMENT_NOWHERE : JUDGEMENT_UNKNOWN;
	return c->n_without > 0 ? JUDGEMENT_PARTLY : JUDGEMENT_THERE;
}

static char *format_detail(
	enum judgement_verdict verdict, struct counts *c, const char *why_nobody)
{
	switch (verdict) {
	case JUDGEMENT_THERE:
		return NULL;
	case JUDGEMENT_DIFFERS:
		return buf_steal(&c->different);
	case JUDGEMENT_UNKNOWN:
		return why_nobody ? xstrdup(why_nobody) : buf_steal(&c->silent);
	default:
		return xasprintf("not at %s", buf_str(&c->lacking));
	}
}

void judgement_make(struct judgement *ret, const struct instances *instances,
	const struct store_wanted_record *record,
	const struct dns_survey_result *result)
{
	struct counts c = {
		.lacking = BUF_INIT(DETAIL_BYTES_MAX),
		.different = BUF_INIT(DETAIL_BYTES_MAX),
		.silent = BUF_INIT(DETAIL_BYTES_MAX),
	};

	for (size_t i = 0; i < result->n_seen; i++)
		count(&c, instances, record, &result->seen[i]);
	ret->verdict = get_verdict(&c);
	ret->detail = format_detail(ret->verdict, &c, result->detail);
	ret->foreign = c.foreign;
	buf_done(&c.lacking);
	buf_done(&c.different);
	buf_done(&c.silent);
}
