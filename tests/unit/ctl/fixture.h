/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * postsealctl as a function, and a daemon that says what the test wants: both on one
 * loop, with a real control socket between them.
 */
#pragma once

#include "core/commands/control.h"
#include "ctl/ctl.h"
#include "tests/lib/test.h"

struct fixture {
	struct loop *loop;
	struct control *control; /* NULL after fixture_stop_daemon */
	char *dir;               /* the configuration's, and the socket's */
	char *socket;
	/* what the daemon answers */
	const char *const *rows; /* JSON, NULL-terminated; NULL = none */
	enum command_exit code;
	const char *message;
	/* what it was asked: "renew {"force":true}"; "" = nothing yet */
	char *asked;
	/* what was printed by the last call */
	char *out;
	char *err;
	int exit_code;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
void fixture_stop_daemon(struct fixture *f);

/* postsealctl -s SOCKET with these words, split at blanks. */
void fixture_call(struct fixture *f, const char *words);
/* The same, without -s and with -c DIR. */
void fixture_call_conf(struct fixture *f, const char *words);

#define fixture_test(fn) \
	cmocka_unit_test_setup_teardown((fn), fixture_setup, fixture_teardown)
