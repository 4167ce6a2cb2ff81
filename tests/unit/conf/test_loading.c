/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loading in steps: the same as at once, and dropped at any of them. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/conf/fixture.h"
#include "util/mem.h"

#define FILES_MAX     5
#define OVERRIDES_MAX 4
#define LABEL         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* clang-format off */
static const struct row {
	const char *name;
	const char *files[FILES_MAX][2];
	const char *overrides[OVERRIDES_MAX];
	const char *report; /* without the folder */
} rows[] = {
	{ "nothing at all", { }, { "workers=3" },
	  "postseal.conf: cannot read it: No such file or directory\n" },
	{ "empty", { { "postseal.conf", "" } }, { },
	  "postseal.conf: admin_contact: must be set\n" },
	{ "good", { { "postseal.conf", FIXTURE_BASE "# x\n\ndomain a.de {\n\tnote = x\n}\n" } },
	  { }, "" },
	{ "overrides", { { "postseal.conf", FIXTURE_BASE "domain a.de {\n}\n" } },
	  { "workers=5", "domain a.de/note=y", "policy default/names = %d www.%d" }, "" },
	{ "files in files",
	  { { "postseal.conf", FIXTURE_BASE "!include d/*.conf\n"
				"policy p {\n!include inner\n}\nworkers = 5\n" },
	    { "d/a.conf", "domain a.de {\n\tpolicy = p\n}\n!include ../x\n" },
	    { "d/b.conf", "domain b.de {\n\tnames = %d w.%d\n}\n" },
	    { "inner", "key_type = rsa-2048\n" },
	    { "x", "domain x.de {\n\tnote = $base\n}\n!include_try none*\n" } },
	  { "domain x.de/policy=p" }, "" },
	{ "wrong files in files",
	  { { "postseal.conf", FIXTURE_BASE "!include a\n!include none\npolicy q {\n" },
	    { "a", "workers = x\n!include b\npolicy p {\n!include end\n}\nworkers = y\n" },
	    { "b", "!include a\n!include postseal.conf\nfrob\n}\n" },
	    { "end", "}\nfrob = 1\npolicy z {\n" } },
	  { "workers=0", "domain a.de/note=y" },
	  "postseal.conf line 9: !include: there is no file none\n"
	  "postseal.conf line 10: missing '}' (\"policy q\" started at postseal.conf line 10)\n"
	  "a line 6: warning: workers: is said twice; this one counts, and not line 1\n"
	  "b line 1: !include: a: it is being read already, and would include itself without end\n"
	  "b line 2: !include: postseal.conf: it is being read already, and would include itself without end\n"
	  "b line 3: missing '=' behind \"frob\"\n"
	  "b line 4: '}' without a block that it ends\n"
	  "end line 1: '}' without a block that it ends\n"
	  "end line 2: policy p: frob: unknown setting\n"
	  "end line 3: \"policy z\": a block cannot stand within another one\n"
	  "end line 3: missing '}' (\"policy z\" started at end line 3)\n"
	  "-o: domain a.de: there is no such block\n"
	  "-o: workers: \"0\" is outside of the limits 1 to 64\n" },
	{ "wrong in each pass",
	  { { "postseal.conf",
	      "policy a {\n\tdns = none\n\tnames = %d " LABEL "-%d\n}\n"
	      "domain a.de {\n\tpolicy = b\n\tkey_type = rsa\n}\n"
	      "domain " LABEL ".de {\n\tpolicy = a\n\trenew_before = $pin\n}\n"
	      "listener l {\n\taddress = 1\n}\n" } },
	  { },
	  "postseal.conf: admin_contact: must be set\n"
	  "postseal.conf line 2: policy a: dns: \"none\": there is no block \"dns none\"\n"
	  "postseal.conf line 3: domain " LABEL ".de: names: \"" LABEL "-%d\" with this domain for %d is not a DNS name\n"
	  "postseal.conf line 6: domain a.de: policy: \"b\": there is no block \"policy b\"\n"
	  "postseal.conf line 7: domain a.de: key_type: \"rsa\" is not one of: ecdsa-p256, ecdsa-p384, rsa-2048\n"
	  "postseal.conf line 9: domain " LABEL ".de: authority: must be set\n"
	  "postseal.conf line 11: domain " LABEL ".de: renew_before: $pin is not defined\n"
	  "postseal.conf line 13: listener l: protocol: must be set\n"
	  "postseal.conf line 14: listener l: address: \"1\": a port is missing; write 127.0.0.1:993, [::1]:993 or unix:/path\n" },
};

/* clang-format on */

/* --- a row's files ------------------------------------------------------------------ */

struct fixture {
	char *dir;
	struct conf_schema *schema;
	struct conf_params params;
};

static void fixture_done(struct fixture *f)
{
	conf_schema_free(f->schema);
	test_tmpdir_free(f->dir);
}

static void fixture_init(struct fixture *f, const struct row *row)
{
	f->dir = test_tmpdir_new();
	f->schema = fixture_new_schema();
	f->params = (struct conf_params){
		.directory = f->dir,
		.overrides = row->overrides,
	};
	_cleanup_(freep) char *inner = xasprintf("%s/d", f->dir);
	assert_int_equal(mkdir(inner, 0700), 0);
	for (size_t i = 0; i < FILES_MAX && row->files[i][0]; i++)
		free(test_tmpdir_write(f->dir, row->files[i][0], row->files[i][1]));
	test_case(row->name);
}

/* The report with the directory cut out of it. */
static char *format_report(const struct fixture *f, const struct conf_report *report)
{
	_cleanup_(freep) char *text = fixture_format_report(report);
	_cleanup_(freep) char *prefix = xasprintf("%s/", f->dir);
	struct buf out = BUF_INIT(100000);
	const char *rest = text;

	for (const char *at; (at = strstr(rest, prefix)); rest = at + strlen(prefix))
		(void)buf_append(&out, rest, (size_t)(at - rest));
	(void)buf_append_str(&out, rest);
	return buf_steal(&out);
}

static char *print(const struct conf *conf)
{
	struct buf out = BUF_INIT(1024 * 1024);

	if (conf)
		assert_int_equal(conf_print(conf, CONF_PRINT_SECRETS, NULL, &out), 0);
	return buf_steal(&out);
}

/* --- the tests ---------------------------------------------------------------------- */

struct result {
	struct conf_report report;
	struct conf *conf;
	int r;
};

static void result_done(struct result *result)
{
	conf_report_done(&result->report);
	conf_unref(result->conf);
}

static void assert_same(
	const struct fixture *f, const struct result *a, const struct result *b)
{
	_cleanup_(freep) char *report_a = format_report(f, &a->report);
	_cleanup_(freep) char *report_b = format_report(f, &b->report);
	_cleanup_(freep) char *printed_a = print(a->conf);
	_cleanup_(freep) char *printed_b = print(b->conf);

	assert_int_equal(a->r, b->r);
	assert_int_equal(a->report.n_errors, b->report.n_errors);
	assert_string_equal(report_a, report_b);
	assert_string_equal(printed_a, printed_b);
}

/* Two at once, the second a step behind, know nothing of each other. */
static void load_in_steps(const struct fixture *f, struct result *a, struct result *b)
{
	struct conf_loading *first =
		conf_loading_new(f->schema, &f->params, &a->report);
	bool goes_on = conf_loading_step(first);
	struct conf_loading *second =
		conf_loading_new(f->schema, &f->params, &b->report);

	do {
		goes_on = conf_loading_step(first);
	} while (conf_loading_step(second) || goes_on);
	a->r = conf_loading_finish(&first, &a->conf);
	b->r = conf_loading_finish(&second, &b->conf);
	assert_null(first);
	assert_null(second);
}

static void test_same_as_at_once(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(fixture_done) struct fixture f;
		_cleanup_(result_done) struct result whole = { 0 };
		_cleanup_(result_done) struct result first = { 0 };
		_cleanup_(result_done) struct result second = { 0 };

		fixture_init(&f, &rows[i]);
		whole.r = conf_load(&whole.conf, f.schema, &f.params, &whole.report);
		_cleanup_(freep) char *report = format_report(&f, &whole.report);
		assert_string_equal(report, rows[i].report);
		assert_int_equal(whole.r, whole.report.n_errors > 0 ? -EINVAL : 0);
		load_in_steps(&f, &first, &second);
		assert_same(&f, &whole, &first);
		assert_same(&f, &whole, &second);
	}
}

/* Drops a loading after n steps. False: so many there are not. */
static bool drop_after(const struct fixture *f, size_t n)
{
	_cleanup_(result_done) struct result result = { 0 };
	_cleanup_(conf_loading_freep) struct conf_loading *loading =
		conf_loading_new(f->schema, &f->params, &result.report);
	bool goes_on = true;

	for (size_t i = 0; i < n; i++)
		goes_on = conf_loading_step(loading);
	return goes_on;
}

/* What is lost then is told by the sanitizers. */
static void test_dropped_at_any_step(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(fixture_done) struct fixture f;
		size_t n = 0;

		fixture_init(&f, &rows[i]);
		while (drop_after(&f, n))
			n++;
		assert_true(n > 0);
	}
	assert_null(conf_loading_free(NULL));
}

/* The end can be asked for again and again, and nothing more is reported. */
static void test_step_behind_the_end(void **state)
{
	_cleanup_(fixture_done) struct fixture f;
	_cleanup_(result_done) struct result result = { 0 };

	fixture_init(&f, &rows[1]);
	struct conf_loading *loading =
		conf_loading_new(f.schema, &f.params, &result.report);
	while (conf_loading_step(loading))
		;
	assert_false(conf_loading_step(loading));
	assert_int_equal(conf_loading_finish(&loading, &result.conf), -EINVAL);
	assert_int_equal(result.report.n, 1);
}

/* No step reads two lines, nor looks at two blocks. */
static void test_steps_are_small(void **state)
{
	enum { N_BLOCKS = 100, N_LINES = 3 * N_BLOCKS, N_PASSES = 5 };
	struct buf text = BUF_INIT(100000);
	size_t n = 0;

	for (unsigned i = 0; i < N_BLOCKS; i++)
		(void)buf_printf(&text, "# a comment\ndomain d%u.example {\n}\n", i);
	const struct row row = {
		.name = "many",
		.files = { { "postseal.conf", FIXTURE_BASE "!include d/*\n" },
			{ "d/many", buf_str(&text) } },
	};
	_cleanup_(fixture_done) struct fixture f;
	_cleanup_(result_done) struct result result = { 0 };
	fixture_init(&f, &row);
	struct conf_loading *loading =
		conf_loading_new(f.schema, &f.params, &result.report);
	while (conf_loading_step(loading))
		n++;
	assert_int_equal(conf_loading_finish(&loading, &result.conf), 0);
	assert_int_equal(conf_count_blocks(result.conf, "domain"), N_BLOCKS);
	assert_true(n > N_LINES + N_BLOCKS * N_PASSES);
	buf_done(&text);
}

/* It is gone when its turn comes: as if it could not be read, or had never been. */
static void test_file_goes_meanwhile(void **state)
{
	static const char *const cases[][2] = {
		{ "!include d/*.conf\n",
			"postseal.conf line 8: !include: d/b.conf: cannot read it: No such "
			"file or directory\n" },
		{ "!include_try d/*.conf\n", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *text =
			xasprintf("%s%s", FIXTURE_BASE, cases[i][0]);
		const struct row row = {
			.name = cases[i][0],
			.files = { { "postseal.conf", text },
				{ "d/a.conf", "domain a.de {\n}\n" },
				{ "d/b.conf", "domain b.de {\n}\n" } },
		};
		_cleanup_(fixture_done) struct fixture f;
		_cleanup_(result_done) struct result result = { 0 };
		fixture_init(&f, &row);
		_cleanup_(freep) char *path = xasprintf("%s/d/b.conf", f.dir);
		struct conf_loading *loading =
			conf_loading_new(f.schema, &f.params, &result.report);
		/* The main file, its eight lines, the folder, its four names and their
		 * end, and a.conf. */
		for (unsigned k = 0; k < 1 + 8 + 1 + 4 + 1 + 1; k++)
			assert_true(conf_loading_step(loading));
		assert_int_equal(unlink(path), 0);
		while (conf_loading_step(loading))
			;
		result.r = conf_loading_finish(&loading, &result.conf);
		_cleanup_(freep) char *report = format_report(&f, &result.report);
		assert_string_equal(report, cases[i][1]);
		assert_int_equal(result.r, *cases[i][1] ? -EINVAL : 0);
		if (result.conf)
			assert_int_equal(conf_count_blocks(result.conf, "domain"), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_at_once),
		cmocka_unit_test(test_dropped_at_any_step),
		cmocka_unit_test(test_step_behind_the_end),
		cmocka_unit_test(test_steps_are_small),
		cmocka_unit_test(test_file_goes_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
