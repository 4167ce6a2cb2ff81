/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `status` says: one row a slot, and a summary. */
#pragma once

#include "core/process/manager.h"
#include "store/slot.h"

/* Objects of the shape in commands.c's table; owned by the caller. */
json_t *status_format_slot(struct manager *manager, const struct store_slot *slot);
/* trouble: why not all rows could be shown; NULL: they could. */
json_t *status_format_summary(
	struct manager *manager, unsigned n_attention, const char *trouble);
/* Does this row want a person? */
bool status_needs_attention(const json_t *row);
/* Does the whole want a person? */
bool status_has_alarm(const struct manager *manager);
/* One line for systemd's STATUS=; owned by the caller. */
char *status_format_line(struct manager *manager);
