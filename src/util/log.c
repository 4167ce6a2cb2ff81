/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The only state of the process that is not reachable from main's stack: who we are,
 * how much is said, and where to. A message is formatted once, cleaned, cut, and
 * handed to one of three outlets. Logging never fails and never waits for the journal.
 */
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/log_journal.h"
#include "util/strtab.h"
#include "util/text.h"

#define MESSAGE_MAX 2048
#define PREFIX_MAX  512
#define CHAIN_MAX   8 /* values of the chain shown in a prefix */

static struct {
	const char *ident; /* static; NULL until opened */
	enum log_level level;
	bool has_journal_stderr; /* stderr leads to the journal: "<6>" instead of words */
	int journal_fd_plus_1;   /* owned; 0: none */
	log_capture_fn *capture;
	void *capture_userdata;
} state = { .level = LOG_LEVEL_INFO };

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_NOTICE] = "notice",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

void log_open(const char *ident, enum log_target target)
{
	if (state.journal_fd_plus_1 > 0)
		close(state.journal_fd_plus_1 - 1);
	state.journal_fd_plus_1 = 0;
	state.ident = ident;
	state.has_journal_stderr = log_journal_is_stream(STDERR_FILENO);
	if (target == LOG_TARGET_STDERR)
		return;
	if (target == LOG_TARGET_AUTO && !state.has_journal_stderr)
		return;
	int fd = log_journal_open();
	if (fd >= 0)
		state.journal_fd_plus_1 = fd + 1;
}

void log_set_level(enum log_level level)
{
	state.level = level;
}

enum log_level log_get_level(void)
{
	return state.level;
}

int log_level_parse(const char *name)
{
	return STRTAB_FIND(level_names, name);
}

const char *log_level_name(enum log_level level)
{
	return STRTAB_NAME(level_names, level);
}

void log_capture(log_capture_fn *fn, void *userdata)
{
	state.capture = fn;
	state.capture_userdata = userdata;
}

/* "outermost: … innermost: " into buf. */
static void format_prefix(const struct log_ctx *ctx, char *buf, size_t size)
{
	const struct log_ctx *chain[CHAIN_MAX];
	size_t n = 0;
	size_t at = 0;

	for (; ctx && n < CHAIN_MAX; ctx = ctx->parent) {
		if (ctx->value && ctx->value[0])
			chain[n++] = ctx;
	}
	buf[0] = '\0';
	/* Four octets are the least that text_format takes. */
	while (n > 0 && at + 4 <= size)
		at += text_format(buf + at, size - at, "%s: ", chain[--n]->value);
}

static void write_stderr(enum log_level level, const char *text)
{
	char line[MESSAGE_MAX + PREFIX_MAX + 128];
	const char *ident = state.ident ? state.ident : program_invocation_short_name;
	int n;

	if (state.has_journal_stderr)
		n = snprintf(line, sizeof(line), "<%d>%s\n", (int)level, text);
	else
		n = snprintf(line, sizeof(line), "%.64s: %s: %s\n", ident,
			log_level_name(level), text);
	/* One write, so that lines of several processes do not mix. When stderr is gone
	 * there is nobody left to tell. */
	if (n > 0 && write(STDERR_FILENO, line, MIN((size_t)n, sizeof(line) - 1)) < 0)
		return;
}

static bool write_journal(const struct log_journal_entry *entry)
{
	if (state.journal_fd_plus_1 == 0)
		return false;
	int r = log_journal_send(state.journal_fd_plus_1 - 1, NULL, entry);
	/* A journal that is stuck must not stop the mail: the message is lost. */
	return r == 0 || r == -EAGAIN;
}

void log_at(const struct log_ctx *ctx, enum log_level level, const char *file, int line,
	const char *fmt, ...)
{
	char text[PREFIX_MAX + MESSAGE_MAX + 1];
	va_list ap;

	if (level > state.level)
		return;
	int saved_errno = errno;
	format_prefix(ctx, text, PREFIX_MAX);
	size_t n = strlen(text);
	errno = saved_errno; /* for %m */
	va_start(ap, fmt);
	text_vformat(text + n, MESSAGE_MAX + 1, fmt, ap);
	va_end(ap);
	/* The prefix is part of the journal's MESSAGE too: it is what people see there. */
	const struct log_journal_entry entry = { .ident = state.ident,
		.message = text,
		.file = file,
		.line = line,
		.level = level,
		.ctx = ctx };
	if (state.capture)
		state.capture(level, text, state.capture_userdata);
	else if (!write_journal(&entry))
		write_stderr(level, text);
	errno = saved_errno;
}
