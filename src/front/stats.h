/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a worker counts: the link's figures, and why handshakes failed. */
#pragma once

#include "link/message.h"
#include "util/log.h"

#define STATS_REASONS_MAX 24

struct stats_reason {
	int code; /* GnuTLS error */
	uint64_t count;
};

struct stats {
	struct link_stats link;
	struct stats_reason reasons[STATS_REASONS_MAX]; /* the last one: all others */
	unsigned n_reasons;
};

/* One failed handshake, by GnuTLS's reason (GNUTLS_E_). */
void stats_count_failure(struct stats *stats, int code);
uint64_t stats_get_failures(const struct stats *stats, int code);
/* One line a reason, at level info. */
void stats_log_failures(const struct stats *stats, const struct log_ctx *log);
