/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the workers are told of a listener's block. */
#pragma once

#include "conf/conf.h"
#include "link/message.h"

/* For the address of that index: the first one has the block's name, "imaps", the second
 * "imaps#2". fd -1; the strings are the caller's. */
struct link_listener listener_message_make(
	const struct conf *conf, const struct conf_block *block, size_t index);
