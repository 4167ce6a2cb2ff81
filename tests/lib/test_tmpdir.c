/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Below $TMPDIR, else /tmp. A test that cannot prepare itself aborts. */
#include "tests/lib/test_tmpdir.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/mem.h"

static void require(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

char *test_tmpdir_new(void)
{
	const char *base = getenv("TMPDIR");
	char *dir =
		xasprintf("%s/postseal-test.XXXXXX", base && base[0] ? base : "/tmp");

	require(mkdtemp(dir), dir);
	return dir;
}

static int on_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	/* A test may have taken the right to write away from a directory of its own;
	 * what is left over then is no reason to fail. */
	(void)remove(path);
	return 0;
}

char *test_tmpdir_free(char *dir)
{
	if (!dir)
		return NULL;
	nftw(dir, on_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(dir);
	return NULL;
}

char *test_tmpdir_write(const char *dir, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", dir, name);
	_cleanup_(closep) int fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	require(fd >= 0, path);
	require(write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	return path;
}
