/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The least that GnuTLS lets one write: bare_proxy PORT BACKEND_PORT CHAIN KEY. One
 * certificate, no policy, no limits, no deadlines; what a front costs beyond this is its
 * own. Tickets as GnuTLS makes them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/mem.h"

#define BACKLOG 4096
#define EVENTS  64

struct proxy {
	int epoll;
	int listener;
	struct sockaddr_in backend;
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priority;
	gnutls_datum_t ticket_key;
};

enum state { HANDSHAKE, RELAY, DEAD };

struct pair {
	enum state state;
	int client, backend; /* backend -1: not yet */
	gnutls_session_t session;
	bool has_unsent; /* GnuTLS holds a record that did not go out whole */
};

/* Tells the two ends of a pair apart in an event: the lowest bit is the backend's. */
static void watch(struct proxy *p, int fd, struct pair *pair, bool is_backend)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
		.data.u64 = (uint64_t)(uintptr_t)pair | is_backend };

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void pair_close(struct pair *pair)
{
	gnutls_deinit(pair->session);
	close(pair->client);
	if (pair->backend >= 0)
		close(pair->backend);
	pair->state = DEAD;
}

static void accept_one(struct proxy *p)
{
	int fd = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	struct pair *pair = xnew(struct pair);
	*pair = (struct pair){ .client = fd, .backend = -1 };
	gnutls_init(&pair->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
	gnutls_priority_set(pair->session, p->priority);
	gnutls_credentials_set(pair->session, GNUTLS_CRD_CERTIFICATE, p->credentials);
	gnutls_session_ticket_enable_server(pair->session, &p->ticket_key);
	gnutls_transport_set_int(pair->session, fd);
	watch(p, fd, pair, false);
}

static bool connect_backend(struct proxy *p, struct pair *pair)
{
	pair->backend = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (pair->backend < 0 || connect(pair->backend, (struct sockaddr *)&p->backend,
					 sizeof(p->backend)) < 0)
		return false;
	watch(p, pair->backend, pair, true);
	return true;
}

/* False: the end of it. A client's octets are few here and always fit. */
static bool pump_up(struct pair *pair, char *buffer, size_t size)
{
	for (;;) {
		ssize_t n = gnutls_record_recv(pair->session, buffer, size);

		if (n == GNUTLS_E_AGAIN)
			return true;
		if (n <= 0 && (n == 0 || gnutls_error_is_fatal((int)n)))
			return false;
		if (n > 0 && send(pair->backend, buffer, (size_t)n, MSG_NOSIGNAL) != n)
			return false;
	}
}

/* False: the end of it. */
static bool pump_down(struct pair *pair, char *buffer, size_t size)
{
	for (;;) {
		ssize_t n = 0, sent;

		if (!pair->has_unsent)
			n = recv(pair->backend, buffer, size, MSG_DONTWAIT);
		if (n < 0 || (n == 0 && !pair->has_unsent))
			return n < 0 && errno == EAGAIN;
		sent = gnutls_record_send(pair->session, n ? buffer : NULL, (size_t)n);
		pair->has_unsent = sent == GNUTLS_E_AGAIN;
		if (sent < 0)
			return sent == GNUTLS_E_AGAIN;
	}
}

static bool step(struct proxy *p, struct pair *pair)
{
	static char buffer[16384];

	if (pair->state == HANDSHAKE) {
		int r = gnutls_handshake(pair->session);

		if (r < 0)
			return !gnutls_error_is_fatal(r);
		if (!connect_backend(p, pair))
			return false;
		pair->state = RELAY;
	}
	return pump_up(pair, buffer, sizeof(buffer)) &&
	       pump_down(pair, buffer, sizeof(buffer));
}

/* A pair may have two events in one turn: it is given back after all of them. */
static void turn(struct proxy *p, struct epoll_event *events, int n)
{
	for (int i = 0; i < n; i++) {
		struct pair *pair = (void *)(uintptr_t)(events[i].data.u64 & ~1ULL);

		if (!pair)
			accept_one(p);
		else if (pair->state != DEAD && !step(p, pair))
			pair_close(pair);
		else
			events[i].data.u64 = 0;
	}
	for (int i = 0; i < n; i++) {
		struct pair *pair = (void *)(uintptr_t)(events[i].data.u64 & ~1ULL);

		if (pair && pair->state == DEAD)
			free(pair);
	}
}

static struct sockaddr_in loopback(const char *port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static bool begin(struct proxy *p, char **argv)
{
	struct sockaddr_in sa = loopback(argv[1]);
	struct epoll_event event = { .events = EPOLLIN };
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	p->backend = loopback(argv[2]);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	gnutls_certificate_allocate_credentials(&p->credentials);
	gnutls_priority_init(&p->priority, NULL, NULL);
	gnutls_session_ticket_key_generate(&p->ticket_key);
	return bind(p->listener, (struct sockaddr *)&sa, sizeof(sa)) == 0 &&
	       listen(p->listener, BACKLOG) == 0 &&
	       epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->listener, &event) == 0 &&
	       gnutls_certificate_set_x509_key_file(
		       p->credentials, argv[3], argv[4], GNUTLS_X509_FMT_PEM) >= 0;
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];
	struct proxy p = { 0 };

	if (argc != 5 || !begin(&p, argv)) {
		fputs("usage: bare_proxy PORT BACKEND_PORT CHAIN KEY\n", stderr);
		return EXIT_FAILURE;
	}
	for (;;)
		turn(&p, events, epoll_wait(p.epoll, events, EVENTS, -1));
}
