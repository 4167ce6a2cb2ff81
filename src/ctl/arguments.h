/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a command line by tables of options: -x, -xVALUE, -x VALUE, --name,
 * --name=VALUE, --name VALUE, several letters in one word, and -- before words that
 * begin with a dash. Options and words may stand in any order.
 */
#pragma once

#include <stdbool.h>

#include "util/err.h"

struct arguments_option {
	const char *name;  /* without the dashes; NULL ends a table */
	char letter;       /* 0 = none */
	const char *value; /* what stands behind it, for the help; NULL = nothing */
	const char *text;  /* one sentence for the help, no dot */
};

#define ARGUMENTS_TABLES_MAX 2

struct arguments {
	const struct arguments_option *table[ARGUMENTS_TABLES_MAX]; /* NULL = none */
	char **words; /* owned; NULL-terminated; NULL = none */
	char **said;  /* owned; "name=value", in the order of the line */
};

enum {
	ARGUMENTS_STOP_AT_WORD = 1 << 0, /* what follows belongs to somebody else */
};

/* Adds what argv[*pos..] says, and moves *pos behind it. -EINVAL: a sentence that names
 * the option, and the nearest one. */
int arguments_parse(struct arguments *arguments, char *const *argv, int *pos,
	unsigned flags, struct err *err);
void arguments_done(struct arguments *arguments);

bool arguments_has(const struct arguments *arguments, const char *name);
/* The value that was said last, NULL when none was; borrowed. */
const char *arguments_get(const struct arguments *arguments, const char *name);
/* All values of an option, NULL-terminated, owned by the caller; NULL = none. */
char **arguments_copy_all(const struct arguments *arguments, const char *name);
/* The i-th word, or NULL. */
const char *arguments_word(const struct arguments *arguments, size_t i);
/* A whole number from limits[0] to limits[1], else -EINVAL with a sentence. *ret is left
 * alone when the option was not given. */
int arguments_get_int(const struct arguments *arguments, const char *name,
	const long limits[2], long *ret, struct err *err);
