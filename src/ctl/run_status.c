/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command status: a line a certificate, one certificate in full when it is named, or
 * all as JSON. Rows come from the daemon and are kept until the end, since columns are as
 * wide as their widest cell.
 */
#include <inttypes.h>
#include <string.h>

#include "ctl/columns.h"
#include "ctl/daemon.h"
#include "ctl/print.h"
#include "util/buf.h"
#include "util/mem.h"

#define DEADLINE_USEC     USEC_PER_MIN
#define BAD_TURN_USEC     (100 * USEC_PER_MSEC)
#define DATE_LEN          10 /* of RFC 3339 */
#define TIME_BEGIN        11
#define TIME_LEN          8
#define TIME_END          (TIME_BEGIN + TIME_LEN)
#define HAPPENINGS_SHOWN  6
#define LISTENER_LINE_MAX 2048

struct status {
	struct ctl *ctl;
	json_t *rows;    /* owned; array of slots */
	json_t *summary; /* owned; NULL until it came */
	usec_t wall_now_usec;
	bool wants_attention;
};

static bool is_state(const json_t *row, const char *state)
{
	const char *text = json_view_string(row, "state");

	return text && strcmp(text, state) == 0;
}

static void on_row(const json_t *row, void *userdata)
{
	struct status *status = userdata;
	json_t *summary = json_view_object(row, "summary");

	if (summary) {
		json_decref(status->summary);
		status->summary = json_incref(summary);
		if (json_array_size(json_view_array(summary, "alarms")) > 0)
			status->wants_attention = true;
		return;
	}
	json_array_append(status->rows, (json_t *)row);
	if (is_state(row, "failed") || is_state(row, "held") ||
		is_state(row, "waiting"))
		status->wants_attention = true;
}

/* --- one line -------------------------------------------------------------------------- */

/* "2027-02-21 (89 days)"; owned by the caller, NULL without a certificate. */
static char *format_expiry(const struct status *status, const json_t *row)
{
	const char *text = json_view_string(row, "not_after");
	usec_t at;

	if (!text || !usec_parse_rfc3339(text, &at))
		return NULL;
	if (at <= status->wall_now_usec)
		return xasprintf("%.*s (expired)", DATE_LEN, text);
	usec_t left = usec_sub(at, status->wall_now_usec);
	usec_t unit = left < 2 * USEC_PER_DAY ? USEC_PER_HOUR : USEC_PER_DAY;
	return xasprintf("%.*s (%" PRIu64 " %s)", DATE_LEN, text, left / unit,
		unit == USEC_PER_DAY ? "days" : "hours");
}

/* The note says what was used, and in parentheses why not another. */
static char *format_challenge(const json_t *row)
{
	const char *note = json_view_string(row, "challenge");

	return note ? xstrndup(note, strcspn(note, " ")) : NULL;
}

static char *format_proofs(const json_t *row)
{
	const json_t *served = json_view_array(row, "served");
	size_t n = json_array_size(served);
	size_t n_proven = 0;

	for (size_t i = 0; i < n; i++)
		n_proven += is_state(json_array_get(served, i), "proven");
	if (n == 0 || n_proven == n)
		return NULL;
	return xasprintf("seen at %zu of %zu addresses", n_proven, n);
}

static char *format_detail(const json_t *row)
{
	const char *error = json_view_string(row, "error");
	const char *activity = json_view_string(row, "activity");
	const char *due = json_view_string(row, "due");
	int64_t attempts = json_view_int(row, "attempts", 0);

	if (is_state(row, "ordering") && activity)
		return xstrdup(activity);
	if (error && attempts > 1)
		return xasprintf("%s (%" PRId64 " tries)", error, attempts);
	if (error)
		return xstrdup(error);
	char *proofs = format_proofs(row);
	if (proofs)
		return proofs;
	return due ? xasprintf("renewal %.*s", DATE_LEN, due) : NULL;
}

/* A domain with several certificates is told apart by the type of key. */
static bool is_repeated(const struct status *status, size_t i)
{
	const json_t *row = json_array_get(status->rows, i);
	const char *domain = json_view_string(row, "domain");

	for (size_t k = i > 0 ? i - 1 : 0; domain && k <= i + 1; k++) {
		const char *other =
			json_view_string(json_array_get(status->rows, k), "domain");
		if (k != i && other && strcmp(domain, other) == 0)
			return true;
	}
	return false;
}

static void add_line(struct columns *columns, const struct status *status, size_t i)
{
	const json_t *row = json_array_get(status->rows, i);
	const char *domain = json_view_string(row, "domain");
	const char *key_type = json_view_string(row, "key_type");
	_cleanup_(freep) char *expiry = format_expiry(status, row);
	_cleanup_(freep) char *challenge = format_challenge(row);
	_cleanup_(freep) char *detail = format_detail(row);

	if (domain && key_type && is_repeated(status, i))
		columns_printf(columns, "%s (%s)", domain, key_type);
	else
		columns_add(columns, domain);
	columns_add(columns, json_view_string(row, "state"));
	columns_add(columns, expiry);
	columns_add(columns, challenge);
	columns_add(columns, detail);
}

/* Only when it is bad: who waits for the daemon should know why. */
static void print_turns(const struct status *status)
{
	const json_t *loop = json_view_object(status->summary, "loop");
	const json_t *worst = json_view_object(loop, "worst_hour");
	int64_t held_usec = json_view_int(worst, "held_usec", 0);
	const char *source = json_view_string(worst, "source");

	if (held_usec >= (int64_t)BAD_TURN_USEC)
		print_line(status->ctl->out,
			"postseald did nothing else for %" PRId64
			" ms within the last hour, in %s",
			held_usec / (int64_t)USEC_PER_MSEC, source ? source : "?");
}

static void add_count(struct buf *line, const char *end, const json_t *count)
{
	if (json_integer_value(count) > 0)
		buf_printf(line, "%s%" JSON_INTEGER_FORMAT " %s", line->len ? ", " : "",
			json_integer_value(count), end);
}

/* "listener imaps: 1200 relayed, 20 scanned, 3 handshake_failed", since the start. */
static void print_listener(
	const struct status *status, const char *listener, json_t *counts)
{
	_cleanup_(buf_done) struct buf line = BUF_INIT(LISTENER_LINE_MAX);
	const char *end;
	json_t *count;

	json_object_foreach(counts, end, count) add_count(&line, end, count);
	if (line.len > 0)
		print_line(
			status->ctl->out, "listener %s: %s", listener, buf_str(&line));
}

static void print_listeners(const struct status *status)
{
	json_t *listeners = json_view_object(status->summary, "listeners");
	const char *listener;
	json_t *counts;

	json_object_foreach(listeners, listener, counts)
		print_listener(status, listener, counts);
}

static void print_held(const struct status *status, const char *text)
{
	if (text && *text)
		print_line(status->ctl->out,
			"a change of the configuration is held: %s", text);
}

static void print_revocations(const struct status *status, const char *text)
{
	if (text && *text)
		print_line(status->ctl->out, "%s", text);
}

static void print_taken_up(const struct status *status, int64_t n)
{
	if (n > 0)
		print_line(status->ctl->out,
			"%" PRId64
			" certificate%s under way at the last end, and taken up again",
			n, n == 1 ? " was" : "s were");
}

static void print_draining(const struct status *status, int64_t n)
{
	if (n <= 0)
		return;
	print_line(status->ctl->out,
		"%" PRId64 " worker%s of an earlier manager %s draining, %" PRId64
		" sessions",
		n, n == 1 ? "" : "s", n == 1 ? "is" : "are",
		json_view_int(status->summary, "draining_connections", 0));
}

/* "2026-11-23 09:12:01 UTC  reload: configuration in force: …", the newest first. */
static void print_happenings(const struct status *status)
{
	const json_t *list = json_view_array(status->summary, "happenings");

	for (size_t i = 0; i < MIN(json_array_size(list), (size_t)HAPPENINGS_SHOWN);
		i++) {
		const json_t *one = json_array_get(list, i);
		const char *at = json_view_string(one, "at");
		const char *kind = json_view_string(one, "kind");
		const char *subject = json_view_string(one, "subject");
		const char *text = json_view_string(one, "text");

		if (!at || strlen(at) < TIME_END || !kind || !text)
			continue;
		print_line(status->ctl->out, "%.*s %.*s UTC  %s%s%s: %s", DATE_LEN, at,
			TIME_LEN, at + TIME_BEGIN, kind, subject ? " " : "",
			subject ? subject : "", text);
	}
}

static void print_summary(const struct status *status)
{
	const json_t *s = status->summary;
	char uptime[USEC_DURATION_MAX];
	usec_t minutes =
		(usec_t)MAX(json_view_int(s, "uptime_usec", 0), 0) / USEC_PER_MIN;

	if (!s)
		return;
	const json_t *alarms = json_view_array(s, "alarms");
	for (size_t i = 0; i < json_array_size(alarms); i++) {
		const char *text = json_string_value(json_array_get(alarms, i));

		print_line(status->ctl->out, "alarm: %s", text ? text : "?");
	}
	print_line(status->ctl->out,
		"%" PRId64 " domains, %" PRId64 " want attention; %" PRId64
		" workers, %" PRId64 " connections; up %s",
		json_view_int(s, "domains", 0), json_view_int(s, "attention", 0),
		json_view_int(s, "workers", 0), json_view_int(s, "connections", 0),
		minutes ? usec_format_duration(
				  minutes * USEC_PER_MIN, uptime, sizeof(uptime))
			: "less than a minute");
	print_draining(status, json_view_int(s, "draining_workers", 0));
	print_listeners(status);
	print_turns(status);
	print_held(status, json_view_string(s, "held"));
	print_revocations(status, json_view_string(s, "revocations"));
	print_taken_up(status, json_view_int(s, "taken_up", 0));
	print_happenings(status);
}

static void print_lines(const struct status *status)
{
	static const char *const headings[] = { "NAME", "STATE", "EXPIRES", "CHALLENGE",
		"DETAIL", NULL };
	_cleanup_(columns_freep) struct columns *columns = columns_new(headings);

	for (size_t i = 0; i < json_array_size(status->rows); i++)
		add_line(columns, status, i);
	if (json_array_size(status->rows) > 0)
		columns_print(columns, status->ctl->out);
	print_summary(status);
}

/* --- one in full ------------------------------------------------------------------------- */

static void add_text(struct columns *columns, const char *label, const char *text)
{
	if (!text || !text[0])
		return;
	columns_add(columns, label);
	columns_add(columns, text);
}

static void add_names(struct columns *columns, const json_t *row)
{
	const json_t *names = json_view_array(row, "names");

	for (size_t i = 0; i < json_array_size(names); i++) {
		columns_add(columns, i == 0 ? "names:" : " ");
		columns_add(columns, json_string_value(json_array_get(names, i)));
	}
}

static void add_served(struct columns *columns, const json_t *row)
{
	const json_t *served = json_view_array(row, "served");

	for (size_t i = 0; i < json_array_size(served); i++) {
		const json_t *item = json_array_get(served, i);
		const char *target = json_view_string(item, "target");
		const char *address = json_view_string(item, "address");
		const char *state = json_view_string(item, "state");
		const char *error = json_view_string(item, "error");

		columns_add(columns, i == 0 ? "served:" : " ");
		columns_printf(columns, "%s%s%s: %s%s%s", target ? target : "?",
			address && address[0] ? " " : "", address ? address : "",
			state ? state : "?", error ? ": " : "", error ? error : "");
	}
}

static void print_full(const struct status *status, const json_t *row)
{
	static const struct {
		const char *label, *key;
	} rows[] = {
		{ "authority:", "authority" },
		{ "directory:", "directory" },
		{ "challenge:", "challenge" },
		{ "not before:", "not_before" },
		{ "not after:", "not_after" },
		{ "issuer:", "issuer" },
		{ "serial:", "serial" },
		{ "fingerprint:", "fingerprint" },
		{ "renewal due:", "due" },
		{ "error:", "error" },
	};
	_cleanup_(columns_freep) struct columns *columns = columns_new(NULL);
	int64_t attempts = json_view_int(row, "attempts", 0);

	add_text(columns, "domain:", json_view_string(row, "domain"));
	add_text(columns, "state:", json_view_string(row, "state"));
	add_text(columns, "activity:", json_view_string(row, "activity"));
	add_text(columns, "key type:", json_view_string(row, "key_type"));
	add_names(columns, row);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		add_text(columns, rows[i].label, json_view_string(row, rows[i].key));
	if (attempts > 0) {
		columns_add(columns, "failed tries:");
		columns_printf(columns, "%" PRId64, attempts);
	}
	add_served(columns, row);
	columns_print(columns, status->ctl->out);
}

static void print_all_full(const struct status *status)
{
	for (size_t i = 0; i < json_array_size(status->rows); i++) {
		if (i > 0)
			fputc('\n', status->ctl->out);
		print_full(status, json_array_get(status->rows, i));
	}
}

/* --- the command --------------------------------------------------------------------------- */

static void print_document(const struct status *status)
{
	_cleanup_(json_view_unrefp) json_t *document = json_object();

	json_object_set(document, "certificates", status->rows);
	json_object_set(
		document, "summary", status->summary ? status->summary : json_null());
	print_json(status->ctl->out, document);
}

static int show(
	struct status *status, const struct arguments *arguments, struct loop *loop)
{
	const char *name = arguments_word(arguments, 0);
	int code = daemon_ask(status->ctl, &(struct daemon_call){
						   .name = "status",
						   .args = daemon_args("name", name),
						   .on_row = on_row,
						   .userdata = status,
						   .deadline_usec = DEADLINE_USEC,
						   .is_quiet = true,
					   });

	if (code != COMMAND_OK && code != COMMAND_ATTENTION)
		return code;
	status->wall_now_usec = loop_wall_now(loop);
	if (arguments_has(arguments, "json"))
		print_document(status);
	else if (name)
		print_all_full(status);
	else
		print_lines(status);
	return status->wants_attention ? COMMAND_ATTENTION : code;
}

int ctl_run_status(struct ctl *ctl, const struct arguments *arguments)
{
	_cleanup_(json_view_unrefp) json_t *rows = json_array();
	struct status status = { .ctl = ctl, .rows = rows };
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(loop_freep) struct loop *own = NULL;
	struct loop *before = ctl->loop;

	/* The loop's clock is needed once more after the answer. */
	if (!ctl->loop && loop_new_epoll(&own, &err) < 0) {
		print_err(ctl->err, &err);
		return COMMAND_FAILED;
	}
	if (own)
		ctl->loop = own;
	int code = show(&status, arguments, ctl->loop);
	ctl->loop = before;
	json_decref(status.summary);
	return code;
}
