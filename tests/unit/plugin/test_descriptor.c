/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "plugin/descriptor.h"
#include "tests/lib/test.h"
#include "util/mem.h"

/* One of each kind, which a case then spoils. */
struct parts {
	struct postseal_plugin plugin;
	struct postseal_challenge challenge;
	struct postseal_dns dns;
	struct postseal_deploy deploy;
	struct postseal_notify notify;
	struct postseal_setting settings[70];
};

static const char *const values[] = { "a", NULL };
static const char *const no_values[] = { NULL };

static void present(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
}

static void install(void *instance, const struct postseal_bundle *bundle,
	struct postseal_call *call)
{
}

static void add(
	void *instance, const struct postseal_value *value, struct postseal_call *call)
{
}

static void tell(void *instance, const struct postseal_notice *notice,
	struct postseal_call *call)
{
}

static void parts_init(struct parts *p)
{
	memset(p, 0, sizeof(*p));
	p->plugin = (struct postseal_plugin){ POSTSEAL_PLUGIN_ABI,
		.kind = POSTSEAL_KIND_CHALLENGE, .name = "good-1",
		.summary = "Is good.", .version = "1", .settings = p->settings,
		.challenge = &p->challenge };
	p->challenge.size = sizeof(p->challenge);
	p->challenge.type = "http-01";
	p->challenge.present = present;
	p->dns.size = sizeof(p->dns);
	p->dns.add = p->dns.remove = add;
	p->deploy.size = sizeof(p->deploy);
	p->deploy.install = install;
	p->notify.size = sizeof(p->notify);
	p->notify.notify = tell;
	p->settings[0] = (struct postseal_setting){ .name = "a_1", .text = "A." };
	p->settings[1] = (struct postseal_setting){ .name = "b", .text = "B." };
}

static void use_dns(struct parts *p)
{
	p->plugin.kind = POSTSEAL_KIND_DNS;
	p->plugin.challenge = NULL;
	p->plugin.dns = &p->dns;
}

static void use_deploy(struct parts *p)
{
	p->plugin.kind = POSTSEAL_KIND_DEPLOY;
	p->plugin.challenge = NULL;
	p->plugin.deploy = &p->deploy;
}

static void use_notify(struct parts *p)
{
	p->plugin.kind = POSTSEAL_KIND_NOTIFY;
	p->plugin.challenge = NULL;
	p->plugin.notify = &p->notify;
}

/* clang-format off */
static void major(struct parts *p) { p->plugin.abi_major++; }
static void newer(struct parts *p) { p->plugin.abi_minor++; }
static void older(struct parts *p) { p->plugin.abi_minor = 0; }
static void large(struct parts *p) { p->plugin.size++; }
static void small(struct parts *p) { p->plugin.size = 24; }
static void no_name(struct parts *p) { p->plugin.name = NULL; }
static void wrong_name(struct parts *p) { p->plugin.name = "../x"; }
static void long_name(struct parts *p) { p->plugin.name = "a23456789012345678901234567890123"; }
static void no_summary(struct parts *p) { p->plugin.summary = ""; }
static void no_version(struct parts *p) { p->plugin.version = NULL; }
static void kind_dns(struct parts *p) { p->plugin.kind = POSTSEAL_KIND_DNS; }
static void kind_wrong(struct parts *p) { p->plugin.kind = 77; }
static void no_methods(struct parts *p) { p->plugin.challenge = NULL; }
static void two_kinds(struct parts *p) { p->plugin.notify = &p->notify; }
static void no_type(struct parts *p) { p->challenge.type = NULL; }
static void no_present(struct parts *p) { p->challenge.present = NULL; }
static void large_methods(struct parts *p) { p->challenge.size++; }
static void small_methods(struct parts *p) { p->challenge.size = 16; }
static void no_install(struct parts *p) { use_deploy(p); p->deploy.install = NULL; }
static void no_add(struct parts *p) { use_dns(p); p->dns.add = NULL; }
static void large_dns(struct parts *p) { use_dns(p); p->dns.size++; }
static void large_deploy(struct parts *p) { use_deploy(p); p->deploy.size++; }
static void no_notify(struct parts *p) { use_notify(p); p->notify.notify = NULL; }
static void large_notify(struct parts *p) { use_notify(p); p->notify.size++; }
static void good(struct parts *p) { }
static void no_settings(struct parts *p) { p->plugin.settings = NULL; }
static void twin(struct parts *p) { p->settings[1].name = "a_1"; }
static void setting_name(struct parts *p) { p->settings[1].name = "B"; }
static void setting_type(struct parts *p) { p->settings[1].type = 99; }
static void setting_text(struct parts *p) { p->settings[1].text = NULL; }
static void setting_limits(struct parts *p) { p->settings[1].min = 1; }
static void setting_enum(struct parts *p) { p->settings[1].type = POSTSEAL_SETTING_ENUM; }
static void setting_values(struct parts *p) { p->settings[1].values = values; }
static void enum_good(struct parts *p) { setting_enum(p); setting_values(p); }
static void enum_empty(struct parts *p) { setting_enum(p); p->settings[1].values = no_values; }

/* clang-format on */

static void many_settings(struct parts *p)
{
	static char names[65][4];

	for (size_t i = 0; i < 65; i++) {
		names[i][0] = 'a';
		names[i][1] = (char)('a' + i / 26);
		names[i][2] = (char)('a' + i % 26);
		p->settings[i] =
			(struct postseal_setting){ .name = names[i], .text = "A." };
	}
}

static const struct {
	const char *name;
	void (*spoil)(struct parts *p);
	const char *detail; /* NULL = is taken */
} cases[] = {
	{ "good", good, NULL },
	{ "deploy", use_deploy, NULL },
	{ "notify", use_notify, NULL },
	{ "older", older, NULL },
	{ "no settings", no_settings, NULL },
	{ "keywords", enum_good, NULL },
	{ "major", major, "made for ABI 1.2, and this is 0.2" },
	{ "newer", newer, "made for ABI 0.3, and this is 0.2" },
	{ "large", large, "a struct of" },
	{ "small", small, "a struct of 24 octets" },
	{ "no name", no_name, "its name is not" },
	{ "wrong name", wrong_name, "its name is not" },
	{ "long name", long_name, "its name is not" },
	{ "no summary", no_summary, "without summary" },
	{ "no version", no_version, "without summary" },
	{ "kind dns", kind_dns, "not those of its kind" },
	{ "dns", use_dns, NULL },
	{ "no add", no_add, "without the methods add and remove" },
	{ "large dns", large_dns, "a struct of" },
	{ "kind wrong", kind_wrong, "of kind 77, which is not known" },
	{ "no methods", no_methods, "not those of its kind" },
	{ "two kinds", two_kinds, "not those of its kind" },
	{ "no type", no_type, "without a challenge type" },
	{ "no present", no_present, "without the method present" },
	{ "large methods", large_methods, "a struct of" },
	{ "small methods", small_methods, "a struct of 16 octets" },
	{ "no install", no_install, "without the method install" },
	{ "large deploy", large_deploy, "a struct of" },
	{ "no notify", no_notify, "without the method notify" },
	{ "large notify", large_notify, "a struct of" },
	{ "twin", twin, "a_1: is there twice" },
	{ "setting name", setting_name, "the name of setting 1" },
	{ "setting type", setting_type, "b: of type 99" },
	{ "setting text", setting_text, "b: limits or text" },
	{ "setting limits", setting_limits, "b: limits or text" },
	{ "enum without values", setting_enum, "b: values are for keywords" },
	{ "values without enum", setting_values, "b: values are for keywords" },
	{ "enum of nothing", enum_empty, "b: values are for keywords" },
	{ "many settings", many_settings, "more than 64 settings" },
};

static void test_cases(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(err_done) struct err err = ERR_INIT;
		struct descriptor d;
		struct parts p;

		test_case(cases[i].name);
		parts_init(&p);
		cases[i].spoil(&p);
		int r = descriptor_read(&d, &p.plugin, "x.so", &err);
		_cleanup_(freep) char *text = err_format(&err);
		assert_int_equal(r < 0, cases[i].detail != NULL);
		if (cases[i].detail && !strstr(text, cases[i].detail))
			fail_msg("%s", text);
		if (r < 0)
			assert_memory_equal(text, "x.so: ", 6);
	}
}

/* When the numbers do not fit nothing else is looked at: this has nothing else. */
static void test_numbers_first(void **state)
{
	_Alignas(struct postseal_plugin) static const uint32_t numbers[2] = {
		POSTSEAL_ABI_MAJOR, POSTSEAL_ABI_MINOR + 1
	};
	struct descriptor d;

	assert_int_equal(descriptor_read(&d, (const struct postseal_plugin *)numbers,
				 "x.so", NULL),
		-EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_numbers_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
