/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fields of a frame as each message of the link; the first octet chooses. */
#include <unistd.h>

#include "link/message.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEFINE_TRY(noun)                                \
	static void try_##noun(struct frame_view *view) \
	{                                               \
		struct noun m;                          \
                                                        \
		if (noun##_unpack(view, &m, NULL) == 0) \
			noun##_done(&m);                \
	}
DEFINE_TRY(link_configure)
DEFINE_TRY(link_names)
DEFINE_TRY(link_lookup)
DEFINE_TRY(link_context)
DEFINE_TRY(link_context_ack)
DEFINE_TRY(link_answer)
DEFINE_TRY(link_ack)
DEFINE_TRY(link_stats)
DEFINE_TRY(link_ticket_key)

static void try_link_listener(struct frame_view *view)
{
	struct link_listener m;
	int fd = dup(0);

	view->fds = &fd;
	view->n_fds = 1;
	if (link_listener_unpack(view, &m, NULL) == 0)
		link_listener_done(&m);
	closep(&fd);
}

static void try_name(struct frame_view *view)
{
	_cleanup_(freep) char *name = NULL;

	(void)link_name_unpack(view, &name, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(struct frame_view * view) = {
		try_link_configure,
		try_link_listener,
		try_link_names,
		try_link_lookup,
		try_link_context,
		try_link_context_ack,
		try_link_answer,
		try_link_ack,
		try_link_stats,
		try_name,
		try_link_ticket_key,
	};

	if (size == 0)
		return 0;
	struct frame_view view = { .fields = data + 1, .len = size - 1 };
	tries[data[0] % ARRAY_SIZE(tries)](&view);
	return 0;
}
