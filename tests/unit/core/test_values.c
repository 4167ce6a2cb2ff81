/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where values are put, that one provider works at a name at a time, and what is known of
 * them after a crash. Providers write down what they are asked, and end it when told. */
#include <stdio.h>
#include <string.h>

#include "core/dns/values.h"
#include "core/wanted/settings.h"
#include "store/txt_value.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/buf.h"
#include "util/mem.h"

/* --- two providers: one with a zone, one with all names ---------------------------------- */

static struct {
	const struct postseal_services *services;
	struct buf notes;
	struct postseal_call *waiting[8];
	size_t n_waiting;
	bool hangs;
	enum postseal_outcome outcome;
} stage = { .notes = BUF_INIT(4096) };

static void end_call(struct postseal_call *call, enum postseal_outcome outcome)
{
	const struct postseal_result result = {
		.size = sizeof(result),
		.outcome = outcome,
		.detail = outcome == POSTSEAL_OK ? NULL : "the provider says no",
	};

	stage.services->complete(call, &result);
}

static void act(const char *what, const struct postseal_value *value,
	struct postseal_call *call)
{
	buf_printf(&stage.notes, "%s %s %s;", what, value->name, value->value);
	if (stage.hangs)
		stage.waiting[stage.n_waiting++] = call;
	else
		end_call(call, stage.outcome);
}

static void add(
	void *instance, const struct postseal_value *value, struct postseal_call *call)
{
	act("add", value, call);
}

static void remove_one(
	void *instance, const struct postseal_value *value, struct postseal_call *call)
{
	act("remove", value, call);
}

static void cancel(void *instance, struct postseal_call *call)
{
	buf_printf(&stage.notes, "cancel;");
}

/* Knows of the zone z.test alone, and has a name of its own for x.test. */
static void place(
	void *instance, const struct postseal_value *value, struct postseal_call *call)
{
	bool is_mine = strstr(value->name, "z.test") != NULL;
	bool is_moved = strstr(value->name, "x.test") != NULL;
	const struct postseal_wanted wanted = {
		.size = sizeof(wanted),
		.owner = value->name,
		.type = "CNAME",
		.value = "there.auth.test",
		.why = "leads to it",
	};
	const struct postseal_result result = {
		.size = sizeof(result),
		.outcome = is_mine || is_moved ? POSTSEAL_OK : POSTSEAL_REFUSED,
		.detail = "not mine",
		.place = is_moved ? "there.auth.test" : NULL,
		.wanted = is_moved ? &wanted : NULL,
		.n_wanted = is_moved,
	};

	stage.services->complete(call, &result);
}

static int open_plugin(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	stage.services = services;
	return 0;
}

static const struct postseal_dns picky = {
	.size = sizeof(picky),
	.place = place,
	.add = add,
	.remove = remove_one,
	.cancel = cancel,
};

static const struct postseal_dns any = {
	.size = sizeof(any),
	.add = add,
	.remove = remove_one,
	.cancel = cancel,
};

#define PLUGIN                                                                \
	POSTSEAL_PLUGIN_ABI, .kind = POSTSEAL_KIND_DNS, .summary = "A test.", \
			     .version = "1", .open = open_plugin

static const struct postseal_plugin plugins[] = {
	{ PLUGIN, .name = "picky", .dns = &picky },
	{ PLUGIN, .name = "any", .dns = &any },
};

/* --- the values on them ----------------------------------------------------------------------- */

static const struct plugin_backing backing;

struct rig {
	struct loop *loop;
	char *folder;
	struct store *store;
	struct plugin_host *host;
	struct conf *conf;
	struct instances *instances;
	struct dns_resolver *resolver; /* NULL: nothing can be looked up */
	struct values *values;
};

/* What came of one. */
struct heard {
	void *op;
	unsigned n;
	enum postseal_outcome outcome;
	char text[256];
};

static struct conf *load(struct plugin_host *host, const char *settings)
{
	_cleanup_(conf_schema_freep) struct conf_schema *schema =
		settings_new_schema(host);
	_cleanup_(conf_report_done) struct conf_report report;
	_cleanup_(freep) char *text =
		xasprintf("authority ca {\n directory = https://ca.test/\n}\n"
			  "domain d.test {\n authority = ca\n delegation = none\n%s}\n",
			settings);
	struct conf *conf = NULL;

	conf_report_init(&report);
	assert_int_equal(conf_load_text(&conf, schema, "t", text, &report), 0);
	return conf;
}

static void rig_init(struct rig *rig, const char *settings)
{
	*rig = (struct rig){ .loop = fake_loop_new(), .folder = test_tmpdir_new() };
	_cleanup_(freep) char *path = xasprintf("%s/db", rig->folder);
	const struct plugin_host_params host = {
		.loop = rig->loop,
		.backing = &backing,
	};
	const struct values_params params = {
		.loop = rig->loop,
		.store = &rig->store,
		.instances = &rig->instances,
		.resolver = &rig->resolver,
	};

	buf_reset(&stage.notes);
	stage.n_waiting = 0;
	stage.hangs = false;
	stage.outcome = POSTSEAL_OK;
	assert_int_equal(store_open(&rig->store, path, 0, NULL), 0);
	assert_int_equal(plugin_host_new(&rig->host, &host, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++)
		assert_int_equal(plugin_host_add(rig->host, &plugins[i], NULL), 0);
	rig->conf = load(rig->host, settings);
	rig->instances = instances_new(rig->host, NULL);
	instances_follow(rig->instances, rig->conf);
	rig->values = values_new(&params);
}

static void rig_done(struct rig *rig)
{
	values_free(rig->values);
	instances_free(rig->instances);
	conf_unref(rig->conf);
	plugin_host_free(rig->host);
	store_close(rig->store);
	loop_free(rig->loop);
	test_tmpdir_free(rig->folder);
	buf_done(&stage.notes);
}

static void on_heard(const struct postseal_txt_result *result, void *userdata)
{
	struct heard *heard = userdata;

	heard->n++;
	heard->outcome = result->outcome;
	snprintf(heard->text, sizeof(heard->text), "%s%s%s",
		result->detail ? result->detail : "",
		result->n_wanted > 0 ? result->wanted[0].owner : "",
		result->n_wanted > 0 ? result->wanted[0].value : "");
}

static void start(struct rig *rig, struct heard *heard, enum postseal_txt_act act_to_do,
	const char *name, const char *value)
{
	const struct plugin_dns_backing *dns = values_get(rig->values);
	const struct postseal_txt txt = {
		.size = sizeof(txt), .domain = "d.test", .name = name, .value = value
	};
	const struct plugin_txt_params params = { .act = act_to_do, .txt = &txt };

	*heard = (struct heard){ NULL };
	assert_int_equal(dns->txt_start(dns->userdata, &heard->op, &params, on_heard,
				 heard, NULL),
		0);
	assert_int_equal(heard->n, 0);
	fake_loop_run_ready(rig->loop);
}

static void drop(struct rig *rig, struct heard *heard)
{
	const struct plugin_dns_backing *dns = values_get(rig->values);

	dns->txt_cancel(dns->userdata, heard->op);
	fake_loop_run_ready(rig->loop);
}

static struct heard run(struct rig *rig, enum postseal_txt_act what, const char *name,
	const char *value)
{
	struct heard heard;

	start(rig, &heard, what, name, value);
	assert_int_equal(heard.n, 1);
	drop(rig, &heard);
	return heard;
}

static bool is_known(struct rig *rig, const char *name, const char *value)
{
	struct store_txt_value row;
	int r = store_txt_value_find(rig->store, name, value, &row, NULL);

	store_txt_value_done(&row);
	return r == 0;
}

static void finish_first(struct rig *rig)
{
	struct postseal_call *call = stage.waiting[0];

	assert_true(stage.n_waiting > 0);
	memmove(stage.waiting, stage.waiting + 1, sizeof(stage.waiting) - sizeof(call));
	stage.n_waiting--;
	end_call(call, POSTSEAL_OK);
	fake_loop_run_ready(rig->loop);
}

/* --- where -------------------------------------------------------------------------------------- */

static const struct {
	const char *settings;
	const char *name;
	enum postseal_outcome outcome;
	const char *text;
	const char *notes; /* after put */
} places[] = {
	{ "", "_x.z.test", POSTSEAL_REFUSED, "the policy names none", "" },
	{ " dns = picky\n", "_x.z.test", POSTSEAL_OK, "", "add _x.z.test v;" },
	{ " dns = picky\n", "_x.y.test", POSTSEAL_REFUSED, "picky: not mine", "" },
	{ " dns = picky any\n", "_x.y.test", POSTSEAL_OK, "", "add _x.y.test v;" },
	{ " dns = picky\n", "_a.x.test", POSTSEAL_OK, "_a.x.testthere.auth.test",
		"add there.auth.test v;" },
	{ " dns = any\n delegation = w.z.test\n", "_x.d.test", POSTSEAL_OK,
		"_x.d.testw.z.test", "add w.z.test v;" },
};

static void test_places(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct rig rig;

		test_case(places[i].name);
		rig_init(&rig, places[i].settings);
		struct heard heard =
			run(&rig, POSTSEAL_TXT_WHERE, places[i].name, NULL);
		assert_int_equal(heard.outcome, places[i].outcome);
		assert_non_null(strstr(heard.text, places[i].text));
		heard = run(&rig, POSTSEAL_TXT_PUT, places[i].name, "v");
		assert_int_equal(heard.outcome, places[i].outcome);
		assert_string_equal(buf_str(&stage.notes), places[i].notes);
		assert_int_equal(is_known(&rig, places[i].name, "v"),
			heard.outcome == POSTSEAL_OK);
		rig_done(&rig);
	}
}

/* --- what is known ------------------------------------------------------------------------------- */

static void test_removed(void **state)
{
	struct rig rig;

	rig_init(&rig, " dns = any\n");
	run(&rig, POSTSEAL_TXT_PUT, "_x.d.test", "v");
	run(&rig, POSTSEAL_TXT_PUT, "_x.d.test", "v"); /* again, as after a crash */
	stage.outcome = POSTSEAL_FAILED;
	struct heard heard = run(&rig, POSTSEAL_TXT_REMOVE, "_x.d.test", "v");
	assert_int_equal(heard.outcome, POSTSEAL_FAILED);
	assert_string_equal(heard.text, "the provider says no");
	assert_true(is_known(&rig, "_x.d.test", "v"));
	stage.outcome = POSTSEAL_OK;
	heard = run(&rig, POSTSEAL_TXT_REMOVE, "_x.d.test", "v");
	assert_int_equal(heard.outcome, POSTSEAL_OK);
	assert_false(is_known(&rig, "_x.d.test", "v"));
	buf_reset(&stage.notes);
	heard = run(&rig, POSTSEAL_TXT_REMOVE, "_x.d.test", "v");
	assert_int_equal(heard.outcome, POSTSEAL_OK);
	assert_string_equal(buf_str(&stage.notes), "");
	rig_done(&rig);
}

/* It may have been added, whatever the provider says: it is remembered. */
static void test_known_after_failure(void **state)
{
	struct rig rig;

	rig_init(&rig, " dns = any\n");
	stage.outcome = POSTSEAL_FAILED;
	struct heard heard = run(&rig, POSTSEAL_TXT_PUT, "_x.d.test", "v");
	assert_int_equal(heard.outcome, POSTSEAL_FAILED);
	assert_true(is_known(&rig, "_x.d.test", "v"));
	rig_done(&rig);
}

/* Another place is chosen while it stands: it is not forgotten there. */
static void test_moved(void **state)
{
	struct rig rig;

	rig_init(&rig, " dns = any\n");
	run(&rig, POSTSEAL_TXT_PUT, "_a.x.test", "v");
	struct conf *conf = load(rig.host, " dns = picky any\n");
	instances_follow(rig.instances, conf);
	struct heard heard = run(&rig, POSTSEAL_TXT_PUT, "_a.x.test", "v");
	assert_int_equal(heard.outcome, POSTSEAL_FAILED);
	assert_non_null(strstr(heard.text, "stands at another name already"));
	run(&rig, POSTSEAL_TXT_REMOVE, "_a.x.test", "v");
	assert_string_equal(
		buf_str(&stage.notes), "add _a.x.test v;remove _a.x.test v;");
	heard = run(&rig, POSTSEAL_TXT_PUT, "_a.x.test", "v");
	assert_int_equal(heard.outcome, POSTSEAL_OK);
	conf_unref(conf);
	rig_done(&rig);
}

static void test_provider_gone(void **state)
{
	struct rig rig;

	rig_init(&rig, " dns = any\n");
	run(&rig, POSTSEAL_TXT_PUT, "_x.d.test", "v");
	struct conf *conf = load(rig.host, "");
	instances_follow(rig.instances, conf);
	struct heard heard = run(&rig, POSTSEAL_TXT_REMOVE, "_x.d.test", "v");
	assert_int_equal(heard.outcome, POSTSEAL_FAILED);
	assert_non_null(
		strstr(heard.text, "the provider any, which has put the value"));
	assert_true(is_known(&rig, "_x.d.test", "v"));
	conf_unref(conf);
	rig_done(&rig);
}

/* --- turns ---------------------------------------------------------------------------------------- */

static void test_one_at_a_name(void **state)
{
	struct heard first, second, third, other;
	struct rig rig;

	rig_init(&rig, " dns = any\n");
	stage.hangs = true;
	start(&rig, &first, POSTSEAL_TXT_PUT, "_x.d.test", "1");
	start(&rig, &second, POSTSEAL_TXT_PUT, "_x.d.test", "2");
	start(&rig, &third, POSTSEAL_TXT_PUT, "_x.d.test", "3");
	start(&rig, &other, POSTSEAL_TXT_PUT, "_y.d.test", "4");
	assert_string_equal(buf_str(&stage.notes), "add _x.d.test 1;add _y.d.test 4;");
	finish_first(&rig);
	assert_int_equal(first.n, 1);
	drop(&rig, &first);
	assert_non_null(strstr(buf_str(&stage.notes), "add _x.d.test 2;"));
	assert_null(strstr(buf_str(&stage.notes), "add _x.d.test 3;"));
	drop(&rig, &second); /* given up in the middle: the next has its turn */
	assert_non_null(strstr(buf_str(&stage.notes), "cancel;add _x.d.test 3;"));
	assert_int_equal(second.n, 0);
	drop(&rig, &third);
	drop(&rig, &other);
	rig_done(&rig);
}

/* --- looking -------------------------------------------------------------------------------------- */

static void test_nobody_looks(void **state)
{
	struct rig rig;

	rig_init(&rig, " dns = any\n");
	struct heard heard = run(&rig, POSTSEAL_TXT_LOOK, "_x.d.test", "v");
	assert_int_equal(heard.outcome, POSTSEAL_FAILED);
	assert_string_equal(heard.text, "there is no resolver here");
	rig_done(&rig);
}

/* propagation = none: nothing is asked; the delay runs from the first look on. */
static void test_delay(void **state)
{
	struct rig rig;

	rig_init(&rig, " dns = any\n propagation = none\n propagation_delay = 30s\n");
	const struct dns_resolver_params params = { .n_stubs = 0 };
	assert_int_equal(dns_resolver_new(&rig.resolver, rig.loop, &params, NULL), 0);
	run(&rig, POSTSEAL_TXT_PUT, "_x.d.test", "v");
	struct heard heard = run(&rig, POSTSEAL_TXT_LOOK, "_x.d.test", "v");
	assert_int_equal(heard.outcome, POSTSEAL_NOT_YET);
	fake_loop_advance(rig.loop, 29 * USEC_PER_SEC);
	heard = run(&rig, POSTSEAL_TXT_LOOK, "_x.d.test", "v");
	assert_int_equal(heard.outcome, POSTSEAL_NOT_YET);
	fake_loop_advance(rig.loop, USEC_PER_SEC);
	heard = run(&rig, POSTSEAL_TXT_LOOK, "_x.d.test", "v");
	assert_int_equal(heard.outcome, POSTSEAL_OK);
	dns_resolver_free(rig.resolver);
	rig_done(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_places),
		test_with_log(test_removed),
		test_with_log(test_known_after_failure),
		test_with_log(test_moved),
		test_with_log(test_provider_gone),
		test_with_log(test_one_at_a_name),
		test_with_log(test_nobody_looks),
		test_with_log(test_delay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
