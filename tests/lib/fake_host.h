/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A host for the unit test of a plugin: settings from a list, a clock that the test
 * moves, and services that write down what was asked of them. What a plugin starts stays
 * under way until the test ends it.
 *
 *   _cleanup_(fake_host_freep) struct fake_host *host = fake_host_new(&postseal_plugin);
 *   fake_host_set(host, "command", "/bin/echo hello");
 *   assert_int_equal(fake_host_open(host), 0);
 *   struct fake_call *call = fake_host_notify(host, &notice);
 *   fake_host_end_exec(host, 0, "", NULL);
 *   assert_int_equal(call->outcome, POSTSEAL_OK);
 *
 * A plugin that breaks the contract (completes twice or after the end, cancels what is
 * gone, leaves something under way behind) makes the test fail at once.
 */
#pragma once

#include <stdbool.h>

#include "plugins/postseal-plugin.h"
#include "util/macro.h"

struct fake_host;

/* One call; freed with the host. */
struct fake_call {
	bool is_done; /* completed or cancelled */
	enum postseal_outcome outcome;
	char *detail; /* owned, as all that follows; NULL = none */
	char *saved;
	char **addresses; /* NULL-terminated; never NULL */
	char *place;
	char **values; /* NULL-terminated; never NULL */
	char **wanted; /* "OWNER TYPE VALUE | WHY | UNTIL"; NULL-terminated; never NULL */
};

/* Aborts when the descriptor is none. */
struct fake_host *fake_host_new(const struct postseal_plugin *plugin);
/* Closes the instance; whatever is still under way then is a fault of the plugin. */
struct fake_host *fake_host_free(struct fake_host *host);
DEFINE_CLEANUP(struct fake_host *, fake_host_free)

/* Before the open; lists are split at blanks. Numbers as C has them, durations in
 * microseconds. What is not set has the table's fallback. */
void fake_host_set(struct fake_host *host, const char *setting, const char *text);
/* What open() returned; its detail is fake_host_get_detail. */
int fake_host_open(struct fake_host *host);
const char *fake_host_get_detail(const struct fake_host *host);

/* Calls. The result is there as soon as the plugin has completed. */
enum fake_method {
	FAKE_OFFERS,
	FAKE_WANT,
	FAKE_PRESENT,
	FAKE_READY,
	FAKE_CLEANUP,
};
struct fake_call *fake_host_challenge(struct fake_host *host, enum fake_method method,
	const struct postseal_task *task);

enum fake_dns_method {
	FAKE_PLACE,
	FAKE_ADD,
	FAKE_REMOVE,
	FAKE_LIST,
};
struct fake_call *fake_host_dns(struct fake_host *host, enum fake_dns_method method,
	const struct postseal_value *value);
struct fake_call *fake_host_install(
	struct fake_host *host, const struct postseal_bundle *bundle);
struct fake_call *fake_host_notify(
	struct fake_host *host, const struct postseal_notice *notice);
void fake_host_cancel(struct fake_host *host, struct fake_call *call);

/* What was asked, one line each, the oldest first:
 *   log LEVEL TEXT          save NAME TEXT           timer USEC
 *   publish KIND NAME TOKEN KEY_AUTHORIZATION        look …        withdraw …
 *   exec ARGV… | ENV…       http METHOD URL BODY     watch FD EVENTS
 *   file PATH MODE OWNER GROUP CONTENT               cancel WHAT
 *   txt ACT DOMAIN NAME VALUE                        lookup NAME TYPE
 *   header LINE (after its http)                     ca_file PATH (likewise)
 * "-" stands for NULL. NULL behind the last. */
const char *fake_host_get_line(const struct fake_host *host, size_t i);
/* Is there such a line? */
bool fake_host_has_line(const struct fake_host *host, const char *line);
void fake_host_clear_lines(struct fake_host *host);

/* The next start of whatever kind returns NULL, and the next write of files fails. */
void fake_host_fail_next(struct fake_host *host);
/* Things under way, and their end: each takes the oldest of its kind, which must exist. */
size_t fake_host_count(const struct fake_host *host);
void fake_host_end_publication(struct fake_host *host, int ok, const char *detail);
void fake_host_end_exec(
	struct fake_host *host, int exit_code, const char *output, const char *detail);
void fake_host_end_http(struct fake_host *host, unsigned status, const char *body);
void fake_host_end_timer(struct fake_host *host);
void fake_host_end_txt(struct fake_host *host, enum postseal_outcome outcome,
	const char *detail, const struct postseal_wanted *wanted, size_t n);
/* values: split at blanks; NULL = NOTHING, "!" = FAILED. */
void fake_host_end_lookup(struct fake_host *host, const char *values);
void fake_host_fire_watch(struct fake_host *host, unsigned events);
bool fake_host_has_watch(const struct fake_host *host);
