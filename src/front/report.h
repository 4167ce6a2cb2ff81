/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a worker says to its manager, one message each. Link NULL: there is no manager, and
 * nothing is said. */
#pragma once

#include "io/frame.h"
#include "link/message.h"

/* Takes the frame over. -ENOTCONN without a link; a failure is logged. */
int report_frame(struct frame_stream *link, struct frame *frame);
/* A message without content. */
void report_empty(struct frame_stream *link, enum link_type type);
/* error NULL: it is in force. */
void report_context_ack(struct frame_stream *link, const struct link_context *context,
	const char *error);
void report_answer_ack(struct frame_stream *link, uint64_t id, const char *error);
