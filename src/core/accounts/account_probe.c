/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See account_probe.h.
 *
 *     CURRENT --known--> done           the change was not made
 *        |  +---cannot be asked--> done
 *        | not known
 *        v
 *     PENDING --known--> done           it was
 *        +--not known, or there is none--> done: the account is gone
 */
#include "core/accounts/account_probe.h"

#include <errno.h>
#include <string.h>

#include "util/mem.h"

struct account_probe {
	/* inputs */
	struct acme_client *current; /* borrowed */
	struct acme_client *pending; /* borrowed; NULL */
	char *url;                   /* owned */
	account_probe_done_fn *done;
	void *userdata;

	/* owned operations */
	struct acme_account *account;

	/* results */
	struct err gone; /* what the CA said of the present key */
	bool is_ended;
};

enum answer {
	ANSWER_KNOWN,
	ANSWER_GONE,
	ANSWER_NONE,
};

static void complete(struct account_probe *op, enum account_probe_outcome outcome,
	const struct err *err)
{
	const struct account_probe_result result = { outcome, op->is_ended, err };
	account_probe_done_fn *done = TAKE_PTR(op->done);

	done(&result, TAKE_PTR(op->userdata));
}

/* RFC 8555 7.3.6: unauthorized is what a CA says to the key of such an account. */
bool account_probe_is_ended(const struct acme_account_result *result)
{
	if (result->status && strcmp(result->status, "valid") != 0)
		return true;
	return result->problem && result->problem->type == ACME_PROBLEM_UNAUTHORIZED;
}

/* Only a plain word of the CA makes an account one that is gone. */
static bool is_gone(const struct acme_account_result *result)
{
	return account_probe_is_ended(result) ||
	       (result->problem &&
		       result->problem->type == ACME_PROBLEM_ACCOUNT_DOES_NOT_EXIST);
}

static enum answer read_answer(struct account_probe *op,
	const struct acme_account_result *result, struct err *err)
{
	if (result->url && strcmp(result->url, op->url) == 0)
		return ANSWER_KNOWN;
	if (result->url) {
		err_set_kind(err, ERR_CA, -EACCES,
			"the key belongs to another account there: %s", result->url);
		return ANSWER_GONE;
	}
	err_copy(err, result->err);
	op->is_ended |= account_probe_is_ended(result);
	return is_gone(result) ? ANSWER_GONE : ANSWER_NONE;
}

static int ask(struct account_probe *op, struct acme_client *client,
	acme_account_done_fn *done, struct err *err)
{
	const struct acme_account_params params = { .only_existing = true };

	op->account = acme_account_cancel(op->account);
	return acme_account_start(&op->account, client, &params, done, op, err);
}

static void on_pending(const struct acme_account_result *result, void *userdata)
{
	struct account_probe *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	switch (read_answer(op, result, &err)) {
	case ANSWER_KNOWN:
		complete(op, ACCOUNT_PROBE_PENDING, NULL);
		break;
	case ANSWER_GONE:
		err_move(&err, &op->gone);
		complete(op, ACCOUNT_PROBE_NEITHER, &err);
		break;
	case ANSWER_NONE:
		complete(op, ACCOUNT_PROBE_UNSURE, &err);
		break;
	}
}

static void on_current(const struct acme_account_result *result, void *userdata)
{
	struct account_probe *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	enum answer answer = read_answer(op, result, &err);

	if (answer == ANSWER_KNOWN) {
		complete(op, ACCOUNT_PROBE_CURRENT, NULL);
		return;
	}
	if (answer == ANSWER_GONE && op->pending) {
		err_move(&op->gone, &err);
		if (ask(op, op->pending, on_pending, &err) >= 0)
			return;
		answer = ANSWER_NONE;
	}
	complete(op,
		answer == ANSWER_GONE ? ACCOUNT_PROBE_NEITHER : ACCOUNT_PROBE_UNSURE,
		&err);
}

int account_probe_start(struct account_probe **ret,
	const struct account_probe_params *params, account_probe_done_fn *done,
	void *userdata, struct err *err)
{
	_cleanup_(account_probe_cancelp) struct account_probe *op =
		xnew(struct account_probe);

	op->current = params->current;
	op->pending = params->pending;
	op->url = xstrdup(params->url);
	op->done = done;
	op->userdata = userdata;
	int r = ask(op, op->current, on_current, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(op);
	return 0;
}

struct account_probe *account_probe_cancel(struct account_probe *op)
{
	if (!op)
		return NULL;
	acme_account_cancel(op->account);
	err_done(&op->gone);
	free(op->url);
	free(op);
	return NULL;
}
