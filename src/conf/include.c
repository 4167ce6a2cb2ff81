/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * glob(3), with two differences: sorted by octets, whatever the locale, and a folder
 * that cannot be read is an error. Were it no match, !include_try would make every
 * domain vanish for want of a permission.
 */
#include "conf/include.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void take_paths(glob_t *found, char ***ret_paths)
{
	size_t n = found->gl_pathc;
	char **paths = xnew_array(char *, n + 1);

	for (size_t i = 0; i < n; i++)
		paths[i] = xstrdup(found->gl_pathv[i]);
	qsort(paths, n, sizeof(*paths), compare_paths);
	*ret_paths = paths;
}

int include_find(const char *folder, const char *pattern, char ***ret_paths)
{
	_cleanup_(freep) char *full = pattern[0] == '/'
					      ? xstrdup(pattern)
					      : xasprintf("%s/%s", folder, pattern);
	_cleanup_(globfree) glob_t found = { 0 };

	errno = 0;
	int r = glob(full, GLOB_ERR | GLOB_NOSORT, NULL, &found);
	if (r == GLOB_NOMATCH)
		return INCLUDE_E_NONE;
	if (r == GLOB_ABORTED)
		return errno == ENOENT || errno == 0 ? INCLUDE_E_NONE : -errno;
	if (r != 0)
		return -ENOMEM;
	take_paths(&found, ret_paths);
	return 0;
}
