/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What has to do with the DNS at the border: the wrapper of kind dns, wanted records, the
 * services for values and look-ups, and what fits. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/challenge.h"
#include "plugin/dns.h"
#include "plugin/wanted.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "util/mem.h"

static struct {
	const struct postseal_services *services;
	struct postseal_host *host;
	char text[256];
	struct postseal_result result; /* what the next method ends with */
} plugin;

static int open_plugin(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	plugin.services = services;
	plugin.host = host;
	return 0;
}

static void end(
	const char *method, const struct postseal_value *v, struct postseal_call *call)
{
	snprintf(plugin.text, sizeof(plugin.text), "%s %s %s %s %d", method, v->domain,
		v->name, v->value ? v->value : "-", v->is_delegated);
	plugin.result.size = sizeof(plugin.result);
	plugin.services->complete(call, &plugin.result);
}

static void place(
	void *instance, const struct postseal_value *value, struct postseal_call *call)
{
	end("place", value, call);
}

static void add(
	void *instance, const struct postseal_value *value, struct postseal_call *call)
{
	end("add", value, call);
}

static void take(
	void *instance, const struct postseal_value *value, struct postseal_call *call)
{
	end("remove", value, call);
}

static void list(
	void *instance, const struct postseal_value *value, struct postseal_call *call)
{
	end("list", value, call);
}

static void present(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
}

static enum postseal_fit fits(void *instance, const struct postseal_wanted *wanted,
	const char *seen, char *detail, size_t size)
{
	snprintf(detail, size, "\x1b%s", seen);
	return strcmp(seen, "wild") == 0 ? (enum postseal_fit)77 : POSTSEAL_FIT_FOREIGN;
}

static const struct postseal_dns full = {
	.size = sizeof(full),
	.place = place,
	.add = add,
	.remove = take,
	.list = list,
};
static const struct postseal_dns bare = {
	.size = sizeof(bare),
	.add = add,
	.remove = take,
};
static const struct postseal_challenge judge = {
	.size = sizeof(judge),
	.type = "judge-01",
	.present = present,
	.fits = fits,
};
static const struct postseal_challenge equal = {
	.size = sizeof(equal),
	.type = "equal-01",
	.present = present,
};

#define PLUGIN \
	POSTSEAL_PLUGIN_ABI, .summary = "A test.", .version = "1", .open = open_plugin

static const struct postseal_plugin plugins[] = {
	{ PLUGIN, .kind = POSTSEAL_KIND_DNS, .name = "full", .dns = &full },
	{ PLUGIN, .kind = POSTSEAL_KIND_DNS, .name = "bare", .dns = &bare },
	{ PLUGIN, .kind = POSTSEAL_KIND_CHALLENGE, .name = "judge",
		.challenge = &judge },
	{ PLUGIN, .kind = POSTSEAL_KIND_CHALLENGE, .name = "equal",
		.challenge = &equal },
};

/* --- the backing ------------------------------------------------------------------------ */

struct rig {
	struct loop *loop;
	struct plugin_host *host;
	struct plugin_backing backing;
	struct plugin_dns_backing dns;
	bool has_no_dns;
	struct plugin_instance *instance;
	char asked[128];
	unsigned n_cancelled;
	void (*txt_done)(const struct postseal_txt_result *result, void *userdata);
	void (*lookup_done)(
		const struct postseal_lookup_result *result, void *userdata);
	void *userdata;
	/* what the caller heard */
	struct plugin_call *call;
	unsigned n_done;
	enum postseal_outcome outcome;
	char detail[128];
	char line[256];
};

static int txt_start(void *userdata, void **ret_op,
	const struct plugin_txt_params *params, plugin_txt_done_fn *done,
	void *done_userdata, struct err *err)
{
	const struct postseal_txt *txt = params->txt;
	struct rig *rig = userdata;

	snprintf(rig->asked, sizeof(rig->asked), "txt %d %s %s %s", (int)params->act,
		txt->domain, txt->name, txt->value ? txt->value : "-");
	rig->txt_done = done;
	rig->userdata = done_userdata;
	*ret_op = rig;
	return 0;
}

static int lookup_start(void *userdata, void **ret_op,
	const struct plugin_lookup_params *params, plugin_lookup_done_fn *done,
	void *done_userdata, struct err *err)
{
	struct rig *rig = userdata;

	snprintf(rig->asked, sizeof(rig->asked), "lookup %s %s", params->name,
		params->type);
	rig->lookup_done = done;
	rig->userdata = done_userdata;
	*ret_op = rig;
	return 0;
}

static void cancel(void *userdata, void *op)
{
	struct rig *rig = userdata;

	assert_ptr_equal(op, rig);
	rig->n_cancelled++;
}

static void rig_init(struct rig *rig, enum postseal_kind kind, const char *name)
{
	const struct plugin_host_params params = {
		.loop = rig->loop = fake_loop_new(),
		.backing = &rig->backing,
		.dns = rig->has_no_dns ? NULL : &rig->dns,
	};

	rig->dns.userdata = rig;
	rig->dns.txt_start = txt_start;
	rig->dns.txt_cancel = cancel;
	rig->dns.lookup_start = lookup_start;
	rig->dns.lookup_cancel = cancel;
	plugin.result = (struct postseal_result){ .size = 0 };
	assert_int_equal(plugin_host_new(&rig->host, &params, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++)
		assert_int_equal(plugin_host_add(rig->host, &plugins[i], NULL), 0);
	assert_int_equal(
		plugin_instance_open(&rig->instance, rig->host,
			plugin_host_find(rig->host, kind, name), NULL, NULL, NULL),
		0);
}

static void rig_done(struct rig *rig)
{
	plugin_instance_close(rig->instance);
	plugin_host_free(rig->host);
	loop_free(rig->loop);
}

static void on_done(const struct plugin_result *r, void *userdata)
{
	struct rig *rig = userdata;

	rig->n_done++;
	rig->outcome = r->outcome;
	snprintf(rig->detail, sizeof(rig->detail), "%s", r->detail ? r->detail : "");
	snprintf(rig->line, sizeof(rig->line), "%s|%s|%s %s", r->place ? r->place : "-",
		r->values[0] ? r->values[0] : "-",
		r->n_wanted > 0 ? r->wanted[0].owner : "-",
		r->n_wanted > 0 ? r->wanted[0].value : "-");
	rig->call = plugin_call_cancel(rig->call);
}

/* --- the wrapper -------------------------------------------------------------------------- */

static const struct {
	const char *plugin;
	enum plugin_dns_method method;
	int is_delegated;
	const char *text; /* "" = it is not asked */
	enum postseal_outcome outcome;
} methods[] = {
	{ "full", PLUGIN_DNS_PLACE, 1, "place d.org _x.d.org v 1", POSTSEAL_OK },
	{ "full", PLUGIN_DNS_ADD, 0, "add d.org _x.d.org v 0", POSTSEAL_OK },
	{ "full", PLUGIN_DNS_REMOVE, 0, "remove d.org _x.d.org v 0", POSTSEAL_OK },
	{ "full", PLUGIN_DNS_LIST, 0, "list d.org _x.d.org v 0", POSTSEAL_OK },
	{ "bare", PLUGIN_DNS_PLACE, 0, "", POSTSEAL_OK },
	{ "bare", PLUGIN_DNS_PLACE, 1, "", POSTSEAL_REFUSED },
	{ "bare", PLUGIN_DNS_ADD, 0, "add d.org _x.d.org v 0", POSTSEAL_OK },
	{ "bare", PLUGIN_DNS_LIST, 0, "", POSTSEAL_REFUSED },
};

static void test_methods(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		struct rig rig = { 0 };
		const struct plugin_dns_ask ask = {
			.method = methods[i].method,
			.value = { .domain = "d.org",
				.name = "_x.d.org",
				.value = "v",
				.is_delegated = methods[i].is_delegated },
		};

		test_case(methods[i].text);
		rig_init(&rig, POSTSEAL_KIND_DNS, methods[i].plugin);
		plugin.text[0] = '\0';
		assert_int_equal(plugin_dns_start(&rig.call, rig.instance, &ask,
					 on_done, &rig, NULL),
			0);
		fake_loop_run_ready(rig.loop);
		assert_string_equal(plugin.text, methods[i].text);
		assert_int_equal(rig.n_done, 1);
		assert_int_equal(rig.outcome, methods[i].outcome);
		rig_done(&rig);
	}
}

/* --- results ------------------------------------------------------------------------------- */

#define WANTED .size = sizeof(struct postseal_wanted)

static char long_value[WANTED_VALUE_BYTES_MAX + 2];
static const struct postseal_wanted good = { WANTED, .type = "TXT",
	.owner = "_X.D.org.", .value = "a b; c" };
static const struct postseal_wanted cname = { WANTED, .owner = "x.d.org",
	.type = "CNAME", .value = "Y.org." };
static const struct postseal_wanted bad_owner = { WANTED, .type = "TXT",
	.owner = "x d.org", .value = "v" };
static const struct postseal_wanted bad_value = { WANTED, .type = "TXT",
	.owner = "x.d.org", .value = "a\nb" };
static const struct postseal_wanted bad_type = { WANTED, .owner = "x.d.org",
	.type = "MX", .value = "v" };
static const struct postseal_wanted bad_target = { WANTED, .owner = "x.d.org",
	.type = "CNAME", .value = "a b" };
static const struct postseal_wanted no_size = {
	.owner = "x.d.org", .type = "TXT", .value = "v"
};
static const struct postseal_wanted too_long = { WANTED, .type = "TXT",
	.owner = "x.d.org", .value = long_value };
static const char *const values[] = { "a\tb", "good", NULL };

#define CANNOT "the plugin wants a record that cannot be"

static const struct {
	const char *name;
	struct postseal_result result;
	const char *line;
	const char *detail;
} results[] = {
	{ "nothing", { .outcome = POSTSEAL_OK }, "-|-|- -", "" },
	{ "wanted", { .wanted = &good, .n_wanted = 1 }, "-|-|_x.d.org a b; c", "" },
	{ "CNAME", { .wanted = &cname, .n_wanted = 1 }, "-|-|x.d.org y.org", "" },
	{ "owner", { .wanted = &bad_owner, .n_wanted = 1 }, "-|-|- -", CANNOT },
	{ "value", { .wanted = &bad_value, .n_wanted = 1 }, "-|-|- -", CANNOT },
	{ "type", { .wanted = &bad_type, .n_wanted = 1 }, "-|-|- -", CANNOT },
	{ "target", { .wanted = &bad_target, .n_wanted = 1 }, "-|-|- -", CANNOT },
	{ "size", { .wanted = &no_size, .n_wanted = 1 }, "-|-|- -", CANNOT },
	{ "long", { .wanted = &too_long, .n_wanted = 1 }, "-|-|- -", CANNOT },
	{ "many", { .wanted = &good, .n_wanted = 17 }, "-|-|- -", CANNOT },
	{ "place", { .place = "_y.Z.org" }, "_y.z.org|-|- -", "" },
	{ "no place", { .place = "a..b" }, "-|-|- -",
		"the plugin names a place that is no name" },
	{ "values", { .values = values }, "-|good|- -", "" },
};

static void test_results(void **state)
{
	memset(long_value, 'x', sizeof(long_value) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		struct rig rig = { 0 };
		const struct plugin_dns_ask ask = {
			.method = PLUGIN_DNS_LIST,
			.value = { .domain = "d.org", .name = "_x.d.org" },
		};

		test_case(results[i].name);
		rig_init(&rig, POSTSEAL_KIND_DNS, "full");
		plugin.result = results[i].result;
		assert_int_equal(plugin_dns_start(&rig.call, rig.instance, &ask,
					 on_done, &rig, NULL),
			0);
		fake_loop_run_ready(rig.loop);
		assert_string_equal(rig.line, results[i].line);
		assert_string_equal(rig.detail, results[i].detail);
		rig_done(&rig);
	}
}

/* --- what fits --------------------------------------------------------------------------------- */

static void test_fits(void **state)
{
	struct rig rig = { 0 };
	char detail[PLUGIN_FIT_DETAIL_MAX];

	rig_init(&rig, POSTSEAL_KIND_CHALLENGE, "equal");
	assert_int_equal(plugin_challenge_fits(
				 rig.instance, &good, "a b; c", detail, sizeof(detail)),
		POSTSEAL_FIT_YES);
	assert_int_equal(plugin_challenge_fits(
				 rig.instance, &good, "a b", detail, sizeof(detail)),
		POSTSEAL_FIT_NO);
	assert_string_equal(detail, "it differs");
	rig_done(&rig);
	rig = (struct rig){ .n_done = 0 };
	rig_init(&rig, POSTSEAL_KIND_CHALLENGE, "judge");
	assert_int_equal(plugin_challenge_fits(
				 rig.instance, &good, "evil", detail, sizeof(detail)),
		POSTSEAL_FIT_FOREIGN);
	assert_null(strchr(detail, '\x1b'));
	assert_non_null(strstr(detail, "evil"));
	/* What is no answer is a no. */
	assert_int_equal(plugin_challenge_fits(
				 rig.instance, &good, "wild", detail, sizeof(detail)),
		POSTSEAL_FIT_NO);
	rig_done(&rig);
}

/* --- services ------------------------------------------------------------------------------------ */

static void on_txt(const struct postseal_txt_result *result, void *userdata)
{
	snprintf(userdata, 64, "%d %s", (int)result->outcome,
		result->detail ? result->detail : "-");
}

static void on_lookup(const struct postseal_lookup_result *result, void *userdata)
{
	snprintf(userdata, 64, "%d %s", (int)result->status, result->values[0]);
}

static void test_services(void **state)
{
	static const char *const found[] = { "192.0.2.1", NULL };
	const struct postseal_txt txt = {
		.size = sizeof(txt), .domain = "d.org", .name = "_x.d.org", .value = "v"
	};
	const struct postseal_txt_result refused = {
		.size = sizeof(refused), .outcome = POSTSEAL_REFUSED, .detail = "no"
	};
	const struct postseal_lookup_result looked = { .size = sizeof(looked),
		.values = found };
	char heard[64] = "";
	struct rig rig = { 0 };

	rig_init(&rig, POSTSEAL_KIND_DNS, "full");
	struct postseal_txt_op *op = plugin.services->txt_start(
		plugin.host, POSTSEAL_TXT_PUT, &txt, on_txt, heard);
	assert_non_null(op);
	assert_string_equal(rig.asked, "txt 1 d.org _x.d.org v");
	rig.txt_done(&refused, rig.userdata);
	assert_string_equal(heard, "3 no");
	assert_int_equal(rig.n_cancelled, 1);
	plugin.services->txt_cancel(op);
	assert_int_equal(rig.n_cancelled, 1);

	struct postseal_lookup *lookup = plugin.services->lookup_start(
		plugin.host, "ns.d.org", "A", on_lookup, heard);
	assert_string_equal(rig.asked, "lookup ns.d.org A");
	rig.lookup_done(&looked, rig.userdata);
	assert_string_equal(heard, "0 192.0.2.1");
	plugin.services->lookup_cancel(lookup);
	lookup = plugin.services->lookup_start(
		plugin.host, "ns.d.org", "A", on_lookup, heard);
	assert_non_null(lookup);
	/* The instance ends what it has started. */
	rig_done(&rig);
	assert_int_equal(rig.n_cancelled, 3);
}

static const struct {
	const char *domain, *name, *value;
} wrong[] = {
	{ NULL, "_x.d.org", "v" },
	{ "d.org", NULL, "v" },
	{ "d.org", "_x d.org", "v" },
	{ "d.org", "_X.d.org", "v" },
	{ "d.org", "_x.d.org", NULL },
	{ "d.org", "_x.d.org", "" },
	{ "d.org", "_x.d.org", "a\x01" },
	{ "d.org", "_x.d.org", long_value },
};

static void test_wrong_parameters(void **state)
{
	struct rig rig = { 0 };

	rig_init(&rig, POSTSEAL_KIND_DNS, "full");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		const struct postseal_txt txt = { .size = sizeof(txt),
			.domain = wrong[i].domain,
			.name = wrong[i].name,
			.value = wrong[i].value };

		test_log_expect(LOG_LEVEL_WARNING, "value not started");
		assert_null(plugin.services->txt_start(
			plugin.host, POSTSEAL_TXT_PUT, &txt, on_txt, NULL));
	}
	test_log_expect(LOG_LEVEL_WARNING, "look-up not started");
	assert_null(plugin.services->lookup_start(
		plugin.host, "ns.d.org", "MX", on_lookup, NULL));
	rig_done(&rig);
	rig.has_no_dns = true;
	rig_init(&rig, POSTSEAL_KIND_DNS, "full");
	const struct postseal_txt txt = {
		.size = sizeof(txt), .domain = "d.org", .name = "_x.d.org"
	};
	test_log_expect(LOG_LEVEL_WARNING, "there is no DNS here");
	assert_null(plugin.services->txt_start(
		plugin.host, POSTSEAL_TXT_WHERE, &txt, on_txt, NULL));
	assert_string_equal(rig.asked, "");
	rig_done(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_methods),
		test_with_log(test_results),
		test_with_log(test_fits),
		test_with_log(test_services),
		test_with_log(test_wrong_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
