/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One operation of src/acme under a replay: what it is given, and how it ended. */
#pragma once

#include "acme/client.h"
#include "tests/lib/fake_loop.h"
#include "tests/replay/replay_ca.h"
#include "tests/replay/replay_http.h"
#include "tests/replay/replay_solver.h"

struct replay_run {
	struct loop *loop;
	struct http_client *http;
	struct replay_ca *ca;
	struct replay_ca *next; /* has the key of a key change */
	struct replay_solver *solver;
	struct acme_client *client; /* made by the first start */
	void *op;                   /* NULL = none, or dropped */
	void (*op_cancel)(void *op);

	/* given: SET NAME VALUE */
	char **names;
	char **hosts;
	char **contact;
	char *settings[16][2];
	size_t n_settings;

	/* how it ended */
	bool has_started;
	bool is_done;
	const char *outcome;
	char *sentence; /* of the error; "" when there is none */
	char *kind;     /* of the error */
	char *problem;  /* as a sentence; "" when there is none */
	char *urn;
	char *data; /* chain, account URL, window */
	usec_t retry_at_usec;
};

struct replay_run *replay_run_new(void);
/* Drops what is under way; all that is left behind shows as a leak or an assertion. */
struct replay_run *replay_run_free(struct replay_run *run);

void replay_run_set(struct replay_run *run, const char *name, const char *value);
const char *replay_run_get(const struct replay_run *run, const char *name);
/* "order", "authz", "account", "ari", "key_change", "deactivation", "revocation" or
 * "request". The error's sentence on failure, owned by the caller, or NULL. */
char *replay_run_start(struct replay_run *run, const char *what);
void replay_run_cancel(struct replay_run *run);
