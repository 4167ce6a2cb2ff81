/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See forbidden.h. */
#include "front/forbidden.h"

#if WITH_FAULTS

#	include <arpa/inet.h>
#	include <fcntl.h>
#	include <netinet/in.h>
#	include <netinet/tcp.h>
#	include <sched.h>
#	include <signal.h>
#	include <stdlib.h>
#	include <string.h>
#	include <sys/mman.h>
#	include <sys/mount.h>
#	include <sys/prctl.h>
#	include <sys/ptrace.h>
#	include <sys/resource.h>
#	include <sys/socket.h>
#	include <sys/stat.h>
#	include <unistd.h>

#	include "util/log.h"

/* --- files ------------------------------------------------------------------------- */

static int open_file(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int make_file(void)
{
	return open("/tmp/postseal-forbidden", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int stat_file(void)
{
	struct stat st;

	return stat("/etc/passwd", &st);
}

static int remove_file(void)
{
	return unlink("/tmp/postseal-forbidden");
}

static int change_root(void)
{
	return chroot("/");
}

static int mount_folder(void)
{
	return mount("none", "/nonexistent", "tmpfs", 0, NULL);
}

/* --- processes --------------------------------------------------------------------- */

static int run_program(void)
{
	char *const argv[] = { (char *)"true", NULL };

	return execv("/bin/true", argv);
}

static int fork_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : 0;
}

static int be_traced(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int signal_parent(void)
{
	return kill(getppid(), 0);
}

static int raise_limit(void)
{
	const struct rlimit limit = { 100, 100 };

	return setrlimit(RLIMIT_NOFILE, &limit);
}

static int become_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int leave_namespace(void)
{
	return unshare(CLONE_NEWUSER);
}

/* --- sockets ----------------------------------------------------------------------- */

static int raw_socket(void)
{
	return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
}

static int packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static int netlink_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static int datagram_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static int other_protocol(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
}

/* Code of the kernel that a worker does without, and that has had its holes. */
static int set_option(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 3);

	close(fd);
	return r;
}

static int bind_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = fd < 0 ? -1 : bind(fd, (const struct sockaddr *)&sa, sizeof(sa));

	if (fd >= 0)
		close(fd);
	return r;
}

/* --- memory ------------------------------------------------------------------------ */

static int map_code(void)
{
	void *code = mmap(
		NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return code == MAP_FAILED ? -1 : 0;
}

static int make_code(void)
{
	void *data = mmap(
		NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return data == MAP_FAILED ? 0 : mprotect(data, 4096, PROT_READ | PROT_EXEC);
}

/* clang-format off */
const struct forbidden_act forbidden_acts[] = {
	{ "open",      open_file,       false },
	{ "make",      make_file,       false },
	{ "stat",      stat_file,       false },
	{ "unlink",    remove_file,     true },
	{ "chroot",    change_root,     true },
	{ "mount",     mount_folder,    true },
	{ "exec",      run_program,     true },
	{ "fork",      fork_process,    true },
	{ "ptrace",    be_traced,       true },
	{ "kill",      signal_parent,   true },
	{ "limit",     raise_limit,     true },
	{ "dumpable",  become_dumpable, false },
	{ "namespace", leave_namespace, true },
	{ "raw",       raw_socket,      true },
	{ "packet",    packet_socket,   true },
	{ "netlink",   netlink_socket,  true },
	{ "datagram",  datagram_socket, true },
	{ "protocol",  other_protocol,  true },
	{ "option",    set_option,      true },
	{ "bind",      bind_port,       true },
	{ "map-code",  map_code,        true },
	{ "make-code", make_code,       true },
	{ .name = NULL },
};

/* clang-format on */

void forbidden_try_wanted(void)
{
	const char *wanted = getenv("POSTSEAL_FORBIDDEN");

	for (const struct forbidden_act *a = forbidden_acts; wanted && a->name; a++) {
		if (strcmp(a->name, wanted) != 0)
			continue;
		int r = a->act();
		log_notice(
			NULL, "forbidden: %s: %s", a->name, r < 0 ? "refused" : "done");
		if (r >= 0)
			exit(0);
	}
}

#endif
