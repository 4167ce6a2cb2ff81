/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See status.h. */
#include "core/commands/status.h"

#include <string.h>

#include "core/wanted/policy.h"
#include "link/ends.h"
#include "store/certificate.h"
#include "store/install.h"
#include "store/slot.h"
#include "util/mem.h"

static json_t *format_time(usec_t wall_usec)
{
	char text[USEC_RFC3339_MAX];

	return wall_usec == 0 ? json_null()
			      : json_string(usec_format_rfc3339(
					wall_usec, text, sizeof(text)));
}

static json_t *format_text(const char *text)
{
	return text ? json_string(text) : json_null();
}

static json_t *format_words(const char *text)
{
	_cleanup_(strv_freep) char **words = strv_split(text);
	json_t *list = json_array();

	for (size_t i = 0; words && words[i]; i++)
		json_array_append_new(list, json_string(words[i]));
	return list;
}

/* --- where a certificate is seen ------------------------------------------------------- */

static const char *install_state(const struct store_install *row)
{
	if (row->proven_usec > 0)
		return "proven";
	if (row->error)
		return "failed";
	return row->done_usec > 0 ? "installed" : "wanted";
}

static int on_install(const struct store_install *row, void *userdata)
{
	json_t *item = json_object();

	json_object_set_new(item, "target", json_string(row->target));
	json_object_set_new(item, "address", json_string(row->address));
	json_object_set_new(item, "state", json_string(install_state(row)));
	json_object_set_new(item, "error", format_text(row->error));
	json_object_set_new(item, "proven", format_time(row->proven_usec));
	json_array_append_new(userdata, item);
	return 0;
}

/* --- one slot ---------------------------------------------------------------------------- */

static const char *slot_state(
	struct manager *m, const struct store_slot *slot, const char *hold)
{
	if (schedule_find(m->schedule, slot->id))
		return "ordering";
	if (hold)
		return "held";
	if (slot->error && slot->attempts > 0)
		return "failed";
	if (slot->error && records_is_waited_for(m->records, slot->domain))
		return "waiting";
	if (slot->pending_id > 0)
		return "issued";
	if (slot->certificate_id > 0)
		return "served";
	return "due";
}

static void set_certificate(
	struct manager *m, const struct store_slot *slot, json_t *row)
{
	int64_t id = slot->pending_id > 0 ? slot->pending_id : slot->certificate_id;
	struct store_certificate c = { 0 };
	json_t *served = json_array();

	if (id > 0 && store_certificate_load(m->store, id, &c, NULL) == 0) {
		json_object_set_new(row, "not_before", format_time(c.not_before_usec));
		json_object_set_new(row, "not_after", format_time(c.not_after_usec));
		json_object_set_new(row, "serial", json_string(c.serial));
		json_object_set_new(row, "fingerprint", json_string(c.fingerprint));
		json_object_set_new(row, "issuer", json_string(c.issuer));
		store_install_each(m->store, id, on_install, served, NULL);
	}
	json_object_set_new(row, "served", served);
	store_certificate_done(&c);
}

/* Why it waits for an operator; owned by the caller. That nothing can be ordered with an
 * account concerns a slot from the time on at which it would be. */
static char *format_hold(struct manager *m, const struct store_slot *slot)
{
	struct conf *conf = m->loaded.conf;
	const struct conf_block *block = conf_find_block(conf, "domain", slot->domain);

	if (!block)
		return NULL;
	char *text = faults_format_hold(m->faults, conf, block);
	if (text || !slot->error)
		return text;
	return authorities_format_hold(
		m->authorities, policy_get_authority(conf, block));
}

static const char *authority_name(struct manager *m, const char *domain)
{
	const struct conf_block *block =
		conf_find_block(m->loaded.conf, "domain", domain);

	return block ? conf_block_get_name(policy_get_authority(m->loaded.conf, block))
		     : NULL;
}

json_t *status_format_slot(struct manager *m, const struct store_slot *slot)
{
	const struct job *job = schedule_find(m->schedule, slot->id);
	_cleanup_(freep) char *hold = format_hold(m, slot);
	json_t *row = json_object();

	json_object_set_new(row, "domain", json_string(slot->domain));
	json_object_set_new(row, "names", format_words(slot->names));
	json_object_set_new(row, "key_type", json_string(slot->key_type));
	json_object_set_new(row, "state", json_string(slot_state(m, slot, hold)));
	json_object_set_new(
		row, "activity", format_text(job ? job_get_state_text(job) : NULL));
	json_object_set_new(
		row, "authority", format_text(authority_name(m, slot->domain)));
	json_object_set_new(row, "directory", format_text(slot->authority));
	json_object_set_new(row, "challenge", format_text(slot->challenges));
	json_object_set_new(row, "due", format_time(slot->due_usec));
	json_object_set_new(row, "attempts", json_integer(slot->attempts));
	json_object_set_new(row, "error", format_text(hold ? hold : slot->error));
	set_certificate(m, slot, row);
	return row;
}

bool status_needs_attention(const json_t *row)
{
	const char *state = json_view_string(row, "state");

	return state && (strcmp(state, "failed") == 0 || strcmp(state, "held") == 0 ||
				strcmp(state, "waiting") == 0);
}

/* --- the whole ------------------------------------------------------------------------------ */

/* Times of the loop, in microseconds; null when there was no turn. */
static json_t *format_turn(const struct loop_turn *turn)
{
	if (turn->at_usec == 0)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:s}", "held_usec",
		(json_int_t)turn->held_usec, "cpu_usec", (json_int_t)turn->cpu_usec,
		"wall_usec", (json_int_t)turn->wall_usec, "source", turn->source);
}

static json_t *format_turns(const struct loop *loop)
{
	struct loop_turns turns;

	loop_get_turns(loop, &turns);
	return json_pack("{s:I, s:I, s:o, s:o, s:o}", "turns",
		(json_int_t)turns.n_turns, "slow", (json_int_t)turns.n_slow, "worst",
		format_turn(&turns.worst), "worst_hour", format_turn(&turns.worst_hour),
		"worst_minute", format_turn(&turns.worst_minute));
}

/* What is wrong with the whole, the gravest first; owned by the caller, NULL: nothing. */
static char **list_alarms(const struct manager *m)
{
	const char *all[] = { rescue_get_text(m->rescue),
		store_watch_get_alarm(m->store_watch),
		clock_watch_get_alarm(m->clock) };
	const struct conf_block *block;
	char **alarms = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i])
			strv_append(&alarms, all[i]);
	for (size_t i = 0; (block = conf_get_block(m->loaded.conf, "authority", i));
		i++) {
		_cleanup_(freep) char *hold =
			authorities_format_hold(m->authorities, block);
		if (hold)
			strv_append(&alarms, hold);
	}
	return alarms;
}

static json_t *format_alarms(const struct manager *m, const char *trouble)
{
	_cleanup_(strv_freep) char **all = list_alarms(m);
	json_t *alarms = json_array();

	for (size_t i = 0; all && all[i]; i++)
		json_array_append_new(alarms, json_string(all[i]));
	if (trouble)
		json_array_append_new(alarms, json_string(trouble));
	return alarms;
}

bool status_has_alarm(const struct manager *m)
{
	_cleanup_(strv_freep) char **alarms = list_alarms(m);

	return alarms;
}

/* {"imaps": {"relayed": 12, "scanned": 3}}: what is 0 is left out. */
static json_t *format_listener(const struct link_ends *ends)
{
	json_t *counts = json_object();

	for (size_t i = 0; ends && i < _LINK_END_MAX; i++)
		if (ends->count[i] > 0)
			json_object_set_new(counts, link_end_names[i],
				json_integer((json_int_t)MIN(
					ends->count[i], (uint64_t)INT64_MAX)));
	return counts;
}

static json_t *format_listeners(const struct manager *m)
{
	_cleanup_(link_tally_freep) struct link_tally *sum = fleet_sum_ends(m->fleet);
	const struct conf_block *block;
	json_t *listeners = json_object();

	for (size_t i = 0; (block = conf_get_block(m->loaded.conf, "listener", i));
		i++) {
		const char *name = conf_block_get_name(block);

		json_object_set_new(
			listeners, name, format_listener(link_tally_find(sum, name)));
	}
	return listeners;
}

static void set_count(json_t *s, const char *key, uint64_t n)
{
	json_object_set_new(s, key, json_integer((json_int_t)n));
}

/* What the workers have counted, those included that only end their sessions. */
static void add_workers(json_t *s, struct manager *m)
{
	struct link_stats stats;
	unsigned n_workers;
	uint64_t n_sessions = 0;

	fleet_get_stats(m->fleet, &stats, &n_workers);
	set_count(s, "draining_workers", orphans_count(m->orphans, &n_sessions));
	set_count(s, "draining_connections", n_sessions);
	set_count(s, "workers", n_workers);
	set_count(s, "connections", stats.connections);
	set_count(s, "handshakes", stats.handshakes);
	set_count(s, "resumed_handshakes", stats.resumed);
	set_count(s, "failed_handshakes", stats.failed);
	set_count(s, "lookups", stats.lookups);
	json_object_set_new(s, "listeners", format_listeners(m));
}

json_t *status_format_summary(
	struct manager *m, unsigned n_attention, const char *trouble)
{
	json_t *s = json_object();

	json_object_set_new(s, "version", json_string(PACKAGE_VERSION));
	set_count(s, "domains", conf_count_blocks(m->loaded.conf, "domain"));
	set_count(s, "names", served_count(m->served));
	set_count(s, "attention", n_attention);
	set_count(s, "jobs", schedule_count(m->schedule));
	set_count(s, "taken_up", m->n_taken_up);
	add_workers(s, m);
	set_count(s, "uptime_usec", usec_sub(loop_now(m->loop), m->started_usec));
	json_object_set_new(s, "alarms", format_alarms(m, trouble));
	json_object_set_new(s, "held", format_text(m->held_text));
	json_object_set_new(s, "happenings", happenings_format(m->happenings));
	_cleanup_(freep) char *revocations = revocations_format_waiting(m->revocations);
	json_object_set_new(s, "revocations", format_text(revocations));
	set_count(s, "longest_turn_usec", loop_longest_turn(m->loop));
	json_object_set_new(s, "loop", format_turns(m->loop));
	return json_pack("{s:o}", "summary", s);
}

static char *format_orphans(struct manager *m)
{
	uint64_t sessions = 0;
	unsigned n = orphans_count(m->orphans, &sessions);

	if (n == 0)
		return xstrdup("");
	return xasprintf(
		"; %u worker%s of an earlier manager %s draining, %llu sessions", n,
		n == 1 ? "" : "s", n == 1 ? "is" : "are", (unsigned long long)sessions);
}

char *status_format_line(struct manager *m)
{
	struct store_slot_count count = { 0 };
	struct link_stats stats;
	unsigned n_workers;

	store_slot_count(m->store, &count, NULL);
	fleet_get_stats(m->fleet, &stats, &n_workers);
	_cleanup_(strv_freep) char **alarms = list_alarms(m);
	const char *alarm = alarms ? alarms[0] : NULL;
	_cleanup_(freep) char *orphans = format_orphans(m);
	return xasprintf(
		"%s%s%s%u of %u certificates served, %u failed, %u jobs, %u workers, "
		"%llu connections%s",
		alarm ? alarm : "", alarm ? "; " : "",
		m->held_text ? "a change is held (postsealctl plan); " : "",
		count.n_served, count.n, count.n_failed, schedule_count(m->schedule),
		n_workers, (unsigned long long)stats.connections, orphans);
}
