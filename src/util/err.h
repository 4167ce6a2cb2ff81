/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Errors: filled once where they arise, wrapped with "what we were doing" on the way
 * up, logged in one place.
 *
 * A function returns 0, a negative errno (fatal for the operation, forwarded
 * unchanged) or a documented positive outcome (handled by the direct caller). The
 * struct carries what a person needs, its kind what a policy needs: nobody greps text.
 */
#pragma once

#include <stdbool.h>

#include "util/macro.h"
#include "util/usec.h"

enum err_kind {
	ERR_LOCAL,   /* this machine: memory, disk, a bug of ours */
	ERR_CONFIG,  /* the operator's configuration: wait for a person */
	ERR_NETWORK, /* peer not reached, too slow, or broke off: retry soon */
	ERR_CA,      /* the CA said no, or said nonsense: back off */
	ERR_PLUGIN,  /* a plugin failed */
	_ERR_KIND_MAX,
};

#define ERR_CONTEXT_MAX 6
#define ERR_TEXT_MAX    1024 /* octets kept of a detail or a context */

struct err {
	int code; /* negative errno; 0 = no error */
	enum err_kind kind;
	char *problem;                  /* owned; ACME problem type URN, or NULL */
	char *detail;                   /* owned; one sentence, lower case, no dot */
	usec_t retry_at_usec;           /* wall clock; 0 = not said */
	char *context[ERR_CONTEXT_MAX]; /* owned; innermost first */
	unsigned n_context;
	const char *file; /* where it arose */
	int line;
};

#define ERR_INIT          \
	{                 \
		.code = 0 \
	}

/*
 * Fill an empty error. Each returns `code`, and accepts err == NULL. Control octets in
 * the text are replaced, so that text from outside may be formatted in. An error that
 * is filled already is kept: the first cause is the cause.
 */
#define err_set(err, code, ...) \
	err_set_at((err), ERR_LOCAL, (code), __FILE__, __LINE__, __VA_ARGS__)
#define err_set_kind(err, kind, code, ...) \
	err_set_at((err), (kind), (code), __FILE__, __LINE__, __VA_ARGS__)
_printf_(6, 7) int err_set_at(struct err *err, enum err_kind kind, int code,
	const char *file, int line, const char *fmt, ...);

/* Add one level of context to a filled error; returns `code`. More than
 * ERR_CONTEXT_MAX levels: the middle is lost, the outermost kept. */
_printf_(3, 4) int err_wrap(struct err *err, int code, const char *fmt, ...);

bool err_is_set(const struct err *err);
/* Outermost context first, joined by ": ", the detail last. Owned by the caller. */
char *err_format(const struct err *err);
/* Moves src into dst (which is released before) and leaves src empty. */
void err_move(struct err *dst, struct err *src);
void err_copy(struct err *dst, const struct err *src);
/* Releases what it holds and makes it empty again. */
void err_done(struct err *err);

const char *err_kind_name(enum err_kind kind);
