/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See load.h. A setting that is needed early is found by a light look at the main file:
 * its last plain line outside all blocks. That line alone is then read by the language's
 * own rules. Whoever says such a setting in another way (in an included file, by $name)
 * would be heard too late; that is an error, not a surprise.
 */
#include "core/wanted/load.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "conf/file.h"
#include "conf/lexer.h"
#include "core/wanted/policy.h"
#include "core/wanted/settings.h"
#include "util/mem.h"

#define MAIN_FILE "postseal.conf"

static const char *const early_settings[] = { "plugin_directory", "run_directory" };

/* --- the light look ------------------------------------------------------------------- */

static char *format_main_path(const struct conf_params *params)
{
	return xasprintf(
		"%s/%s", params->directory, params->file ? params->file : MAIN_FILE);
}

/* Is this line "setting = …"? */
static bool says(const char *line, const char *setting)
{
	size_t len = strlen(setting);

	if (strncmp(line, setting, len) != 0)
		return false;
	line += len;
	return line[strspn(line, " \t")] == '=';
}

static char *find_override(const struct conf_params *params, const char *setting)
{
	const char *found = NULL;

	for (size_t i = 0; params->overrides && params->overrides[i]; i++) {
		if (says(params->overrides[i], setting))
			found = params->overrides[i];
	}
	return xstrdup(found);
}

/* For each setting the override that says it, or else the last plain line outside all
 * blocks. The file is read once for all of them, and only if one is not overridden. */
struct look {
	size_t n;
	const char *setting[ARRAY_SIZE(early_settings)]; /* borrowed */
	char *found[ARRAY_SIZE(early_settings)];         /* owned; NULL = nowhere */
	bool is_overridden[ARRAY_SIZE(early_settings)];
	struct buf data; /* the main file; its lines are looked at by the lexer */
	struct lexer lexer;
	bool in_block;
};

static void look_init(struct look *look, const struct conf_params *params,
	const char *const *settings, size_t n)
{
	_cleanup_(freep) char *path = format_main_path(params);
	_cleanup_(freep) char *reason = NULL;
	bool is_wanted = false;
	struct stat st;

	*look = (struct look){
		.n = n,
		.data = BUF_INIT_SECRET(CONF_FILE_BYTES_MAX),
	};
	for (size_t i = 0; i < n; i++) {
		look->setting[i] = settings[i];
		look->found[i] = find_override(params, settings[i]);
		look->is_overridden[i] = look->found[i];
		is_wanted |= !look->found[i];
	}
	/* Why a file cannot be read is said by the full reading. */
	if (!is_wanted || conf_file_read(path, &look->data, &st, &reason) < 0)
		buf_done(&look->data);
	lexer_init(&look->lexer, buf_str(&look->data), look->data.len);
}

static void look_at_line(struct look *look, const struct lexer_line *line)
{
	size_t len = strlen(line->text);

	if (strcmp(line->text, "}") == 0) {
		look->in_block = false;
		return;
	}
	if (len > 0 && line->text[len - 1] == '{') {
		look->in_block = true;
		return;
	}
	if (look->in_block || line->problem)
		return;
	for (size_t i = 0; i < look->n; i++)
		if (!look->is_overridden[i] && says(line->text, look->setting[i]))
			xstrset(&look->found[i], line->text);
}

static bool look_step(struct look *look)
{
	struct lexer_line line;
	enum lexer_found found = lexer_step(&look->lexer, &line);

	if (found == LEXER_LINE)
		look_at_line(look, &line);
	return found != LEXER_END;
}

static void look_done(struct look *look)
{
	lexer_done(&look->lexer);
	buf_done(&look->data);
	for (size_t i = 0; i < look->n; i++)
		free(look->found[i]);
}

/* The value that a text of one line gives the setting; NULL if the line is wrong. */
static char *read_value(const char *line, const char *setting)
{
	_cleanup_(conf_schema_freep) struct conf_schema *schema =
		settings_new_schema(NULL);
	_cleanup_(conf_unrefp) struct conf *conf = NULL;
	struct conf_report report;
	char *value = NULL;

	conf_report_init(&report);
	if (conf_load_text(&conf, schema, "-", line, &report) >= 0)
		value = xstrdup(conf_get_string(conf_get_root(conf), setting));
	conf_report_done(&report);
	return value;
}

/* What was found, else the default. Owned by the caller. */
static char *look_get_value(const struct look *look, size_t i)
{
	const char *setting = look->setting[i];
	char *value = look->found[i] ? read_value(look->found[i], setting) : NULL;

	return value ? value : read_value("", setting);
}

char *load_find_early(const struct conf_params *params, const char *setting)
{
	_cleanup_(look_done) struct look look;

	look_init(&look, params, &setting, 1);
	while (look_step(&look))
		;
	return look_get_value(&look, 0);
}

/* --- the full reading ------------------------------------------------------------------ */

enum phase {
	PHASE_FILES,   /* by conf/ */
	PHASE_TAKE,    /* what it has made of them */
	PHASE_OPEN,    /* the main file, for the light look */
	PHASE_LOOK,    /* at its lines */
	PHASE_COMPARE, /* with what the full reading has found */
	PHASE_POLICY,  /* what only the whole can tell to be wrong */
	PHASE_END,
};

struct load_reading {
	struct conf_params params;      /* strings borrowed */
	const struct plugin_host *host; /* borrowed */
	struct conf_report *report;     /* borrowed */
	char *folder;                   /* owned; the plugins' until now, or NULL */
	size_t n_errors_before;
	enum phase phase;
	struct conf_loading
		*loading; /* owned, like those below; NULL when it is over */
	struct look look;
	size_t i_early; /* the setting that is compared next */
	struct policy_checking *checking;
	struct conf *conf; /* NULL at the end: the files are wrong */
};

static struct load_reading *reading_new(const struct conf_schema *schema,
	const struct plugin_host *host, const struct load_params *params,
	struct conf_report *report)
{
	struct load_reading *reading = xnew(struct load_reading);

	reading->params = params->conf;
	reading->host = host;
	reading->report = report;
	reading->n_errors_before = report->n_errors;
	reading->loading = conf_loading_new(schema, &reading->params, report);
	return reading;
}

struct load_reading *load_reading_new(const struct loaded *loaded,
	const struct load_params *params, struct conf_report *report)
{
	struct load_reading *reading =
		reading_new(loaded->schema, loaded->host, params, report);
	const struct conf_block *before = conf_get_root(loaded->conf);

	reading->folder = xstrdup(conf_get_string(before, "plugin_directory"));
	return reading;
}

static enum phase step_take(struct load_reading *reading)
{
	int r = conf_loading_finish(&reading->loading, &reading->conf);

	return r < 0 ? PHASE_END : PHASE_OPEN;
}

static enum phase step_open(struct load_reading *reading)
{
	look_init(&reading->look, &reading->params, early_settings,
		ARRAY_SIZE(early_settings));
	return PHASE_LOOK;
}

static enum phase step_compare(struct load_reading *reading)
{
	const struct conf_block *root = conf_get_root(reading->conf);
	const char *main_file = reading->params.file ? reading->params.file : MAIN_FILE;
	size_t i = reading->i_early++;

	if (i == ARRAY_SIZE(early_settings))
		return PHASE_POLICY;
	const char *setting = early_settings[i];
	_cleanup_(freep) char *early = look_get_value(&reading->look, i);
	const char *full = conf_get_string(root, setting);
	const char *file;
	unsigned line;
	if (full && early && strcmp(early, full) == 0)
		return PHASE_COMPARE;
	conf_get_place(root, setting, &file, &line);
	conf_report_error(reading->report, file ? file : MAIN_FILE, line, setting,
		"it is needed before all else: give it by -o or as a plain "
		"line in %s itself, outside all blocks",
		main_file);
	return PHASE_COMPARE;
}

static enum phase step_policy(struct load_reading *reading)
{
	if (!reading->checking)
		reading->checking = policy_checking_new(
			reading->conf, reading->host, reading->report);
	return policy_checking_step(reading->checking) ? PHASE_POLICY : PHASE_END;
}

static enum phase step(struct load_reading *reading)
{
	switch (reading->phase) {
	case PHASE_FILES:
		return conf_loading_step(reading->loading) ? PHASE_FILES : PHASE_TAKE;
	case PHASE_TAKE:
		return step_take(reading);
	case PHASE_OPEN:
		return step_open(reading);
	case PHASE_LOOK:
		return look_step(&reading->look) ? PHASE_LOOK : PHASE_COMPARE;
	case PHASE_COMPARE:
		return step_compare(reading);
	case PHASE_POLICY:
		return step_policy(reading);
	case PHASE_END:
		break;
	}
	return PHASE_END;
}

bool load_reading_step(struct load_reading *reading)
{
	reading->phase = step(reading);
	return reading->phase != PHASE_END;
}

static void warn_of_folder(const struct load_reading *reading)
{
	const struct conf_block *root = conf_get_root(reading->conf);
	const char *setting = "plugin_directory";
	const char *file;
	unsigned line;

	if (strcmp(reading->folder, conf_get_string(root, setting)) == 0)
		return;
	conf_get_place(root, setting, &file, &line);
	conf_report_warning(reading->report, file ? file : MAIN_FILE, line, setting,
		"plugins stay those of %s until postseald is started anew",
		reading->folder);
}

int load_reading_finish(struct load_reading **reading, struct conf **ret)
{
	_cleanup_(load_reading_freep) struct load_reading *ended = TAKE_PTR(*reading);

	assert(ended->phase == PHASE_END);
	if (!ended->conf || ended->report->n_errors > ended->n_errors_before)
		return -EINVAL;
	if (ended->folder)
		warn_of_folder(ended);
	*ret = TAKE_PTR(ended->conf);
	return 0;
}

struct load_reading *load_reading_free(struct load_reading *reading)
{
	if (!reading)
		return NULL;
	policy_checking_free(reading->checking);
	look_done(&reading->look);
	conf_loading_free(reading->loading);
	conf_unref(reading->conf);
	free(reading->folder);
	free(reading);
	return NULL;
}

static int read_files(struct load_reading *reading, struct conf **ret)
{
	while (load_reading_step(reading))
		;
	return load_reading_finish(&reading, ret);
}

int load_again(struct conf **ret, const struct loaded *loaded,
	const struct load_params *params, struct conf_report *report)
{
	return read_files(load_reading_new(loaded, params, report), ret);
}

/* --- the first one --------------------------------------------------------------------- */

static int open_host(
	struct plugin_host **ret, const struct load_params *params, struct err *err)
{
	_cleanup_(plugin_host_freep) struct plugin_host *host = NULL;
	_cleanup_(freep) char *directory =
		load_find_early(&params->conf, "plugin_directory");
	const struct plugin_host_params host_params = {
		.loop = params->loop,
		.http = params->http,
		.backing = params->backing,
		.dns = params->dns,
		.noter = params->noter,
		.log = params->log,
	};

	int r = plugin_host_new(&host, &host_params, err);
	if (r >= 0)
		r = plugin_host_load(host, directory, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(host);
	return 0;
}

/* Without plugins every challenge and deployer would be reported as unknown. */
static int report_no_plugins(const struct load_params *params, const struct err *err,
	struct conf_report *report)
{
	_cleanup_(freep) char *path = format_main_path(&params->conf);
	_cleanup_(freep) char *reason = err_format(err);

	conf_report_error(report, path, 0, "plugin_directory",
		"%s; nothing else was checked", reason);
	return -EINVAL;
}

int load_configuration(struct loaded *ret, const struct load_params *params,
	struct conf_report *report)
{
	_cleanup_(loaded_done) struct loaded loaded = { 0 };
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (open_host(&loaded.host, params, &err) < 0)
		return report_no_plugins(params, &err, report);
	loaded.schema = settings_new_schema(loaded.host);
	int r = read_files(
		reading_new(loaded.schema, loaded.host, params, report), &loaded.conf);
	if (r < 0)
		return r;
	*ret = loaded;
	loaded = (struct loaded){ 0 };
	return 0;
}

void loaded_done(struct loaded *loaded)
{
	loaded->conf = conf_unref(loaded->conf);
	loaded->schema = conf_schema_free(loaded->schema);
	loaded->host = plugin_host_free(loaded->host);
}
