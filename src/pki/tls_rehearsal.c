/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rehearsal (promise 1): before a context is installed, a client and a server of
 * this process shake hands with it, by TLS 1.3 and by TLS 1.2, over two queues of octets. It finds what no look at the certificate finds: a private key that does not
 * belong to its public half, or a chain that GnuTLS will not send.
 *
 * The client loads no trust store: whether the chain is good was checked before, and
 * loading one takes 10 ms.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pki/cert.h"
#include "pki/pki_priv.h"
#include "pki/tls_context.h"
#include "util/buf.h"
#include "util/dname.h"
#include "util/mem.h"

#define QUEUE_BYTES_MAX (1024 * 1024)
/* A handshake takes about four; more means that both wait for each other. */
#define ROUNDS_MAX         64
#define CLIENT_PRIORITY_13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define CLIENT_PRIORITY_12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define OCTET              'P'

struct side {
	gnutls_session_t session;                     /* owned */
	gnutls_certificate_credentials_t credentials; /* owned */
	struct buf in;                                /* what the other side has sent */
	struct side *other;                           /* borrowed from the rehearsal */
	bool is_done;                                 /* with the handshake */
};

struct rehearsal {
	struct side client;
	struct side server;
	struct tls_context *context; /* borrowed from the caller */
};

static ssize_t on_push(gnutls_transport_ptr_t ptr, const void *data, size_t len)
{
	struct side *side = ptr;

	if (buf_append(&side->other->in, data, len) == 0)
		return (ssize_t)len;
	gnutls_transport_set_errno(side->session, EMSGSIZE);
	return -1;
}

static ssize_t on_pull(gnutls_transport_ptr_t ptr, void *data, size_t len)
{
	struct side *side = ptr;
	size_t n = MIN(len, side->in.len);

	if (n == 0) {
		gnutls_transport_set_errno(side->session, EAGAIN);
		return -1;
	}
	memcpy(data, side->in.data, n);
	buf_consume(&side->in, n);
	return (ssize_t)n;
}

static int on_pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
	const struct side *side = ptr;

	return side->in.len > 0;
}

static void side_done(struct side *side)
{
	if (side->session)
		gnutls_deinit(side->session);
	if (side->credentials)
		gnutls_certificate_free_credentials(side->credentials);
	buf_done(&side->in);
}

static void rehearsal_done(struct rehearsal *rehearsal)
{
	side_done(&rehearsal->client);
	side_done(&rehearsal->server);
}

static int open_side(struct side *side, struct side *other, unsigned flags,
	const char *priority, struct err *err)
{
	side->other = other;
	side->in = (struct buf)BUF_INIT_SECRET(QUEUE_BYTES_MAX);
	int r = gnutls_init(&side->session, flags | GNUTLS_NONBLOCK);
	if (r >= 0)
		r = gnutls_priority_set_direct(side->session, priority, NULL);
	if (r >= 0)
		r = gnutls_credentials_set(
			side->session, GNUTLS_CRD_CERTIFICATE, side->credentials);
	if (r < 0)
		return pki_err_set(err, -EIO, r, "prepare TLS session");
	gnutls_transport_set_ptr(side->session, side);
	gnutls_transport_set_push_function(side->session, on_push);
	gnutls_transport_set_pull_function(side->session, on_pull);
	gnutls_transport_set_pull_timeout_function(side->session, on_pull_timeout);
	return 0;
}

static int open_server(struct rehearsal *rehearsal, struct err *err)
{
	struct side *server = &rehearsal->server;

	int r = tls_context_new_credentials(&server->credentials, err);
	if (r < 0)
		return r;
	r = open_side(
		server, &rehearsal->client, GNUTLS_SERVER, TLS_CONTEXT_PRIORITY, err);
	if (r < 0)
		return r;
	gnutls_session_set_ptr(server->session, &rehearsal->context);
	return 0;
}

/* A name under the wildcard stands for the wildcard, which no client would ask for. */
static int set_server_name(gnutls_session_t session, const char *name)
{
	char host[sizeof("rehearsal") + DNAME_MAX + 1];
	const char *rest = dname_is_wildcard(name) ? name + 1 : NULL;
	int n = snprintf(host, sizeof(host), "%s%s", rest ? "rehearsal" : "",
		rest ? rest : name);

	if (n < 0 || (size_t)n >= sizeof(host))
		return GNUTLS_E_INVALID_REQUEST;
	return gnutls_server_name_set(session, GNUTLS_NAME_DNS, host, (size_t)n);
}

static int open_client(struct rehearsal *rehearsal, const char *name,
	const char *priority, struct err *err)
{
	struct side *client = &rehearsal->client;

	int r = gnutls_certificate_allocate_credentials(&client->credentials);
	if (r < 0)
		return pki_err_set(err, -ENOMEM, r, "new credentials");
	r = open_side(client, &rehearsal->server, GNUTLS_CLIENT, priority, err);
	if (r < 0 || !name)
		return r;
	r = set_server_name(client->session, name);
	return r < 0 ? pki_err_set(err, -EINVAL, r, "ask for name") : 0;
}

/* One side as far as it gets. */
static int step_side(struct side *side, const char *who, struct err *err)
{
	if (side->is_done)
		return 0;
	int r = gnutls_handshake(side->session);
	if (r >= 0) {
		side->is_done = true;
		return 0;
	}
	if (!gnutls_error_is_fatal(r))
		return 0;
	return err_set(err, -EPROTO, "%s: %s", who, gnutls_strerror(r));
}

/* The client first: a key that is not the certificate's is noticed there. */
static int shake_hands(struct rehearsal *rehearsal, struct err *err)
{
	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		int r = step_side(&rehearsal->client, "client", err);
		if (r == 0)
			r = step_side(&rehearsal->server, "server", err);
		if (r < 0)
			return r;
		if (rehearsal->client.is_done && rehearsal->server.is_done)
			return 0;
	}
	return err_set(err, -EPROTO, "client and server wait for each other");
}

static int check_leaf(struct rehearsal *rehearsal, struct err *err)
{
	unsigned n = 0;
	const gnutls_datum_t *chain =
		gnutls_certificate_get_peers(rehearsal->client.session, &n);
	uint8_t shown[CERT_FINGERPRINT_BYTES];
	size_t len = sizeof(shown);

	if (!chain || n == 0)
		return err_set(err, -EPROTO, "the server showed no certificate");
	int r = gnutls_fingerprint(GNUTLS_DIG_SHA256, &chain[0], shown, &len);
	if (r < 0)
		return pki_err_set(err, -EIO, r, "fingerprint");
	if (memcmp(shown, tls_context_get_fingerprint(rehearsal->context), len) != 0)
		return err_set(err, -EPROTO, "the server showed another certificate");
	return 0;
}

static int carry_octet(struct side *from, struct side *to, struct err *err)
{
	char octet = OCTET;
	ssize_t n = gnutls_record_send(from->session, &octet, 1);

	if (n != 1)
		return pki_err_set(err, -EPROTO, (int)n, "send an octet");
	octet = '\0';
	/* Before the octet there may be messages that are no data. */
	n = GNUTLS_E_AGAIN;
	for (unsigned i = 0; i < ROUNDS_MAX && n == GNUTLS_E_AGAIN; i++)
		n = gnutls_record_recv(to->session, &octet, 1);
	if (n < 0)
		return pki_err_set(err, -EPROTO, (int)n, "receive an octet");
	if (n != 1 || octet != OCTET)
		return err_set(err, -EPROTO, "the octet got lost");
	return 0;
}

static int rehearse_version(struct tls_context *context, const char *name,
	const char *priority, struct err *err)
{
	_cleanup_(rehearsal_done) struct rehearsal rehearsal = { .context = context };

	int r = open_server(&rehearsal, err);
	if (r == 0)
		r = open_client(&rehearsal, name, priority, err);
	if (r == 0)
		r = shake_hands(&rehearsal, err);
	if (r == 0)
		r = check_leaf(&rehearsal, err);
	if (r == 0)
		r = carry_octet(&rehearsal.client, &rehearsal.server, err);
	if (r == 0)
		r = carry_octet(&rehearsal.server, &rehearsal.client, err);
	return r;
}

int tls_context_rehearse(struct tls_context *context, enum tls_version version,
	const char *name, struct err *err)
{
	const bool is_13 = version == TLS_VERSION_13;
	int r = rehearse_version(
		context, name, is_13 ? CLIENT_PRIORITY_13 : CLIENT_PRIORITY_12, err);

	return r < 0 ? err_wrap(err, r, "rehearsal of a TLS 1.%d handshake",
			       is_13 ? 3 : 2)
		     : 0;
}
