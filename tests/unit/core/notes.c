/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/core/notes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/wanted/settings.h"
#include "tests/lib/test.h"
#include "util/buf.h"
#include "util/mem.h"

struct note {
	const struct postseal_services *services;
	char *label;
	const char *mode;
};

static struct buf notes = BUF_INIT(1024 * 1024);

const char *notes_get(void)
{
	return buf_str(&notes);
}

void notes_reset(void)
{
	buf_done(&notes);
}

static void write_note(const char *what, const struct note *note, const char *rest)
{
	buf_printf(&notes, "%s%s:%s%s", notes.len ? " " : "", what, note->label, rest);
}

/* --- the notifier -------------------------------------------------------------------------- */

static int note_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	const char *mode = services->get_string(host, "mode");

	if (strcmp(mode, "broken") == 0) {
		snprintf(detail, size, "it is broken");
		return -EIO;
	}
	struct note *note = xnew(struct note);
	note->services = services;
	note->label = xstrdup(services->get_string(host, "label"));
	note->mode = mode;
	write_note("open", note, "");
	*ret = note;
	return 0;
}

static void note_close(void *instance)
{
	struct note *note = instance;

	write_note("close", note, "");
	free(note->label);
	free(note);
}

static void note_notify(void *instance, const struct postseal_notice *notice,
	struct postseal_call *call)
{
	struct note *note = instance;
	struct postseal_result result = { .size = sizeof(result) };
	_cleanup_(freep) char *text = xasprintf(":%s:%s:%s", notice->kind,
		notice->subject ? notice->subject : "", notice->text);

	write_note("told", note, text);
	if (strcmp(note->mode, "hang") == 0)
		return;
	if (strcmp(note->mode, "fail") == 0) {
		result.outcome = POSTSEAL_FAILED;
		result.detail = "nobody is in";
	}
	note->services->complete(call, &result);
}

static void note_cancel(void *instance, struct postseal_call *call)
{
	write_note("cancel", instance, "");
}

/* clang-format off */
static const char *const modes[] = { "ok", "fail", "hang", "broken", NULL };

static const struct postseal_setting note_settings[] = {
	{ .name = "label", .type = POSTSEAL_SETTING_STRING, .fallback = "default", .text = "A name." },
	{ .name = "mode", .type = POSTSEAL_SETTING_ENUM, .fallback = "ok", .values = modes, .text = "What it does." },
	{ .name = NULL },
};

/* clang-format on */

static const struct postseal_notify note_methods = {
	.size = sizeof(note_methods),
	.notify = note_notify,
	.cancel = note_cancel,
};

static const struct postseal_plugin note_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_NOTIFY,
	.name = "note",
	.summary = "Writes down what it is told.",
	.version = "1",
	.settings = note_settings,
	.open = note_open,
	.close = note_close,
	.notify = &note_methods,
};

/* --- the challenge ---------------------------------------------------------------------------- */

static const struct postseal_services *probe_services;

static int probe_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	probe_services = services;
	*ret = NULL;
	return 0;
}

static void probe_close(void *instance)
{
}

static void probe_present(
	void *instance, const struct postseal_task *task, struct postseal_call *call)
{
	probe_services->complete(call,
		&(struct postseal_result){ .size = sizeof(struct postseal_result) });
}

static const struct postseal_challenge probe_methods = {
	.size = sizeof(probe_methods),
	.type = "probe-01",
	.present = probe_present,
};

static const struct postseal_plugin probe_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_CHALLENGE,
	.name = "probe",
	.summary = "Does nothing.",
	.version = "1",
	.open = probe_open,
	.close = probe_close,
	.challenge = &probe_methods,
};

/* --- what stands on them ---------------------------------------------------------------------- */

static const struct plugin_backing backing;

struct plugin_host *notes_new_host(struct loop *loop)
{
	struct plugin_host *host = NULL;

	assert_int_equal(plugin_host_new(&host,
				 &(struct plugin_host_params){
					 .loop = loop,
					 .backing = &backing,
				 },
				 NULL),
		0);
	assert_int_equal(plugin_host_add(host, &note_plugin, NULL), 0);
	assert_int_equal(plugin_host_add(host, &probe_plugin, NULL), 0);
	return host;
}

struct conf *notes_load(struct plugin_host *host, const char *text)
{
	_cleanup_(conf_schema_freep) struct conf_schema *schema =
		settings_new_schema(host);
	struct conf_report report;
	struct conf *conf = NULL;

	conf_report_init(&report);
	if (conf_load_text(&conf, schema, "t.conf", text, &report) < 0) {
		for (size_t i = 0; i < report.n; i++) {
			_cleanup_(freep) char *entry =
				conf_report_format_entry(&report.entry[i]);
			print_error("%s\n", entry);
		}
		fail();
	}
	conf_report_done(&report);
	return conf;
}
