/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a tick of the schedule costs when nothing is due, with N slots in a database on
 * the disk (argument; 100000). Printed, never judged: `make bench`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/schedule.h"
#include "store/slot.h"
#include "util/mem.h"

#define TICKS 2000

static int compare(const void *a, const void *b)
{
	const usec_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int add_slots(struct store *store, unsigned n, usec_t now, struct err *err)
{
	int r = store_begin(store, err);

	for (unsigned i = 0; r >= 0 && i < n; i++) {
		_cleanup_(freep) char *domain = xasprintf("d%u.example", i);
		struct store_slot slot = {
			.domain = domain,
			.key_type = (char *)"ecdsa-p256",
			.names = domain,
			.authority = (char *)"https://ca.example/directory",
			/* spread over two months, as certificates are */
			.due_usec = now + USEC_PER_DAY + i * (USEC_PER_MIN / 2),
		};

		r = store_slot_add(store, &slot, err);
	}
	return r < 0 ? r : store_commit(store, err);
}

static void print_ticks(struct loop *loop, struct schedule *schedule, unsigned n)
{
	const size_t n_took = TICKS / 10;
	_cleanup_(freep) usec_t *took = xnew_array(usec_t, n_took);

	/* Ten at a time: one is too short for the clock. */
	for (size_t i = 0; i < n_took; i++) {
		usec_t start = loop_now(loop);

		for (unsigned k = 0; k < 10; k++)
			schedule_run(schedule);
		took[i] = loop_now(loop) - start;
	}
	qsort(took, n_took, sizeof(*took), compare);
	printf("%u slots, none due: a tick takes %.1f us (median), %.1f us (19 of 20)\n",
		n, (double)took[n_took / 2] / 10, (double)took[n_took * 19 / 20] / 10);
}

static int run(const char *folder, unsigned n, struct err *err)
{
	_cleanup_(freep) char *path = xasprintf("%s/bench.db", folder);
	_cleanup_(loop_freep) struct loop *loop = NULL;
	_cleanup_(store_closep) struct store *store = NULL;
	int r = loop_new_epoll(&loop, err);

	if (r >= 0)
		r = store_open(&store, path, 0, err);
	if (r >= 0)
		r = add_slots(store, n, loop_wall_now(loop), err);
	if (r < 0)
		return r;
	const struct job_env env = { .loop = loop, .store = store };
	_cleanup_(schedule_freep) struct schedule *schedule = schedule_new(&env);
	print_ticks(loop, schedule, n);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	char folder[] = "/tmp/postseal-bench.XXXXXX";
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100000;

	if (!mkdtemp(folder))
		return EXIT_FAILURE;
	int r = run(folder, n, &err);
	_cleanup_(freep) char *remove = xasprintf("%s/bench.db", folder);
	unlink(remove);
	_cleanup_(freep) char *lock = xasprintf("%s/bench.db.lock", folder);
	unlink(lock);
	rmdir(folder);
	if (r >= 0)
		return EXIT_SUCCESS;
	_cleanup_(freep) char *text = err_format(&err);
	fprintf(stderr, "%s\n", text);
	return EXIT_FAILURE;
}
