/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All errors and warnings of one reading of the configuration, in file order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/macro.h"

struct conf_report_entry {
	bool is_error;
	char *file;    /* owned; "-o" for overrides */
	unsigned line; /* 0 = the file as a whole */
	char *setting; /* owned; "listener imaps: backend", NULL = none */
	char *reason;  /* owned; lower case sentence with what to do */
};

struct conf_report {
	struct conf_report_entry *entry; /* owned */
	size_t n;
	size_t n_errors;
};

void conf_report_init(struct conf_report *report);
void conf_report_done(struct conf_report *report);
_printf_(5, 6) void conf_report_error(struct conf_report *report, const char *file,
	unsigned line, const char *setting, const char *fmt, ...);
_printf_(5, 6) void conf_report_warning(struct conf_report *report, const char *file,
	unsigned line, const char *setting, const char *fmt, ...);
/* "FILE line N: setting: reason" (warnings: "FILE line N: warning: …"); owned by the
 * caller. */
char *conf_report_format_entry(const struct conf_report_entry *entry);
