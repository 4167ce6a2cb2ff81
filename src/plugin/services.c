/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of services, and those that are done at once. A plugin is code of ours in the
 * end, so it is not fenced in; but its slips (a setting that is not its own, an instance
 * that is closed, a size that was forgotten) are caught here rather than in a core dump.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/atomic_file.h"
#include "plugin/call_priv.h"
#include "plugin/service_priv.h"
#include "util/mem.h"
#include "util/text.h"

#define FILES_MAX       64
#define FILE_BYTES_MAX  (1024 * 1024)
#define STATE_BYTES_MAX (64 * 1024)
#define STATE_NAME_MAX  255
#define LOG_BYTES_MAX   1024

/* --- log ------------------------------------------------------------------------------- */

static void service_log(
	struct postseal_host *host, enum postseal_log_level level, const char *text)
{
	const struct plugin_instance *instance = plugin_instance_of(host);
	bool is_known = level >= POSTSEAL_LOG_ERROR && level <= POSTSEAL_LOG_DEBUG;

	if (instance && text)
		log_at(&instance->log,
			is_known ? (enum log_level)level : LOG_LEVEL_WARNING, __FILE__,
			__LINE__, "%.*s", LOG_BYTES_MAX, text);
}

/* --- settings --------------------------------------------------------------------------- */

/* Which getter is for which type. */
static const enum conf_type getters[] = {
	[POSTSEAL_SETTING_STRING] = CONF_STRING,
	[POSTSEAL_SETTING_STRINGS] = CONF_STRINGS,
	[POSTSEAL_SETTING_BOOL] = CONF_BOOL,
	[POSTSEAL_SETTING_INT] = CONF_INT,
	[POSTSEAL_SETTING_DURATION] = CONF_DURATION,
	[POSTSEAL_SETTING_ENUM] = CONF_STRING,
	[POSTSEAL_SETTING_PATH] = CONF_STRING,
	[POSTSEAL_SETTING_ADDRESSES] = CONF_STRINGS,
	[POSTSEAL_SETTING_URL] = CONF_STRING,
	[POSTSEAL_SETTING_MODE] = CONF_INT,
};

/* The block to ask, or NULL (and said) if the plugin has no such setting. */
static const struct conf_block *block_for(
	struct postseal_host *host, const char *setting, enum conf_type getter)
{
	const struct plugin_instance *instance = plugin_instance_of(host);

	if (!instance)
		return NULL;
	const struct postseal_setting *row =
		plugin_find_setting(instance->plugin, setting);
	if (row && getters[row->type] == getter)
		return instance->block;
	log_warning(&instance->log, "asks for the setting %s, which it has not%s",
		setting ? setting : "?", row ? " of that type" : "");
	return NULL;
}

static const char *service_get_string(struct postseal_host *host, const char *setting)
{
	const struct conf_block *block = block_for(host, setting, CONF_STRING);

	return block ? conf_get_string(block, setting) : NULL;
}

static const char *const *service_get_list(
	struct postseal_host *host, const char *setting)
{
	static const char *const none[] = { NULL };
	const struct conf_block *block = block_for(host, setting, CONF_STRINGS);

	return block ? (const char *const *)conf_get_list(block, setting) : none;
}

static int64_t service_get_int(struct postseal_host *host, const char *setting)
{
	const struct conf_block *block = block_for(host, setting, CONF_INT);

	return block ? conf_get_int(block, setting) : 0;
}

static int service_get_bool(struct postseal_host *host, const char *setting)
{
	const struct conf_block *block = block_for(host, setting, CONF_BOOL);

	return block && conf_get_bool(block, setting);
}

static uint64_t service_get_duration(struct postseal_host *host, const char *setting)
{
	const struct conf_block *block = block_for(host, setting, CONF_DURATION);

	return block ? conf_get_duration(block, setting) : 0;
}

/* --- state ------------------------------------------------------------------------------ */

/* Kinds share names; what is kept goes by the name that the plugin's file has. */
static char *format_owner(const struct plugin_instance *instance)
{
	return xasprintf("%s-%s", plugin_kind_name(plugin_get_kind(instance->plugin)),
		plugin_get_name(instance->plugin));
}

static int report(const struct plugin_instance *instance, const char *what, int r,
	const struct err *err)
{
	_cleanup_(freep) char *text = err_format(err);

	log_warning(
		&instance->log, "%s: %s", what, err_is_set(err) ? text : strerror(-r));
	return r;
}

static bool is_state_name(const char *name)
{
	return name && name[0] && strnlen(name, STATE_NAME_MAX + 1) <= STATE_NAME_MAX;
}

static int service_load_state(struct postseal_host *host, const char *name, char **ret)
{
	const struct plugin_instance *instance = plugin_instance_of(host);
	_cleanup_(err_done) struct err err = ERR_INIT;

	*ret = NULL;
	if (!instance || !is_state_name(name))
		return -EINVAL;
	const struct plugin_backing *backing = instance->host->params.backing;
	_cleanup_(freep) char *owner = format_owner(instance);
	int r = backing->load_state(backing->userdata, owner, name, ret, &err);
	return r < 0 ? report(instance, "load state", r, &err) : 0;
}

static int service_save_state(
	struct postseal_host *host, const char *name, const char *text)
{
	const struct plugin_instance *instance = plugin_instance_of(host);
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (!instance || !is_state_name(name))
		return -EINVAL;
	if (text && strnlen(text, STATE_BYTES_MAX + 1) > STATE_BYTES_MAX)
		return -E2BIG;
	const struct plugin_backing *backing = instance->host->params.backing;
	_cleanup_(freep) char *owner = format_owner(instance);
	int r = backing->save_state(backing->userdata, owner, name, text, &err);
	return r < 0 ? report(instance, "save state", r, &err) : 0;
}

/* --- files ------------------------------------------------------------------------------ */

static const char *check_file(const struct postseal_file *file)
{
	if (!file->path || file->path[0] != '/')
		return "not an absolute path";
	if (file->len > FILE_BYTES_MAX || (!file->data && file->len > 0))
		return "too large";
	if (file->mode & ~0777U)
		return "a mode with special bits";
	return NULL;
}

static int check_files(const struct postseal_file *files, size_t n, struct err *err)
{
	if (n == 0 || n > FILES_MAX)
		return err_set(err, -EINVAL, "%zu files, 1 to %d can be written", n,
			FILES_MAX);
	for (size_t i = 0; i < n; i++) {
		const char *problem = check_file(&files[i]);
		if (problem)
			return err_set(err, -EINVAL, "%s: %s",
				files[i].path ? files[i].path : "?", problem);
	}
	return 0;
}

static int write_files(const struct postseal_file *files, size_t n, struct err *err)
{
	struct atomic_file_params params[FILES_MAX];

	int r = check_files(files, n, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		params[i] = (struct atomic_file_params){
			.path = files[i].path,
			.data = files[i].data,
			.len = files[i].len,
			.mode = files[i].mode,
			.owner = files[i].owner,
			.group = files[i].group,
		};
	return atomic_file_write_set(params, n, err);
}

static int service_write_files(struct postseal_host *host,
	const struct postseal_file *files, size_t n, char *detail, size_t size)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = -ESHUTDOWN;

	if (plugin_instance_of(host))
		r = write_files(files, n, &err);
	if (r == 0 || !detail || size < 4)
		return r;
	_cleanup_(freep) char *text = err_format(&err);
	text_format(detail, size, "%s", text);
	return r;
}

const struct postseal_services plugin_services = {
	.size = sizeof(plugin_services),
	.complete = plugin_call_complete,
	.call_set_data = plugin_call_set_data,
	.call_get_data = plugin_call_get_data,
	.log = service_log,
	.get_string = service_get_string,
	.get_list = service_get_list,
	.get_int = service_get_int,
	.get_bool = service_get_bool,
	.get_duration = service_get_duration,
	.load_state = service_load_state,
	.save_state = service_save_state,
	.timer_start = service_timer_start,
	.timer_cancel = service_timer_cancel,
	.watch_start = service_watch_start,
	.watch_cancel = service_watch_cancel,
	.http_start = service_http_start,
	.http_cancel = service_http_cancel,
	.exec_start = service_exec_start,
	.exec_cancel = service_exec_cancel,
	.write_files = service_write_files,
	.publish_start = service_publish_start,
	.look_start = service_look_start,
	.publication_cancel = service_publication_cancel,
	.withdraw = service_withdraw,
	.txt_start = service_txt_start,
	.txt_cancel = service_txt_cancel,
	.lookup_start = service_lookup_start,
	.lookup_cancel = service_lookup_cancel,
};
