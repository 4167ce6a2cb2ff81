/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See rescue.h. To look is to open the database as a start would. One that is damaged or
 * newer is looked at again only when another file has its name, since the look reads all
 * of it; a disk may be well at any time.
 */
#include "core/process/rescue.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/workers/last_good.h"
#include "store/event.h"
#include "util/mem.h"

#define LOOK_USEC (20 * USEC_PER_SEC)

/* Which file it is, and when it was changed. */
struct identity {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtim;
};

struct rescue {
	struct loop *loop; /* borrowed */
	char *path;        /* owned; of the database */
	char *cause;       /* owned */
	char *text;        /* owned; the cause, and what to do */
	bool is_lasting;   /* damaged or newer: that does not pass by itself */
	struct identity seen;
	struct loop_timer *timer; /* owned; NULL until rescue_look */
	rescue_over_fn *over;
	void *userdata;
};

/* Nothing that an operator's mistake or another postseald explains. */
static bool is_unusable(int code)
{
	static const int codes[] = { -EUCLEAN, -EPROTO, -EIO, -ENOSPC, -EROFS,
		-EAGAIN };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i] == code)
			return true;
	return false;
}

static bool is_lasting(int code)
{
	return code == -EUCLEAN || code == -EPROTO;
}

static bool is_there(const char *path, const char *suffix)
{
	_cleanup_(freep) char *file = xasprintf("%s%s", path, suffix);
	struct stat st;

	return lstat(file, &st) == 0 || errno != ENOENT;
}

static struct identity identify(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return (struct identity){ .ino = 0 };
	return (struct identity){ st.st_dev, st.st_ino, st.st_size, st.st_mtim };
}

static bool is_same(const struct identity *a, const struct identity *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtim.tv_sec == b->mtim.tv_sec && a->mtim.tv_nsec == b->mtim.tv_nsec;
}

/* --- opening ------------------------------------------------------------------------------- */

/* A database that is made in the place of one that has gone would register accounts and
 * order everything anew. */
static int refuse_to_begin_anew(
	const char *path, const char *directory, struct err *err)
{
	if (is_there(path, "") || is_there(path, ".restored") ||
		last_good_count(directory) == 0)
		return 0;
	return err_set(err, -EUCLEAN,
		"state database: %s has gone: restore it from a backup, or remove "
		"%s/" LAST_GOOD_FOLDER " as well to begin anew",
		path, directory);
}

static int open_and_probe(struct store **ret, const char *path, struct err *err)
{
	_cleanup_(store_closep) struct store *store = NULL;
	int r = store_open(&store, path, 0, err);

	if (r >= 0)
		r = store_probe(store, err);
	if (r >= 0)
		*ret = TAKE_PTR(store);
	return r;
}

static char *format_text(const char *cause, int code, int n)
{
	return xasprintf(
		"%s. %d certificate%s served from the last good copy, and none is "
		"ordered; %s",
		cause, n, n == 1 ? " is" : "s are",
		is_lasting(code) ? "mend it (postsealctl restore FILE), and it is "
				   "used again within a minute"
				 : "it is used again as soon as that is over, else "
				   "postsealctl restore FILE puts a backup in its "
				   "place");
}

/* How many certificates are in it. */
static int open_copy(struct store **ret, const struct rescue_params *params)
{
	_cleanup_(store_closep) struct store *store = NULL;
	int r = store_open(&store, ":memory:", 0, NULL);

	if (r >= 0)
		r = last_good_load(params->directory, store, params->log, NULL);
	if (r > 0)
		*ret = TAKE_PTR(store);
	return r;
}

int rescue_open_store(struct store **ret, struct rescue **ret_rescue,
	const struct rescue_params *params, struct err *err)
{
	_cleanup_(err_done) struct err cause = ERR_INIT;
	_cleanup_(freep) char *path = xasprintf("%s/" STORE_FILE, params->directory);
	int r = refuse_to_begin_anew(path, params->directory, &cause);

	*ret_rescue = NULL;
	if (r >= 0)
		r = open_and_probe(ret, path, &cause);
	if (r >= 0)
		return r;
	int n = is_unusable(r) ? open_copy(ret, params) : 0;
	if (n <= 0) {
		if (err)
			err_move(err, &cause);
		return r;
	}
	if (r == -EUCLEAN)
		store_keep_damaged(path, loop_wall_now(params->loop), NULL);
	struct rescue *rescue = xnew(struct rescue);
	rescue->loop = params->loop;
	rescue->cause = err_format(&cause);
	rescue->text = format_text(rescue->cause, r, n);
	rescue->is_lasting = is_lasting(r);
	rescue->seen = identify(path);
	rescue->path = TAKE_PTR(path);
	*ret_rescue = rescue;
	return 0;
}

struct rescue *rescue_free(struct rescue *rescue)
{
	if (!rescue)
		return NULL;
	loop_timer_free(rescue->timer);
	free(rescue->cause);
	free(rescue->text);
	free(rescue->path);
	free(rescue);
	return NULL;
}

const char *rescue_get_text(const struct rescue *rescue)
{
	return rescue ? rescue->text : NULL;
}

/* --- looking ------------------------------------------------------------------------------- */

/* A restore that was interrupted is finished by whoever opens the database. */
static bool is_worth_a_look(struct rescue *rescue)
{
	struct identity now = identify(rescue->path);
	bool is_other = !is_same(&now, &rescue->seen);

	rescue->seen = now;
	if (is_there(rescue->path, ".restored"))
		return true;
	return now.ino != 0 && (is_other || !rescue->is_lasting);
}

/* In the database itself: what was told meanwhile went to the store in memory. */
static void tell_over(struct rescue *rescue, struct store *store)
{
	_cleanup_(freep) char *text = xasprintf(
		"the database can be used again; the last good copy was served because %s",
		rescue->cause);
	struct store_event event = {
		.at_usec = loop_wall_now(rescue->loop),
		.kind = (char *)"rescue",
		.text = text,
	};

	store_event_add(store, &event, 0, NULL);
}

static void on_timer(struct loop_timer *timer, void *userdata)
{
	struct rescue *rescue = userdata;
	_cleanup_(store_closep) struct store *store = NULL;

	int r = is_worth_a_look(rescue) ? open_and_probe(&store, rescue->path, NULL)
					: -EAGAIN;
	if (r < 0) {
		loop_timer_set_after(timer, LOOK_USEC);
		return;
	}
	tell_over(rescue, store);
	store = store_close(store);
	rescue->over(rescue->userdata);
}

void rescue_look(struct rescue *rescue, rescue_over_fn *over, void *userdata)
{
	rescue->over = over;
	rescue->userdata = userdata;
	if (!rescue->timer)
		rescue->timer = loop_timer_new(rescue->loop, on_timer, rescue);
	loop_timer_set_after(rescue->timer, LOOK_USEC);
}
