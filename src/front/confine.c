/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The calls are those that the worker makes, besides what the C library and GnuTLS make
 * for it: memory, randomness, the clock, and to end. Sockets to listen on, like all else,
 * come over the link.
 */
#include "front/confine.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "io/sandbox.h"
#include "util/fault.h"

/* clang-format off */
#define IS(index, value)     { index, UINT32_MAX, value }
#define HAS_NOT(index, mask) { index, mask, 0 }
#define NOTHING_SET(index)   { index, UINT64_MAX, 0 }
/* But for SOCK_CLOEXEC and SOCK_NONBLOCK; the protocol is the family's own. */
#define STREAM_OF(family)    { IS(0, family), { 1, 0xf, SOCK_STREAM }, IS(2, 0) }

static const struct sandbox_call allowed[] = {
	/* sockets */
	{ "accept4", {} },
	{ "close", {} },
	{ "connect", {} },
	{ "fcntl", { IS(1, F_DUPFD_CLOEXEC) } },
	{ "fcntl", { IS(1, F_GETFD) } },
	{ "fcntl", { IS(1, F_GETFL) } },
	{ "fcntl", { IS(1, F_SETFD) } },
	{ "fcntl", { IS(1, F_SETFL) } },
	{ "getpeername", {} },
	{ "getsockname", {} },
	{ "getsockopt", {} },
	{ "read", {} },
	{ "readv", {} },
	{ "recvfrom", {} },
	{ "recvmsg", {} },
	{ "sendmsg", {} },
	{ "sendto", {} },
	{ "setsockopt", { IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY) } },
	{ "shutdown", {} },
	{ "socket", STREAM_OF(AF_INET) },
	{ "socket", STREAM_OF(AF_INET6) },
	{ "socket", STREAM_OF(AF_UNIX) },
	{ "write", {} },
	{ "writev", {} },
	/* the loop */
	{ "clock_getres", {} },
	{ "clock_gettime", {} },
	{ "clock_nanosleep", {} },
	{ "epoll_ctl", {} },
	{ "epoll_pwait", {} },
	{ "epoll_wait", {} },
	{ "gettimeofday", {} },
	{ "nanosleep", {} },
	{ "restart_syscall", {} },
	{ "sched_yield", {} },
	{ "time", {} },
	/* memory, never to be executed */
	{ "brk", {} },
	{ "madvise", {} },
	{ "mmap", { HAS_NOT(2, PROT_EXEC) } },
	{ "mprotect", { HAS_NOT(2, PROT_EXEC) } },
	{ "mremap", {} },
	{ "munmap", {} },
	/* randomness; locks of GnuTLS */
	{ "futex", {} },
	{ "getrandom", {} },
	{ "poll", {} },
	{ "ppoll", {} },
	/* who it is, and its own limits, to be read */
	{ "getegid", {} },
	{ "geteuid", {} },
	{ "getgid", {} },
	{ "getuid", {} },
	{ "prlimit64", { IS(0, 0), NOTHING_SET(2) } },
	/* the end, and abort() */
	{ "exit", {} },
	{ "exit_group", {} },
	{ "getpid", {} },
	{ "gettid", {} },
	{ "rt_sigaction", {} },
	{ "rt_sigprocmask", {} },
	{ "rt_sigreturn", {} },
	{ "sigaltstack", {} },
	{ "tgkill", { IS(0, SANDBOX_SELF) } },
	{ .name = NULL },
};

/* A library that looks for its settings, for a time zone or a catalogue of messages goes
 * on without; the front does not fall because of that. */
static const struct sandbox_call refused[] = {
	{ "access", {} },
	{ "faccessat", {} },
	{ "faccessat2", {} },
	{ "fstat", {} },
	{ "getcwd", {} },
	{ "getrusage", {} },
	{ "ioctl", {} },
	{ "lseek", {} },
	{ "lstat", {} },
	{ "newfstatat", {} },
	{ "open", {} },
	{ "openat", {} },
	{ "prctl", {} },
	{ "readlink", {} },
	{ "readlinkat", {} },
	{ "sched_getaffinity", {} },
	{ "stat", {} },
	{ "statx", {} },
	{ "sysinfo", {} },
	{ "uname", {} },
	{ .name = NULL },
};

/* clang-format on */

static const struct sandbox_rules rules = { allowed, refused };

/* The leak checker of a sanitized build looks at its own process from outside. */
#ifdef __SANITIZE_ADDRESS__
static bool is_observed(void)
{
	return true;
}
#elif WITH_FAULTS
/* Under a tool that makes calls of its own, such as valgrind. */
static bool is_observed(void)
{
	return getenv("POSTSEAL_UNCONFINED") != NULL;
}
#else
static bool is_observed(void)
{
	return false;
}
#endif

void confine_begin(void)
{
	const struct rlimit no_core = { 0 };
	struct rlimit files;

	umask(077);
	if (!is_observed())
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &no_core);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

int confine_enter(struct err *err)
{
	return is_observed() ? 0 : sandbox_enter(&rules, err);
}
