/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A schema with a setting of each type and a block of each kind. */
#pragma once

#include "conf/conf.h"

struct conf_schema *fixture_new_schema(void);
/* All lines of a report, each with a newline. Owned by the caller. */
char *fixture_format_report(const struct conf_report *report);
