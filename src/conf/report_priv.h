/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What conf/ alone does with a report. */
#pragma once

#include <stddef.h>

#include "conf/report.h"

struct map;

/* Brings the entries from index `from` on into the order of files and lines. The map
 * has a rank (1 and up, cast to a pointer) for each file's name. */
void report_sort(struct conf_report *report, size_t from, const struct map *files);
