/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/io/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/mem.h"

#define CONNECTIONS_MAX 32

struct connection {
	struct http_server *server;
	pthread_t thread;
	int fd;
	unsigned number;
};

struct http_server {
	int fd;
	unsigned port;
	pthread_t thread;
	atomic_uint n;
	atomic_bool is_ending;
	struct connection connection[CONNECTIONS_MAX];
};

static bool send_all(struct connection *c, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool send_str(struct connection *c, const char *s)
{
	return send_all(c, s, strlen(s));
}

static void sleep_msec(unsigned msec)
{
	struct timespec ts = { .tv_nsec = (long)msec * 1000000 };

	nanosleep(&ts, NULL);
}

/* --- the ways to answer; false closes the connection ------------------------------- */

static bool answer_ok(struct connection *c, const char *request)
{
	_cleanup_(freep) char *text = xasprintf(
		"HTTP/1.1 200 OK\r\nX-Connection: %u\r\nContent-Length: 5\r\n\r\n%s",
		c->number, strncmp(request, "HEAD ", 5) == 0 ? "" : "hello");

	return send_str(c, text);
}

static bool answer_slow(struct connection *c, const char *request)
{
	sleep_msec(60);
	return answer_ok(c, request);
}

static bool answer_echo(struct connection *c, const char *request)
{
	_cleanup_(freep) char *text =
		xasprintf("HTTP/1.1 201 Created\r\nContent-Length: %zu\r\n\r\n%s",
			strlen(request), request);

	return send_str(c, text);
}

static bool answer_drip(struct connection *c, const char *request)
{
	if (!send_str(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"))
		return false;
	while (!c->server->is_ending && send_str(c, "x"))
		sleep_msec(10);
	return false;
}

static bool answer_endless(struct connection *c, const char *request)
{
	char chunk[4096];

	memset(chunk, 'x', sizeof(chunk));
	if (!send_str(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"))
		return false;
	while (!c->server->is_ending && send_all(c, chunk, sizeof(chunk)))
		continue;
	return false;
}

static bool answer_endless_header(struct connection *c, const char *request)
{
	bool is_open = send_str(c, "HTTP/1.1 200 OK\r\n");

	while (is_open && !c->server->is_ending)
		is_open = send_str(c, "X-More: 0123456789012345678901234567890123\r\n");
	return false;
}

static bool answer_headers(struct connection *c, const char *request)
{
	char line[9000];

	memset(line, 'y', sizeof(line));
	memcpy(line, "X-Long: ", 8);
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	if (!send_str(c, "HTTP/1.1 200 OK\r\n") || !send_all(c, line, sizeof(line)))
		return false;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(line, sizeof(line), "X-%u: \t %u \r\n", i, i);
		if (!send_str(c, line))
			return false;
	}
	return send_str(c, "Content-Length: 0\r\n\r\n");
}

static bool answer_cut(struct connection *c, const char *request)
{
	send_str(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
	return false;
}

static bool answer_garbage(struct connection *c, const char *request)
{
	send_str(c, "220 mail.example.org ESMTP\r\n\r\n");
	return false;
}

static bool answer_nothing(struct connection *c, const char *request)
{
	return false;
}

static bool answer_interim(struct connection *c, const char *request)
{
	return send_str(c, "HTTP/1.1 103 Early Hints\r\nX-Interim: 1\r\n\r\n") &&
	       answer_ok(c, request);
}

static bool answer_trailer(struct connection *c, const char *request)
{
	return send_str(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			   "5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n");
}

static bool answer_redirect(struct connection *c, const char *request)
{
	return send_str(
		c, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
}

static bool answer_never(struct connection *c, const char *request)
{
	char octet;

	return recv(c->fd, &octet, 1, 0) > 0;
}

static const struct {
	const char *path;
	bool (*answer)(struct connection *c, const char *request);
} paths[] = {
	{ "/ok", answer_ok },
	{ "/echo", answer_echo },
	{ "/head", answer_ok },
	{ "/slow", answer_slow },
	{ "/drip", answer_drip },
	{ "/endless", answer_endless },
	{ "/endless-header", answer_endless_header },
	{ "/headers", answer_headers },
	{ "/cut", answer_cut },
	{ "/garbage", answer_garbage },
	{ "/nothing", answer_nothing },
	{ "/interim", answer_interim },
	{ "/trailer", answer_trailer },
	{ "/redirect", answer_redirect },
	{ "/never", answer_never },
};

static bool answer(struct connection *c, const char *request)
{
	const char *path = strchr(request, ' ');

	path = path ? path + 1 : "";
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (strlen(paths[i].path) == strcspn(path, " ") &&
			strncmp(paths[i].path, path, strcspn(path, " ")) == 0)
			return paths[i].answer(c, request);
	return false;
}

/* Octets of the request that stands at the beginning, 0 if it is not whole yet. */
static size_t request_len(const char *text, size_t len)
{
	const char *end = strstr(text, "\r\n\r\n");
	const char *length = strcasestr(text, "\r\nContent-Length:");
	size_t body = length ? strtoul(length + 17, NULL, 10) : 0;

	if (!end || (size_t)(end + 4 - text) + body > len)
		return 0;
	return (size_t)(end + 4 - text) + body;
}

static void *serve(void *arg)
{
	struct connection *c = arg;
	struct buf in = BUF_INIT(1 << 20);
	bool is_open = true;

	while (is_open) {
		size_t n = request_len(buf_str(&in), in.len);
		if (n > 0) {
			_cleanup_(freep) char *request = xstrndup(buf_str(&in), n);
			buf_consume(&in, n);
			is_open = answer(c, request);
			continue;
		}
		char chunk[4096];
		ssize_t got = recv(c->fd, chunk, sizeof(chunk), 0);
		is_open = got > 0 && buf_append(&in, chunk, (size_t)got) == 0;
	}
	shutdown(c->fd, SHUT_RDWR);
	buf_done(&in);
	return NULL;
}

static void *accept_all(void *arg)
{
	struct http_server *server = arg;

	while (server->n < CONNECTIONS_MAX) {
		int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return NULL;
		struct connection *c = &server->connection[server->n];
		c->server = server;
		c->fd = fd;
		c->number = server->n + 1;
		pthread_create(&c->thread, NULL, serve, c);
		server->n++;
	}
	return NULL;
}

struct http_server *http_server_new(void)
{
	struct http_server *server = xnew(struct http_server);
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(sin);

	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(server->fd, (struct sockaddr *)&sin, len) < 0 ||
		listen(server->fd, 16) < 0 ||
		getsockname(server->fd, (struct sockaddr *)&sin, &len) < 0)
		abort();
	server->port = ntohs(sin.sin_port);
	pthread_create(&server->thread, NULL, accept_all, server);
	return server;
}

struct http_server *http_server_free(struct http_server *server)
{
	if (!server)
		return NULL;
	server->is_ending = true;
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
	for (unsigned i = 0; i < server->n; i++) {
		struct connection *c = &server->connection[i];
		shutdown(c->fd, SHUT_RDWR);
		pthread_join(c->thread, NULL);
		close(c->fd);
	}
	free(server);
	return NULL;
}

unsigned http_server_port(const struct http_server *server)
{
	return server->port;
}

unsigned http_server_connections(struct http_server *server)
{
	return server->n;
}
