/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See worker_tell.h. Every frame may hold a secret, so each is wiped. */
#include "core/workers/worker_tell.h"

#include <errno.h>
#include <fcntl.h>

void worker_tell_empty(struct worker *worker, enum link_type type)
{
	struct frame frame;

	frame_init(&frame, (uint16_t)type, BUF_SECRET);
	worker_send(worker, &frame);
}

void worker_tell_configure(struct worker *worker, const struct link_configure *m)
{
	struct frame frame;

	frame_init(&frame, LINK_CONFIGURE, BUF_SECRET);
	link_configure_pack(m, &frame);
	worker_send(worker, &frame);
}

int worker_tell_listener(struct worker *worker, const struct link_listener *m, int fd)
{
	struct frame frame;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return -errno;
	frame_init(&frame, LINK_LISTENER, 0);
	link_listener_pack(m, &frame);
	frame_add_fd(&frame, copy);
	worker_send(worker, &frame);
	return 0;
}

static void tell_name(struct worker *worker, enum link_type type, const char *name)
{
	struct frame frame;

	frame_init(&frame, (uint16_t)type, BUF_SECRET);
	link_name_pack(name, &frame);
	worker_send(worker, &frame);
}

void worker_tell_listener_drop(struct worker *worker, const char *name)
{
	tell_name(worker, LINK_LISTENER_DROP, name);
}

void worker_tell_context_drop(struct worker *worker, const char *name)
{
	tell_name(worker, LINK_CONTEXT_DROP, name);
}

void worker_tell_names(
	struct worker *worker, enum link_type type, const struct nameset *set)
{
	for (size_t at = 0; at < set->n; at += LINK_NAMES_PER_FRAME) {
		struct link_names part = {
			.hash = set->hash + at,
			.n = MIN(set->n - at, (size_t)LINK_NAMES_PER_FRAME),
		};
		struct frame frame;

		frame_init(&frame, (uint16_t)type, BUF_SECRET);
		link_names_pack(&part, &frame);
		worker_send(worker, &frame);
	}
}

void worker_tell_context(struct worker *worker, const struct link_context *m)
{
	struct frame frame;

	frame_init(&frame, LINK_CONTEXT, BUF_SECRET);
	link_context_pack(m, &frame);
	worker_send(worker, &frame);
}

static void tell_answer(
	struct worker *worker, enum link_type type, const struct link_answer *m)
{
	struct frame frame;

	frame_init(&frame, (uint16_t)type, BUF_SECRET);
	link_answer_pack(m, &frame);
	worker_send(worker, &frame);
}

void worker_tell_answer(struct worker *worker, const struct link_answer *m)
{
	tell_answer(worker, LINK_ANSWER, m);
}

void worker_tell_answer_drop(struct worker *worker, const struct link_answer *m)
{
	tell_answer(worker, LINK_ANSWER_DROP, m);
}

void worker_tell_ticket_key(struct worker *worker, const struct link_ticket_key *m)
{
	struct frame frame;

	frame_init(&frame, LINK_TICKET_KEY, BUF_SECRET);
	link_ticket_key_pack(m, &frame);
	worker_send(worker, &frame);
}

void worker_tell_probe(struct worker *worker, const char *listener, int fd)
{
	struct frame frame;

	frame_init(&frame, LINK_PROBE, 0);
	link_name_pack(listener, &frame);
	frame_add_fd(&frame, fd);
	worker_send(worker, &frame);
}

void worker_tell_drain(struct worker *worker, usec_t timeout_usec)
{
	struct frame frame;

	frame_init(&frame, LINK_DRAIN, BUF_SECRET);
	link_duration_pack(timeout_usec, &frame);
	worker_send(worker, &frame);
}
