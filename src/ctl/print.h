/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines for a terminal. Text from outside may be formatted in: it is cleaned. */
#pragma once

#include <stdio.h>

#include "util/err.h"
#include "util/json_view.h"

/* One line; the line feed is added. */
_printf_(2, 3) void print_line(FILE *out, const char *fmt, ...);
/* "postsealctl: " and the line. */
_printf_(2, 3) void print_problem(FILE *err, const char *fmt, ...);
void print_err(FILE *out, const struct err *err);
/* In ASCII, so that nothing in it can steer a terminal. print_json: indented, for one
 * document; print_json_line: compact, for one of many. */
void print_json(FILE *out, const json_t *json);
void print_json_line(FILE *out, const json_t *json);
