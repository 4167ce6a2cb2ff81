/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See fleet.h. Everything that a worker must know is kept here, so that one that is
 * started late is told the same as one that was there.
 */
#include "core/workers/fleet.h"

#include <errno.h>
#include <string.h>

#include "core/workers/fleet_priv.h"
#include "core/workers/worker_tell.h"
#include "pki/selfsigned.h"
#include "util/mem.h"

#define ACK_DEADLINE_USEC  (10 * USEC_PER_SEC)
#define STATS_USEC         (10 * USEC_PER_SEC)
#define RESTART_FIRST_USEC (100 * USEC_PER_MSEC)
#define RESTART_MOST_USEC  (10 * USEC_PER_SEC)
/* After one that lived this long, waiting begins anew with the shortest. */
#define LIVED_WELL_USEC (60 * USEC_PER_SEC)

static void fill_seat(struct seat *seat);

/* --- what workers say ----------------------------------------------------------------------------- */

static int handle_context_ack(struct fleet *fleet, struct worker *worker,
	const struct frame_view *view, struct err *err)
{
	struct link_context_ack ack = { 0 };
	int r = link_context_ack_unpack(view, &ack, err);

	if (r >= 0)
		fleet_ops_acknowledge(&fleet->ops, worker, FLEET_OP_PUSH,
			ack.certificate_id, ack.error);
	link_context_ack_done(&ack);
	return r;
}

static int handle_answer_ack(struct fleet *fleet, struct worker *worker,
	const struct frame_view *view, struct err *err)
{
	struct link_ack ack = { 0 };
	int r = link_ack_unpack(view, &ack, err);

	if (r >= 0)
		fleet_ops_acknowledge(
			&fleet->ops, worker, FLEET_OP_ANSWER, ack.id, ack.error);
	link_ack_done(&ack);
	return r;
}

static void on_worker_message(
	struct worker *worker, const struct frame_view *view, void *userdata)
{
	struct seat *seat = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = 0;

	if (view->type == LINK_LOOKUP)
		r = fleet_answer_lookup(worker, view, seat->fleet->in.lookup,
			seat->fleet->in.userdata, &seat->fleet->log, &err);
	else if (view->type == LINK_CONTEXT_ACK)
		r = handle_context_ack(seat->fleet, worker, view, &err);
	else if (view->type == LINK_ANSWER_ACK)
		r = handle_answer_ack(seat->fleet, worker, view, &err);
	if (r >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	log_error(&seat->fleet->log, "worker %u speaks nonsense, ending it: %s",
		seat->index, text);
	worker_kill(worker);
}

/* --- start and end of a worker ---------------------------------------------------------------------- */

static void on_ready_later(void *userdata)
{
	struct fleet *fleet = userdata;
	fleet_ready_fn *ready = TAKE_PTR(fleet->ready);

	if (ready)
		ready(NULL, fleet->ready_userdata);
}

static void on_worker_ready(struct worker *worker, void *userdata)
{
	struct seat *seat = userdata;
	struct fleet *fleet = seat->fleet;

	log_debug(&fleet->log, "worker %u is listening", seat->index);
	for (unsigned i = 0; i < fleet->in.n_workers; i++) {
		struct worker *w = fleet->seats[i].worker;

		if (!w || worker_get_state(w) == WORKER_STARTING)
			return;
	}
	if (fleet->ready && !fleet->ready_defer)
		fleet->ready_defer =
			loop_defer_new(fleet->in.loop, on_ready_later, fleet);
}

static void tell_answer(const struct link_answer *answer, void *userdata)
{
	worker_tell_answer(userdata, answer);
}

static void tell_everything(struct fleet *fleet, struct worker *worker)
{
	worker_tell_configure(worker, &fleet->configure);
	fleet_send_listeners(fleet, worker);
	worker_tell_names(worker, LINK_NAMES_ADD, &fleet->names);
	standing_each(fleet->standing, tell_answer, worker);
	worker_tell_empty(worker, LINK_START);
}

static bool is_empty(const struct fleet *fleet)
{
	for (unsigned i = 0; i < fleet->in.n_workers; i++)
		if (fleet->seats[i].worker)
			return false;
	return true;
}

static void check_drained(struct fleet *fleet)
{
	fleet_drained_fn *drained = fleet->drained;

	if (!drained || !is_empty(fleet))
		return;
	fleet->drained = NULL;
	loop_timer_disarm(fleet->drain_timer);
	drained(fleet->drained_userdata);
}

static void fail_start(struct fleet *fleet, const char *how)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	fleet_ready_fn *ready = TAKE_PTR(fleet->ready);

	err_set(&err, -EIO, "front worker %s ended at its start: %s", fleet->in.program,
		how);
	ready(&err, fleet->ready_userdata);
}

static void on_worker_gone(struct worker *worker, const char *how, void *userdata)
{
	struct seat *seat = userdata;
	struct fleet *fleet = seat->fleet;
	usec_t lived = usec_sub(loop_now(fleet->in.loop), worker_get_started(worker));

	fleet_ops_forgive(&fleet->ops, worker);
	link_tally_add(fleet->past_ends, worker_get_ends(worker));
	seat->worker = worker_free(seat->worker);
	if (fleet->is_draining) {
		check_drained(fleet);
		return;
	}
	log_error(&fleet->log,
		"worker %u ended: %s; its sessions are lost, it is replaced",
		seat->index, how);
	seat->wait_usec = lived > LIVED_WELL_USEC ? RESTART_FIRST_USEC
						  : MIN(usec_mul(seat->wait_usec, 2),
							    RESTART_MOST_USEC);
	loop_timer_set_after(seat->timer, seat->wait_usec);
	if (fleet->ready)
		fail_start(fleet, how);
}

static void on_restart(struct loop_timer *timer, void *userdata)
{
	fill_seat(userdata);
}

static int start_worker(struct seat *seat, struct err *err)
{
	struct fleet *fleet = seat->fleet;
	struct worker_params params = {
		.loop = fleet->in.loop,
		.program = fleet->in.program,
		.index = seat->index,
		.start_deadline_usec = fleet->in.start_deadline_usec,
		.events = &fleet->events,
		.userdata = seat,
		.log = &fleet->log,
	};
	int r = worker_start(&seat->worker, &params, err);

	if (r >= 0)
		tell_everything(fleet, seat->worker);
	return r;
}

static void fill_seat(struct seat *seat)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (start_worker(seat, &err) >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	log_error(&seat->fleet->log, "worker %u: %s", seat->index, text);
	seat->wait_usec = MIN(usec_mul(seat->wait_usec, 2), RESTART_MOST_USEC);
	loop_timer_set_after(seat->timer, seat->wait_usec);
}

/* --- the fleet ---------------------------------------------------------------------------------------- */

static void on_stats_timer(struct loop_timer *timer, void *userdata)
{
	struct fleet *fleet = userdata;

	for (unsigned i = 0; i < fleet->in.n_workers; i++)
		if (fleet->seats[i].worker)
			worker_tell_empty(fleet->seats[i].worker, LINK_STATS_REQUEST);
	loop_timer_set_after(timer, STATS_USEC);
}

static void on_drain_deadline(struct loop_timer *timer, void *userdata)
{
	struct fleet *fleet = userdata;

	for (unsigned i = 0; i < fleet->in.n_workers; i++)
		if (fleet->seats[i].worker)
			worker_kill(fleet->seats[i].worker);
	check_drained(fleet);
}

/* One that is started later is configured with it. */
static void tell_ticket_key(const struct link_ticket_key *key, void *userdata)
{
	struct fleet *fleet = userdata;

	memcpy(fleet->configure.ticket_key, key->key, sizeof(key->key));
	for (unsigned i = 0; i < fleet->in.n_workers; i++)
		if (fleet->seats[i].worker)
			worker_tell_ticket_key(fleet->seats[i].worker, key);
}

static int open_tickets(struct fleet *fleet, struct err *err)
{
	const struct ticket_rotation_params params = {
		.loop = fleet->in.loop,
		.period_usec = fleet->in.ticket_rotation_usec,
		.tell = tell_ticket_key,
		.userdata = fleet,
		.log = &fleet->log,
	};

	return ticket_rotation_new(&fleet->tickets, &params, err);
}

void fleet_set_ticket_rotation(struct fleet *fleet, usec_t period_usec)
{
	ticket_rotation_set_period(fleet->tickets, period_usec);
}

static int make_configure(struct fleet *fleet, struct err *err)
{
	struct link_configure *c = &fleet->configure;

	hash_key_random(&c->names_key);
	c->max_contexts = fleet->in.max_contexts;
	c->max_connections = fleet->in.max_connections;
	c->max_handshakes = fleet->in.max_handshakes;
	c->address_connections = fleet->in.address_connections;
	c->address_rate = fleet->in.address_rate;
	for (char *const *p = fleet->in.limit_exceptions; p && *p; p++)
		strv_append(&c->limit_exceptions, *p);
	c->log_level = (uint64_t)log_get_level();
	c->generation = fleet->in.generation;
	c->rendezvous = xstrdup(fleet->in.rendezvous);
	return selfsigned_generate(
		NULL, &c->placeholder_chain_pem, &c->placeholder_key_pem, err);
}

int fleet_new(struct fleet **ret, const struct fleet_params *params, struct err *err)
{
	_cleanup_(fleet_freep) struct fleet *fleet = xnew(struct fleet);

	fleet->in = *params;
	fleet->in.program = xstrdup(params->program);
	if (fleet->in.ack_deadline_usec == 0)
		fleet->in.ack_deadline_usec = ACK_DEADLINE_USEC;
	fleet->log = (struct log_ctx){ params->log, NULL, NULL };
	fleet->events = (struct worker_events){
		.on_message = on_worker_message,
		.on_ready = on_worker_ready,
		.on_gone = on_worker_gone,
	};
	fleet->standing = standing_new();
	fleet_ops_init(&fleet->ops, params->loop, fleet->in.ack_deadline_usec);
	fleet->past_ends = link_tally_new();
	fleet->stats_timer = loop_timer_new(params->loop, on_stats_timer, fleet);
	fleet->drain_timer = loop_timer_new(params->loop, on_drain_deadline, fleet);
	fleet->seats = xnew_array(struct seat, params->n_workers);
	for (unsigned i = 0; i < params->n_workers; i++)
		fleet->seats[i] = (struct seat){
			.fleet = fleet,
			.index = i + 1,
			.wait_usec = RESTART_FIRST_USEC,
			.timer = loop_timer_new(
				params->loop, on_restart, &fleet->seats[i]),
		};
	int r = make_configure(fleet, err);
	if (r >= 0)
		r = open_tickets(fleet, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(fleet);
	return 0;
}

struct fleet *fleet_free(struct fleet *fleet)
{
	if (!fleet)
		return NULL;
	fleet_ops_done(&fleet->ops);
	/* Together: each is waited for. */
	for (unsigned i = 0; fleet->seats && i < fleet->in.n_workers; i++)
		if (fleet->seats[i].worker)
			worker_terminate(fleet->seats[i].worker);
	for (unsigned i = 0; fleet->seats && i < fleet->in.n_workers; i++) {
		worker_free(fleet->seats[i].worker);
		loop_timer_free(fleet->seats[i].timer);
	}
	free(fleet->seats);
	ticket_rotation_free(fleet->tickets);
	loop_defer_free(fleet->ready_defer);
	loop_timer_free(fleet->drain_timer);
	loop_timer_free(fleet->stats_timer);
	link_tally_free(fleet->past_ends);
	standing_free(fleet->standing);
	link_configure_done(&fleet->configure);
	nameset_done(&fleet->names);
	free((char *)fleet->in.program);
	free(fleet);
	return NULL;
}

void fleet_leave(struct fleet *fleet)
{
	for (unsigned i = 0; i < fleet->in.n_workers; i++) {
		loop_timer_disarm(fleet->seats[i].timer);
		fleet->seats[i].worker = worker_leave(fleet->seats[i].worker);
	}
}

int fleet_start(
	struct fleet *fleet, fleet_ready_fn *ready, void *userdata, struct err *err)
{
	int r = 0;

	fleet->ready = ready;
	fleet->ready_userdata = userdata;
	nameset_done(&fleet->names);
	fleet_collect_names(fleet, &fleet->names);
	for (unsigned i = 0; r >= 0 && i < fleet->in.n_workers; i++)
		r = start_worker(&fleet->seats[i], err);
	if (r < 0)
		fleet->ready = NULL;
	else
		loop_timer_set_after(fleet->stats_timer, USEC_PER_SEC);
	return r;
}

void fleet_drain(struct fleet *fleet, usec_t timeout_usec, fleet_drained_fn *done,
	void *userdata)
{
	fleet->is_draining = true;
	fleet->drained = done;
	fleet->drained_userdata = userdata;
	for (unsigned i = 0; i < fleet->in.n_workers; i++) {
		struct worker *worker = fleet->seats[i].worker;

		loop_timer_disarm(fleet->seats[i].timer);
		if (!worker)
			continue;
		worker_set_draining(worker);
		worker_tell_drain(worker, timeout_usec);
	}
	/* Workers keep the time themselves; a second more for those that do not. */
	loop_timer_set_after(fleet->drain_timer,
		is_empty(fleet) ? 0 : usec_add(timeout_usec, USEC_PER_SEC));
}

void fleet_get_stats(
	const struct fleet *fleet, struct link_stats *ret, unsigned *ret_workers)
{
	*ret = (struct link_stats){ 0 };
	*ret_workers = 0;
	for (unsigned i = 0; i < fleet->in.n_workers; i++) {
		const struct worker *worker = fleet->seats[i].worker;

		if (!worker || worker_get_state(worker) != WORKER_RUNNING)
			continue;
		link_stats_add(ret, worker_get_stats(worker));
		(*ret_workers)++;
	}
}

struct link_tally *fleet_sum_ends(const struct fleet *fleet)
{
	struct link_tally *sum = link_tally_new();

	link_tally_add(sum, fleet->past_ends);
	for (unsigned i = 0; i < fleet->in.n_workers; i++)
		if (fleet->seats[i].worker)
			link_tally_add(sum, worker_get_ends(fleet->seats[i].worker));
	return sum;
}
