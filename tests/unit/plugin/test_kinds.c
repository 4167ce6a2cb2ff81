/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wrappers of challenge and deploy, and the schema: what is copied, what defaults. */
#include <stdio.h>
#include <string.h>

#include "plugin/challenge.h"
#include "plugin/deploy.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "util/mem.h"

/* What the methods saw, and what they end with. */
static struct {
	const struct postseal_services *services;
	char text[512];
	const void *params;
	struct postseal_call *call;
} seen;

static int kinds_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	seen.services = services;
	return 0;
}

static void see(
	const char *method, const struct postseal_task *t, struct postseal_call *call)
{
	const struct postseal_result ok = { .size = sizeof(ok) };

	snprintf(seen.text, sizeof(seen.text), "%s %s %s %d %s %s %s %s %s %s", method,
		t->domain, t->name, t->is_wildcard, t->account_url, t->thumbprint,
		t->token, t->key_authorization, t->challenge_json, t->saved);
	seen.params = t;
	assert_int_equal(t->size, sizeof(*t));
	seen.services->complete(call, &ok);
	/* Still ours after complete(). */
	assert_non_null(strchr(t->name, '.'));
}

static void full_offers(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	see("offers", task, call);
}

static void full_want(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	see("want", task, call);
}

static void full_present(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	see("present", task, call);
}

static void full_ready(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	see("ready", task, call);
}

static void full_cleanup(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	see("cleanup", task, call);
}

static const struct postseal_challenge full = {
	.size = sizeof(full),
	.type = "full-01",
	.flags = POSTSEAL_CHALLENGE_WILDCARD,
	.offers = full_offers,
	.want = full_want,
	.present = full_present,
	.ready = full_ready,
	.cleanup = full_cleanup,
};

static const struct postseal_challenge bare = {
	.size = sizeof(bare),
	.type = "bare-01",
	.present = full_present,
};

static void install(
	void *instance, const struct postseal_bundle *b, struct postseal_call *call)
{
	const struct postseal_address address = { "127.0.0.1:993", NULL };
	const struct postseal_result ok = {
		.size = sizeof(ok),
		.addresses = &address,
		.n_addresses = 1,
	};

	snprintf(seen.text, sizeof(seen.text), "%s %s %s %s %s %s %s %llu", b->domain,
		b->names[0], b->names[1] ? b->names[1] : "-", b->key_type, b->chain_pem,
		b->key_pem, b->fingerprint, (unsigned long long)b->not_after_sec);
	seen.params = b;
	assert_int_equal(b->size, sizeof(*b));
	seen.services->complete(call, &ok);
}

static const struct postseal_deploy deploy = {
	.size = sizeof(deploy),
	.install = install,
};

#define PLUGIN \
	POSTSEAL_PLUGIN_ABI, .summary = "A test.", .version = "1", .open = kinds_open

static const struct postseal_setting must[] = {
	{ .name = "key",
		.flags = POSTSEAL_SETTING_REQUIRED | POSTSEAL_SETTING_SECRET,
		.text = "A key." },
	{ .name = NULL },
};

static const struct postseal_plugin plugins[] = {
	{ PLUGIN, .kind = POSTSEAL_KIND_CHALLENGE, .name = "full", .challenge = &full },
	{ PLUGIN, .kind = POSTSEAL_KIND_CHALLENGE, .name = "bare", .challenge = &bare },
	{ PLUGIN, .kind = POSTSEAL_KIND_DEPLOY, .name = "disk", .deploy = &deploy },
	{ PLUGIN, .kind = POSTSEAL_KIND_DEPLOY, .name = "cloud", .deploy = &deploy,
		.settings = must },
};

static struct plugin_host *new_host(struct loop *loop)
{
	static const struct plugin_backing backing;
	const struct plugin_host_params params = { .loop = loop, .backing = &backing };
	struct plugin_host *host = NULL;

	assert_int_equal(plugin_host_new(&host, &params, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++)
		assert_int_equal(plugin_host_add(host, &plugins[i], NULL), 0);
	return host;
}

static struct plugin_instance *open_instance(
	struct plugin_host *host, enum postseal_kind kind, const char *name)
{
	struct plugin_instance *instance = NULL;
	const struct plugin *plugin = plugin_host_find(host, kind, name);

	assert_int_equal(
		plugin_instance_open(&instance, host, plugin, NULL, NULL, NULL), 0);
	return instance;
}

struct heard {
	struct plugin_call *call;
	unsigned n;
	enum postseal_outcome outcome;
	char detail[100];
	char address[50];
};

static void on_done(const struct plugin_result *result, void *userdata)
{
	struct heard *h = userdata;

	h->n++;
	h->outcome = result->outcome;
	snprintf(h->detail, sizeof(h->detail), "%s",
		result->detail ? result->detail : "");
	if (result->n_addresses > 0)
		snprintf(h->address, sizeof(h->address), "%s",
			result->addresses[0].address);
	h->call = plugin_call_cancel(h->call);
}

static const struct postseal_task task = {
	.size = sizeof(task),
	.domain = "d.org",
	.name = "n.d.org",
	.is_wildcard = 1,
	.account_url = "url",
	.thumbprint = "thumb",
	.token = "token",
	.key_authorization = "token.thumb",
	.challenge_json = "{}",
	.saved = "saved",
};

#define TASK " d.org n.d.org 1 url thumb token token.thumb {} saved"

static const struct {
	const char *plugin;
	enum plugin_challenge_method method;
	const char *text; /* "" = the plugin is not asked */
	enum postseal_outcome outcome;
} methods[] = {
	{ "full", PLUGIN_CHALLENGE_OFFERS, "offers" TASK, POSTSEAL_OK },
	{ "full", PLUGIN_CHALLENGE_WANT, "want" TASK, POSTSEAL_OK },
	{ "full", PLUGIN_CHALLENGE_PRESENT, "present" TASK, POSTSEAL_OK },
	{ "full", PLUGIN_CHALLENGE_READY, "ready" TASK, POSTSEAL_OK },
	{ "full", PLUGIN_CHALLENGE_CLEANUP, "cleanup" TASK, POSTSEAL_OK },
	{ "bare", PLUGIN_CHALLENGE_OFFERS, "", POSTSEAL_REFUSED },
	{ "bare", PLUGIN_CHALLENGE_WANT, "", POSTSEAL_OK },
	{ "bare", PLUGIN_CHALLENGE_PRESENT, "present" TASK, POSTSEAL_OK },
	{ "bare", PLUGIN_CHALLENGE_READY, "", POSTSEAL_OK },
	{ "bare", PLUGIN_CHALLENGE_CLEANUP, "", POSTSEAL_OK },
};

static void test_challenge(void **state)
{
	struct loop *loop = fake_loop_new();
	struct plugin_host *host = new_host(loop);

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		struct plugin_instance *instance =
			open_instance(host, POSTSEAL_KIND_CHALLENGE, methods[i].plugin);
		struct heard h = { 0 };

		test_case(methods[i].text);
		seen.text[0] = '\0';
		assert_int_equal(plugin_challenge_start(&h.call, instance,
					 methods[i].method, &task, on_done, &h, NULL),
			0);
		assert_string_equal(seen.text, methods[i].text);
		assert_ptr_not_equal(seen.params, &task);
		assert_int_equal(h.n, 0);
		fake_loop_run_ready(loop);
		assert_int_equal(h.n, 1);
		assert_int_equal(h.outcome, methods[i].outcome);
		plugin_instance_close(instance);
	}
	const struct plugin *plugin =
		plugin_host_find(host, POSTSEAL_KIND_CHALLENGE, "full");
	assert_string_equal(plugin_get_challenge_type(plugin), "full-01");
	assert_int_equal(
		plugin_get_challenge_flags(plugin), POSTSEAL_CHALLENGE_WILDCARD);
	plugin_host_free(host);
	loop_free(loop);
}

static void test_deploy(void **state)
{
	struct loop *loop = fake_loop_new();
	struct plugin_host *host = new_host(loop);
	struct plugin_instance *instance =
		open_instance(host, POSTSEAL_KIND_DEPLOY, "disk");
	const struct postseal_bundle bundle = {
		.size = sizeof(bundle),
		.domain = "d.org",
		.names = (const char *const[]){ "a.d.org", "b.d.org", NULL },
		.key_type = "ecdsa-p256",
		.chain_pem = "chain",
		.key_pem = "key",
		.fingerprint = "ff",
		.not_after_sec = 7,
	};
	struct heard h = { 0 };

	assert_int_equal(
		plugin_deploy_start(&h.call, instance, &bundle, on_done, &h, NULL), 0);
	assert_string_equal(
		seen.text, "d.org a.d.org b.d.org ecdsa-p256 chain key ff 7");
	assert_ptr_not_equal(seen.params, &bundle);
	fake_loop_run_ready(loop);
	assert_int_equal(h.outcome, POSTSEAL_OK);
	assert_string_equal(h.address, "127.0.0.1:993");
	plugin_instance_close(instance);
	plugin_host_free(host);
	loop_free(loop);
}

/* One whose settings must be said has no defaults to be opened with. */
static void test_required(void **state)
{
	struct loop *loop = fake_loop_new();
	struct plugin_host *host = new_host(loop);
	struct plugin_instance *instance = NULL;
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct plugin *plugin =
		plugin_host_find(host, POSTSEAL_KIND_DEPLOY, "cloud");

	assert_true(
		plugin_instance_open(&instance, host, plugin, NULL, NULL, &err) < 0);
	assert_int_equal(err.kind, ERR_CONFIG);
	plugin_host_free(host);
	loop_free(loop);
}

/* --- schema ------------------------------------------------------------------------------------ */

static const struct conf_setting policy[] = {
	{ .name = "challenge", .type = CONF_REFS, .refers = "challenge", .text = "C." },
	{ .name = "deploy", .type = CONF_REFS, .refers = "deploy", .text = "D." },
};
static const struct conf_kind conf_kinds[] = {
	{ .name = "policy", .settings = policy, .n_settings = 2 },
	{ .name = "domain", .flags = CONF_BLOCK_PATTERN, .base_kind = "policy" },
	{ .name = "challenge", .flags = CONF_BLOCK_PLUGIN },
	{ .name = "deploy", .flags = CONF_BLOCK_PLUGIN },
};

static const struct {
	const char *text;
	const char *reason; /* NULL = right */
} texts[] = {
	{ "policy default {\nchallenge = full bare\ndeploy = disk\n}\n", NULL },
	{ "domain a.org {\nchallenge = bare\ndeploy = disk\n}\n", NULL },
	{ "deploy cloud {\nkey = x\n}\ndomain a.org {\ndeploy = cloud\n}\n", NULL },
	{ "deploy cloud {\n}\n", "" },
	{ "deploy cloud {\nkey = x\nother = y\n}\n", "" },
	{ "deploy full {\n}\n", "" },
	{ "domain a.org {\ndeploy = cloud\n}\n", "there is no block" },
	{ "domain a.org {\nchallenge = disk\n}\n", "there is no block" },
};

static void test_schema(void **state)
{
	struct plugin_host *host = new_host(NULL);

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct conf_schema *schema = conf_schema_new(NULL, 0);
		struct conf_report report;
		struct conf *conf = NULL;

		test_case(texts[i].text);
		for (size_t k = 0; k < ARRAY_SIZE(conf_kinds); k++)
			conf_schema_add_kind(schema, &conf_kinds[k]);
		plugin_host_extend_schema(host, schema);
		conf_report_init(&report);
		int r = conf_load_text(&conf, schema, "t", texts[i].text, &report);
		assert_int_equal(r < 0, texts[i].reason != NULL);
		if (texts[i].reason)
			assert_non_null(
				strstr(report.entry[0].reason, texts[i].reason));
		conf_report_done(&report);
		conf_unref(conf);
		conf_schema_free(schema);
	}
	plugin_host_free(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_challenge),
		test_with_log(test_deploy),
		test_with_log(test_required),
		test_with_log(test_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
