/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See load.h. A setting that is needed early is found by a light look at the main file:
 * its last plain line outside all blocks. That line alone is then read by the language's
 * own rules. Whoever says such a setting in another way (in an included file, by $name)
 * would be heard too late; that is an error, not a surprise.
 */
#include "core/load.h"

#include <errno.h>
#include <string.h>

#include "conf/file.h"
#include "conf/lexer.h"
#include "core/policy.h"
#include "core/settings.h"
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

/* The last plain line outside all blocks, owned by the caller; NULL = none. */
static char *find_line(const char *data, size_t len, const char *setting)
{
	struct lexer lexer;
	struct lexer_line line;
	char *found = NULL;
	bool in_block = false;

	lexer_init(&lexer, data, len);
	while (lexer_next(&lexer, &line)) {
		if (strcmp(line.text, "}") == 0)
			in_block = false;
		else if (line.text[strlen(line.text) - 1] == '{')
			in_block = true;
		else if (!in_block && !line.problem && says(line.text, setting))
			xstrset(&found, line.text);
	}
	lexer_done(&lexer);
	return found;
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

static char *find_in_file(const struct conf_params *params, const char *setting)
{
	_cleanup_(freep) char *path = format_main_path(params);
	_cleanup_(freep) char *reason = NULL;
	_cleanup_(buf_done) struct buf data = BUF_INIT_SECRET(CONF_FILE_BYTES_MAX);
	struct stat st;

	if (conf_file_read(path, &data, &st, &reason) < 0)
		return NULL; /* the full reading says why */
	return find_line(buf_str(&data), data.len, setting);
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

char *load_find_early(const struct conf_params *params, const char *setting)
{
	_cleanup_(freep) char *line = find_override(params, setting);

	if (!line)
		line = find_in_file(params, setting);
	char *value = line ? read_value(line, setting) : NULL;
	return value ? value : read_value("", setting);
}

/* --- the full reading ------------------------------------------------------------------ */

static void check_early(const struct conf *conf, const struct conf_params *params,
	struct conf_report *report)
{
	for (size_t i = 0; i < ARRAY_SIZE(early_settings); i++) {
		const char *setting = early_settings[i];
		_cleanup_(freep) char *early = load_find_early(params, setting);
		const char *full = conf_get_string(conf_get_root(conf), setting);
		const char *file;
		unsigned line;

		if (full && early && strcmp(early, full) == 0)
			continue;
		conf_get_place(conf_get_root(conf), setting, &file, &line);
		conf_report_error(report, file ? file : MAIN_FILE, line, setting,
			"it is needed before all else: give it by -o or as a plain "
			"line in %s itself, outside all blocks",
			params->file ? params->file : MAIN_FILE);
	}
}

static int read_files(struct conf **ret, const struct conf_schema *schema,
	const struct plugin_host *host, const struct load_params *params,
	struct conf_report *report)
{
	_cleanup_(conf_unrefp) struct conf *conf = NULL;
	size_t n_errors = report->n_errors;

	int r = conf_load(&conf, schema, &params->conf, report);
	if (r < 0)
		return r;
	check_early(conf, &params->conf, report);
	policy_check(conf, host, report);
	if (report->n_errors > n_errors)
		return -EINVAL;
	*ret = TAKE_PTR(conf);
	return 0;
}

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
	int r = read_files(&loaded.conf, loaded.schema, loaded.host, params, report);
	if (r < 0)
		return r;
	*ret = loaded;
	loaded = (struct loaded){ 0 };
	return 0;
}

int load_again(struct conf **ret, const struct loaded *loaded,
	const struct load_params *params, struct conf_report *report)
{
	const char *setting = "plugin_directory";
	const char *before = conf_get_string(conf_get_root(loaded->conf), setting);
	const char *file;
	unsigned line;

	int r = read_files(ret, loaded->schema, loaded->host, params, report);
	if (r < 0 || strcmp(before, conf_get_string(conf_get_root(*ret), setting)) == 0)
		return r;
	conf_get_place(conf_get_root(*ret), setting, &file, &line);
	conf_report_warning(report, file ? file : MAIN_FILE, line, setting,
		"plugins stay those of %s until postseald is started anew", before);
	return 0;
}

void loaded_done(struct loaded *loaded)
{
	loaded->conf = conf_unref(loaded->conf);
	loaded->schema = conf_schema_free(loaded->schema);
	loaded->host = plugin_host_free(loaded->host);
}
