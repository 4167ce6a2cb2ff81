/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What all workers are told while they run: certificates and answers, which they have to
 * acknowledge, and which names and listeners there are.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/workers/fleet_priv.h"
#include "core/workers/worker_tell.h"
#include "util/mem.h"

/* --- operations that wait for acknowledgements ------------------------------------------- */

/* The first that runs gets what is new before the others. */
static struct worker *find_trial_worker(const struct fleet *fleet)
{
	for (unsigned i = 0; i < fleet->in.n_workers; i++) {
		struct worker *worker = fleet->seats[i].worker;

		if (worker && worker_get_state(worker) == WORKER_RUNNING)
			return worker;
	}
	return NULL;
}

/* `only`: the one that is asked; NULL: all that run. */
static struct fleet_op *start_op(struct fleet *fleet,
	const struct fleet_op_params *params, const struct worker *only)
{
	struct fleet_op *op = fleet_op_new(&fleet->ops, params);

	for (unsigned i = 0; i < fleet->in.n_workers; i++) {
		const struct worker *worker = fleet->seats[i].worker;

		if (worker && worker_get_state(worker) == WORKER_RUNNING &&
			(!only || worker == only))
			fleet_op_expect(op, worker);
	}
	return op;
}

/* --- certificates -------------------------------------------------------------------------- */

static void push_to(struct worker *worker, const struct fleet_push *push)
{
	for (size_t i = 0; push->names[i]; i++) {
		const struct link_context context = {
			.certificate_id = push->certificate_id,
			.name = push->names[i],
			.is_rsa = push->is_rsa,
			.chain_pem = (char *)push->chain_pem,
			.key_pem = (char *)push->key_pem,
		};
		worker_tell_context(worker, &context);
	}
}

int fleet_push_start(struct fleet_op **ret, struct fleet *fleet,
	const struct fleet_push *push, fleet_done_fn *done, void *userdata,
	struct err *err)
{
	unsigned n = (unsigned)strv_length(push->names);

	if (n == 0)
		return err_set(err, -EINVAL, "a certificate without names");
	struct worker *trial = push->is_trial ? find_trial_worker(fleet) : NULL;
	const struct fleet_op_params op = {
		.kind = FLEET_OP_PUSH,
		.id = push->certificate_id,
		.n_acks = n,
		.done = done,
		.userdata = userdata,
	};
	*ret = start_op(fleet, &op, trial);
	if (trial)
		push_to(trial, push);
	for (unsigned i = 0; i < fleet->in.n_workers && !push->is_trial; i++)
		if (fleet->seats[i].worker)
			push_to(fleet->seats[i].worker, push);
	return 0;
}

int fleet_probe(struct fleet *fleet, const char *listener, struct err *err)
{
	struct worker *worker = find_trial_worker(fleet);
	int fds[2];

	if (!worker)
		return err_set(err, -ENOTCONN, "no front worker is running");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		return err_set(err, -errno, "socketpair: %s", strerror(errno));
	worker_tell_probe(worker, listener, fds[1]);
	return fds[0];
}

void fleet_drop_context(struct fleet *fleet, const char *name)
{
	for (unsigned i = 0; i < fleet->in.n_workers; i++)
		if (fleet->seats[i].worker)
			worker_tell_context_drop(fleet->seats[i].worker, name);
}

/* --- answers --------------------------------------------------------------------------------- */

int fleet_publish_start(struct fleet_op **ret, struct fleet *fleet,
	const struct link_answer *answer, fleet_done_fn *done, void *userdata,
	struct err *err)
{
	const struct link_answer *copy = standing_put(fleet->standing, answer);
	const struct fleet_op_params op = {
		.kind = FLEET_OP_ANSWER,
		.id = copy->id,
		.n_acks = 1,
		.done = done,
		.userdata = userdata,
	};
	*ret = start_op(fleet, &op, NULL);
	for (unsigned i = 0; i < fleet->in.n_workers; i++)
		if (fleet->seats[i].worker)
			worker_tell_answer(fleet->seats[i].worker, copy);
	return 0;
}

void fleet_withdraw(
	struct fleet *fleet, bool is_alpn, const char *name, const char *token)
{
	_cleanup_(standing_answer_freep) struct link_answer *answer =
		standing_take(fleet->standing, is_alpn, name, token);

	if (!answer)
		return;
	for (unsigned i = 0; i < fleet->in.n_workers; i++)
		if (fleet->seats[i].worker)
			worker_tell_answer_drop(fleet->seats[i].worker, answer);
}

/* --- names and listeners ------------------------------------------------------------------------ */

void fleet_collect_names(struct fleet *fleet, struct nameset *names)
{
	nameset_init(names, &fleet->configure.names_key);
	fleet->in.names(nameset_add, names, fleet->in.userdata);
	nameset_sort(names);
}

/* Differences, so that no name is unknown to a running worker for a moment. */
void fleet_update_names(struct fleet *fleet)
{
	struct nameset names, added, dropped;

	fleet_collect_names(fleet, &names);
	nameset_subtract(&names, &fleet->names, &added);
	nameset_subtract(&fleet->names, &names, &dropped);
	for (unsigned i = 0; i < fleet->in.n_workers; i++) {
		struct worker *worker = fleet->seats[i].worker;

		if (!worker)
			continue;
		worker_tell_names(worker, LINK_NAMES_ADD, &added);
		worker_tell_names(worker, LINK_NAMES_DROP, &dropped);
	}
	nameset_done(&added);
	nameset_done(&dropped);
	nameset_done(&fleet->names);
	fleet->names = names;
}

static int send_listener(const struct link_listener *message, int fd,
	const struct address *address, void *userdata)
{
	return worker_tell_listener(userdata, message, fd);
}

void fleet_send_listeners(struct fleet *fleet, struct worker *worker)
{
	if (listeners_each(fleet->in.listeners, send_listener, worker) < 0) {
		log_error(&fleet->log, "a listener could not be handed to a worker");
		worker_kill(worker);
	}
}

static int note_listener(const struct link_listener *message, int fd,
	const struct address *address, void *userdata)
{
	strv_append(userdata, message->name);
	return 0;
}

static void drop_listener(struct fleet *fleet, const char *name)
{
	for (unsigned i = 0; i < fleet->in.n_workers; i++)
		if (fleet->seats[i].worker)
			worker_tell_listener_drop(fleet->seats[i].worker, name);
}

void fleet_update_listeners(struct fleet *fleet, char *const *before)
{
	_cleanup_(strv_freep) char **now = NULL;

	listeners_each(fleet->in.listeners, note_listener, &now);
	for (size_t i = 0; before && before[i]; i++)
		if (!now || !strv_contains(now, before[i]))
			drop_listener(fleet, before[i]);
	for (unsigned i = 0; i < fleet->in.n_workers; i++)
		if (fleet->seats[i].worker)
			fleet_send_listeners(fleet, fleet->seats[i].worker);
}

char **fleet_list_listeners(const struct fleet *fleet)
{
	char **names = NULL;

	listeners_each(fleet->in.listeners, note_listener, &names);
	return names;
}
