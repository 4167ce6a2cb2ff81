/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * glob(3), with two differences: sorted by octets, whatever the locale, and a folder
 * that cannot be read is an error. Were it no match, !include_try would make every
 * domain vanish for want of a permission.
 *
 * A pattern whose last part alone has wildcards ("conf.d/" and "*.conf") is what folders
 * of many files are read by: the folder is read here, a name a step, and the names come
 * out of a heap, so that they are sorted in small steps, too. Every other pattern is left
 * to glob() as a whole.
 */
#include "conf/include.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

struct include {
	char *full;       /* owned; the pattern, with its folder */
	const char *last; /* points into it: behind the last slash */
	DIR *dir;         /* owned; being read */
	char **heap;      /* owned, as are the paths; the first is the smallest */
	size_t n;
};

/* --- the heap ---------------------------------------------------------------------- */

static void swap(char **a, char **b)
{
	char *held = *a;

	*a = *b;
	*b = held;
}

static void push(struct include *include, char *path)
{
	size_t i = include->n++;

	/* Doubling: room is made whenever the count is a power of two. */
	if ((i & (i - 1)) == 0)
		include->heap = xreallocarray(
			include->heap, MAX(i * 2, (size_t)1), sizeof(char *));
	char **heap = include->heap;
	heap[i] = path;
	for (; i > 0 && strcmp(heap[i], heap[(i - 1) / 2]) < 0; i = (i - 1) / 2)
		swap(&heap[i], &heap[(i - 1) / 2]);
}

static void sink(struct include *include)
{
	char **heap = include->heap;
	size_t i = 0;

	for (;;) {
		size_t least = i;
		for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < include->n; k++) {
			if (strcmp(heap[k], heap[least]) < 0)
				least = k;
		}
		if (least == i)
			return;
		swap(&heap[i], &heap[least]);
		i = least;
	}
}

char *include_take(struct include *include)
{
	if (include->n == 0)
		return NULL;
	char *path = include->heap[0];
	include->heap[0] = include->heap[--include->n];
	sink(include);
	return path;
}

/* --- reading ----------------------------------------------------------------------- */

/* One folder, and a pattern for the names in it? */
static bool is_simple(const struct include *include)
{
	return strpbrk(include->last, "*?") &&
	       strcspn(include->full, "*?[\\") >=
		       (size_t)(include->last - include->full);
}

static int open_folder(struct include *include)
{
	_cleanup_(freep) char *folder =
		xstrndup(include->full, (size_t)(include->last - include->full));

	include->dir = opendir(folder);
	if (include->dir)
		return INCLUDE_E_GOES_ON;
	return errno == ENOENT || errno == ENOTDIR ? INCLUDE_E_NONE : -errno;
}

static int read_name(struct include *include)
{
	errno = 0;
	const struct dirent *entry = readdir(include->dir);
	if (!entry && errno != 0)
		return -errno;
	if (!entry)
		return include->n > 0 ? 0 : INCLUDE_E_NONE;
	if (fnmatch(include->last, entry->d_name, FNM_PERIOD) == 0)
		push(include, xasprintf("%.*s%s", (int)(include->last - include->full),
				      include->full, entry->d_name));
	return INCLUDE_E_GOES_ON;
}

static int find_all(struct include *include)
{
	_cleanup_(globfree) glob_t found = { 0 };

	errno = 0;
	int r = glob(include->full, GLOB_ERR | GLOB_NOSORT, NULL, &found);
	if (r == GLOB_NOMATCH)
		return INCLUDE_E_NONE;
	if (r == GLOB_ABORTED)
		return errno == ENOENT || errno == 0 ? INCLUDE_E_NONE : -errno;
	if (r != 0)
		return -ENOMEM;
	for (size_t i = 0; i < found.gl_pathc; i++)
		push(include, xstrdup(found.gl_pathv[i]));
	return 0;
}

struct include *include_new(const char *folder, const char *pattern)
{
	struct include *include = xnew(struct include);

	include->full = pattern[0] == '/' ? xstrdup(pattern)
					  : xasprintf("%s/%s", folder, pattern);
	include->last = strrchr(include->full, '/') + 1;
	return include;
}

int include_step(struct include *include)
{
	if (include->dir)
		return read_name(include);
	return is_simple(include) ? open_folder(include) : find_all(include);
}

struct include *include_free(struct include *include)
{
	if (!include)
		return NULL;
	for (size_t i = 0; i < include->n; i++)
		free(include->heap[i]);
	free(include->heap);
	if (include->dir)
		closedir(include->dir);
	free(include->full);
	free(include);
	return NULL;
}

int include_find(const char *folder, const char *pattern, char ***ret_paths)
{
	_cleanup_(include_freep) struct include *include = include_new(folder, pattern);
	int r;

	do
		r = include_step(include);
	while (r == INCLUDE_E_GOES_ON);
	if (r != 0)
		return r;
	char **paths = xnew_array(char *, include->n + 1);
	for (size_t i = 0; include->n > 0; i++)
		paths[i] = include_take(include);
	*ret_paths = paths;
	return 0;
}
