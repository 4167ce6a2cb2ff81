/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/io/tls_server.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/mem.h"

#define YEAR_SEC (365 * 86400)

struct tls_server {
	enum tls_server_mode mode;
	int fd;
	atomic_int connection_fd; /* -1: none */
	unsigned port;
	pthread_t thread;
	gnutls_certificate_credentials_t credentials;
	gnutls_datum_t ticket_key;
	gnutls_datum_t der;
	gnutls_datum_t pem;
	char sni[256];
	atomic_uint n_resumed;
};

static void require(int r)
{
	if (r < 0)
		abort();
}

static void make_certificate(struct tls_server *server)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;

	require(gnutls_x509_privkey_init(&key));
	require(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
		GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	require(gnutls_x509_crt_init(&crt));
	require(gnutls_x509_crt_set_version(crt, 3));
	require(gnutls_x509_crt_set_serial(crt, "\1", 1));
	require(gnutls_x509_crt_set_dn(crt, "CN=mail.test", NULL));
	require(gnutls_x509_crt_set_subject_alt_name(
		crt, GNUTLS_SAN_DNSNAME, "mail.test", 9, 0));
	/* 2020 to 2050: the wall clock of the machine is not ours. */
	require(gnutls_x509_crt_set_activation_time(crt, 50 * YEAR_SEC));
	require(gnutls_x509_crt_set_expiration_time(crt, (time_t)80 * YEAR_SEC));
	require(gnutls_x509_crt_set_ca_status(crt, 1));
	require(gnutls_x509_crt_set_key(crt, key));
	require(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0));
	require(gnutls_certificate_set_x509_key(server->credentials, &crt, 1, key));
	require(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &server->der));
	require(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &server->pem));
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

static void note_client(struct tls_server *server, gnutls_session_t session)
{
	size_t len = sizeof(server->sni);
	unsigned type;

	if (gnutls_server_name_get(session, server->sni, &len, &type, 0) < 0)
		server->sni[0] = '\0';
	server->n_resumed += gnutls_session_is_resumed(session) != 0;
}

static void serve_http(struct tls_server *server, int fd)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
				     "Connection: close\r\n\r\nhello";
	gnutls_datum_t alpn = { .data = (unsigned char *)"http/1.1", .size = 8 };
	gnutls_session_t session;
	char request[4096];

	require(gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL));
	require(gnutls_set_default_priority(session));
	require(gnutls_credentials_set(
		session, GNUTLS_CRD_CERTIFICATE, server->credentials));
	require(gnutls_session_ticket_enable_server(session, &server->ticket_key));
	require(gnutls_alpn_set_protocols(session, &alpn, 1, 0));
	gnutls_transport_set_int(session, fd);
	int r;
	do {
		r = gnutls_handshake(session);
	} while (r < 0 && !gnutls_error_is_fatal(r));
	/* A client that leaves at once may make the end of the handshake fail. */
	note_client(server, session);
	if (r >= 0) {
		if (gnutls_record_recv(session, request, sizeof(request)) > 0)
			gnutls_record_send(session, answer, sizeof(answer) - 1);
		gnutls_bye(session, GNUTLS_SHUT_WR);
	}
	gnutls_deinit(session);
}

static void serve(struct tls_server *server, int fd)
{
	char octets[4096];

	switch (server->mode) {
	case TLS_SERVER_HTTP:
		serve_http(server, fd);
		break;
	case TLS_SERVER_GARBAGE:
		send(fd, "220 mail.test ESMTP\r\n", 21, MSG_NOSIGNAL);
		break;
	case TLS_SERVER_SILENT:
		while (recv(fd, octets, sizeof(octets), 0) > 0)
			continue;
		break;
	case TLS_SERVER_HANGS_UP:
		break;
	}
}

static void *accept_all(void *arg)
{
	struct tls_server *server = arg;

	for (;;) {
		int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return NULL;
		server->connection_fd = fd;
		serve(server, fd);
		server->connection_fd = -1;
		close(fd);
	}
}

struct tls_server *tls_server_new(enum tls_server_mode mode)
{
	struct tls_server *server = xnew(struct tls_server);
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(sin);

	server->mode = mode;
	server->connection_fd = -1;
	require(gnutls_certificate_allocate_credentials(&server->credentials));
	require(gnutls_session_ticket_key_generate(&server->ticket_key));
	make_certificate(server);
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	require(bind(server->fd, (struct sockaddr *)&sin, len));
	require(listen(server->fd, 16));
	require(getsockname(server->fd, (struct sockaddr *)&sin, &len));
	server->port = ntohs(sin.sin_port);
	require(-pthread_create(&server->thread, NULL, accept_all, server));
	return server;
}

struct tls_server *tls_server_free(struct tls_server *server)
{
	if (!server)
		return NULL;
	shutdown(server->fd, SHUT_RDWR);
	int fd = server->connection_fd;
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
	gnutls_certificate_free_credentials(server->credentials);
	gnutls_free(server->ticket_key.data);
	gnutls_free(server->der.data);
	gnutls_free(server->pem.data);
	free(server);
	return NULL;
}

unsigned tls_server_port(const struct tls_server *server)
{
	return server->port;
}

const uint8_t *tls_server_leaf(const struct tls_server *server, size_t *ret_len)
{
	*ret_len = server->der.size;
	return server->der.data;
}

const char *tls_server_pem(const struct tls_server *server)
{
	return (const char *)server->pem.data;
}

const char *tls_server_last_sni(const struct tls_server *server)
{
	return server->sni;
}

unsigned tls_server_resumed(const struct tls_server *server)
{
	return server->n_resumed;
}
