/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * replay FILE.rpl: plays a CA's part line by line against the real src/acme, with a
 * clock that stands still, and ends with 1 and "FILE:LINE: …" at the first thing that is
 * not as the script says. The language is described in tests/replay/README.
 */
#include <assert.h>
#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/replay/replay_run.h"
#include "util/buf.h"
#include "util/mem.h"

#define ORIGIN       "https://ca.test"
#define HEADERS_MAX  16
#define BODY_MAX     (1 << 20)
#define INCLUDES_MAX 4

struct script {
	const char *path;
	unsigned line;
	struct replay_run *run;
	char *next; /* the line after the one at hand; NULL = end of file */
	FILE *file;
	unsigned depth;

	/* the request at hand */
	bool has_request;
	char *payload; /* of a signed one */
	size_t save;   /* progress read so far */
	size_t cleanup;
};

struct command {
	const char *name;
	void (*fn)(struct script *script, char *args);
};

static void play(const char *path, struct script *script);

_printf_(2, 3) static void __attribute__((noreturn))
fail(const struct script *script, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%u: ", script->path, script->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* The next word; the rest stays in *args. "" at the end. */
static char *take_word(char **args)
{
	char *word = *args + strspn(*args, " ");
	const size_t len = strcspn(word, " ");

	*args = word + len;
	if (**args) {
		**args = '\0';
		++*args;
		*args += strspn(*args, " ");
	}
	return word;
}

static usec_t take_duration(struct script *script, char *args)
{
	usec_t usec;

	if (!usec_parse_duration(args, &usec))
		fail(script, "no duration: %s", args);
	return usec;
}

/* --- lines ------------------------------------------------------------------------- */

static void read_line(struct script *script)
{
	size_t size = 0;

	free(script->next);
	script->next = NULL;
	ssize_t len = getline(&script->next, &size, script->file);
	if (len < 0) {
		free(script->next);
		script->next = NULL;
		return;
	}
	while (len > 0 &&
		(script->next[len - 1] == '\n' || script->next[len - 1] == '\r'))
		script->next[--len] = '\0';
}

static char *take_line(struct script *script)
{
	char *line = TAKE_PTR(script->next);

	script->line++;
	read_line(script);
	return line;
}

/* --- what is given ------------------------------------------------------------------ */

static void do_set(struct script *script, char *args)
{
	const char *name = take_word(&args);

	replay_run_set(script->run, name, args);
}

static void do_start(struct script *script, char *args)
{
	_cleanup_(freep) char *why = replay_run_start(script->run, args);

	if (why)
		fail(script, "%s did not start: %s", args, why);
}

static void do_start_fails(struct script *script, char *args)
{
	const char *what = take_word(&args);
	_cleanup_(freep) char *why = replay_run_start(script->run, what);

	if (!why)
		fail(script, "%s did start", what);
	if (!strstr(why, args))
		fail(script, "it says: %s", why);
}

static void do_cancel(struct script *script, char *args)
{
	replay_run_cancel(script->run);
	script->has_request = false;
}

static void do_include(struct script *script, char *args)
{
	_cleanup_(freep) char *copy = xstrdup(script->path);
	_cleanup_(freep) char *path = xasprintf("%s/%s", dirname(copy), args);

	if (script->depth == INCLUDES_MAX)
		fail(script, "included too deep");
	play(path, script);
}

static void set_signing(struct script *script, struct replay_ca *ca, const char *args)
{
	static const char *const words[] = { "works", "fails", "hangs", "refuses" };

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(args, words[i]) == 0) {
			replay_ca_set_signing(ca, (enum replay_signing)i);
			return;
		}
	}
	fail(script, "no such way to sign: %s", args);
}

static void do_signer(struct script *script, char *args)
{
	set_signing(script, script->run->ca, args);
}

static void do_new_signer(struct script *script, char *args)
{
	set_signing(script, script->run->next, args);
}

static void do_fail_save(struct script *script, char *args)
{
	replay_solver_fail_save(script->run->solver, *args ? args : NULL);
}

static void do_fail_send(struct script *script, char *args)
{
	replay_http_refuse_next(script->run->http);
}

/* --- requests ------------------------------------------------------------------------ */

static const struct replay_request *get_request(struct script *script)
{
	fake_loop_run_ready(script->run->loop);
	if (script->has_request)
		fail(script, "the request before this was not answered");
	const struct replay_request *request = replay_http_find(script->run->http);
	if (!request && script->run->is_done)
		fail(script, "no request; it has ended: %s: %s", script->run->outcome,
			script->run->sentence);
	if (!request)
		fail(script, "no request");
	return request;
}

static void check_signed(
	struct script *script, const struct replay_request *request, bool wants_kid)
{
	struct replay_signed jws = {};
	char *why = NULL;

	if (!replay_ca_check(script->run->ca, request, &jws, &why))
		fail(script, "bad request to %s: %s", request->url, why);
	free(script->payload);
	script->payload = jws.payload;
	if (jws.is_kid != wants_kid)
		fail(script, "signed by %s", jws.is_kid ? "kid" : "jwk");
}

static void do_expect(struct script *script, char *args)
{
	static const char *const methods[_HTTP_METHOD_MAX] = { "GET", "HEAD", "POST" };
	const char *method = take_word(&args);
	const char *target = take_word(&args);
	const bool is_read = strcmp(method, "POST-AS-GET") == 0;
	const struct replay_request *request = get_request(script);
	_cleanup_(freep) char *url =
		xasprintf("%s%s", *target == '/' ? ORIGIN : "", target);

	if (strcmp(request->url, url) != 0 ||
		strcmp(methods[request->method], is_read ? "POST" : method) != 0)
		fail(script, "the request is %s %s", methods[request->method],
			request->url);
	if (request->method == HTTP_POST)
		check_signed(script, request, strcmp(args, "jwk") != 0);
	else if (request->body)
		fail(script, "it has a body");
	if (request->method == HTTP_POST && is_read != !*script->payload)
		fail(script, "its payload is: %s", script->payload);
	if (request->max_body_bytes == 0 || request->max_body_bytes > 256 * 1024)
		fail(script, "it has no cap");
	script->has_request = true;
}

static void do_expect_no_request(struct script *script, char *args)
{
	fake_loop_run_ready(script->run->loop);
	const struct replay_request *request = replay_http_find(script->run->http);
	if (request)
		fail(script, "there is a request for %s", request->url);
}

static void do_payload(struct script *script, char *args)
{
	if (!script->payload || !strstr(script->payload, args))
		fail(script, "the payload is: %s",
			script->payload ? script->payload : "-");
}

static void do_payload_lacks(struct script *script, char *args)
{
	if (!script->payload || strstr(script->payload, args))
		fail(script, "the payload is: %s",
			script->payload ? script->payload : "-");
}

static void do_payload_key_change(struct script *script, char *args)
{
	const struct replay_run *run = script->run;
	_cleanup_(freep) char *url = xasprintf("%s%s", ORIGIN, args);
	_cleanup_(freep) char *why =
		replay_ca_check_key_change(run->ca, run->next, url, script->payload);

	if (why)
		fail(script, "the change of key: %s", why);
}

static void do_accept(struct script *script, char *args)
{
	const struct replay_request *request = replay_http_find(script->run->http);

	if (!request || !request->accept || strcmp(request->accept, args) != 0)
		fail(script, "Accept is %s",
			request && request->accept ? request->accept : "(none)");
}

static void do_expect_requests(struct script *script, char *args)
{
	const size_t n = replay_http_total(script->run->http);

	if (n != strtoul(args, NULL, 10))
		fail(script, "%zu requests were sent", n);
}

/* --- answers -------------------------------------------------------------------------- */

struct reply {
	struct http_header_field field[HEADERS_MAX];
	struct http_headers headers;
	struct buf body;
};

static void reply_done(struct reply *reply)
{
	for (size_t i = 0; i < reply->headers.n; i++) {
		free(reply->field[i].name);
		free(reply->field[i].value);
	}
	buf_done(&reply->body);
}

static bool has_header(const struct reply *reply, const char *name)
{
	for (size_t i = 0; i < reply->headers.n; i++) {
		if (strcmp(reply->field[i].name, name) == 0)
			return true;
	}
	return false;
}

static void add_header(struct reply *reply, const char *name, const char *value)
{
	assert(reply->headers.n < HEADERS_MAX);
	reply->headers.field = reply->field;
	reply->field[reply->headers.n].name = xstrdup(name);
	reply->field[reply->headers.n++].value = xstrdup(value);
}

/* "Name: value"; the value "-" means that there is none. */
static bool read_header(struct script *script, struct reply *reply, const char *line)
{
	const size_t len =
		strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-");

	if (len == 0 || line[len] != ':' || reply->body.len > 0)
		return false;
	_cleanup_(freep) char *name = xstrndup(line, len);
	const char *value = line + len + 1 + strspn(line + len + 1, " ");
	add_header(reply, name, value);
	if (strcmp(name, "Replay-Nonce") == 0)
		replay_ca_add_nonce(script->run->ca, value);
	return true;
}

/* "|text" is text and a newline, "@chain CN" a certificate, "@fill N" N octets, all else
 * is taken as it is. */
static void read_body(struct reply *reply, const char *line)
{
	if (*line == '|') {
		buf_printf(&reply->body, "%s\n", line + 1);
	} else if (strncmp(line, "@chain ", 7) == 0) {
		_cleanup_(freep) char *chain = replay_ca_new_chain(line + 7);

		buf_append_str(&reply->body, chain);
	} else if (strncmp(line, "@fill ", 6) == 0) {
		for (unsigned long n = strtoul(line + 6, NULL, 10); n > 0; n--)
			buf_append_u8(&reply->body, '[');
	} else {
		buf_append_str(&reply->body, line);
	}
}

static void drop_absent(struct reply *reply)
{
	size_t n = 0;

	for (size_t i = 0; i < reply->headers.n; i++) {
		struct http_header_field field = reply->field[i];

		if (strcmp(field.value, "-") == 0) {
			free(field.name);
			free(field.value);
			continue;
		}
		reply->field[n++] = field;
	}
	reply->headers.n = n;
}

static void add_usual_headers(
	struct script *script, struct reply *reply, unsigned status)
{
	if (!has_header(reply, "Replay-Nonce")) {
		_cleanup_(freep) char *nonce = replay_ca_new_nonce(script->run->ca);

		add_header(reply, "Replay-Nonce", nonce);
	}
	if (!has_header(reply, "Content-Type") && reply->body.len > 0)
		add_header(reply, "Content-Type",
			status >= 400 ? "application/problem+json"
				      : "application/json");
	drop_absent(reply);
}

static void answer(struct script *script, const struct http_result *result)
{
	if (!script->has_request)
		fail(script, "there is no request at hand to be answered");
	script->has_request = false;
	replay_http_answer(script->run->http, result);
	fake_loop_run_ready(script->run->loop);
}

static void do_reply(struct script *script, char *args)
{
	_cleanup_(reply_done) struct reply reply = { .body = BUF_INIT(BODY_MAX) };
	const unsigned status = (unsigned)strtoul(args, NULL, 10);

	while (script->next && (*script->next == '\t' || *script->next == ' ')) {
		_cleanup_(freep) char *line = take_line(script);
		const char *text = line + strspn(line, " \t");

		if (!read_header(script, &reply, text))
			read_body(&reply, text);
	}
	add_usual_headers(script, &reply, status);
	const struct http_result result = {
		.outcome = HTTP_OK,
		.status = status,
		.body = buf_str(&reply.body),
		.body_len = reply.body.len,
		.headers = &reply.headers,
	};
	answer(script, &result);
}

static void answer_failure(
	struct script *script, enum http_outcome outcome, const char *text)
{
	const struct http_result result = {
		.outcome = outcome,
		.body = "",
		.detail = text,
	};

	answer(script, &result);
}

static void do_timeout(struct script *script, char *args)
{
	answer_failure(script, HTTP_DEADLINE, "no answer within 30s");
}

static void do_drip(struct script *script, char *args)
{
	answer_failure(script, HTTP_DEADLINE, "17 octets within 30s");
}

static void do_unreached(struct script *script, char *args)
{
	answer_failure(script, HTTP_UNREACHED, "connection refused");
}

static void do_bad_tls(struct script *script, char *args)
{
	answer_failure(script, HTTP_TLS, "certificate has expired");
}

static void do_too_large(struct script *script, char *args)
{
	answer_failure(script, HTTP_TOO_LARGE, "more than 65536 octets");
}

static void do_broken(struct script *script, char *args)
{
	answer_failure(script, HTTP_BROKEN, "closed after 10 of 200 octets");
}

static void do_time_passes(struct script *script, char *args)
{
	fake_loop_advance(script->run->loop, take_duration(script, args));
}

/* --- solver and progress -------------------------------------------------------------- */

static void do_expect_offer(struct script *script, char *args)
{
	fake_loop_run_ready(script->run->loop);
	_cleanup_(freep) char *offer = replay_solver_format_offer(script->run->solver);
	if (!offer || strcmp(offer, args) != 0)
		fail(script, "the offer is: %s", offer ? offer : "(none)");
}

static void do_solve(struct script *script, char *args)
{
	const char *how = take_word(&args);
	const char *rest = *args ? args : NULL;
	bool ok;

	fake_loop_run_ready(script->run->loop);
	if (strcmp(how, "ok") == 0)
		ok = replay_solver_succeed(script->run->solver, rest);
	else
		ok = replay_solver_fail(script->run->solver, rest ? rest : "no way");
	if (!ok)
		fail(script, "there is nothing of that kind to be solved");
	fake_loop_run_ready(script->run->loop);
}

static void do_solve_refuse(struct script *script, char *args)
{
	replay_solver_refuse_next(script->run->solver);
}

static void do_expect_cleanup(struct script *script, char *args)
{
	char *const *list = replay_solver_get_cleanups(script->run->solver);
	const char *got =
		script->cleanup < strv_length(list) ? list[script->cleanup] : "(none)";

	if (strcmp(got, args) != 0)
		fail(script, "the clean-up is: %s", got);
	script->cleanup++;
}

static void do_expect_no_cleanup(struct script *script, char *args)
{
	char *const *list = replay_solver_get_cleanups(script->run->solver);

	if (script->cleanup < strv_length(list))
		fail(script, "cleaned up: %s", list[script->cleanup]);
}

/* The next save that contains this; those between are passed over. */
static void do_expect_save(struct script *script, char *args)
{
	char *const *saves = replay_solver_get_saves(script->run->solver);
	const size_t from = script->save;

	for (size_t i = from; i < strv_length(saves); i++) {
		if (strstr(saves[i], args)) {
			script->save = i + 1;
			return;
		}
	}
	for (size_t i = from; i < strv_length(saves); i++)
		fprintf(stderr, "  saved: %s\n", saves[i]);
	fail(script, "no such save: %s", args);
}

static void do_expect_never_saved(struct script *script, char *args)
{
	char *const *saves = replay_solver_get_saves(script->run->solver);

	for (size_t i = 0; i < strv_length(saves); i++) {
		if (strstr(saves[i], args))
			fail(script, "it was saved: %s", saves[i]);
	}
}

/* --- how it ends ------------------------------------------------------------------------ */

static void do_expect_result(struct script *script, char *args)
{
	const struct replay_run *run = script->run;
	const char *outcome = take_word(&args);

	fake_loop_run_ready(run->loop);
	if (!run->is_done)
		fail(script, "it has not ended");
	if (strcmp(outcome, run->outcome) != 0)
		fail(script, "it ended %s: %s", run->outcome, run->sentence);
	if (!strstr(run->sentence, args))
		fail(script, "it says: %s", run->sentence);
	if (replay_http_count(run->http) > 0)
		fail(script, "it has left a request");
	/* What a late order has presented stays: it is to be resumed. */
	if (strcmp(outcome, "late") != 0 &&
		replay_solver_count_standing(run->solver) > 0)
		fail(script, "an answer was not cleaned up");
	script->has_request = false;
}

static void do_expect_no_result(struct script *script, char *args)
{
	fake_loop_run_ready(script->run->loop);
	if (script->run->is_done)
		fail(script, "it ended %s: %s", script->run->outcome,
			script->run->sentence);
}

static void expect_in(
	struct script *script, const char *what, const char *text, char *args)
{
	if (!script->run->is_done)
		fail(script, "it has not ended");
	if (!text || !strstr(text, args))
		fail(script, "the %s is: %s", what, text ? text : "(none)");
}

static void do_expect_problem(struct script *script, char *args)
{
	expect_in(script, "problem", script->run->problem, args);
}

static void do_expect_urn(struct script *script, char *args)
{
	expect_in(script, "urn", script->run->urn, args);
}

static void do_expect_kind(struct script *script, char *args)
{
	expect_in(script, "kind", script->run->kind, args);
}

static void do_expect_data(struct script *script, char *args)
{
	expect_in(script, "data", script->run->data, args);
}

static void do_expect_retry_after(struct script *script, char *args)
{
	const usec_t wait =
		usec_sub(script->run->retry_at_usec, loop_wall_now(script->run->loop));
	char text[USEC_DURATION_MAX];

	if (wait != take_duration(script, args))
		fail(script, "it is to be tried again after %s",
			usec_format_duration(wait, text, sizeof(text)));
}

static void do_expect_skew(struct script *script, char *args)
{
	const int64_t skew = acme_client_get_clock_skew_sec(script->run->client);

	if (skew != strtoll(args, NULL, 10))
		fail(script, "the skew is %lld", (long long)skew);
}

/* --- the script --------------------------------------------------------------------------- */

/* clang-format off */
static const struct command commands[] = {
	{ "ACCEPT",             do_accept },
	{ "BAD_TLS",            do_bad_tls },
	{ "BROKEN",             do_broken },
	{ "CANCEL",             do_cancel },
	{ "DRIP",               do_drip },
	{ "EXPECT",             do_expect },
	{ "EXPECT_CLEANUP",     do_expect_cleanup },
	{ "EXPECT_DATA",        do_expect_data },
	{ "EXPECT_KIND",        do_expect_kind },
	{ "EXPECT_NEVER_SAVED", do_expect_never_saved },
	{ "EXPECT_NO_CLEANUP",  do_expect_no_cleanup },
	{ "EXPECT_NO_REQUEST",  do_expect_no_request },
	{ "EXPECT_NO_RESULT",   do_expect_no_result },
	{ "EXPECT_OFFER",       do_expect_offer },
	{ "EXPECT_PROBLEM",     do_expect_problem },
	{ "EXPECT_REQUESTS",    do_expect_requests },
	{ "EXPECT_RESULT",      do_expect_result },
	{ "EXPECT_RETRY_AFTER", do_expect_retry_after },
	{ "EXPECT_SAVE",        do_expect_save },
	{ "EXPECT_SKEW",        do_expect_skew },
	{ "EXPECT_URN",         do_expect_urn },
	{ "FAIL_SAVE",          do_fail_save },
	{ "FAIL_SEND",          do_fail_send },
	{ "INCLUDE",            do_include },
	{ "NEW_SIGNER",         do_new_signer },
	{ "PAYLOAD",            do_payload },
	{ "PAYLOAD_KEY_CHANGE", do_payload_key_change },
	{ "PAYLOAD_LACKS",      do_payload_lacks },
	{ "REPLY",              do_reply },
	{ "SET",                do_set },
	{ "SIGNER",             do_signer },
	{ "SOLVE",              do_solve },
	{ "SOLVE_REFUSE",       do_solve_refuse },
	{ "START",              do_start },
	{ "START_FAILS",        do_start_fails },
	{ "TIMEOUT",            do_timeout },
	{ "TIME_PASSES",        do_time_passes },
	{ "TOO_LARGE",          do_too_large },
	{ "UNREACHED",          do_unreached },
};

/* clang-format on */

static void run_line(struct script *script, char *line)
{
	char *args = line;
	const char *name = take_word(&args);

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0) {
			commands[i].fn(script, args);
			return;
		}
	}
	fail(script, "no such command: %s", name);
}

/* Saves and restores the place in the file that includes it. */
static void play(const char *path, struct script *script)
{
	const char *outer_path = script->path;
	const unsigned outer_line = script->line;
	char *outer_next = script->next;
	FILE *outer_file = script->file;

	script->file = fopen(path, "re");
	if (!script->file)
		fail(script, "%s: %s", path, strerror(errno));
	script->path = path;
	script->line = 0;
	script->next = NULL;
	script->depth++;
	read_line(script);
	while (script->next) {
		_cleanup_(freep) char *line = take_line(script);

		if (*line && *line != '#')
			run_line(script, line);
	}
	fclose(script->file);
	script->depth--;
	script->path = outer_path;
	script->line = outer_line;
	script->next = outer_next;
	script->file = outer_file;
}

int main(int argc, char **argv)
{
	struct script script = { .path = "replay" };

	if (argc != 2) {
		fprintf(stderr, "usage: replay FILE.rpl\n");
		return 64;
	}
	script.run = replay_run_new();
	play(argv[1], &script);
	if (!script.run->is_done && script.run->op)
		fail(&script, "the script ends before the operation does");
	replay_run_free(script.run);
	free(script.payload);
	return 0;
}
