/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a commit costs the loop: N changes of a slot (2000), each in a transaction of its
 * own, in a database below FOLDER (arguments; /var/tmp). Beside it the same without the
 * disk's part. Printed, never judged: `make bench`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/loop.h"
#include "store/slot.h"
#include "util/mem.h"

struct bench {
	struct loop *loop;
	struct store *store;
	struct store_slot slot;
	unsigned n;
};

static int compare(const void *a, const void *b)
{
	const usec_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int measure(struct bench *b, const char *what, struct err *err)
{
	_cleanup_(freep) usec_t *took = xnew_array(usec_t, b->n);
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < b->n; i++) {
		usec_t start = loop_now(b->loop);

		b->slot.due_usec++;
		r = store_slot_save(b->store, &b->slot, err);
		took[i] = loop_now(b->loop) - start;
	}
	qsort(took, b->n, sizeof(*took), compare);
	if (r >= 0)
		printf("%s: a commit takes %.2f ms (median), %.2f ms (99 of 100), "
		       "%.2f ms (longest of %u)\n",
			what, (double)took[b->n / 2] / 1000,
			(double)took[b->n * 99 / 100] / 1000,
			(double)took[b->n - 1] / 1000, b->n);
	return r;
}

static int run(const char *path, const char *what, unsigned n, struct err *err)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	_cleanup_(store_closep) struct store *store = NULL;
	struct bench b = {
		.slot = {
			.domain = (char *)"mail.example",
			.key_type = (char *)"ecdsa-p256",
			.names = (char *)"imap.mail.example mail.example",
			.authority = (char *)"https://ca.example/directory",
			.due_usec = 1,
		},
		.n = n,
	};
	int r = loop_new_epoll(&loop, err);

	if (r >= 0)
		r = store_open(&store, path, 0, err);
	b.loop = loop;
	b.store = store;
	if (r >= 0)
		r = store_slot_add(store, &b.slot, err);
	return r < 0 ? r : measure(&b, what, err);
}

static void remove_database(const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm", ".lock" };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		_cleanup_(freep) char *name = xasprintf("%s%s", path, ends[i]);
		unlink(name);
	}
}

int main(int argc, char **argv)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 2000;
	_cleanup_(freep) char *folder =
		xasprintf("%s/postseal-bench.XXXXXX", argc > 2 ? argv[2] : "/var/tmp");

	if (n == 0 || !mkdtemp(folder))
		return EXIT_FAILURE;
	_cleanup_(freep) char *path = xasprintf("%s/bench.db", folder);
	int r = run(path, "on the disk", n, &err);
	if (r >= 0)
		r = run(":memory:", "in memory", n, &err);
	remove_database(path);
	rmdir(folder);
	if (r >= 0)
		return EXIT_SUCCESS;
	_cleanup_(freep) char *text = err_format(&err);
	fprintf(stderr, "%s\n", text);
	return EXIT_FAILURE;
}
