/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/mem.h"

#define UNIX_PREFIX "unix:"

static struct sockaddr_in *to_inet(const struct address *a)
{
	return (struct sockaddr_in *)&a->sa;
}

static struct sockaddr_in6 *to_inet6(const struct address *a)
{
	return (struct sockaddr_in6 *)&a->sa;
}

static struct sockaddr_un *to_unix(const struct address *a)
{
	return (struct sockaddr_un *)&a->sa;
}

static int parse_unix(const char *path, struct address *ret, struct err *err)
{
	struct sockaddr_un *sun = to_unix(ret);

	if (path[0] != '/')
		return err_set_kind(err, ERR_CONFIG, -EINVAL,
			"not an absolute path of a socket: %s", path);
	if (strlen(path) >= sizeof(sun->sun_path))
		return err_set_kind(err, ERR_CONFIG, -EINVAL,
			"path of a socket is longer than %zu octets: %s",
			sizeof(sun->sun_path) - 1, path);
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, path, strlen(path) + 1);
	ret->len =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
	return 0;
}

static bool parse_port(const char *s, in_port_t *ret)
{
	size_t len = strlen(s);

	if (len < 1 || len > 5 || strspn(s, "0123456789") != len)
		return false;
	unsigned long port = strtoul(s, NULL, 10);
	if (port < 1 || port > UINT16_MAX)
		return false;
	*ret = htons((in_port_t)port);
	return true;
}

static bool parse_inet6(const char *host, in_port_t port, struct address *ret)
{
	struct sockaddr_in6 *sin6 = to_inet6(ret);

	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = port;
	ret->len = sizeof(*sin6);
	return inet_pton(AF_INET6, host, &sin6->sin6_addr) == 1;
}

static bool parse_inet(const char *host, in_port_t port, struct address *ret)
{
	struct sockaddr_in *sin = to_inet(ret);

	sin->sin_family = AF_INET;
	sin->sin_port = port;
	ret->len = sizeof(*sin);
	return inet_pton(AF_INET, host, &sin->sin_addr) == 1;
}

int address_parse(const char *text, struct address *ret, struct err *err)
{
	const char *colon = strrchr(text, ':');
	in_port_t port;

	memset(ret, 0, sizeof(*ret));
	if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		return parse_unix(text + strlen(UNIX_PREFIX), ret, err);
	if (!colon)
		return err_set_kind(err, ERR_CONFIG, -EINVAL,
			"not ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH: %s", text);
	if (!parse_port(colon + 1, &port))
		return err_set_kind(
			err, ERR_CONFIG, -EINVAL, "not a port number: %s", colon + 1);
	size_t len = (size_t)(colon - text);
	bool is_inet6 = len >= 2 && text[0] == '[' && text[len - 1] == ']';
	_cleanup_(freep) char *host =
		is_inet6 ? xstrndup(text + 1, len - 2) : xstrndup(text, len);
	bool ok = is_inet6 ? parse_inet6(host, port, ret) : parse_inet(host, port, ret);
	if (ok)
		return 0;
	if (!is_inet6 && strchr(host, ':'))
		return err_set_kind(err, ERR_CONFIG, -EINVAL,
			"an IPv6 address stands in brackets: [%s]:%s", host, colon + 1);
	return err_set_kind(
		err, ERR_CONFIG, -EINVAL, "not a numeric address: %s", host);
}

char *address_format(const struct address *address, char *buf, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "?";

	switch (address->sa.ss_family) {
	case AF_INET:
		inet_ntop(AF_INET, &to_inet(address)->sin_addr, host, sizeof(host));
		snprintf(buf, size, "%s:%u", host, ntohs(to_inet(address)->sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &to_inet6(address)->sin6_addr, host, sizeof(host));
		snprintf(buf, size, "[%s]:%u", host,
			ntohs(to_inet6(address)->sin6_port));
		break;
	case AF_UNIX:
		/* A peer's own address is usually empty. */
		snprintf(buf, size, UNIX_PREFIX "%s",
			address->len > offsetof(struct sockaddr_un, sun_path)
				? to_unix(address)->sun_path
				: "");
		break;
	default:
		snprintf(buf, size, "?");
	}
	return buf;
}

void address_to_loopback(const struct address *address, struct address *ret)
{
	*ret = *address;
	if (ret->sa.ss_family == AF_INET &&
		to_inet(ret)->sin_addr.s_addr == htonl(INADDR_ANY))
		to_inet(ret)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (ret->sa.ss_family == AF_INET6 &&
		IN6_IS_ADDR_UNSPECIFIED(&to_inet6(ret)->sin6_addr))
		to_inet6(ret)->sin6_addr = in6addr_loopback;
}

void address_unmap(struct address *address)
{
	struct sockaddr_in6 v6 = *to_inet6(address);
	struct sockaddr_in *v4 = to_inet(address);

	if (v6.sin6_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
		return;
	memset(&address->sa, 0, sizeof(address->sa));
	v4->sin_family = AF_INET;
	v4->sin_port = v6.sin6_port;
	memcpy(&v4->sin_addr, v6.sin6_addr.s6_addr + 12, sizeof(v4->sin_addr));
	address->len = sizeof(*v4);
}

bool address_is_same_host(const struct address *a, const struct address *b)
{
	struct address x = *a, y = *b;

	address_unmap(&x);
	address_unmap(&y);
	if (x.sa.ss_family != y.sa.ss_family)
		return false;
	if (x.sa.ss_family == AF_INET)
		return to_inet(&x)->sin_addr.s_addr == to_inet(&y)->sin_addr.s_addr;
	return x.sa.ss_family == AF_INET6 &&
	       IN6_ARE_ADDR_EQUAL(&to_inet6(&x)->sin6_addr, &to_inet6(&y)->sin6_addr);
}

static int new_socket(const struct address *address, int *ret, struct err *err)
{
	*ret = socket(
		address->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*ret < 0)
		return err_set(err, -errno, "socket: %s", strerror(errno));
	return 0;
}

/* A socket file that nobody listens on any more, left over from a process that died. */
static bool is_stale_socket(const struct address *address)
{
	_cleanup_(closep) int fd = -1;
	struct stat st;

	if (lstat(to_unix(address)->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	if (new_socket(address, &fd, NULL) < 0)
		return false;
	return connect(fd, (const struct sockaddr *)&address->sa, address->len) < 0 &&
	       errno == ECONNREFUSED;
}

static int set_listen_options(int fd, const struct address *address)
{
	int on = 1, off = 0;

	if (address->sa.ss_family == AF_UNIX)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (address->sa.ss_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
		return -errno;
	return 0;
}

int address_listen(
	const struct address *address, int backlog, int *ret_fd, struct err *err)
{
	_cleanup_(closep) int fd = -1;
	char text[ADDRESS_TEXT_MAX];
	int r = new_socket(address, &fd, err);

	if (r < 0)
		return r;
	address_format(address, text, sizeof(text));
	if (address->sa.ss_family == AF_UNIX && is_stale_socket(address))
		unlink(to_unix(address)->sun_path);
	r = set_listen_options(fd, address);
	if (r == 0 && bind(fd, (const struct sockaddr *)&address->sa, address->len) < 0)
		r = -errno;
	if (r == 0 && listen(fd, backlog) < 0)
		r = -errno;
	if (r < 0)
		return err_set(err, r, "listen on %s: %s", text, strerror(-r));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int address_connect(const struct address *address, int *ret_fd, struct err *err)
{
	_cleanup_(closep) int fd = -1;
	char text[ADDRESS_TEXT_MAX];
	int r = new_socket(address, &fd, err);

	if (r < 0)
		return r;
	r = connect(fd, (const struct sockaddr *)&address->sa, address->len);
	if (r < 0 && errno != EINPROGRESS && errno != EINTR)
		return err_set_kind(err, ERR_NETWORK, -errno, "connect to %s: %s",
			address_format(address, text, sizeof(text)), strerror(errno));
	*ret_fd = TAKE_FD(fd);
	return 0;
}
