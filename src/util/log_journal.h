/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The journal's native datagram protocol, spoken by ourselves: a front worker logs
 * with fields too and does not link libsystemd for it.
 */
#pragma once

#include "util/log.h"

struct log_journal_entry {
	const char *ident;   /* all borrowed from the caller */
	const char *message; /* clean: no control octets */
	const char *file;
	int line;
	enum log_level level;
	const struct log_ctx *ctx; /* its chain's fields are sent; may be NULL */
};

/* Is this descriptor a stream to the journal (as $JOURNAL_STREAM says)? */
bool log_journal_is_stream(int fd);

/* A descriptor to send with, or a negative errno. Owned by the caller. */
int log_journal_open(void);

/* Sends to the socket at `path` (NULL: the system's journal) and never waits: -EAGAIN
 * when the journal does not keep up, another negative errno when it is not there. */
int log_journal_send(int fd, const char *path, const struct log_journal_entry *entry);
