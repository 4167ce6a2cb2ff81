/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command upgrade. The daemon that is asked is not the one that can tell the end: it
 * gives way to its successor, which is then asked until it is ready.
 */
#include <time.h>

#include "ctl/daemon.h"
#include "ctl/print.h"
#include "util/mem.h"

#define CHECK_DEADLINE_USEC (90 * USEC_PER_SEC)
#define ASK_DEADLINE_USEC   (5 * USEC_PER_SEC)
/* Ten times a second, for a minute. */
#define TRIES_MAX 600
#define TRY_NSEC  (100 * 1000 * 1000)

struct image {
	int64_t generation; /* 0: nothing was heard */
	char *version;      /* owned */
	bool is_ready;
};

static void on_image(const json_t *row, void *userdata)
{
	struct image *image = userdata;

	image->generation = json_view_int(row, "generation", 0);
	image->is_ready = json_view_bool(row, "ready", false);
	free(image->version);
	image->version = xstrdup(json_view_string(row, "version"));
}

static bool is_there(struct ctl *ctl, const struct image *old, struct image *image)
{
	json_t *args = json_object();

	json_object_set_new(args, "ask", json_true());
	int code = daemon_ask(ctl, &(struct daemon_call){
					   .name = "upgrade",
					   .args = args,
					   .on_row = on_image,
					   .userdata = image,
					   .deadline_usec = ASK_DEADLINE_USEC,
					   .is_mute = true,
				   });

	return code == COMMAND_OK && image->is_ready &&
	       image->generation != old->generation;
}

static int wait_for_successor(struct ctl *ctl, const struct image *old)
{
	const struct timespec pause = { .tv_nsec = TRY_NSEC };
	struct image image = { 0 };
	bool found = false;

	for (unsigned i = 0; i < TRIES_MAX && !found; i++) {
		nanosleep(&pause, NULL);
		found = is_there(ctl, old, &image);
	}
	if (found)
		print_line(ctl->out, "postseal %s runs now, in place of %s",
			image.version ? image.version : "?",
			old->version ? old->version : "?");
	else
		print_problem(ctl->err,
			"the new build was started and is not ready; its log tells "
			"why. Sessions go on meanwhile");
	free(image.version);
	return found ? COMMAND_OK : COMMAND_FAILED;
}

int ctl_run_upgrade(struct ctl *ctl, const struct arguments *arguments)
{
	struct image old = { 0 };
	int code = daemon_ask(ctl, &(struct daemon_call){
					   .name = "upgrade",
					   .on_row = on_image,
					   .userdata = &old,
					   .deadline_usec = CHECK_DEADLINE_USEC,
					   .is_quiet = true,
				   });

	if (code == COMMAND_OK)
		code = wait_for_successor(ctl, &old);
	free(old.version);
	return code;
}
