/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is logged during a test. A warning or an error that the test did not announce
 * makes it fail, and so does an announced message that never came.
 */
#pragma once

#include "tests/lib/test.h"
#include "util/log.h"

/* A test under the rule above. */
#define test_with_log(fn) \
	cmocka_unit_test_setup_teardown((fn), test_log_setup, test_log_teardown)

/* Setup and teardown for cmocka; neither touches *state. The level is DEBUG between. */
int test_log_setup(void **state);
int test_log_teardown(void **state);

/* Announces one message of this level that contains the text; each announcement is for
 * one message. */
void test_log_expect(enum log_level level, const char *substring);
/* Was such a message logged since the setup? */
bool test_log_has(enum log_level level, const char *substring);
