/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "front/stats.h"

#include <gnutls/gnutls.h>
#include <inttypes.h>

void stats_count_failure(struct stats *stats, int code)
{
	unsigned i = 0;

	stats->link.failed++;
	while (i < stats->n_reasons && stats->reasons[i].code != code)
		i++;
	if (i == STATS_REASONS_MAX)
		stats->reasons[--i].code = 0;
	if (i == stats->n_reasons) {
		stats->n_reasons++;
		stats->reasons[i].code = code;
	}
	stats->reasons[i].count++;
}

uint64_t stats_get_failures(const struct stats *stats, int code)
{
	for (unsigned i = 0; i < stats->n_reasons; i++)
		if (stats->reasons[i].code == code)
			return stats->reasons[i].count;
	return 0;
}

void stats_log_failures(const struct stats *stats, const struct log_ctx *log)
{
	for (unsigned i = 0; i < stats->n_reasons; i++) {
		const struct stats_reason *reason = &stats->reasons[i];

		log_info(log, "handshakes failed: %" PRIu64 " times %s", reason->count,
			reason->code ? gnutls_strerror(reason->code) : "other reasons");
	}
}
