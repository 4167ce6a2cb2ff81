/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See prove.h. Address by address, name by name, one handshake at a time: a proof is
 * rare and must not be a load. A daemon that reloads may need a moment, so each is tried
 * some times before it counts as not seen.
 */
#include "core/prove.h"

#include <errno.h>
#include <string.h>

#include "core/workers/listeners.h"
#include "core/workers/sight.h"
#include "util/mem.h"

#define PROVE_TRIES      6
#define PROVE_PAUSE_USEC (200 * USEC_PER_MSEC)

struct row {
	char *target;  /* owned */
	char *address; /* owned; "HOST:PORT" or "HOST:PORT/NAME" */
};

struct prove {
	/* inputs */
	struct prove_params in; /* borrowed members */
	char **names;           /* owned; of the certificate */
	prove_done_fn *done;
	void *userdata;

	/* owned operations */
	struct sight *sight;
	struct loop_timer *timer;

	/* where it stands */
	struct row *rows; /* owned */
	size_t n_rows, row;
	size_t name;
	unsigned tries;
	char **one_name; /* owned; the row's own SNI, else NULL */

	/* result */
	struct err err; /* the first that was not seen */
};

static void prove_step(struct prove *op);

/* --- what is to be asked --------------------------------------------------------------------- */

static int on_row(const struct store_install *row, void *userdata)
{
	struct prove *op = userdata;

	if (row->done_usec == 0 || row->proven_usec > 0 || !*row->address)
		return 0;
	op->rows = xreallocarray(op->rows, op->n_rows + 1, sizeof(*op->rows));
	op->rows[op->n_rows++] = (struct row){
		.target = xstrdup(row->target),
		.address = xstrdup(row->address),
	};
	return 0;
}

/* --- the end ----------------------------------------------------------------------------------- */

static void prove_complete(struct prove *op)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	prove_done_fn *done = op->done;
	void *userdata = op->userdata;

	err_move(&err, &op->err);
	op->done = NULL;
	done(err_is_set(&err) ? &err : NULL, userdata);
}

static void save_row(struct prove *op, const char *error)
{
	usec_t now = loop_wall_now(op->in.loop);
	struct store_install row = {
		.certificate_id = op->in.certificate->id,
		.target = op->rows[op->row].target,
		.address = op->rows[op->row].address,
		.done_usec = now,
		.proven_usec = error ? 0 : now,
		.error = (char *)error,
	};

	store_install_save(op->in.store, &row, &op->err);
}

static void next_row(struct prove *op, const char *error)
{
	const struct row *row = &op->rows[op->row];

	save_row(op, error);
	if (error && !err_is_set(&op->err))
		err_set_kind(&op->err, ERR_LOCAL, -ENOENT, "%s at %s: %s", row->target,
			row->address, error);
	op->row++;
	op->name = 0;
	op->tries = 0;
	op->one_name = strv_free(op->one_name);
	prove_step(op);
}

/* --- one handshake ------------------------------------------------------------------------------- */

static char *const *row_names(const struct prove *op)
{
	return op->one_name ? op->one_name : op->names;
}

static void not_seen(struct prove *op, const char *reason)
{
	if (++op->tries < PROVE_TRIES) {
		loop_timer_set_after(op->timer, op->in.pause_usec << (op->tries - 1));
		return;
	}
	_cleanup_(freep) char *text =
		xasprintf("%s: %s", row_names(op)[op->name], reason);
	next_row(op, text);
}

static void on_sight(const char *reason, void *userdata)
{
	struct prove *op = userdata;
	_cleanup_(freep) char *trouble = xstrdup(reason);

	op->sight = sight_cancel(op->sight);
	if (trouble) {
		not_seen(op, trouble);
		return;
	}
	op->tries = 0;
	op->name++;
	if (row_names(op)[op->name])
		prove_step(op);
	else
		next_row(op, NULL);
}

static void look(struct prove *op)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct row *row = &op->rows[op->row];
	const char *slash = strchr(row->address, '/');
	struct sight_params params = {
		.loop = op->in.loop,
		.fingerprint = op->in.certificate->fingerprint,
		.is_rsa = op->in.is_rsa,
	};

	if (strncmp(row->address, "unix:", 5) == 0)
		slash = NULL;
	if (slash && !op->one_name)
		strv_append(&op->one_name, slash + 1);
	params.name = row_names(op)[op->name];
	_cleanup_(freep) char *text =
		slash ? xstrndup(row->address, (size_t)(slash - row->address))
		      : xstrdup(row->address);
	params.says_proxy =
		op->in.listeners && listeners_expects_proxy(op->in.listeners, text);
	int r = address_parse(text, &params.address, &err);
	if (r >= 0)
		r = sight_start(&op->sight, &params, on_sight, op, &err);
	if (r < 0) {
		_cleanup_(freep) char *reason = err_format(&err);
		next_row(op, reason);
	}
}

static void prove_step(struct prove *op)
{
	if (op->row == op->n_rows)
		prove_complete(op);
	else
		look(op);
}

static void on_timer(struct loop_timer *timer, void *userdata)
{
	prove_step(userdata);
}

int prove_start(struct prove **ret, const struct prove_params *params,
	prove_done_fn *done, void *userdata, struct err *err)
{
	_cleanup_(prove_cancelp) struct prove *op = xnew(struct prove);
	int r;

	op->in = *params;
	if (op->in.pause_usec == 0)
		op->in.pause_usec = PROVE_PAUSE_USEC;
	op->names = strv_split(params->certificate->names);
	op->done = done;
	op->userdata = userdata;
	op->timer = loop_timer_new(params->loop, on_timer, op);
	r = store_install_each(params->store, params->certificate->id, on_row, op, err);
	if (r < 0)
		return r;
	loop_timer_set_after(op->timer, 0);
	*ret = TAKE_PTR(op);
	return 0;
}

struct prove *prove_cancel(struct prove *op)
{
	if (!op)
		return NULL;
	sight_cancel(op->sight);
	loop_timer_free(op->timer);
	for (size_t i = 0; i < op->n_rows; i++) {
		free(op->rows[i].target);
		free(op->rows[i].address);
	}
	free(op->rows);
	strv_free(op->one_name);
	strv_free(op->names);
	err_done(&op->err);
	free(op);
	return NULL;
}
