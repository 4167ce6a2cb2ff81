/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A passphrase: from a file that nobody else can read, or from the terminal. */
#pragma once

#include "ctl/arguments.h"
#include "util/buf.h"

#define PASSPHRASE_BYTES_MAX 1024

enum {
	PASSPHRASE_TWICE = 1 << 0, /* at a terminal: it must be typed twice alike */
};

/* Of --passphrase-file (without the line's end), else asked for at the terminal, without
 * an echo. *ret is to be a secret buffer. */
int passphrase_get(const struct arguments *arguments, unsigned flags, struct buf *ret,
	struct err *err);
