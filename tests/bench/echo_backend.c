/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A backend that costs as little as can be: echo_backend PORT gives back what it is sent,
 * and after an "d" sends without end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ORDER   'd'
#define BACKLOG 4096
#define EVENTS  64

static char zeros[65536];

static int listen_at(unsigned port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, BACKLOG) < 0)
		return -1;
	return fd;
}

static void watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/* One at a time has ordered; the others wait meanwhile. */
static void send_all(int fd)
{
	while (send(fd, zeros, sizeof(zeros), MSG_NOSIGNAL) > 0)
		;
}

static void serve(int fd)
{
	char buffer[16384];
	ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

	if (n > 0 && buffer[n - 1] == ORDER)
		send_all(fd);
	else if (n > 0 && send(fd, buffer, (size_t)n, MSG_NOSIGNAL) == n)
		return;
	close(fd);
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];
	struct rlimit limit;

	int listener = argc == 2 ? listen_at((unsigned)strtoul(argv[1], NULL, 10)) : -1;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	if (listener < 0 || epoll < 0) {
		fputs("usage: echo_backend PORT\n", stderr);
		return EXIT_FAILURE;
	}
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	watch(epoll, listener);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == listener)
				watch(epoll, accept4(fd, NULL, NULL, SOCK_CLOEXEC));
			else
				serve(fd);
		}
	}
}
