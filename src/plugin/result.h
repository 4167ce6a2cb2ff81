/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a plugin said at the end of a call, checked and copied. */
#pragma once

#include "plugin/call.h"

/* Release by result_done. What is wrong in itself becomes POSTSEAL_FAILED with a detail
 * that says so. */
void result_copy(struct plugin_result *ret, const struct postseal_result *from);
/* A failure of our own making; `detail` is copied. */
void result_fail(struct plugin_result *ret, const char *detail);
void result_done(struct plugin_result *result);
