/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * By system call: the C library has no functions for it, and its headers may be older
 * than the kernel. So the numbers of linux/landlock.h stand here.
 */
#include "io/landlock.h"

#include <errno.h>
#include <linux/types.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/macro.h"
#include "util/mem.h"

#define CREATE_RULESET_VERSION (1U << 0)
#define NET_BIND_TCP           (1U << 0)
#define SCOPE_ABSTRACT_UNIX    (1U << 0)
#define SCOPE_SIGNAL           (1U << 1)

struct ruleset {
	__u64 fs;
	__u64 net;
	__u64 scoped;
};

/* What each version of the interface brought: all rights to files up to it, and how much
 * of the struct it knows. */
/* clang-format off */
static const struct {
	struct ruleset handled;
	size_t size;
} versions[] = {
	[1] = { { .fs = 0x1fff }, 8 },
	[2] = { { .fs = 0x3fff }, 8 },
	[3] = { { .fs = 0x7fff }, 8 },
	[4] = { { .fs = 0x7fff, .net = NET_BIND_TCP }, 16 },
	[5] = { { .fs = 0xffff, .net = NET_BIND_TCP }, 16 },
	[6] = { { .fs = 0xffff, .net = NET_BIND_TCP, .scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL }, 24 },
};

/* clang-format on */

int landlock_close_all(struct err *err)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

	if (version <= 0)
		return 0;
	version = MIN(version, (long)ARRAY_SIZE(versions) - 1);
	struct ruleset handled = versions[version].handled;
	/* Handled, and allowed by no rule. */
	_cleanup_(closep) int fd = (int)syscall(
		SYS_landlock_create_ruleset, &handled, versions[version].size, 0);
	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return err_set(err, -errno, "Landlock: %s", strerror(errno));
	return (int)version;
}
