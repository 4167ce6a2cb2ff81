/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Makes a private key without holding up the loop. The search for an RSA key's primes
 * takes from tens of milliseconds to seconds, and cannot be cut into slices: our own
 * program does it in a child, which lives as long as that. Any other key takes less
 * than a millisecond and is made here.
 *
 * Contract of doc/architecture.md, Operations.
 */
#pragma once

#include "io/loop.h"
#include "pki/key.h"

struct key_maker;

struct key_maker_params {
	struct loop *loop; /* borrowed */
	enum key_type type;
	const char *program;  /* tests; absolute path; NULL = the one that runs */
	usec_t deadline_usec; /* duration; 0 = two minutes */
};

struct key_maker_result {
	const struct key *key; /* NULL: err tells */
	const struct err *err;
};

typedef void key_maker_done_fn(const struct key_maker_result *result, void *userdata);

int key_maker_start(struct key_maker **ret, const struct key_maker_params *params,
	key_maker_done_fn *done, void *userdata, struct err *err);
/* Kills the child. */
struct key_maker *key_maker_cancel(struct key_maker *op);
DEFINE_CLEANUP(struct key_maker *, key_maker_cancel)

/* The option of postseald by which the child is told the key's type. It is ours alone and
 * stands in no manual. */
#define KEY_MAKER_OPTION "make-key"

/* What the child does: the key as PEM to stdout, or a sentence to stderr. An exit code. */
int key_maker_answer(const char *type);
