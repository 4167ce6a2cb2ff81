/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Feeds a target with its corpus, where there is no libFuzzer: each file that is named,
 * or else each of $srcdir/tests/fuzz/corpus/<name of the program>/. Then it does so
 * again with each file cut short and with one octet changed, so that a small corpus
 * goes a long way.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/atomic_file.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_MAX (1024 * 1024)
/* Damage is tried at no more places than this, spread over the file. */
#define PLACES_MAX 512

/* An exact copy, so that a sanitizer sees a read beyond its end. */
static void feed(const char *data, size_t len)
{
	_cleanup_(freep) uint8_t *copy = xnew_array(uint8_t, len ? len : 1);
	uint8_t *exact = len ? copy : copy + 1;

	if (len > 0)
		memcpy(exact, data, len);
	if (LLVMFuzzerTestOneInput(exact, len) != 0)
		abort();
}

static void feed_damaged(struct buf *buf)
{
	size_t step = buf->len / PLACES_MAX + 1;

	for (size_t i = 0; i < buf->len; i += step) {
		char before = buf->data[i];
		feed(buf->data, i);
		buf->data[i] = (char)(before ^ (1 << (i % 8)));
		feed(buf->data, buf->len);
		buf->data[i] = before;
	}
}

static void feed_file(const char *path)
{
	struct buf buf = BUF_INIT(FILE_MAX);
	struct err err = ERR_INIT;

	if (file_read(path, 0, FILE_MAX, &buf, &err) < 0) {
		fprintf(stderr, "%s\n", err.detail);
		exit(1);
	}
	printf("%s\n", path);
	fflush(stdout);
	feed(buf_str(&buf), buf.len);
	feed_damaged(&buf);
	buf_done(&buf);
}

static int feed_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int n = 0;

	if (!dir) {
		perror(path);
		return 0;
	}
	for (entry = readdir(dir); entry; entry = readdir(dir)) {
		_cleanup_(freep) char *file = xasprintf("%s/%s", path, entry->d_name);
		if (entry->d_name[0] == '.')
			continue;
		feed_file(file);
		n++;
	}
	closedir(dir);
	return n;
}

int main(int argc, char *argv[])
{
	const char *srcdir = getenv("srcdir");
	const char *name = program_invocation_short_name;

	for (int i = 1; i < argc; i++)
		feed_file(argv[i]);
	if (argc > 1)
		return 0;
	_cleanup_(freep) char *folder = xasprintf("%s/tests/fuzz/corpus/%s",
		srcdir ? srcdir : ".", strncmp(name, "lt-", 3) == 0 ? name + 3 : name);
	int n = feed_folder(folder);
	printf("%d files\n", n);
	return n > 0 ? 0 : 1;
}
