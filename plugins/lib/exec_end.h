/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the end of a program that did not do well says to people. */
#pragma once

#include "plugins/postseal-plugin.h"

#define EXEC_END_BYTES 800

/* The host's sentence, and the last line that the program has printed. */
void exec_end_format(
	const struct postseal_exec_result *result, char ret[EXEC_END_BYTES]);
