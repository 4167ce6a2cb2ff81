/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Wanted records: what a look at all servers says of one, and how wishes become rows. */
#include <stdio.h>
#include <string.h>

#include "core/records/judgement.h"
#include "core/records/records.h"
#include "core/wanted/settings.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/buf.h"
#include "util/mem.h"

/* --- a challenge that knows what fits: "+…" does, "-…" was meant to, "!…" is foreign ------- */

static enum postseal_fit fits(void *instance, const struct postseal_wanted *wanted,
	const char *seen, char *detail, size_t size)
{
	switch (seen[0]) {
	case '+':
		return POSTSEAL_FIT_YES;
	case '-':
		snprintf(detail, size, "%s is not %s", seen, wanted->value);
		return POSTSEAL_FIT_NO;
	case '!':
		snprintf(detail, size, "it is somebody else's");
		return POSTSEAL_FIT_FOREIGN;
	default:
		return POSTSEAL_FIT_OTHER;
	}
}

static void present(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
}

static int open_plugin(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	return 0;
}

static const struct postseal_challenge challenge = {
	.size = sizeof(challenge),
	.type = "c-01",
	.present = present,
	.fits = fits,
};

static const struct postseal_plugin plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_CHALLENGE,
	.name = "c",
	.summary = "A test.",
	.version = "1",
	.open = open_plugin,
	.challenge = &challenge,
};

static const struct plugin_backing backing;

struct rig {
	struct loop *loop;
	char *folder, *path;
	struct store *store;
	struct plugin_host *host;
	struct conf *conf;
	struct instances *instances;
	struct events *events;
	struct records *records;
};

static struct conf *load(struct plugin_host *host, const char *names)
{
	_cleanup_(conf_schema_freep) struct conf_schema *schema =
		settings_new_schema(host);
	_cleanup_(conf_report_done) struct conf_report report;
	_cleanup_(freep) char *text =
		xasprintf("authority ca {\n directory = https://ca.test/\n}\n"
			  "domain d.test {\n authority = ca\n challenge = c\n"
			  " names = %s\n}\n",
			names);
	struct conf *conf = NULL;

	conf_report_init(&report);
	assert_int_equal(conf_load_text(&conf, schema, "t", text, &report), 0);
	return conf;
}

static void on_seen(const char *domain, void *userdata)
{
}

static void open_records(struct rig *rig)
{
	const struct events_params events = {
		.instances = rig->instances,
		.store = rig->store,
		.loop = rig->loop,
		.keep = 1000,
	};
	assert_int_equal(store_open(&rig->store, rig->path, 0, NULL), 0);
	rig->events = events_new(&events);
	const struct records_params params = {
		.loop = rig->loop,
		.store = rig->store,
		.events = rig->events,
		.instances = rig->instances,
		.on_seen = on_seen,
	};
	assert_int_equal(records_new(&rig->records, &params, NULL), 0);
}

static void close_records(struct rig *rig)
{
	records_free(rig->records);
	events_free(rig->events);
	store_close(rig->store);
}

static void rig_init(struct rig *rig)
{
	*rig = (struct rig){ .loop = fake_loop_new(), .folder = test_tmpdir_new() };
	const struct plugin_host_params host = {
		.loop = rig->loop,
		.backing = &backing,
	};

	rig->path = xasprintf("%s/db", rig->folder);
	assert_int_equal(plugin_host_new(&rig->host, &host, NULL), 0);
	assert_int_equal(plugin_host_add(rig->host, &plugin, NULL), 0);
	rig->conf = load(rig->host, "%d");
	rig->instances = instances_new(rig->host, NULL);
	instances_follow(rig->instances, rig->conf);
	open_records(rig);
}

static void rig_done(struct rig *rig)
{
	close_records(rig);
	instances_free(rig->instances);
	conf_unref(rig->conf);
	plugin_host_free(rig->host);
	loop_free(rig->loop);
	free(rig->path);
	test_tmpdir_free(rig->folder);
}

/* --- judging --------------------------------------------------------------------------------- */

#define SERVERS_MAX 3

/* Of each server: values by blanks, "" no such name, "?" no answer; NULL: no more servers. */
static const struct {
	const char *name;
	const char *type;
	const char *seen[SERVERS_MAX];
	enum judgement_verdict verdict;
	const char *detail; /* NULL: none */
	const char *foreign;
} judgements[] = {
	{ "on all", "TXT", { "+a", "+a" }, JUDGEMENT_THERE, NULL, NULL },
	{ "beside others", "TXT", { "x +a y" }, JUDGEMENT_THERE, NULL, NULL },
	{ "one is silent", "TXT", { "+a", "?" }, JUDGEMENT_THERE, NULL, NULL },
	{ "all are silent", "TXT", { "?", "?" }, JUDGEMENT_UNKNOWN, "s0: silent",
		NULL },
	{ "no servers", "TXT", { NULL }, JUDGEMENT_UNKNOWN, "no servers", NULL },
	{ "nowhere", "TXT", { "", "x" }, JUDGEMENT_NOWHERE, "not at s0; s1", NULL },
	{ "one lacks it", "TXT", { "+a", "" }, JUDGEMENT_PARTLY, "not at s1", NULL },
	{ "differs", "TXT", { "+a", "-b" }, JUDGEMENT_DIFFERS, "s1: -b is not v",
		NULL },
	{ "old and new", "TXT", { "+a -b" }, JUDGEMENT_THERE, NULL, NULL },
	{ "foreign too", "TXT", { "+a !e" }, JUDGEMENT_THERE, NULL, "somebody else's" },
	{ "cname", "CNAME", { "v", "v" }, JUDGEMENT_THERE, NULL, NULL },
	{ "cname elsewhere", "CNAME", { "w" }, JUDGEMENT_DIFFERS, "s0: w", NULL },
};

static size_t make_seen(struct dns_seen *seen, const char *const *texts)
{
	size_t n = 0;

	for (; n < SERVERS_MAX && texts[n]; n++) {
		struct dns_answer *answer = &seen[n].answer;
		seen[n] = (struct dns_seen){ .server = xasprintf("s%zu", n) };
		answer->status = DNS_FOUND;
		if (strcmp(texts[n], "?") == 0)
			dns_answer_fail(answer, "silent");
		else if (*texts[n])
			answer->values = strv_split(texts[n]);
		else
			answer->status = DNS_NO_NAME;
	}
	return n;
}

static void test_judgements(void **state)
{
	struct rig rig;

	rig_init(&rig);
	for (size_t i = 0; i < ARRAY_SIZE(judgements); i++) {
		struct dns_seen seen[SERVERS_MAX];
		struct judgement judgement = { 0 };
		const struct store_wanted_record record = {
			.challenge = (char *)"c",
			.owner = (char *)"_c.d.test",
			.type = (char *)judgements[i].type,
			.value = (char *)"v",
			.why = (char *)"",
		};
		size_t n = make_seen(seen, judgements[i].seen);
		const struct dns_survey_result result = {
			.seen = seen,
			.n_seen = n,
			.detail = n ? NULL : "no servers",
		};

		test_case(judgements[i].name);
		judgement_make(&judgement, rig.instances, &record, &result);
		assert_int_equal(judgement.verdict, judgements[i].verdict);
		assert_int_equal(
			judgement.detail != NULL, judgements[i].detail != NULL);
		if (judgements[i].detail)
			assert_non_null(strstr(judgement.detail, judgements[i].detail));
		assert_int_equal(
			judgement.foreign != NULL, judgements[i].foreign != NULL);
		judgement_done(&judgement);
		for (size_t k = 0; k < n; k++) {
			free(seen[k].server);
			dns_answer_done(&seen[k].answer);
		}
	}
	rig_done(&rig);
}

/* --- wishes ------------------------------------------------------------------------------------ */

static void on_record(const struct store_wanted_record *row, void *userdata)
{
	struct buf *buf = userdata;

	buf_printf(buf, "%s %s %s %s;", row->name, row->owner, row->value,
		store_record_state_names[row->state]);
}

static void expect_rows(struct rig *rig, const char *wanted)
{
	struct buf buf = BUF_INIT(4096);

	records_each(rig->records, on_record, &buf);
	assert_string_equal(buf_str(&buf), wanted);
	buf_done(&buf);
}

static int want(struct rig *rig, const char *value, const char *second)
{
	const struct postseal_wanted wanted[] = {
		{ .size = sizeof(wanted[0]),
			.owner = "_c.d.test",
			.type = "TXT",
			.value = value,
			.why = "lets it be tested" },
		{ .size = sizeof(wanted[0]),
			.owner = "_c.d.test",
			.type = "TXT",
			.value = second,
			.why = "lets it be tested twice" },
	};
	const struct records_wish wish = {
		.domain = "d.test",
		.name = "d.test",
		.challenge = "c",
		.wanted = wanted,
		.n_wanted = (size_t)(value != NULL) + (second != NULL),
	};
	char *missing = NULL;
	int r = records_want(rig->records, &wish, &missing, NULL);

	assert_int_equal(missing != NULL, r == 0);
	if (missing)
		assert_non_null(strstr(missing, "_c.d.test TXT"));
	free(missing);
	return r;
}

static void test_wishes(void **state)
{
	struct rig rig;

	rig_init(&rig);
	assert_int_equal(want(&rig, NULL, NULL), 1);
	assert_int_equal(want(&rig, "v", NULL), 0);
	assert_int_equal(want(&rig, "v", NULL), 0);
	expect_rows(&rig, "d.test _c.d.test v pending;");
	assert_true(records_is_waited_for(rig.records, "d.test"));
	assert_int_equal(records_count_missing(rig.records), 1);
	/* Never seen: nothing is left of it. */
	assert_int_equal(want(&rig, "w", NULL), 0);
	expect_rows(&rig, "d.test _c.d.test w pending;");
	/* Also for the next life. */
	close_records(&rig);
	open_records(&rig);
	expect_rows(&rig, "d.test _c.d.test w pending;");
	assert_int_equal(want(&rig, NULL, NULL), 1);
	expect_rows(&rig, "");
	rig_done(&rig);
}

static void test_follow(void **state)
{
	struct rig rig;

	rig_init(&rig);
	want(&rig, "v", NULL);
	records_follow(rig.records, rig.conf);
	expect_rows(&rig, "d.test _c.d.test v pending;");
	struct conf *conf = load(rig.host, "other.%d");
	records_follow(rig.records, conf);
	expect_rows(&rig, "");
	conf_unref(conf);
	conf = load(rig.host, "*.%d");
	want(&rig, "v", NULL);
	records_follow(rig.records, conf);
	expect_rows(&rig, "d.test _c.d.test v pending;");
	conf_unref(conf);
	rig_done(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_judgements),
		test_with_log(test_wishes),
		test_with_log(test_follow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
