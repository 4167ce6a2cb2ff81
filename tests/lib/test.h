/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmocka with the headers that it wants before it, in its order. */
#pragma once

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* Names the row of a table of cases in the failure of one of its assertions. */
#define test_case(name) print_message("    - %s\n", (name))
