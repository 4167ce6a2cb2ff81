/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The manager executes itself anew: a build that was installed over the running one takes
 * the place of its image, with the same process id and the same listening sockets. Before
 * that the new build is asked whether it can read what it will find.
 */
#pragma once

#include "core/wanted/load.h"
#include "core/workers/listeners.h"
#include "io/loop.h"

/* The program as it was started; borrowed by who has it. */
struct upgrade_self {
	char *program;     /* owned; absolute path, as it was at the start */
	char *directory;   /* owned; that we were started in */
	char *const *argv; /* borrowed from main */
};

void upgrade_self_init(struct upgrade_self *self, char *const *argv);
void upgrade_self_done(struct upgrade_self *self);

/* The option that the new build is asked by. */
#define UPGRADE_CHECK "check-upgrade"

/* What the new build does when it is asked: reads the configuration and looks at the
 * database, and changes nothing. What is wrong goes to stderr. An exit code. */
int upgrade_answer(const struct load_params *load);

/* Asks the new build (doc/architecture.md, Operations): done with error NULL if it can
 * take over, else with its words. */
struct upgrade_check;
typedef void upgrade_done_fn(const char *error, void *userdata);
int upgrade_check_start(struct upgrade_check **ret, struct loop *loop,
	const struct upgrade_self *self, upgrade_done_fn *done, void *userdata,
	struct err *err);
struct upgrade_check *upgrade_check_cancel(struct upgrade_check *op);
DEFINE_CLEANUP(struct upgrade_check *, upgrade_check_cancel)

/* Duplicates of the sockets, which outlive the manager that is taken down before exec. */
struct upgrade_luggage {
	int *fds;     /* owned */
	char **names; /* owned */
	unsigned n;
	bool is_packed;
};

void upgrade_pack(struct upgrade_luggage *luggage, const struct listeners *listeners);
/* Returns only when it has failed; nothing can go on then. */
int upgrade_exec(const struct upgrade_self *self, struct upgrade_luggage *luggage,
	struct err *err);
/* Were we started by upgrade_exec? Once: the mark is taken away. */
bool upgrade_take_mark(void);
bool upgrade_has_mark(void); /* and it is left there */
