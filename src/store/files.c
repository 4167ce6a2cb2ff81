/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files of the database. It holds every key of the house: one that others can read,
 * or whose folder they can write, is refused and not repaired, since nobody knows who has
 * been there. The operator is told what to run.
 *
 * A new database is made under another name and renamed when it is whole. So an empty
 * file under the right name is always damage, and never taken for a new beginning that
 * would register accounts anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_priv.h"
#include "util/mem.h"

/* SQLite's companions of a database. */
static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };

static char *folder_of(const char *path)
{
	/* dirname() changes its argument and may return something static. */
	_cleanup_(freep) char *copy = xstrdup(path);

	return xstrdup(dirname(copy));
}

static bool is_trusted_owner(uid_t uid, uid_t folder_uid)
{
	return uid == 0 || uid == geteuid() || uid == folder_uid;
}

static int check_folder(
	const char *folder, unsigned flags, uid_t *ret_uid, struct err *err)
{
	struct stat st;

	if (stat(folder, &st) < 0)
		return err_set(err, -errno, "%s: %s", folder, strerrordesc_np(errno));
	/* Root that only looks may look at what the service's own user has. */
	bool is_looking = (flags & STORE_READ_ONLY) && geteuid() == 0;
	if (!is_trusted_owner(st.st_uid, is_looking ? st.st_uid : 0))
		return err_set_kind(err, ERR_CONFIG, -EPERM,
			"%s belongs to user %u; run: chown %u %s", folder,
			(unsigned)st.st_uid, (unsigned)geteuid(), folder);
	if (st.st_mode & 022)
		return err_set_kind(err, ERR_CONFIG, -EPERM,
			"%s can be written by others; run: chmod go-w %s", folder,
			folder);
	*ret_uid = is_looking ? st.st_uid : 0;
	return 0;
}

static int check_file(const char *path, uid_t folder_uid, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_set(err, -errno, "%s: %s", path, strerrordesc_np(errno));
	}
	if (!S_ISREG(st.st_mode))
		return err_set_kind(
			err, ERR_CONFIG, -EPERM, "%s is not a regular file", path);
	if (!is_trusted_owner(st.st_uid, folder_uid))
		return err_set_kind(err, ERR_CONFIG, -EPERM,
			"%s belongs to user %u; run: chown %u %s", path,
			(unsigned)st.st_uid, (unsigned)geteuid(), path);
	if (st.st_mode & 077)
		return err_set_kind(err, ERR_CONFIG, -EPERM,
			"%s is open to others (mode %04o); run: chmod 0600 %s", path,
			(unsigned)(st.st_mode & 07777), path);
	return 0;
}

int store_files_check(const char *path, unsigned flags, struct err *err)
{
	_cleanup_(freep) char *folder = folder_of(path);
	uid_t folder_uid = 0;

	int r = check_folder(folder, flags, &folder_uid, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(suffixes); i++) {
		_cleanup_(freep) char *file = xasprintf("%s%s", path, suffixes[i]);
		r = check_file(file, folder_uid, err);
	}
	return r;
}

int store_files_probe(const char *path, struct err *err)
{
	struct stat st;
	_cleanup_(freep) char *wal = xasprintf("%s-wal", path);

	if (lstat(path, &st) == 0)
		return 1;
	if (errno != ENOENT)
		return err_set(err, -errno, "%s: %s", path, strerrordesc_np(errno));
	if (lstat(wal, &st) == 0)
		return err_set(err, -EUCLEAN,
			"%s is there, but %s has gone: restore it from a backup, or "
			"remove the former to begin anew",
			wal, path);
	return 0;
}

/* Root that works here for the service leaves it what it makes. */
static int hand_over(int fd, const char *path)
{
	_cleanup_(freep) char *folder = folder_of(path);
	struct stat st;

	if (geteuid() != 0 || stat(folder, &st) < 0 || st.st_uid == 0)
		return 0;
	return fchown(fd, st.st_uid, st.st_gid);
}

int store_files_lock(const char *path, struct err *err)
{
	_cleanup_(freep) char *lock = xasprintf("%s.lock", path);

	int r = check_file(lock, 0, err);
	if (r < 0)
		return r;
	_cleanup_(closep) int fd = open(
		lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	if (fd < 0 || hand_over(fd, lock) < 0)
		return err_set(err, -errno, "%s: %s", lock, strerrordesc_np(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return TAKE_FD(fd);
	if (errno != EWOULDBLOCK)
		return err_set(err, -errno, "%s: %s", lock, strerrordesc_np(errno));
	return err_set(err, -EBUSY,
		"%s is in use by another postseald; to see which, run: fuser %s", path,
		lock);
}

static int sync_folder(const char *path, struct err *err)
{
	_cleanup_(freep) char *folder = folder_of(path);
	_cleanup_(closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_set(err, -errno, "%s: %s", folder, strerrordesc_np(errno));
	return 0;
}

int store_files_create(const char *path, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		_cleanup_(freep) char *file = xasprintf("%s%s", path, suffixes[i]);
		if (unlink(file) < 0 && errno != ENOENT)
			return err_set(
				err, -errno, "%s: %s", file, strerrordesc_np(errno));
	}
	/* The mode is explicit, and SQLite gives it to the companions as well: whatever
	 * umask there is cannot open them. */
	_cleanup_(closep) int fd =
		open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fchmod(fd, 0600) < 0 || hand_over(fd, path) < 0)
		return err_set(err, -errno, "%s: %s", path, strerrordesc_np(errno));
	return 0;
}

int store_files_publish(const char *from, const char *path, struct err *err)
{
	_cleanup_(closep) int fd = open(from, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_set(err, -errno, "%s: %s", from, strerrordesc_np(errno));
	if (rename(from, path) < 0)
		return err_set(err, -errno, "%s: %s", path, strerrordesc_np(errno));
	return sync_folder(path, err);
}

int store_files_keep(const char *path, const char *as, struct err *err)
{
	static const char *const kept[] = { "", "-wal" };
	int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		_cleanup_(freep) char *from = xasprintf("%s%s", path, kept[i]);
		_cleanup_(freep) char *to = xasprintf("%s%s", as, kept[i]);

		if (link(from, to) == 0)
			n++;
		else if (errno != ENOENT)
			return err_set(
				err, -errno, "%s: %s", to, strerrordesc_np(errno));
	}
	if (n == 0)
		return 0;
	int r = sync_folder(path, err);
	return r < 0 ? r : n;
}

int store_files_drop_log(const char *path, struct err *err)
{
	for (size_t i = 1; i < ARRAY_SIZE(suffixes); i++) {
		_cleanup_(freep) char *file = xasprintf("%s%s", path, suffixes[i]);

		if (unlink(file) < 0 && errno != ENOENT)
			return err_set(
				err, -errno, "%s: %s", file, strerrordesc_np(errno));
	}
	return 0;
}
