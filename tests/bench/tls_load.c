/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Load for a TLS front on loopback, bounded in number:
 *
 *   tls_load PORT full COUNT THREADS [NAMES]     connect, handshake, an octet there and back
 *   tls_load PORT resumed COUNT THREADS [NAMES]  the same with a ticket
 *   tls_load PORT each COUNT THREADS NAMES       like full, each name in its turn
 *   tls_load PORT bulk MEGABYTES                 the backend sends them over one connection
 *   tls_load PORT idle COUNT                     open, until standard input ends
 *
 * NAMES: the name asked for is one of d0.example, d1.example … by chance; else d0.example.
 * One line of JSON says what became of it. Nothing is verified: the front is measured.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/macro.h"
#include "util/mem.h"
#include "util/usec.h"

#define PRIORITY                                                 \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519" \
	":-CIPHER-ALL:+AES-128-GCM:-SIGN-ALL:+SIGN-ECDSA-SHA256" \
	":+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-RSA-PSS-RSAE-SHA256"
#define THREADS_MAX 64
#define ORDER       "d" /* the backend sends until it is told to stop */

struct load {
	struct sockaddr_in address;
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priority;
	bool is_resumed, is_each;
	unsigned n_names;
	unsigned count;
	atomic_uint next; /* the number of the next connection */
	atomic_uint failed, resumed;
	usec_t *took; /* owned; `count` of them, 0: failed */
};

struct client {
	int fd;
	gnutls_session_t session;
};

static usec_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (usec_t)ts.tv_sec * USEC_PER_SEC + (usec_t)ts.tv_nsec / 1000;
}

static void client_close(struct client *c)
{
	if (c->session)
		gnutls_deinit(c->session);
	if (c->fd >= 0)
		close(c->fd);
	*c = (struct client){ .fd = -1 };
}

static int client_connect(const struct load *load, struct client *c)
{
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (connect(c->fd, (const struct sockaddr *)&load->address,
		    sizeof(load->address)) < 0)
		return -errno;
	return 0;
}

static void choose_name(const struct load *load, unsigned *seed, gnutls_session_t s)
{
	char name[32];
	unsigned i = load->is_each ? (*seed)++ : (unsigned)rand_r(seed);

	i = load->n_names ? i % load->n_names : 0;
	int len = snprintf(name, sizeof(name), "d%u.example", i);
	gnutls_server_name_set(s, GNUTLS_NAME_DNS, name, (size_t)len);
}

/* An octet there and back proves the backend. A ticket before it ends a call early. */
static int echo(gnutls_session_t s)
{
	char c = 'x';
	ssize_t n;

	if (gnutls_record_send(s, &c, 1) != 1)
		return -1;
	do
		n = gnutls_record_recv(s, &c, 1);
	while (n < 0 && !gnutls_error_is_fatal((int)n));
	return n == 1 && c == 'x' ? 0 : -1;
}

static int client_open(const struct load *load, struct client *c, unsigned *seed,
	const gnutls_datum_t *ticket)
{
	int r;

	*c = (struct client){ .fd = -1 };
	if (client_connect(load, c) < 0)
		return -1;
	gnutls_init(&c->session, GNUTLS_CLIENT);
	gnutls_priority_set(c->session, load->priority);
	gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, load->credentials);
	choose_name(load, seed, c->session);
	if (ticket && ticket->size)
		gnutls_session_set_data(c->session, ticket->data, ticket->size);
	gnutls_transport_set_int(c->session, c->fd);
	do
		r = gnutls_handshake(c->session);
	while (r < 0 && !gnutls_error_is_fatal(r));
	return r < 0 ? r : echo(c->session);
}

static void one(struct load *load, unsigned i, unsigned *seed, gnutls_datum_t *ticket)
{
	struct client c;
	usec_t begun = now();

	int r = client_open(load, &c, seed, ticket);
	if (r < 0) {
		load->failed++;
	} else {
		load->took[i] = now() - begun;
		load->resumed += gnutls_session_is_resumed(c.session) != 0;
		if (load->is_resumed && !ticket->size)
			gnutls_session_get_data2(c.session, ticket);
		gnutls_bye(c.session, GNUTLS_SHUT_WR);
	}
	client_close(&c);
}

static void *run_thread(void *userdata)
{
	struct load *load = userdata;
	gnutls_datum_t ticket = { 0 };
	unsigned seed = (unsigned)now();
	unsigned i;

	while ((i = load->next++) < load->count) {
		if (load->is_each)
			seed = i;
		one(load, i, &seed, &ticket);
	}
	gnutls_free(ticket.data);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	usec_t x = *(const usec_t *)a, y = *(const usec_t *)b;

	return (x > y) - (x < y);
}

static int run_handshakes(struct load *load, unsigned n_threads)
{
	pthread_t threads[THREADS_MAX];
	usec_t begun = now();

	n_threads = MIN(n_threads, THREADS_MAX);
	load->took = xnew_array(usec_t, load->count);
	for (unsigned i = 0; i < n_threads; i++)
		if (pthread_create(&threads[i], NULL, run_thread, load) != 0)
			return EXIT_FAILURE;
	for (unsigned i = 0; i < n_threads; i++)
		pthread_join(threads[i], NULL);
	double seconds = (double)(now() - begun) / USEC_PER_SEC;
	qsort(load->took, load->count, sizeof(*load->took), compare);
	unsigned n = load->count - load->failed;
	const usec_t *good = load->took + load->failed; /* behind the zeros */
	printf("{\"done\": %u, \"failed\": %u, \"resumed\": %u, \"seconds\": %.3f, "
	       "\"p50_ms\": %.2f, \"p99_ms\": %.2f}\n",
		n, (unsigned)load->failed, (unsigned)load->resumed, seconds,
		n ? (double)good[n / 2] / 1000 : 0,
		n ? (double)good[n - 1 - n / 100] / 1000 : 0);
	free(load->took);
	return EXIT_SUCCESS;
}

static int run_bulk(struct load *load)
{
	static char buffer[65536];
	uint64_t wanted = (uint64_t)load->count << 20, got = 0;
	unsigned seed = 1;
	struct client c;

	if (client_open(load, &c, &seed, NULL) < 0)
		return EXIT_FAILURE;
	usec_t begun = now();
	gnutls_record_send(c.session, ORDER, 1);
	while (got < wanted) {
		ssize_t n = gnutls_record_recv(c.session, buffer, sizeof(buffer));

		if (n > 0)
			got += (uint64_t)n;
		else if (n == 0 || gnutls_error_is_fatal((int)n))
			break;
	}
	double seconds = (double)(now() - begun) / USEC_PER_SEC;
	printf("{\"done\": %u, \"failed\": %d, \"seconds\": %.3f}\n",
		(unsigned)(got >> 20), got < wanted, seconds);
	client_close(&c);
	return EXIT_SUCCESS;
}

static int run_idle(struct load *load)
{
	struct client *clients = xnew_array(struct client, load->count);
	unsigned seed = 1;
	char c;

	for (unsigned i = 0; i < load->count; i++)
		load->failed += client_open(load, &clients[i], &seed, NULL) < 0;
	printf("{\"done\": %u, \"failed\": %u}\n", load->count - load->failed,
		(unsigned)load->failed);
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	for (unsigned i = 0; i < load->count; i++)
		client_close(&clients[i]);
	free(clients);
	return EXIT_SUCCESS;
}

static void raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int dispatch(struct load *load, const char *mode, unsigned n_threads)
{
	if (strcmp(mode, "bulk") == 0)
		return run_bulk(load);
	if (strcmp(mode, "idle") == 0)
		return run_idle(load);
	load->is_resumed = strcmp(mode, "resumed") == 0;
	load->is_each = strcmp(mode, "each") == 0;
	return run_handshakes(load, n_threads);
}

int main(int argc, char **argv)
{
	struct load load = { .address = { .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };

	if (argc < 4) {
		fputs("usage: tls_load PORT full|resumed|bulk|idle COUNT [THREADS "
		      "[NAMES]]\n",
			stderr);
		return EXIT_FAILURE;
	}
	load.address.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	load.count = (unsigned)strtoul(argv[3], NULL, 10);
	unsigned n_threads = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 1;
	load.n_names = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : 0;
	raise_files();
	gnutls_certificate_allocate_credentials(&load.credentials);
	gnutls_priority_init(&load.priority, PRIORITY, NULL);
	return dispatch(&load, argv[2], n_threads);
}
