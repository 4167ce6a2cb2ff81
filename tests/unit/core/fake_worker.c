/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the fleet's test runs in place of a front worker. It does everything right but
 * for what FAKE_WORKER names, and writes down what it is told, a line each, into the file
 * that FAKE_WORKER_NOTES names:
 *
 *   exits     at once                    refuses   every context and answer
 *   idles     is never READY             mute      acknowledges nothing
 *   babbles   once READY                 asks      for a name once READY
 *   hangs-up  when told a context,       stays     when it shall drain
 *             and does not end
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/frame.h"
#include "link/ends.h"
#include "link/message.h"
#include "util/mem.h"

#define LINK_FD 3

struct fake {
	struct loop *loop;
	struct frame_stream *stream;
	const char *mode;
	const char *notes; /* path */
};

_printf_(2, 3) static void note(const struct fake *fake, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	_cleanup_(freep) char *text = xvasprintf(fmt, ap);
	va_end(ap);
	_cleanup_(freep) char *line = xasprintf("%s\n", text);
	_cleanup_(closep) int fd =
		open(fake->notes, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		_exit(9);
}

static bool is_mode(const struct fake *fake, const char *mode)
{
	return strcmp(fake->mode, mode) == 0;
}

static void send_frame(struct fake *fake, struct frame *frame)
{
	if (frame_stream_send(fake->stream, frame, NULL) < 0)
		_exit(9);
}

static void send_empty(struct fake *fake, enum link_type type)
{
	struct frame frame;

	frame_init(&frame, (uint16_t)type, 0);
	send_frame(fake, &frame);
}

/* --- what it says of itself ------------------------------------------------------------------ */

static void ask(struct fake *fake)
{
	const struct link_lookup lookup = {
		.request = 7,
		.listener = (char *)"imaps",
		.name = (char *)"asked.test",
		.client = LINK_CLIENT_ECDSA,
	};
	struct frame frame;

	frame_init(&frame, LINK_LOOKUP, 0);
	link_lookup_pack(&lookup, &frame);
	send_frame(fake, &frame);
}

static void on_start(struct fake *fake)
{
	note(fake, "start");
	if (is_mode(fake, "idles"))
		return;
	send_empty(fake, LINK_READY);
	if (is_mode(fake, "asks"))
		ask(fake);
	if (is_mode(fake, "babbles"))
		send_empty(fake, LINK_LOOKUP);
}

static void on_stats(struct fake *fake)
{
	const struct link_stats stats = { .connections = 3, .handshakes = 10 };
	const struct link_ends ends = { .listener = (char *)"imaps",
		.count[LINK_END_RELAYED] = 7 };
	struct frame frame;

	frame_init(&frame, LINK_ENDS, 0);
	link_ends_pack(&ends, &frame);
	send_frame(fake, &frame);
	frame_init(&frame, LINK_STATS, 0);
	link_stats_pack(&stats, &frame);
	send_frame(fake, &frame);
}

/* --- what it is told --------------------------------------------------------------------------- */

static const char *refusal(const struct fake *fake)
{
	return is_mode(fake, "refuses") ? "it does not like it" : NULL;
}

static void on_context(struct fake *fake, const struct frame_view *view)
{
	struct link_context m;
	struct frame frame;

	if (is_mode(fake, "hangs-up")) {
		fake->stream = frame_stream_free(fake->stream);
		return;
	}
	if (link_context_unpack(view, &m, NULL) < 0)
		_exit(8);
	note(fake, "context %llu %llu %s %s", (unsigned long long)m.request,
		(unsigned long long)m.certificate_id, m.name,
		m.chain_pem ? m.chain_pem : "none");
	const struct link_context_ack ack = {
		.certificate_id = m.certificate_id,
		.name = m.name,
		.error = (char *)refusal(fake),
	};
	frame_init(&frame, LINK_CONTEXT_ACK, 0);
	link_context_ack_pack(&ack, &frame);
	if (m.request == 0 && !is_mode(fake, "mute"))
		send_frame(fake, &frame);
	frame_done(&frame);
	link_context_done(&m);
}

static void on_answer(struct fake *fake, const struct frame_view *view)
{
	struct link_answer m;
	struct frame frame;

	if (link_answer_unpack(view, &m, NULL) < 0)
		_exit(8);
	bool is_drop = view->type == LINK_ANSWER_DROP;
	note(fake, "%s %s %s", is_drop ? "withdrawn" : "answer", m.name,
		m.token ? m.token : "-");
	const struct link_ack ack = { .id = m.id, .error = (char *)refusal(fake) };
	frame_init(&frame, LINK_ANSWER_ACK, 0);
	link_ack_pack(&ack, &frame);
	if (!is_drop && !is_mode(fake, "mute"))
		send_frame(fake, &frame);
	frame_done(&frame);
	link_answer_done(&m);
}

static void on_listener(struct fake *fake, const struct frame_view *view)
{
	struct link_listener m;

	if (link_listener_unpack(view, &m, NULL) < 0)
		_exit(8);
	note(fake, "listener %s%s", m.name, m.fd >= 0 ? "" : " without a socket");
	link_listener_done(&m);
}

static void on_names(struct fake *fake, const struct frame_view *view)
{
	struct link_names m;

	if (link_names_unpack(view, &m, NULL) < 0)
		_exit(8);
	note(fake, "%snames %zu", view->type == LINK_NAMES_DROP ? "no " : "", m.n);
	link_names_done(&m);
}

/* The beginning of a key tells it from others. */
static void note_key(const struct fake *fake, const char *what, const uint8_t *key)
{
	note(fake, "%s %02x%02x%02x%02x", what, key[0], key[1], key[2], key[3]);
}

static void on_configure(struct fake *fake, const struct frame_view *view)
{
	struct link_configure m;

	if (link_configure_unpack(view, &m, NULL) < 0)
		_exit(8);
	note(fake, "configure");
	note_key(fake, "first key", m.ticket_key);
	link_configure_done(&m);
}

static void on_ticket_key(struct fake *fake, const struct frame_view *view)
{
	struct link_ticket_key m;

	if (link_ticket_key_unpack(view, &m, NULL) < 0)
		_exit(8);
	note_key(fake, "later key", m.key);
	link_ticket_key_done(&m);
}

static void on_name(struct fake *fake, const struct frame_view *view, const char *what)
{
	_cleanup_(freep) char *name = NULL;

	if (link_name_unpack(view, &name, NULL) < 0)
		_exit(8);
	note(fake, "%s %s", what, name);
}

static void on_drain(struct fake *fake)
{
	note(fake, "drain");
	if (!is_mode(fake, "stays"))
		loop_exit(fake->loop, 0);
}

static void on_frame(const struct frame_view *view, void *userdata)
{
	struct fake *fake = userdata;

	switch (view->type) {
	case LINK_CONFIGURE:
		on_configure(fake, view);
		break;
	case LINK_TICKET_KEY:
		on_ticket_key(fake, view);
		break;
	case LINK_LISTENER:
		on_listener(fake, view);
		break;
	case LINK_LISTENER_DROP:
		on_name(fake, view, "no listener");
		break;
	case LINK_NAMES_ADD:
	case LINK_NAMES_DROP:
		on_names(fake, view);
		break;
	case LINK_CONTEXT:
		on_context(fake, view);
		break;
	case LINK_CONTEXT_DROP:
		on_name(fake, view, "no context");
		break;
	case LINK_ANSWER:
	case LINK_ANSWER_DROP:
		on_answer(fake, view);
		break;
	case LINK_START:
		on_start(fake);
		break;
	case LINK_STATS_REQUEST:
		on_stats(fake);
		break;
	case LINK_DRAIN:
		on_drain(fake);
		break;
	default:
		break;
	}
}

static void on_closed(const struct err *err, void *userdata)
{
	struct fake *fake = userdata;

	loop_exit(fake->loop, 0);
}

int main(void)
{
	const char *mode = getenv("FAKE_WORKER");
	struct fake fake = {
		.mode = mode ? mode : "",
		.notes = getenv("FAKE_WORKER_NOTES"),
	};
	const struct frame_stream_params params = {
		.on_frame = on_frame,
		.on_closed = on_closed,
		.userdata = &fake,
	};

	if (is_mode(&fake, "exits") || !fake.notes)
		return 3;
	if (is_mode(&fake, "hangs-up"))
		signal(SIGTERM, SIG_IGN);
	if (loop_new_epoll(&fake.loop, NULL) < 0 ||
		frame_stream_new(&fake.stream, fake.loop, LINK_FD, &params, NULL) < 0)
		return 4;
	int code = loop_run(fake.loop, NULL);
	frame_stream_free(fake.stream);
	loop_free(fake.loop);
	return code;
}
