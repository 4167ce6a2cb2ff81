/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands backup and restore, which need no daemon. */
#include <errno.h>

#include "core/wanted/load.h"
#include "ctl/ctl.h"
#include "ctl/print.h"
#include "store/event.h"
#include "store/store.h"
#include "util/mem.h"
#include "util/text.h"

static char *database_path(const struct loaded *loaded)
{
	const struct conf_block *root = conf_get_root(loaded->conf);

	return xasprintf("%s/" STORE_FILE, conf_get_string(root, "state_directory"));
}

static int backup(
	struct ctl *ctl, const struct loaded *loaded, const struct arguments *arguments)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(store_closep) struct store *store = NULL;
	_cleanup_(freep) char *path = database_path(loaded);
	const char *to = arguments_word(arguments, 0);
	int r = store_open(&store, path, STORE_READ_ONLY, &err);

	if (r >= 0)
		r = store_backup(store, to, &err);
	if (r < 0) {
		print_err(ctl->err, &err);
		return COMMAND_FAILED;
	}
	print_line(ctl->out, "%s is copied to %s; it holds all keys", path, to);
	return COMMAND_OK;
}

int ctl_run_backup(struct ctl *ctl, const struct arguments *arguments)
{
	return ctl_with_loaded(ctl, arguments, backup);
}

/* Into the audit trail of what was restored. If that cannot be, the restore is good all
 * the same. */
static void tell_restored(const char *path, const char *from, usec_t wall_now_usec)
{
	_cleanup_(store_closep) struct store *store = NULL;
	_cleanup_(freep) char *text =
		xasprintf("the database was restored from %.1000s", from);
	struct store_event event = {
		.at_usec = wall_now_usec,
		.kind = (char *)"restore",
		.text = text,
	};

	text_clean(text);
	if (store_open(&store, path, 0, NULL) >= 0)
		store_event_add(store, &event, 0, NULL);
}

static int restore(
	struct ctl *ctl, const struct loaded *loaded, const struct arguments *arguments)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) char *path = database_path(loaded);
	_cleanup_(freep) char *aside = NULL;
	const char *from = arguments_word(arguments, 0);
	_cleanup_(loop_freep) struct loop *own = NULL;
	int r = ctl->loop ? 0 : loop_new_epoll(&own, &err);

	if (r >= 0)
		r = store_restore(path, from,
			loop_wall_now(ctl->loop ? ctl->loop : own), &aside, &err);
	if (r < 0) {
		print_err(ctl->err, &err);
		if (r == -EBUSY)
			print_problem(
				ctl->err, "stop postseald first; nothing was changed");
		return COMMAND_FAILED;
	}
	tell_restored(path, from, loop_wall_now(ctl->loop ? ctl->loop : own));
	print_line(ctl->out, "%s is restored from %s", path, from);
	if (aside)
		print_line(ctl->out, "what was there before is kept as %s", aside);
	print_line(ctl->out, "now start postseald: systemctl restart postseal");
	return COMMAND_OK;
}

int ctl_run_restore(struct ctl *ctl, const struct arguments *arguments)
{
	return ctl_with_loaded(ctl, arguments, restore);
}
