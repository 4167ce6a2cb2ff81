/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See exchange.h. A message has its length before it (RFC 1035, section 4.2.2). */
#include "plugins/dns-rfc2136/exchange.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LENGTH_BYTES 2
#define WIRE_BYTES   65535

struct exchange {
	struct exchange_params in;
	exchange_fn *fn;
	void *userdata;
	int fd;
	struct postseal_watch *watch;
	struct postseal_timer *timer;
	uint8_t out[LENGTH_BYTES + WIRE_BYTES];
	size_t sent;
	uint8_t answer[LENGTH_BYTES + WIRE_BYTES];
	size_t received;
};

void exchange_free(struct exchange *x)
{
	if (!x)
		return;
	if (x->watch)
		x->in.services->watch_cancel(x->watch);
	if (x->timer)
		x->in.services->timer_cancel(x->timer);
	if (x->fd >= 0)
		close(x->fd);
	free(x);
}

/* --- the end: nothing of it is touched behind ------------------------------------------------ */

static void stop(struct exchange *x)
{
	if (x->watch)
		x->in.services->watch_cancel(x->watch);
	if (x->timer)
		x->in.services->timer_cancel(x->timer);
	x->watch = NULL;
	x->timer = NULL;
}

static void fail(struct exchange *x, const char *what)
{
	char detail[256];

	snprintf(detail, sizeof(detail), "%s", what);
	stop(x);
	x->fn(NULL, 0, detail, x->userdata);
}

static void on_timer(void *userdata)
{
	struct exchange *x = userdata;

	x->timer = NULL;
	fail(x, "it does not answer in time");
}

/* --- octets ------------------------------------------------------------------------------- */

static int is_later(int error)
{
	return error == EAGAIN || error == EINTR || error == EINPROGRESS;
}

static size_t out_length(const struct exchange *x)
{
	return LENGTH_BYTES + x->in.len;
}

/* 0 for each length that is not yet here. */
static size_t answer_length(const struct exchange *x)
{
	return x->received < LENGTH_BYTES
		       ? 0
		       : LENGTH_BYTES + ((size_t)x->answer[0] << 8 | x->answer[1]);
}

static void on_events(int fd, unsigned events, void *userdata);

static int watch(struct exchange *x, unsigned events)
{
	if (x->watch)
		x->in.services->watch_cancel(x->watch);
	x->watch = x->in.services->watch_start(x->in.host, x->fd, events, on_events, x);
	return x->watch ? 0 : -1;
}

static void write_some(struct exchange *x)
{
	ssize_t n =
		send(x->fd, x->out + x->sent, out_length(x) - x->sent, MSG_NOSIGNAL);

	if (n < 0) {
		if (!is_later(errno))
			fail(x, strerror(errno));
		return;
	}
	x->sent += (size_t)n;
	if (x->sent == out_length(x) && watch(x, POSTSEAL_IN) < 0)
		fail(x, "its answer cannot be waited for");
}

static void read_some(struct exchange *x)
{
	size_t wanted = answer_length(x) ? answer_length(x) : LENGTH_BYTES;
	ssize_t n = recv(x->fd, x->answer + x->received, wanted - x->received, 0);

	if (n < 0 && is_later(errno))
		return;
	if (n <= 0) {
		fail(x, n < 0 ? strerror(errno) : "it breaks off before its answer");
		return;
	}
	x->received += (size_t)n;
	wanted = answer_length(x);
	if (wanted == 0 || x->received < wanted)
		return;
	stop(x);
	x->fn(x->answer + LENGTH_BYTES, wanted - LENGTH_BYTES, NULL, x->userdata);
}

static void on_events(int fd, unsigned events, void *userdata)
{
	struct exchange *x = userdata;

	if (x->sent < out_length(x))
		write_some(x);
	else
		read_some(x);
}

/* --- the beginning --------------------------------------------------------------------------- */

/* Numeric: nothing is looked up, and nothing blocks. */
static struct addrinfo *parse_server(const char *server)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	char host[128];
	const char *port = strrchr(server, ':');
	struct addrinfo *list = NULL;

	if (!port || (size_t)(port - server) >= sizeof(host))
		return NULL;
	int has_brackets = server[0] == '[';
	snprintf(host, sizeof(host), "%.*s", (int)(port - server) - 2 * has_brackets,
		server + has_brackets);
	return getaddrinfo(host, port + 1, &hints, &list) == 0 ? list : NULL;
}

static int connect_to(const char *server)
{
	struct addrinfo *a = parse_server(server);

	if (!a)
		return -EINVAL;
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd;
	if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0 &&
		errno != EINPROGRESS)
		r = -1;
	int error = errno;
	freeaddrinfo(a);
	if (r >= 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -error;
}

struct exchange *exchange_start(const struct exchange_params *params, exchange_fn *fn,
	void *userdata, char *detail, size_t size)
{
	int fd = params->len <= WIRE_BYTES ? connect_to(params->server) : -EMSGSIZE;
	struct exchange *x = fd >= 0 ? calloc(1, sizeof(*x)) : NULL;

	if (!x) {
		snprintf(detail, size, "%s", strerror(fd < 0 ? -fd : ENOMEM));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	x->in = *params;
	x->fn = fn;
	x->userdata = userdata;
	x->fd = fd;
	x->out[0] = (uint8_t)(params->len >> 8);
	x->out[1] = (uint8_t)params->len;
	memcpy(x->out + LENGTH_BYTES, params->wire, params->len);
	x->timer = params->services->timer_start(
		params->host, params->timeout_usec, on_timer, x);
	if (x->timer && watch(x, POSTSEAL_OUT) == 0)
		return x;
	snprintf(detail, size, "its answer cannot be waited for");
	exchange_free(x);
	return NULL;
}
