/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Before any order: which challenge is possible for each name, and which records have to
 * stand in the DNS for that? (promise 4) Wanted records are shown and watched from here on.
 * Operation contract: doc/architecture.md, Operations.
 */
#pragma once

#include "core/notice/instances.h"
#include "core/records/records.h"

struct preparation;

/* Who would order. Borrowed; members may be NULL. */
struct preparation_account {
	const char *authority;
	const char *directory_url;
	const char *directory_json; /* its "meta" */
	const char *account_url;
	const char *thumbprint;
};

struct preparation_params {
	struct loop *loop; /* borrowed, as all here */
	const struct conf_block *domain;
	const struct instances *instances;
	struct records *records;                   /* NULL: none are wanted (tests) */
	const struct preparation_account *account; /* copied */
	const char *names;                         /* of the slot */
	const struct log_ctx *log;
};

enum preparation_outcome {
	PREPARATION_READY,      /* one is possible for each name, if the CA offers it */
	PREPARATION_WAITING,    /* for a record, or for a person */
	PREPARATION_IMPOSSIBLE, /* for one name at least */
};

struct preparation_result {
	enum preparation_outcome outcome;
	const char *text; /* why; NULL if READY */
};

/* The text lives until it returns, whatever is cancelled meanwhile. */
typedef void preparation_fn(const struct preparation_result *result, void *userdata);

int preparation_start(struct preparation **ret, const struct preparation_params *params,
	preparation_fn *done, void *userdata, struct err *err);
/* NULL ok; returns NULL. */
struct preparation *preparation_cancel(struct preparation *preparation);
DEFINE_CLEANUP(struct preparation *, preparation_cancel)
