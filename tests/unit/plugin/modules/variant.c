/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plugin as right or wrong as the Makefile wants it. */
#include "plugins/postseal-plugin.h"

#ifndef VARIANT_MAJOR
#	define VARIANT_MAJOR POSTSEAL_ABI_MAJOR
#endif
#ifndef VARIANT_MINOR
#	define VARIANT_MINOR POSTSEAL_ABI_MINOR
#endif
#ifndef VARIANT_MORE
#	define VARIANT_MORE 0
#endif
#ifndef VARIANT_NAME
#	define VARIANT_NAME "variant"
#endif

static void notify_nobody(void *instance, const struct postseal_notice *notice,
	struct postseal_call *call)
{
}

static const struct postseal_notify notify = {
	.size = sizeof(notify),
	.notify = notify_nobody,
};

const struct postseal_plugin postseal_plugin = {
	.abi_major = VARIANT_MAJOR,
	.abi_minor = VARIANT_MINOR,
	.size = sizeof(postseal_plugin) + VARIANT_MORE,
	.kind = POSTSEAL_KIND_NOTIFY,
	.name = VARIANT_NAME,
	.summary = "Tells nobody.",
	.version = "1",
	.notify = &notify,
};
