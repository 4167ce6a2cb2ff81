/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See sandbox.h. */
#include "io/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/landlock.h"
#include "util/log.h"
#include "util/mem.h"

/* A search in the filter instead of a walk: libseccomp's own number for that. */
#define OPTIMIZE_BINARY_TREE 2

static void free_filter(scmp_filter_ctx *filter)
{
	seccomp_release(*filter);
}

static int add_call(
	scmp_filter_ctx filter, uint32_t action, const struct sandbox_call *call)
{
	struct scmp_arg_cmp compare[SANDBOX_ARGS_MAX];
	unsigned n = 0;

	int number = seccomp_syscall_resolve_name(call->name);
	if (number == __NR_SCMP_ERROR)
		return -EINVAL;
	for (size_t i = 0; i < SANDBOX_ARGS_MAX; i++) {
		const struct sandbox_arg *arg = &call->args[i];
		bool is_self = arg->value == SANDBOX_SELF;

		if (arg->mask == 0)
			continue;
		compare[n++] = (struct scmp_arg_cmp){ arg->index, SCMP_CMP_MASKED_EQ,
			arg->mask, is_self ? (uint64_t)getpid() : arg->value };
	}
	return seccomp_rule_add_array(filter, action, number, n, compare);
}

static int add_calls(scmp_filter_ctx filter, uint32_t action,
	const struct sandbox_call *calls, struct err *err)
{
	for (; calls && calls->name; calls++) {
		int r = add_call(filter, action, calls);

		if (r < 0)
			return err_set(
				err, r, "seccomp: %s: %s", calls->name, strerror(-r));
	}
	return 0;
}

static int load_filter(const struct sandbox_rules *rules, struct err *err)
{
	_cleanup_(free_filter) scmp_filter_ctx filter =
		seccomp_init(SCMP_ACT_KILL_PROCESS);

	if (!filter)
		return err_set(err, -ENOSYS, "seccomp: not to be had");
	int r = seccomp_attr_set(
		filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(
			filter, SCMP_FLTATR_CTL_OPTIMIZE, OPTIMIZE_BINARY_TREE);
	if (r < 0)
		return err_set(err, r, "seccomp: %s", strerror(-r));
	r = add_calls(filter, SCMP_ACT_ALLOW, rules->allowed, err);
	if (r == 0)
		r = add_calls(filter, SCMP_ACT_ERRNO(EACCES), rules->refused, err);
	if (r < 0)
		return r;
	r = seccomp_load(filter);
	if (r < 0)
		return err_set(err, r,
			"seccomp: the kernel does not take the filter (%s); it has to "
			"be built with CONFIG_SECCOMP_FILTER",
			strerror(-r));
	return 0;
}

/* Also those of root, and those that a service manager has given us. */
static int drop_capabilities(struct err *err)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capset, &header, none) < 0)
		return err_set(err, -errno, "capabilities: %s", strerror(errno));
	return 0;
}

int sandbox_enter(const struct sandbox_rules *rules, struct err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, -errno, "no_new_privs: %s", strerror(errno));
	if (drop_capabilities(err) < 0)
		return -EPERM;
	int version = landlock_close_all(err);
	if (version < 0)
		return version;
	int r = load_filter(rules, err);
	if (r == 0 && version == 0)
		log_debug(NULL, "confined by seccomp; this kernel has no Landlock");
	else if (r == 0)
		log_debug(NULL, "confined by seccomp and Landlock %d", version);
	return r;
}
