/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Prints postseal.conf(5): the frame given as first argument, with the settings of the
 * program and of the plugins (further arguments: shared objects) in place of @SETTINGS@.
 * Run while building; not installed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf/schema.h"
#include "core/wanted/settings.h"
#include "io/atomic_file.h"
#include "util/buf.h"
#include "util/mem.h"

#define MARK             "@SETTINGS@\n"
#define MANUAL_BYTES_MAX (1024 * 1024)

static int add_plugins(struct plugin_host *host, char **paths, struct err *err)
{
	for (; *paths; paths++) {
		void *object = dlopen(*paths, RTLD_NOW | RTLD_LOCAL);
		const struct postseal_plugin *plugin =
			object ? dlsym(object, "postseal_plugin") : NULL;

		if (!plugin)
			return err_set(err, -ENOENT, "%s: %s", *paths, dlerror());
		int r = plugin_host_add(host, plugin, err);
		if (r < 0)
			return err_wrap(err, r, "%s", *paths);
	}
	return 0;
}

static int print_manual(
	const struct plugin_host *host, const char *frame, struct err *err)
{
	_cleanup_(conf_schema_freep) struct conf_schema *schema =
		settings_new_schema((struct plugin_host *)host);
	_cleanup_(buf_done) struct buf text = BUF_INIT(MANUAL_BYTES_MAX);
	_cleanup_(buf_done) struct buf settings = BUF_INIT(MANUAL_BYTES_MAX);
	int r = file_read(frame, 0, MANUAL_BYTES_MAX, &text, err);

	if (r < 0)
		return r;
	const char *mark = strstr(buf_str(&text), MARK);
	if (!mark)
		return err_set(err, -EINVAL, "%s has no line " MARK, frame);
	r = conf_schema_format_manual(schema, &settings);
	if (r < 0)
		return err_set(err, r, "the settings are too long");
	printf("%.*s%s%s", (int)(mark - buf_str(&text)), buf_str(&text),
		buf_str(&settings), mark + strlen(MARK));
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(loop_freep) struct loop *loop = NULL;
	_cleanup_(plugin_host_freep) struct plugin_host *host = NULL;
	int r = argc < 2 ? err_set(&err, -EINVAL,
				   "usage: settings-manual FRAME [OBJECT]...")
			 : loop_new_sdevent(&loop, &err);

	if (r >= 0) {
		struct plugin_host_params params = { .loop = loop };

		r = plugin_host_new(&host, &params, &err);
	}
	if (r >= 0)
		r = add_plugins(host, argv + 2, &err);
	if (r >= 0)
		r = print_manual(host, argv[1], &err);
	if (r >= 0)
		return 0;
	_cleanup_(freep) char *why = err_format(&err);
	fprintf(stderr, "settings-manual: %s\n", why);
	return 1;
}
