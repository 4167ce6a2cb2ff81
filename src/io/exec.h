/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Run a program: execve without a shell, fixed argv, clean environment, closed
 * descriptors, umask 077, own process group, deadline, capped output.
 */
#pragma once

#include "io/loop.h"

struct exec;

struct exec_params {
	const char *const *argv; /* NULL-terminated; argv[0] is an absolute path */
	const char *const *env;  /* NULL-terminated "NAME=value"; NULL = PATH only */
	const void *input;       /* for its stdin; copied; NULL = /dev/null */
	size_t input_len;
	const char *directory; /* NULL = "/" */
	bool is_secret;        /* the output: overwritten after done */
	size_t max_output_bytes; /* stdout and stderr together; 0 = 16 KiB; the rest is dropped */
	usec_t deadline_usec; /* duration; 0 = 60 s; then SIGTERM, after 2 s SIGKILL to the group */
};

enum exec_outcome {
	EXEC_EXITED,   /* look at code */
	EXEC_SIGNALED, /* look at code: the signal */
	EXEC_DEADLINE,
	EXEC_NOT_STARTED, /* no such program, no permission: see detail */
	_EXEC_OUTCOME_MAX,
};

struct exec_result {
	enum exec_outcome outcome;
	int code;
	const char *output; /* stdout and stderr as they came; NUL-terminated */
	size_t output_len;
	const char *detail; /* one sentence unless it exited with 0, else NULL */
};

typedef void exec_done_fn(const struct exec_result *result, void *userdata);

int exec_start(struct exec **ret, struct loop *loop, const struct exec_params *params,
	exec_done_fn *done, void *userdata, struct err *err);
/* Kills the process group, and leaves it to the loop to reap it; without calling back. */
struct exec *exec_cancel(struct exec *op);
DEFINE_CLEANUP(struct exec *, exec_cancel)
