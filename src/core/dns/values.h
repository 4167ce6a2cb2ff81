/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What plugins put into the DNS and look up there: what plugin/host.h calls its DNS backing.
 *
 * A value is written down, then a provider is asked to add it; it is forgotten when that
 * provider has removed it. So what stands after a crash is known, and a clean-up that is
 * repeated finds it. At one name one provider works at a time: each reads, changes and
 * writes in its own way.
 */
#pragma once

#include "core/notice/instances.h"
#include "io/dns_resolver.h"
#include "plugin/host.h"
#include "store/store.h"

struct values;

/* Pointers to where things will be: the backing is there before them. */
struct values_params {
	struct loop *loop; /* borrowed, as all here */
	struct store **store;
	struct instances **instances;
	struct dns_resolver **resolver; /* NULL there: nothing can be looked up */
	const struct log_ctx *log;
};

struct values *values_new(const struct values_params *params);
/* All that was started has been cancelled by who did. */
struct values *values_free(struct values *values);
DEFINE_CLEANUP(struct values *, values_free)
/* Borrowed. */
const struct plugin_dns_backing *values_get(const struct values *values);
