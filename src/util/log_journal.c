/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One datagram an entry, "FIELD=value\n" each (systemd, "Native Journal Protocol").
 * Values are clean before they come here, so that the form for values with line feeds
 * is not needed, and an entry is far smaller than a datagram may be. The socket stays
 * unconnected: a journal that was restarted is found again by its path.
 */
#include "util/log_journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/text.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define ENTRY_MAX      16384
#define VALUE_MAX      1024

bool log_journal_is_stream(int fd)
{
	const char *env = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;
	char rest;

	if (!env || sscanf(env, "%llu:%llu%c", &device, &inode, &rest) != 2)
		return false;
	return fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

int log_journal_open(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

static void append_field(struct buf *buf, const char *key, const char *value)
{
	char clean[VALUE_MAX];

	text_format(clean, sizeof(clean), "%s", value);
	/* What would pass the cap is left out; MESSAGE stands first. */
	(void)buf_printf(buf, "%s=%s\n", key, clean);
}

int log_journal_send(int fd, const char *path, const struct log_journal_entry *entry)
{
	_cleanup_(buf_done) struct buf buf = BUF_INIT(ENTRY_MAX);
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	int n = snprintf(
		to.sun_path, sizeof(to.sun_path), "%s", path ? path : JOURNAL_SOCKET);
	if (n < 0 || (size_t)n >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	int r = buf_printf(
		&buf, "MESSAGE=%s\nPRIORITY=%d\n", entry->message, entry->level);
	if (r < 0)
		return r;
	append_field(&buf, "SYSLOG_IDENTIFIER", entry->ident);
	append_field(&buf, "CODE_FILE", entry->file);
	(void)buf_printf(&buf, "CODE_LINE=%d\n", entry->line);
	for (const struct log_ctx *c = entry->ctx; c; c = c->parent) {
		if (c->key && c->value)
			append_field(&buf, c->key, c->value);
	}
	ssize_t sent = sendto(fd, buf.data, buf.len, MSG_NOSIGNAL | MSG_DONTWAIT,
		(const struct sockaddr *)&to, sizeof(to));
	return sent < 0 ? -errno : 0;
}
