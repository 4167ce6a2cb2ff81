/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "core/wanted/load.h"
#include "tests/lib/test.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/mem.h"

struct fixture {
	struct loop *loop;
	char *dir;
	struct load_params params;
	struct conf_report report;
};

static int setup(void **state)
{
	struct fixture *f = xnew(struct fixture);

	f->dir = test_tmpdir_new();
	assert_int_equal(loop_new_epoll(&f->loop, NULL), 0);
	f->params = (struct load_params){
		.conf = { .directory = f->dir },
		.loop = f->loop,
	};
	conf_report_init(&f->report);
	*state = f;
	return test_log_setup(NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	conf_report_done(&f->report);
	loop_free(f->loop);
	test_tmpdir_free(f->dir);
	free(f);
	return test_log_teardown(NULL);
}

static void write_main(struct fixture *f, const char *text)
{
	free(test_tmpdir_write(f->dir, "postseal.conf", text));
}

/* With a folder of plugins that is trusted by every build, and holds none. */
static void write_good(struct fixture *f, const char *text)
{
	_cleanup_(freep) char *whole = xasprintf("plugin_directory = /\n%s", text);

	write_main(f, whole);
}

static bool has_entry(const struct fixture *f, const char *part)
{
	for (size_t i = 0; i < f->report.n; i++) {
		_cleanup_(freep) char *text =
			conf_report_format_entry(&f->report.entry[i]);
		if (strstr(text, part))
			return true;
	}
	return false;
}

/* --- the light look ----------------------------------------------------------------------- */

/* clang-format off */
static const struct early {
	const char *name;
	const char *text;
	const char *override; /* NULL = none */
	const char *value;    /* NULL = the default */
} earlies[] = {
	{ "nothing", "", NULL, NULL },
	{ "plain", "plugin_directory = /a\n", NULL, "/a" },
	{ "without blanks", "plugin_directory=/a", NULL, "/a" },
	{ "the last one", "plugin_directory = /a\nplugin_directory = /b\n", NULL, "/b" },
	{ "quoted, with a comment", "plugin_directory = \"/a b\" # why\n", NULL, "/a b" },
	{ "continued", "plugin_directory = \\\n\t/a\n", NULL, "/a" },
	{ "in a comment", "#plugin_directory = /a\n", NULL, NULL },
	{ "in a block", "policy default {\n\tplugin_directory = /a\n}\n", NULL, NULL },
	{ "behind a block", "policy default {\n\tx = y\n}\nplugin_directory = /a\n", NULL, "/a" },
	{ "a longer name", "plugin_directory_x = /a\n", NULL, NULL },
	{ "relative", "plugin_directory = a\n", NULL, NULL },
	{ "expanded", "plugin_directory = $nothing/a\n", NULL, NULL },
	{ "among errors", "}\nfrob\nplugin_directory = /a\n{{{\n", NULL, "/a" },
	{ "before a lone backslash", "plugin_directory = /a\n\\", NULL, "/a" },
	{ "a block called so", "plugin_directory = /a\nplugin_directory = {\n}\n", NULL, "/a" },
	{ "overridden", "plugin_directory = /a\n", "plugin_directory=/o", "/o" },
	{ "another override", "plugin_directory = /a\n", "workers=1", "/a" },
	{ "an override of a block", "plugin_directory = /a\n", "policy x/plugin_directory=/o", "/a" },
};

/* clang-format on */

static void test_early(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *fallback =
		load_find_early(&f->params.conf, "plugin_directory");

	assert_non_null(fallback);
	for (size_t i = 0; i < ARRAY_SIZE(earlies); i++) {
		const struct early *row = &earlies[i];
		const char *const overrides[] = { row->override, NULL };
		const char *expected = row->value ? row->value : fallback;

		test_case(row->name);
		write_main(f, row->text);
		f->params.conf.overrides = overrides;
		_cleanup_(freep) char *value =
			load_find_early(&f->params.conf, "plugin_directory");
		assert_string_equal(value, expected);
	}
}

/* --- the full reading ---------------------------------------------------------------------- */

static void test_good(void **state)
{
	struct fixture *f = *state;
	_cleanup_(loaded_done) struct loaded loaded = { 0 };

	write_good(f, "workers = 3\n");
	assert_int_equal(load_configuration(&loaded, &f->params, &f->report), 0);
	assert_int_equal(f->report.n, 0);
	assert_int_equal(conf_get_int(conf_get_root(loaded.conf), "workers"), 3);
	assert_non_null(loaded.host);
	assert_non_null(loaded.schema);
}

static void test_wrong(void **state)
{
	struct fixture *f = *state;
	struct loaded loaded = { 0 };

	write_good(f, "frob = 3\nworkers = many\n");
	assert_int_equal(load_configuration(&loaded, &f->params, &f->report), -EINVAL);
	assert_null(loaded.conf);
	assert_int_equal(f->report.n_errors, 2);
	assert_true(has_entry(f, "postseal.conf line 2: frob: "));
	assert_true(has_entry(f, "postseal.conf line 3: workers: "));
}

/* What only the whole can tell is an error like any other. */
static void test_policy(void **state)
{
	struct fixture *f = *state;
	struct loaded loaded = { 0 };

	write_good(f,
		"listener imaps {\n\taddress = 127.0.0.1:10993\n\tprotocol = imap\n}\n");
	assert_int_equal(load_configuration(&loaded, &f->params, &f->report), -EINVAL);
	assert_null(loaded.conf);
	assert_true(has_entry(f, "listener imaps"));
	assert_true(has_entry(f, "backend"));
}

static void test_no_folder(void **state)
{
	struct fixture *f = *state;
	struct loaded loaded = { 0 };

	write_main(f, "plugin_directory = /nowhere/plugins\nfrob = 1\n");
	assert_int_equal(load_configuration(&loaded, &f->params, &f->report), -EINVAL);
	assert_int_equal(f->report.n_errors, 1);
	assert_true(has_entry(f, "plugin_directory: "));
	assert_true(has_entry(f, "/nowhere"));
}

/* Said where the light look does not see it: an error, and not another folder. */
static void test_said_too_late(void **state)
{
	struct fixture *f = *state;
	struct loaded loaded = { 0 };

	free(test_tmpdir_write(
		f->dir, "more.conf", "workers = 2\nrun_directory = /somewhere\n"));
	write_good(f, "!include more.conf\n");
	assert_int_equal(load_configuration(&loaded, &f->params, &f->report), -EINVAL);
	assert_int_equal(f->report.n_errors, 1);
	assert_true(
		has_entry(f, "more.conf line 2: run_directory: it is needed before"));
}

static void test_again(void **state)
{
	struct fixture *f = *state;
	_cleanup_(loaded_done) struct loaded loaded = { 0 };
	_cleanup_(conf_unrefp) struct conf *conf = NULL;

	write_good(f, "workers = 3\n");
	assert_int_equal(load_configuration(&loaded, &f->params, &f->report), 0);
	write_good(f, "workers = 4\n");
	assert_int_equal(load_again(&conf, &loaded, &f->params, &f->report), 0);
	assert_int_equal(f->report.n, 0);
	assert_int_equal(conf_get_int(conf_get_root(conf), "workers"), 4);
	assert_int_equal(conf_get_int(conf_get_root(loaded.conf), "workers"), 3);
}

static void test_again_wrong(void **state)
{
	struct fixture *f = *state;
	_cleanup_(loaded_done) struct loaded loaded = { 0 };
	struct conf *conf = NULL;

	write_good(f, "workers = 3\n");
	assert_int_equal(load_configuration(&loaded, &f->params, &f->report), 0);
	write_good(f, "frob = 4\n");
	assert_int_equal(load_again(&conf, &loaded, &f->params, &f->report), -EINVAL);
	assert_null(conf);
	assert_int_equal(conf_get_int(conf_get_root(loaded.conf), "workers"), 3);
}

static void test_again_other_folder(void **state)
{
	struct fixture *f = *state;
	_cleanup_(loaded_done) struct loaded loaded = { 0 };
	_cleanup_(conf_unrefp) struct conf *conf = NULL;

	write_good(f, "");
	assert_int_equal(load_configuration(&loaded, &f->params, &f->report), 0);
	write_main(f, "plugin_directory = /elsewhere\n");
	assert_int_equal(load_again(&conf, &loaded, &f->params, &f->report), 0);
	assert_int_equal(f->report.n_errors, 0);
	assert_true(has_entry(f, "line 1: warning: plugin_directory: plugins stay"));
}

/* --- in steps ------------------------------------------------------------------------------ */

#define DOMAINS "domain a.de {\n}\ndomain b.de {\n\tnames = b.de w.b.de\n}\n"
#define WHOLE   "authority ca {\n\tdirectory = https://ca.test/d\n}\n" DOMAINS

/* clang-format off */
static const struct again {
	const char *name;
	const char *text; /* of the main file, when it is read again */
	const char *override;
	const char *report; /* "" = nothing */
} agains[] = {
	{ "good", "plugin_directory = /\n" WHOLE, NULL, "" },
	{ "another folder", "plugin_directory = /elsewhere\n" WHOLE, NULL,
	  "FILE line 1: warning: plugin_directory: plugins stay those of / until postseald is started anew\n" },
	{ "overridden", "run_directory = /a\n" WHOLE, "plugin_directory=/", "" },
	{ "wrong", "plugin_directory = /\nfrob = 1\n", NULL, "FILE line 2: frob: unknown setting\n" },
	{ "the last of both", "plugin_directory = /x\nrun_directory = /y\n" DOMAINS
	  "plugin_directory = /\nrun_directory = /z\n" WHOLE, NULL,
	  "FILE line 8: warning: plugin_directory: is said twice; this one counts, and not line 1\n"
	  "FILE line 9: warning: run_directory: is said twice; this one counts, and not line 2\n"
	  "FILE line 13: domain a.de: is there already, in FILE line 3\n"
	  "FILE line 15: domain b.de: is there already, in FILE line 5\n" },
	{ "too late, and wrong as a whole",
	  "plugin_directory = $nothing\nplugin_directory = /\n!include more\n" DOMAINS
	  "domain w.b.de {\n}\n", NULL,
	  "FILE line 2: warning: plugin_directory: is said twice; this one counts, and not line 1\n"
	  "FOLDER/more line 1: run_directory: it is needed before all else: give it by -o or as a plain line in postseal.conf itself, outside all blocks\n"
	  "FILE line 4: domain a.de: authority: there is no authority block: who shall issue?\n"
	  "FILE line 6: domain b.de: authority: there is no authority block: who shall issue?\n"
	  "FILE line 9: domain w.b.de: names: w.b.de belongs to domain b.de already (FILE line 6)\n"
	  "FILE line 9: domain w.b.de: authority: there is no authority block: who shall issue?\n" },
};

/* clang-format on */

/* With FILE and FOLDER for what they are in this test. */
static char *format_report(const struct fixture *f, const struct conf_report *report)
{
	struct buf out = BUF_INIT(100000);

	for (size_t i = 0; i < report->n; i++) {
		_cleanup_(freep) char *line =
			conf_report_format_entry(&report->entry[i]);
		const char *rest = line;

		for (const char *at; (at = strstr(rest, f->dir));) {
			const char *name = at + strlen(f->dir);
			bool is_main = strncmp(name, "/postseal.conf", 14) == 0;
			(void)buf_append(&out, rest, (size_t)(at - rest));
			(void)buf_append_str(&out, is_main ? "FILE" : "FOLDER");
			rest = name + (is_main ? 14 : 0);
		}
		(void)buf_printf(&out, "%s\n", rest);
	}
	return buf_steal(&out);
}

/* What is in force, and then the files of a row beside it. */
static void prepare(struct fixture *f, struct loaded *loaded, const struct again *row,
	const char *const *overrides)
{
	test_case(row->name);
	write_good(f, "");
	f->params.conf.overrides = NULL;
	assert_int_equal(load_configuration(loaded, &f->params, &f->report), 0);
	write_main(f, row->text);
	free(test_tmpdir_write(f->dir, "more", "run_directory = /more\n"));
	f->params.conf.overrides = overrides;
}

static void test_steps(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(agains); i++) {
		const char *const overrides[] = { agains[i].override, NULL };
		_cleanup_(loaded_done) struct loaded loaded = { 0 };
		_cleanup_(conf_report_done) struct conf_report whole = { 0 };
		_cleanup_(conf_report_done) struct conf_report stepped = { 0 };
		_cleanup_(conf_unrefp) struct conf *conf = NULL;
		_cleanup_(conf_unrefp) struct conf *other = NULL;

		prepare(f, &loaded, &agains[i], overrides);
		int r = load_again(&conf, &loaded, &f->params, &whole);
		struct load_reading *reading =
			load_reading_new(&loaded, &f->params, &stepped);
		while (load_reading_step(reading))
			;
		assert_false(load_reading_step(reading));
		assert_int_equal(load_reading_finish(&reading, &other), r);
		assert_null(reading);
		_cleanup_(freep) char *text = format_report(f, &whole);
		_cleanup_(freep) char *other_text = format_report(f, &stepped);
		assert_string_equal(text, agains[i].report);
		assert_string_equal(other_text, agains[i].report);
		assert_int_equal(r, whole.n_errors > 0 ? -EINVAL : 0);
		assert_true((conf != NULL) == (r == 0));
		assert_true((other != NULL) == (r == 0));
		if (conf)
			assert_true(conf_block_is_equal(
				conf_get_root(conf), conf_get_root(other)));
	}
}

static bool drop_after(struct fixture *f, const struct loaded *loaded, size_t n)
{
	_cleanup_(conf_report_done) struct conf_report report = { 0 };
	_cleanup_(load_reading_freep) struct load_reading *reading =
		load_reading_new(loaded, &f->params, &report);
	bool goes_on = true;

	for (size_t i = 0; i < n; i++)
		goes_on = load_reading_step(reading);
	return goes_on;
}

/* What is lost then is told by the sanitizers. */
static void test_dropped_at_any_step(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(agains); i++) {
		const char *const overrides[] = { agains[i].override, NULL };
		_cleanup_(loaded_done) struct loaded loaded = { 0 };
		size_t n = 0;

		prepare(f, &loaded, &agains[i], overrides);
		while (drop_after(f, &loaded, n))
			n++;
		assert_true(n > 0);
	}
	assert_null(load_reading_free(NULL));
}

#define test_files(fn) cmocka_unit_test_setup_teardown((fn), setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_files(test_early),
		test_files(test_good),
		test_files(test_wrong),
		test_files(test_policy),
		test_files(test_no_folder),
		test_files(test_said_too_late),
		test_files(test_again),
		test_files(test_again_wrong),
		test_files(test_again_other_folder),
		test_files(test_steps),
		test_files(test_dropped_at_any_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
