/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See report.h. */
#include "front/report.h"

#include <errno.h>

#include "util/log.h"
#include "util/mem.h"

int report_frame(struct frame_stream *link, struct frame *frame)
{
	struct err err = ERR_INIT;
	int r = -ENOTCONN;

	if (link) {
		r = frame_stream_send(link, frame, &err);
		if (r < 0) {
			_cleanup_(freep) char *text = err_format(&err);
			log_error(NULL, "message to the manager not sent: %s", text);
		}
	}
	frame_done(frame);
	err_done(&err);
	return r;
}

void report_empty(struct frame_stream *link, enum link_type type)
{
	struct frame frame;

	frame_init(&frame, (uint16_t)type, 0);
	report_frame(link, &frame);
}

void report_context_ack(struct frame_stream *link, const struct link_context *context,
	const char *error)
{
	const struct link_context_ack m = {
		.certificate_id = context->certificate_id,
		.name = context->name,
		.error = (char *)error,
	};
	struct frame frame;

	frame_init(&frame, LINK_CONTEXT_ACK, 0);
	link_context_ack_pack(&m, &frame);
	report_frame(link, &frame);
}

void report_answer_ack(struct frame_stream *link, uint64_t id, const char *error)
{
	const struct link_ack m = { .id = id, .error = (char *)error };
	struct frame frame;

	frame_init(&frame, LINK_ANSWER_ACK, 0);
	link_ack_pack(&m, &frame);
	report_frame(link, &frame);
}
