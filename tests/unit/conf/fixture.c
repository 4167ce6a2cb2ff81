/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/conf/fixture.h"

#include "tests/lib/test.h"
#include "util/mem.h"

/* clang-format off */
static const char *const levels[] = { "error", "warning", "info", NULL };
static const char *const protocols[] = { "imap", "smtp", "https", NULL };
static const char *const keys[] = { "ecdsa-p256", "ecdsa-p384", "rsa-2048", NULL };

static const struct conf_setting root[] = {
	{ .name = "admin_contact", .type = CONF_EMAIL, .flags = CONF_REQUIRED,
	  .text = "Whom a CA may write to." },
	{ .name = "log_level", .type = CONF_ENUM, .fallback = "info", .values = levels,
	  .text = "What is logged: this and what is worse." },
	{ .name = "state_directory", .type = CONF_PATH, .fallback = "/var/lib/postseal",
	  .flags = CONF_AT_START, .text = "Where the database lies." },
	{ .name = "workers", .type = CONF_INT, .fallback = "2", .min = 1, .max = 64,
	  .text = "How many front workers run." },
	{ .name = "greeting", .type = CONF_STRING, .text = "Any text." },
	{ .name = "hostname", .type = CONF_NAME, .text = "The name of this machine." },
	{ .name = "base", .type = CONF_STRING, .fallback = "example.org",
	  .text = "Something to refer to." },
	{ .name = "drain_timeout", .type = CONF_DURATION, .fallback = "10m",
	  .min = 0, .max = INT64_C(86400000000), .text = "How long old sessions last." },
	{ .name = "pin", .type = CONF_STRING, .flags = CONF_SECRET, .max = 12,
	  .text = "A secret." },
};

static const struct conf_setting authority[] = {
	{ .name = "directory", .type = CONF_URL, .flags = CONF_REQUIRED,
	  .text = "The URL of the directory." },
	{ .name = "agree_to_terms", .type = CONF_BOOL, .fallback = "no",
	  .text = "Whether the CA's terms are agreed to." },
	{ .name = "eab_key", .type = CONF_STRING, .flags = CONF_SECRET,
	  .text = "The key of an external account." },
};

static const struct conf_setting policy[] = {
	{ .name = "authority", .type = CONF_REFS, .refers = "authority",
	  .flags = CONF_REQUIRED | CONF_INHERITED, .text = "Who signs." },
	{ .name = "challenge", .type = CONF_ENUMS, .fallback = "http-01",
	  .flags = CONF_INHERITED, .text = "Challenges, in order." },
	{ .name = "dns", .type = CONF_REF, .refers = "dns", .flags = CONF_INHERITED,
	  .text = "Who publishes." },
	{ .name = "names", .type = CONF_NAMES, .fallback = "%d mail.%d",
	  .flags = CONF_INHERITED, .text = "The names of a certificate." },
	{ .name = "deploy", .type = CONF_REFS, .refers = "deploy", .fallback = "front",
	  .flags = CONF_INHERITED, .text = "Where certificates go." },
	{ .name = "key_type", .type = CONF_ENUM, .values = keys,
	  .fallback = "ecdsa-p256", .flags = CONF_INHERITED, .text = "The key." },
	{ .name = "renew_before", .type = CONF_DURATION, .flags = CONF_INHERITED,
	  .text = "When a certificate is renewed." },
};

static const struct conf_setting domain[] = {
	{ .name = "policy", .type = CONF_REF, .refers = "policy",
	  .text = "Where the rest comes from." },
	{ .name = "note", .type = CONF_STRING, .text = "For people." },
};

static const struct conf_setting listener[] = {
	{ .name = "address", .type = CONF_ADDRESSES, .flags = CONF_REQUIRED, .min = 1,
	  .max = 4, .text = "Where it listens." },
	{ .name = "protocol", .type = CONF_ENUM, .values = protocols,
	  .flags = CONF_REQUIRED, .text = "What is spoken." },
	{ .name = "backend", .type = CONF_ADDRESS, .text = "Who speaks behind it." },
	{ .name = "buffer", .type = CONF_SIZE, .fallback = "16k", .min = 4096,
	  .max = 1048576, .unit = "octets", .text = "Memory for a connection." },
	{ .name = "trusted", .type = CONF_STRINGS, .text = "Words." },
	{ .name = "socket_mode", .type = CONF_MODE, .fallback = "0660",
	  .text = "The mode of a socket." },
};

static const struct conf_setting acmedns[] = {
	{ .name = "api", .type = CONF_URL, .flags = CONF_REQUIRED, .text = "Its API." },
	{ .name = "token", .type = CONF_STRING, .flags = CONF_REQUIRED | CONF_SECRET,
	  .text = "What opens it." },
};

static const struct conf_setting files[] = {
	{ .name = "mode", .type = CONF_MODE, .fallback = "0640", .text = "Of the file." },
	{ .name = "command", .type = CONF_STRINGS, .text = "Run afterwards." },
};

static const struct conf_kind kinds[] = {
	/* The domain first: its base is not known yet. */
	{ .name = "domain", .flags = CONF_BLOCK_PATTERN, .settings = domain,
	  .n_settings = ARRAY_SIZE(domain), .base_kind = "policy",
	  .base_setting = "policy", .text = "An operator's unit." },
	{ .name = "authority", .settings = authority,
	  .n_settings = ARRAY_SIZE(authority), .text = "A CA." },
	{ .name = "policy", .settings = policy, .n_settings = ARRAY_SIZE(policy),
	  .base_kind = "policy", .text = "What domains have in common." },
	{ .name = "listener", .settings = listener, .n_settings = ARRAY_SIZE(listener),
	  .text = "A port." },
	{ .name = "dns", .flags = CONF_BLOCK_PLUGIN, .text = "A provider." },
	{ .name = "deploy", .flags = CONF_BLOCK_PLUGIN, .text = "A deployer." },
};

/* clang-format on */

struct conf_schema *fixture_new_schema(void)
{
	struct conf_schema *schema = conf_schema_new(root, ARRAY_SIZE(root));

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		conf_schema_add_kind(schema, &kinds[i]);
	conf_schema_add_plugin(
		schema, "dns", "acmedns", acmedns, ARRAY_SIZE(acmedns), "An acme-dns.");
	conf_schema_add_plugin(
		schema, "deploy", "files", files, ARRAY_SIZE(files), "Writes files.");
	conf_schema_add_value(schema, "policy", "deploy", "front");
	conf_schema_add_value(schema, "policy", "challenge", "http-01");
	conf_schema_add_value(schema, "policy", "challenge", "dns-01");
	return schema;
}

char *fixture_format_report(const struct conf_report *report)
{
	struct buf out = BUF_INIT(1024 * 1024);

	for (size_t i = 0; i < report->n; i++) {
		_cleanup_(freep) char *line =
			conf_report_format_entry(&report->entry[i]);
		(void)buf_printf(&out, "%s\n", line);
	}
	return buf_steal(&out);
}

struct conf *fixture_load_text(const char *text, char **ret_report)
{
	_cleanup_(conf_schema_freep) struct conf_schema *schema = fixture_new_schema();
	struct conf_report report;
	struct conf *conf = NULL;

	conf_report_init(&report);
	int r = conf_load_text(&conf, schema, "t.conf", text, &report);
	assert_true((r == 0) == (report.n_errors == 0));
	assert_true((r == 0) == (conf != NULL));
	*ret_report = fixture_format_report(&report);
	conf_report_done(&report);
	return conf;
}

struct conf *fixture_load(const char *directory, const char *file,
	const char *const *overrides, char **ret_report)
{
	_cleanup_(conf_schema_freep) struct conf_schema *schema = fixture_new_schema();
	struct conf_report report;
	struct conf *conf = NULL;
	struct conf_params params = {
		.directory = directory,
		.file = file,
		.overrides = overrides,
	};

	conf_report_init(&report);
	int r = conf_load(&conf, schema, &params, &report);
	assert_true((r == 0) == (report.n_errors == 0));
	*ret_report = fixture_format_report(&report);
	conf_report_done(&report);
	return conf;
}

struct conf *fixture_load_good(const char *text)
{
	_cleanup_(freep) char *report = NULL;
	struct conf *conf = fixture_load_text(text, &report);

	assert_string_equal(report, "");
	assert_non_null(conf);
	return conf;
}
