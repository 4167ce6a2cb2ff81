/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See prove.h. Address by address, name by name, one handshake at a time: a proof is
 * rare and must not be a load. A daemon that reloads may need a moment, so each is tried
 * some times before it counts as not seen.
 */
#include "core/prove.h"

#include <errno.h>
#include <string.h>

#include "io/tls_probe.h"
#include "util/dname.h"
#include "util/mem.h"

#define PROVE_TRIES      6
#define PROVE_PAUSE_USEC (200 * USEC_PER_MSEC)

/* TLS 1.2 and 1.3 with one kind of certificate only. */
#define PRIORITY_ECDSA                                                        \
	"NORMAL:-ECDHE-RSA:-RSA:-DHE-RSA:-SIGN-ALL:+SIGN-ECDSA-SHA256"        \
	":+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SHA512:+SIGN-ECDSA-SECP256R1-SHA256" \
	":+SIGN-ECDSA-SECP384R1-SHA384:+SIGN-ECDSA-SECP521R1-SHA512"          \
	":+SIGN-EDDSA-ED25519"
#define PRIORITY_RSA                                                      \
	"NORMAL:-ECDHE-ECDSA:-SIGN-ALL:+SIGN-RSA-SHA256:+SIGN-RSA-SHA384" \
	":+SIGN-RSA-SHA512:+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384"

struct row {
	char *target;  /* owned */
	char *address; /* owned; "HOST:PORT" or "HOST:PORT/NAME" */
};

struct prove {
	/* inputs */
	struct prove_params in; /* borrowed members */
	char **names;           /* owned; to be asked for */
	prove_done_fn *done;
	void *userdata;

	/* owned operations */
	struct tls_probe *probe;
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

/* A name that the pattern covers stands for a wildcard. */
static char **list_names(const char *text)
{
	_cleanup_(strv_freep) char **words = strv_split(text);
	char **names = NULL;

	for (size_t i = 0; words && words[i]; i++) {
		_cleanup_(freep) char *sni =
			dname_is_wildcard(words[i])
				? xasprintf("postseal-proof%s", words[i] + 1)
				: xstrdup(words[i]);
		strv_append(&names, sni);
	}
	return names;
}

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

static void format_hex(const uint8_t *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[data[i] >> 4];
		out[2 * i + 1] = digits[data[i] & 0xf];
	}
	out[2 * len] = '\0';
}

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

static void on_probed(const struct tls_probe_result *result, void *userdata)
{
	struct prove *op = userdata;
	char seen[2 * sizeof(result->fingerprint) + 1];
	_cleanup_(freep) char *trouble = NULL;

	format_hex(result->fingerprint, sizeof(result->fingerprint), seen);
	if (result->outcome != TLS_PROBE_OK)
		trouble = xstrdup(result->detail);
	else if (strcmp(seen, op->in.certificate->fingerprint) != 0)
		trouble =
			xstrdup("another certificate is served than the one installed");
	op->probe = tls_probe_cancel(op->probe);
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

static void probe_name(struct prove *op)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct row *row = &op->rows[op->row];
	const char *slash = strchr(row->address, '/');
	struct tls_probe_params params = {
		.priority = op->in.is_rsa ? PRIORITY_RSA : PRIORITY_ECDSA,
	};

	if (strncmp(row->address, "unix:", 5) == 0)
		slash = NULL;
	if (slash && !op->one_name)
		strv_append(&op->one_name, slash + 1);
	params.sni = row_names(op)[op->name];
	_cleanup_(freep) char *text =
		slash ? xstrndup(row->address, (size_t)(slash - row->address))
		      : xstrdup(row->address);
	int r = address_parse(text, &params.address, &err);
	if (r >= 0)
		r = tls_probe_start(
			&op->probe, op->in.loop, &params, on_probed, op, &err);
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
		probe_name(op);
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
	op->names = list_names(params->certificate->names);
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
	tls_probe_cancel(op->probe);
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
