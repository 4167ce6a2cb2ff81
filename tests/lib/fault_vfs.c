/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See fault_vfs.h. SQLite is given a structure of ours with room for the real one behind
 * it; each of its methods counts, fails or passes on.
 */
#include "tests/lib/fault_vfs.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "util/mem.h"

#define NAME "postseal-faults"

struct fault_vfs {
	sqlite3_vfs base; /* first: SQLite knows us as that */
	sqlite3_vfs *real;
	enum fault_vfs_kind kind;
	unsigned nth, count;
	bool for_ever, has_failed;
};

struct fault_file {
	sqlite3_file base; /* first */
	struct fault_vfs *vfs;
	sqlite3_file *real; /* behind us */
};

static struct fault_file *of(sqlite3_file *file)
{
	return (struct fault_file *)file;
}

static sqlite3_file *real(sqlite3_file *file)
{
	return of(file)->real;
}

/* SQLITE_OK, or what this change shall fail with; `io` is what it fails with if the disk
 * is broken. */
static int change(struct fault_vfs *vfs, int io)
{
	vfs->count++;
	if (vfs->nth == 0 || vfs->count < vfs->nth ||
		(vfs->count > vfs->nth && !vfs->for_ever))
		return SQLITE_OK;
	vfs->has_failed = true;
	switch (vfs->kind) {
	case FAULT_VFS_FULL:
		return SQLITE_FULL;
	case FAULT_VFS_READ_ONLY:
		return SQLITE_READONLY;
	case FAULT_VFS_KILL:
		kill(getpid(), SIGKILL);
		break;
	case FAULT_VFS_IO:
		break;
	}
	return io;
}

/* --- files ------------------------------------------------------------------------------ */

static int on_close(sqlite3_file *file)
{
	return real(file)->pMethods->xClose(real(file));
}

static int on_read(sqlite3_file *file, void *data, int n, sqlite3_int64 at)
{
	return real(file)->pMethods->xRead(real(file), data, n, at);
}

/* A write that fails may have come half-way: that is what a torn page is. */
static int on_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at)
{
	struct fault_vfs *vfs = of(file)->vfs;
	const sqlite3_io_methods *methods = real(file)->pMethods;

	if (vfs->kind == FAULT_VFS_KILL && vfs->count + 1 == vfs->nth)
		methods->xWrite(real(file), data, n / 2, at);
	int rc = change(vfs, SQLITE_IOERR_WRITE);
	return rc != SQLITE_OK ? rc : methods->xWrite(real(file), data, n, at);
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	int rc = change(of(file)->vfs, SQLITE_IOERR_TRUNCATE);

	return rc != SQLITE_OK ? rc : real(file)->pMethods->xTruncate(real(file), size);
}

static int on_sync(sqlite3_file *file, int flags)
{
	int rc = change(of(file)->vfs, SQLITE_IOERR_FSYNC);

	return rc != SQLITE_OK ? rc : real(file)->pMethods->xSync(real(file), flags);
}

static int on_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	return real(file)->pMethods->xFileSize(real(file), ret);
}

static int on_lock(sqlite3_file *file, int level)
{
	return real(file)->pMethods->xLock(real(file), level);
}

static int on_unlock(sqlite3_file *file, int level)
{
	return real(file)->pMethods->xUnlock(real(file), level);
}

static int on_check_lock(sqlite3_file *file, int *ret)
{
	return real(file)->pMethods->xCheckReservedLock(real(file), ret);
}

static int on_control(sqlite3_file *file, int op, void *arg)
{
	return real(file)->pMethods->xFileControl(real(file), op, arg);
}

static int on_sector_size(sqlite3_file *file)
{
	return real(file)->pMethods->xSectorSize(real(file));
}

static int on_characteristics(sqlite3_file *file)
{
	return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int on_shm_map(
	sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
	int rc = extend ? change(of(file)->vfs, SQLITE_IOERR_SHMSIZE) : SQLITE_OK;

	return rc != SQLITE_OK ? rc
			       : real(file)->pMethods->xShmMap(
					 real(file), page, size, extend, ret);
}

static int on_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}

static void on_shm_barrier(sqlite3_file *file)
{
	real(file)->pMethods->xShmBarrier(real(file));
}

static int on_shm_unmap(sqlite3_file *file, int remove)
{
	return real(file)->pMethods->xShmUnmap(real(file), remove);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = on_close,
	.xRead = on_read,
	.xWrite = on_write,
	.xTruncate = on_truncate,
	.xSync = on_sync,
	.xFileSize = on_size,
	.xLock = on_lock,
	.xUnlock = on_unlock,
	.xCheckReservedLock = on_check_lock,
	.xFileControl = on_control,
	.xSectorSize = on_sector_size,
	.xDeviceCharacteristics = on_characteristics,
	.xShmMap = on_shm_map,
	.xShmLock = on_shm_lock,
	.xShmBarrier = on_shm_barrier,
	.xShmUnmap = on_shm_unmap,
};

/* --- the file system -------------------------------------------------------------------- */

static struct fault_vfs *vfs_of(sqlite3_vfs *base)
{
	return (struct fault_vfs *)base;
}

static int on_open(sqlite3_vfs *base, const char *name, sqlite3_file *file, int flags,
	int *ret_flags)
{
	struct fault_vfs *vfs = vfs_of(base);
	struct fault_file *f = of(file);
	bool makes = (flags & SQLITE_OPEN_CREATE) && name && access(name, F_OK) < 0;

	f->base.pMethods = NULL;
	f->vfs = vfs;
	f->real = (sqlite3_file *)(f + 1);
	int rc = makes ? change(vfs, SQLITE_CANTOPEN) : SQLITE_OK;
	if (rc == SQLITE_OK)
		rc = vfs->real->xOpen(vfs->real, name, f->real, flags, ret_flags);
	if (rc == SQLITE_OK)
		f->base.pMethods = &methods;
	return rc;
}

static int on_delete(sqlite3_vfs *base, const char *name, int sync)
{
	struct fault_vfs *vfs = vfs_of(base);
	int rc = change(vfs, SQLITE_IOERR_DELETE);

	return rc != SQLITE_OK ? rc : vfs->real->xDelete(vfs->real, name, sync);
}

static int on_access(sqlite3_vfs *base, const char *name, int flags, int *ret)
{
	return vfs_of(base)->real->xAccess(vfs_of(base)->real, name, flags, ret);
}

static int on_full_name(sqlite3_vfs *base, const char *name, int n, char *ret)
{
	return vfs_of(base)->real->xFullPathname(vfs_of(base)->real, name, n, ret);
}

static int on_random(sqlite3_vfs *base, int n, char *ret)
{
	return vfs_of(base)->real->xRandomness(vfs_of(base)->real, n, ret);
}

/* Nobody waits in a test. */
static int on_sleep(sqlite3_vfs *base, int usec)
{
	return usec;
}

static int on_time(sqlite3_vfs *base, double *ret)
{
	return vfs_of(base)->real->xCurrentTime(vfs_of(base)->real, ret);
}

static int on_last_error(sqlite3_vfs *base, int n, char *ret)
{
	return 0;
}

struct fault_vfs *fault_vfs_new(void)
{
	struct fault_vfs *vfs = xnew(struct fault_vfs);

	vfs->real = sqlite3_vfs_find(NULL);
	vfs->base = (sqlite3_vfs){
		.iVersion = 1,
		.szOsFile = (int)sizeof(struct fault_file) + vfs->real->szOsFile,
		.mxPathname = vfs->real->mxPathname,
		.zName = NAME,
		.xOpen = on_open,
		.xDelete = on_delete,
		.xAccess = on_access,
		.xFullPathname = on_full_name,
		.xRandomness = on_random,
		.xSleep = on_sleep,
		.xCurrentTime = on_time,
		.xGetLastError = on_last_error,
	};
	sqlite3_vfs_register(&vfs->base, 1);
	return vfs;
}

struct fault_vfs *fault_vfs_free(struct fault_vfs *vfs)
{
	if (!vfs)
		return NULL;
	sqlite3_vfs_unregister(&vfs->base);
	free(vfs);
	return NULL;
}

void fault_vfs_arm(
	struct fault_vfs *vfs, enum fault_vfs_kind kind, unsigned nth, bool for_ever)
{
	vfs->kind = kind;
	vfs->nth = nth;
	vfs->for_ever = for_ever;
	vfs->count = 0;
	vfs->has_failed = false;
}

unsigned fault_vfs_count(const struct fault_vfs *vfs)
{
	return vfs->count;
}

bool fault_vfs_has_failed(const struct fault_vfs *vfs)
{
	return vfs->has_failed;
}
