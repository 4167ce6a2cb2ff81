/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A probe looks at what is shown and judges nothing: no verification, no client
 * certificate, and no tickets, since a resumed handshake shows no certificate.
 */
#include "io/tls_probe.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/proxy_header.h"
#include "util/mem.h"

#define DEADLINE_DEFAULT (10 * USEC_PER_SEC)
#define PROXY_BYTES_MAX  64

struct tls_probe {
	/* inputs */
	tls_probe_done_fn *done;
	void *userdata; /* borrowed */
	struct address address;
	usec_t deadline_usec;
	/* owned operations */
	struct loop_timer *timer;
	struct loop_io *io;
	struct loop_defer *defer; /* a failure that is known at the start */
	int fd;
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	bool is_connected;
	bool has_to_say_proxy; /* before the handshake */
	/* results */
	enum tls_probe_outcome outcome;
	char *detail; /* owned */
};

static void probe_release(struct tls_probe *op)
{
	op->io = loop_io_free(op->io);
	op->timer = loop_timer_free(op->timer);
	op->defer = loop_defer_free(op->defer);
	if (op->session)
		gnutls_deinit(TAKE_PTR(op->session));
	if (op->credentials)
		gnutls_certificate_free_credentials(TAKE_PTR(op->credentials));
	closep(&op->fd);
	op->fd = -1;
}

struct tls_probe *tls_probe_cancel(struct tls_probe *op)
{
	if (!op)
		return NULL;
	probe_release(op);
	free(op->detail);
	free(op);
	return NULL;
}

static void complete_failed(struct tls_probe *op)
{
	_cleanup_(freep) char *detail = TAKE_PTR(op->detail);
	struct tls_probe_result result = {
		.outcome = op->outcome,
		.detail = detail,
	};

	probe_release(op);
	op->done(&result, op->userdata);
}

/* Takes over detail. */
static void probe_fail(
	struct tls_probe *op, enum tls_probe_outcome outcome, char *detail)
{
	op->outcome = outcome;
	op->detail = detail;
	complete_failed(op);
}

static char *negotiated_alpn(gnutls_session_t session)
{
	gnutls_datum_t alpn;

	if (gnutls_alpn_get_selected_protocol(session, &alpn) < 0)
		return NULL;
	return xstrndup((const char *)alpn.data, alpn.size);
}

static void complete_ok(struct tls_probe *op)
{
	unsigned n = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(op->session, &n);

	if (!chain || n == 0) {
		probe_fail(op, TLS_PROBE_TLS, xstrdup("no certificate was shown"));
		return;
	}
	/* done may cancel: what it looks at must outlive that. */
	_cleanup_(freep) uint8_t *leaf = xmemdup(chain[0].data, chain[0].size);
	_cleanup_(freep) char *alpn = negotiated_alpn(op->session);
	struct tls_probe_result result = {
		.outcome = TLS_PROBE_OK,
		.leaf = leaf,
		.leaf_len = chain[0].size,
		.n_chain = n,
		.alpn = alpn,
	};
	gnutls_hash_fast(GNUTLS_DIG_SHA256, leaf, result.leaf_len, result.fingerprint);
	/* A kindness to the server's log; not waited for. */
	gnutls_bye(op->session, GNUTLS_SHUT_WR);
	probe_release(op);
	op->done(&result, op->userdata);
}

static char *describe_tls_error(struct tls_probe *op, int code)
{
	if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return xasprintf("the server refused the handshake: %s",
			gnutls_alert_get_name(gnutls_alert_get(op->session)));
	return xasprintf("no TLS handshake: %s", gnutls_strerror(code));
}

static void step_handshake(struct tls_probe *op)
{
	int r;

	do {
		r = gnutls_handshake(op->session);
	} while (r == GNUTLS_E_INTERRUPTED ||
		 (r < 0 && r != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(r)));
	if (r == GNUTLS_E_AGAIN)
		loop_io_set_events(op->io,
			gnutls_record_get_direction(op->session) ? LOOP_OUT : LOOP_IN);
	else if (r < 0)
		probe_fail(op, TLS_PROBE_TLS, describe_tls_error(op, r));
	else
		complete_ok(op);
}

/* A fresh socket takes it whole. */
static int say_proxy(struct tls_probe *op)
{
	const struct proxy_header nobody = { .tls_version = NULL };
	struct buf out = BUF_INIT(PROXY_BYTES_MAX);

	op->has_to_say_proxy = false;
	int r = proxy_header_format(&nobody, &out);
	ssize_t n = r == 0 ? send(op->fd, out.data, out.len, MSG_NOSIGNAL) : r;
	bool is_whole = n == (ssize_t)out.len;
	buf_done(&out);
	return is_whole ? 0 : -EIO;
}

static void on_io(struct loop_io *io, unsigned events, void *userdata)
{
	struct tls_probe *op = userdata;
	char text[ADDRESS_TEXT_MAX];
	int code = 0;
	socklen_t len = sizeof(code);

	if (!op->is_connected) {
		if (getsockopt(op->fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
			code = errno;
		if (code != 0) {
			probe_fail(op, TLS_PROBE_UNREACHED,
				xasprintf("connect to %s: %s",
					address_format(
						&op->address, text, sizeof(text)),
					strerror(code)));
			return;
		}
		op->is_connected = true;
	}
	if (op->has_to_say_proxy && say_proxy(op) < 0) {
		probe_fail(op, TLS_PROBE_UNREACHED,
			xstrdup("the connection was closed at once"));
		return;
	}
	step_handshake(op);
}

static void on_deadline(struct loop_timer *timer, void *userdata)
{
	struct tls_probe *op = userdata;
	char text[USEC_DURATION_MAX];

	probe_fail(op, TLS_PROBE_DEADLINE,
		xasprintf("no %s within %s",
			op->is_connected ? "TLS handshake" : "connection",
			usec_format_duration(op->deadline_usec, text, sizeof(text))));
}

static void on_failed(void *userdata)
{
	complete_failed(userdata);
}

/* --- the start --------------------------------------------------------------------- */

static int set_alpn(gnutls_session_t session, const char *const *alpn)
{
	gnutls_datum_t protocols[8];
	unsigned n = 0;

	for (; alpn && alpn[n]; n++) {
		if (n == ARRAY_SIZE(protocols))
			return GNUTLS_E_INVALID_REQUEST;
		protocols[n].data = (unsigned char *)alpn[n];
		protocols[n].size = (unsigned)strlen(alpn[n]);
	}
	return n > 0 ? gnutls_alpn_set_protocols(session, protocols, n, 0) : 0;
}

static int set_up_session(struct tls_probe *op, const struct tls_probe_params *params)
{
	int r = gnutls_certificate_allocate_credentials(&op->credentials);

	if (r >= 0)
		r = gnutls_init(&op->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK |
						      GNUTLS_NO_SIGNAL |
						      GNUTLS_NO_TICKETS);
	if (r >= 0 && params->priority)
		r = gnutls_priority_set_direct(op->session, params->priority, NULL);
	else if (r >= 0)
		r = gnutls_set_default_priority(op->session);
	if (r >= 0)
		r = gnutls_credentials_set(
			op->session, GNUTLS_CRD_CERTIFICATE, op->credentials);
	if (r >= 0 && params->sni)
		r = gnutls_server_name_set(
			op->session, GNUTLS_NAME_DNS, params->sni, strlen(params->sni));
	if (r >= 0)
		r = set_alpn(op->session, params->alpn);
	return r;
}

static int watch(struct tls_probe *op, struct loop *loop, struct err *err)
{
	gnutls_transport_set_int(op->session, op->fd);
	return loop_io_new(&op->io, loop, op->fd, LOOP_OUT, on_io, op, err);
}

/* Not connected at once is an outcome like one that is found later. */
static int connect_or_defer(struct tls_probe *op, struct loop *loop, struct err *err)
{
	struct err unreached = ERR_INIT;
	int r = address_connect(&op->address, &op->fd, &unreached);

	if (r < 0) {
		op->outcome = TLS_PROBE_UNREACHED;
		op->detail = err_format(&unreached);
		err_done(&unreached);
		op->defer = loop_defer_new(loop, on_failed, op);
		return 0;
	}
	return watch(op, loop, err);
}

int tls_probe_start(struct tls_probe **ret, struct loop *loop,
	const struct tls_probe_params *params, tls_probe_done_fn *done, void *userdata,
	struct err *err)
{
	_cleanup_(tls_probe_cancelp) struct tls_probe *op = xnew(struct tls_probe);

	op->done = done;
	op->userdata = userdata;
	op->address = params->address;
	op->fd = params->fd > 0 ? params->fd : -1;
	op->is_connected = op->fd > 0;
	op->has_to_say_proxy = params->says_proxy;
	op->deadline_usec =
		params->deadline_usec ? params->deadline_usec : DEADLINE_DEFAULT;
	int r = set_up_session(op, params);
	if (r < 0)
		return err_set(err, -EINVAL, "tls probe: %s", gnutls_strerror(r));
	r = op->is_connected ? watch(op, loop, err) : connect_or_defer(op, loop, err);
	if (r < 0)
		return r;
	op->timer = loop_timer_new(loop, on_deadline, op);
	if (!op->defer)
		loop_timer_set_after(op->timer, op->deadline_usec);
	*ret = TAKE_PTR(op);
	return 0;
}
