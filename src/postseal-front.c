/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * postseal-front: a worker. postseald starts it with the link as descriptor 3; all that
 * it knows comes over that. It reads no file, writes none, and starts nothing.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "front/confine.h"
#include "front/forbidden.h"
#include "front/worker.h"
#include "util/log.h"
#include "util/mem.h"

#define LINK_FD    3
#define EXIT_USAGE 64

static int usage(void)
{
	fputs("postseal-front: this is a worker of postseald, which starts it with a link "
	      "as descriptor 3 (or --link FD).\nIt is of no use by hand: see "
	      "postseald(8), and \"postsealctl status\" for what it does.\n",
		stderr);
	return EXIT_USAGE;
}

static bool is_link(int fd)
{
	struct sockaddr_un sa;
	socklen_t len = sizeof(sa);
	int type = 0;

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0 ||
		sa.sun_family != AF_UNIX)
		return false;
	len = sizeof(type);
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_STREAM;
}

/* -1: the arguments make no sense. */
static int parse_link(int argc, char **argv)
{
	static const struct option options[] = {
		{ "link", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	long fd = LINK_FD;
	char *end = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'l')
			return -1;
		errno = 0;
		fd = strtol(optarg, &end, 10);
		if (errno || end == optarg || *end || fd < 0 || fd > 65535)
			return -1;
	}
	return optind == argc ? (int)fd : -1;
}

static void ignore_signals(void)
{
	signal(SIGPIPE, SIG_IGN);
	/* Ctrl-C reaches the whole group; the manager decides what becomes of us. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

static void on_ended(int code, void *userdata)
{
	loop_exit(userdata, code);
}

static void on_sigterm(int signo, void *userdata)
{
	loop_exit(userdata, 0);
}

static int run(int link_fd, struct err *err)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	_cleanup_(loop_signal_freep) struct loop_signal *sigterm = NULL;
	_cleanup_(worker_freep) struct worker *worker = NULL;

	struct worker_params params = { .link_fd = link_fd, .ended = on_ended };
	int r = loop_new_epoll(&loop, err);
	params.loop = params.userdata = loop;

	if (r == 0)
		r = loop_signal_new(&sigterm, loop, SIGTERM, on_sigterm, loop, err);
	if (r == 0)
		r = worker_new(&worker, &params, err);
	if (r == 0)
		r = confine_enter(err);
	if (r == 0)
		FORBIDDEN();
	return r < 0 ? r : loop_run(loop, err);
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;

	int link_fd = parse_link(argc, argv);
	if (link_fd < 0 || !is_link(link_fd))
		return usage();
	log_open("postseal-front", LOG_TARGET_AUTO);
	confine_begin();
	ignore_signals();
	int r = run(link_fd, &err);
	if (r < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		log_error(NULL, "worker ends: %s", text);
	}
	err_done(&err);
	return r < 0 ? EXIT_FAILURE : r;
}
