/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/plugin/fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/notify.h"
#include "tests/lib/test.h"
#include "util/mem.h"

/* open() has no other way to it. */
static struct fixture *current;

/* --- the plugin -------------------------------------------------------------------------- */

/* clang-format off */
static const char *const colours[] = { "red", "green", NULL };
static const struct postseal_setting settings[] = {
	{ .name = "text", .type = POSTSEAL_SETTING_STRING, .fallback = "hello",
	  .text = "A text." },
	{ .name = "unset", .type = POSTSEAL_SETTING_STRING, .text = "A text." },
	{ .name = "words", .type = POSTSEAL_SETTING_STRINGS, .text = "Words." },
	{ .name = "flag", .type = POSTSEAL_SETTING_BOOL, .fallback = "yes",
	  .text = "A flag." },
	{ .name = "number", .type = POSTSEAL_SETTING_INT, .fallback = "7", .min = 1,
	  .max = 9, .text = "A number." },
	{ .name = "wait", .type = POSTSEAL_SETTING_DURATION, .fallback = "5s",
	  .text = "A duration." },
	{ .name = "colour", .type = POSTSEAL_SETTING_ENUM, .fallback = "green",
	  .values = colours, .text = "A keyword." },
	{ .name = "path", .type = POSTSEAL_SETTING_PATH, .text = "A path." },
	{ .name = "addresses", .type = POSTSEAL_SETTING_ADDRESSES, .text = "Addresses." },
	{ .name = "url", .type = POSTSEAL_SETTING_URL, .text = "A URL." },
	{ .name = "mode", .type = POSTSEAL_SETTING_MODE, .fallback = "0640",
	  .text = "A mode." },
	{ .name = "pin", .type = POSTSEAL_SETTING_STRING,
	  .flags = POSTSEAL_SETTING_SECRET, .text = "A secret." },
	{ .name = NULL },
};

/* clang-format on */

static int probe_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	const char *text = services->get_string(host, "text");

	if (strcmp(text, "wrong") == 0) {
		snprintf(detail, size, "text: this one is wrong");
		return -EINVAL;
	}
	current->handle = host;
	current->services = services;
	*ret = current;
	return 0;
}

static void probe_close(void *instance)
{
	struct fixture *f = instance;

	f->n_closes++;
}

static void probe_notify(void *instance, const struct postseal_notice *notice,
	struct postseal_call *call)
{
	struct fixture *f = instance;

	f->call = call;
	snprintf(f->notice, sizeof(f->notice), "%s/%s/%s/%llu", notice->kind,
		notice->subject ? notice->subject : "-", notice->text,
		(unsigned long long)notice->at_sec);
	if (f->act)
		f->act(f, call);
}

static void probe_cancel(void *instance, struct postseal_call *call)
{
	struct fixture *f = instance;

	f->n_cancels++;
	assert_ptr_equal(call, f->call);
	if (f->completes_in_cancel)
		fixture_complete(f, POSTSEAL_OK, NULL);
}

static const struct postseal_notify probe = {
	.size = sizeof(probe),
	.notify = probe_notify,
	.cancel = probe_cancel,
};

const struct postseal_plugin fixture_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_NOTIFY,
	.name = "probe",
	.summary = "Does what a test says.",
	.version = "1",
	.settings = settings,
	.open = probe_open,
	.close = probe_close,
	.notify = &probe,
};

void fixture_complete(
	struct fixture *f, enum postseal_outcome outcome, const char *detail)
{
	const struct postseal_result result = {
		.size = sizeof(result),
		.outcome = outcome,
		.detail = detail,
	};

	f->services->complete(f->call, &result);
}

/* --- the backing ----------------------------------------------------------------------------- */

static int load_state(void *userdata, const char *plugin, const char *name, char **ret,
	struct err *err)
{
	struct fixture *f = userdata;

	snprintf(f->asked, sizeof(f->asked), "load %s %s", plugin, name);
	if (f->backing_fails)
		return err_set(err, f->backing_fails, "the store is closed");
	*ret = xstrdup(f->state);
	return 0;
}

static int save_state(void *userdata, const char *plugin, const char *name,
	const char *text, struct err *err)
{
	struct fixture *f = userdata;

	snprintf(f->asked, sizeof(f->asked), "save %s %s", plugin, name);
	if (f->backing_fails)
		return err_set(err, f->backing_fails, "the store is closed");
	xstrset(&f->state, text);
	return 0;
}

static void note_answer(
	struct fixture *f, const char *what, const struct postseal_answer *answer)
{
	snprintf(f->asked, sizeof(f->asked), "%s %d %s %s %s", what, (int)answer->kind,
		answer->name, answer->token ? answer->token : "-",
		answer->key_authorization);
}

static int publication_start(struct fixture *f, void **ret_op,
	void (*done)(bool ok, const char *detail, void *done_userdata),
	void *done_userdata, struct err *err)
{
	if (f->backing_fails)
		return err_set(err, f->backing_fails, "no front is there");
	f->publication_done = done;
	f->publication_userdata = done_userdata;
	*ret_op = &f->publication_done;
	return 0;
}

static int publish_start(void *userdata, void **ret_op,
	const struct postseal_answer *answer,
	void (*done)(bool ok, const char *detail, void *done_userdata),
	void *done_userdata, struct err *err)
{
	note_answer(userdata, "publish", answer);
	return publication_start(userdata, ret_op, done, done_userdata, err);
}

static int look_start(void *userdata, void **ret_op,
	const struct postseal_answer *answer,
	void (*done)(bool ok, const char *detail, void *done_userdata),
	void *done_userdata, struct err *err)
{
	note_answer(userdata, "look", answer);
	return publication_start(userdata, ret_op, done, done_userdata, err);
}

static void publication_cancel(void *userdata, void *op)
{
	struct fixture *f = userdata;

	assert_ptr_equal(op, &f->publication_done);
	f->n_cancelled++;
}

static void withdraw(void *userdata, const struct postseal_answer *answer)
{
	note_answer(userdata, "withdraw", answer);
}

/* --- the caller ------------------------------------------------------------------------------- */

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

void fixture_on_done(const struct plugin_result *result, void *userdata)
{
	struct fixture *f = userdata;

	f->n_done++;
	if (f->cancels_in_done)
		f->started = plugin_call_cancel(f->started);
	f->outcome = result->outcome;
	f->retry_usec = result->retry_usec;
	f->n_addresses = result->n_addresses;
	copy(f->detail, sizeof(f->detail), result->detail);
	copy(f->saved, sizeof(f->saved), result->saved);
	if (result->n_addresses > 0) {
		copy(f->address, sizeof(f->address), result->addresses[0].address);
		copy(f->sni, sizeof(f->sni), result->addresses[0].sni);
	}
}

struct plugin_call *fixture_call(struct fixture *f)
{
	const struct postseal_notice notice = {
		.size = sizeof(notice),
		.kind = "served",
		.text = "text",
		.at_sec = 5,
	};

	f->started = NULL;
	assert_int_equal(plugin_notify_start(&f->started, f->instance, &notice,
				 fixture_on_done, f, NULL),
		0);
	assert_non_null(f->started);
	return f->started;
}

/* --- the fixture -------------------------------------------------------------------------------- */

static void load_conf(struct fixture *f, const char *text)
{
	static const struct conf_kind kind = {
		.name = "notify",
		.flags = CONF_BLOCK_PLUGIN,
	};
	static const struct conf_setting names = {
		.name = "notify",
		.type = CONF_REFS,
		.refers = "notify",
		.text = "Whom to tell.",
	};
	_cleanup_(freep) char *block = xasprintf("notify probe {\n%s}\n", text);
	struct conf_report report;

	f->schema = conf_schema_new(&names, 1);
	conf_schema_add_kind(f->schema, &kind);
	plugin_host_extend_schema(f->host, f->schema);
	conf_report_init(&report);
	int r = conf_load_text(&f->conf, f->schema, "test", block, &report);
	for (size_t i = 0; i < report.n; i++)
		print_message(
			"%s: %s\n", report.entry[i].setting, report.entry[i].reason);
	assert_int_equal(r, 0);
	conf_report_done(&report);
}

void fixture_init(struct fixture *f, struct loop *loop, const char *text)
{
	static struct plugin_backing backing;
	const struct plugin_host_params params = {
		.loop = loop,
		.http = f->http,
		.backing = &backing,
	};

	backing = (struct plugin_backing){
		.load_state = load_state,
		.save_state = save_state,
		.publish_start = publish_start,
		.look_start = look_start,
		.publication_cancel = publication_cancel,
		.withdraw = withdraw,
		.userdata = f,
	};
	current = f;
	f->loop = loop;
	assert_int_equal(plugin_host_new(&f->host, &params, NULL), 0);
	assert_int_equal(plugin_host_add(f->host, &fixture_plugin, NULL), 0);
	if (text)
		load_conf(f, text);
	const struct conf_block *block =
		text ? conf_find_block(f->conf, "notify", "probe") : NULL;
	assert_int_equal(plugin_instance_open(&f->instance, f->host,
				 plugin_host_get(f->host, 0), f->conf, block, NULL),
		0);
}

void fixture_done(struct fixture *f)
{
	f->instance = plugin_instance_close(f->instance);
	conf_unref(f->conf);
	conf_schema_free(f->schema);
	plugin_host_free(f->host);
	if (f->http)
		http_client_free(f->http);
	free(f->state);
	loop_free(f->loop);
}
