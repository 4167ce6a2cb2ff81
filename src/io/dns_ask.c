/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See dns_ask.h.
 *
 *   DATAGRAM ──► done           sent again at a third and two thirds of the time
 *      │ truncated
 *      ▼
 *   WRITE ──► READ ──► done     the same question by TCP
 */
#include "io/dns_ask.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/dns_message.h"
#include "util/buf.h"
#include "util/mem.h"

#define TIMEOUT_USEC (5 * USEC_PER_SEC)
#define N_DATAGRAMS  3
#define LENGTH_BYTES 2 /* before each message in a stream */

enum ask_state {
	ASK_DATAGRAM,
	ASK_WRITE,
	ASK_READ,
};

struct dns_ask {
	struct loop *loop; /* borrowed */
	struct address server;
	struct dns_question question;
	char *name; /* owned */
	dns_done_fn *done;
	void *userdata;

	/* owned operations */
	int fd;
	struct loop_io *io;
	struct loop_timer *timer; /* the deadline, or the next datagram */
	struct loop_defer *defer; /* the end, when it did not even begin */

	/* where it stands */
	enum ask_state state;
	uint8_t wire[LENGTH_BYTES + DNS_QUESTION_BYTES];
	size_t len; /* of the message behind the length */
	size_t sent;
	struct buf stream;
	usec_t end_usec;
	usec_t timeout_usec;
	unsigned n_sent;

	struct dns_answer answer;
};

/* --- the end ------------------------------------------------------------------------------ */

static void close_socket(struct dns_ask *ask)
{
	ask->io = loop_io_free(ask->io);
	if (ask->fd >= 0)
		close(TAKE_FD(ask->fd));
}

struct dns_ask *dns_ask_cancel(struct dns_ask *ask)
{
	if (!ask)
		return NULL;
	close_socket(ask);
	loop_timer_free(ask->timer);
	loop_defer_free(ask->defer);
	buf_done(&ask->stream);
	dns_answer_done(&ask->answer);
	free(ask->name);
	free(ask);
	return NULL;
}

static void dns_answer_donep(struct dns_answer *answer)
{
	dns_answer_done(answer);
}

static void finish(struct dns_ask *ask)
{
	_cleanup_(dns_answer_donep) struct dns_answer answer = ask->answer;

	ask->answer = (struct dns_answer){ .status = DNS_FAILED };
	close_socket(ask);
	loop_timer_disarm(ask->timer);
	ask->done(&answer, ask->userdata);
}

static void fail(struct dns_ask *ask, const char *what)
{
	dns_answer_fail(&ask->answer, "%s", what);
	finish(ask);
}

/* --- by TCP ------------------------------------------------------------------------------- */

static bool is_later(int error)
{
	return error == EAGAIN || error == EINTR || error == EINPROGRESS;
}

static void write_stream(struct dns_ask *ask)
{
	size_t all = LENGTH_BYTES + ask->len;
	ssize_t n = send(ask->fd, ask->wire + ask->sent, all - ask->sent, MSG_NOSIGNAL);

	if (n < 0) {
		if (!is_later(errno))
			fail(ask, strerror(errno));
		return;
	}
	ask->sent += (size_t)n;
	if (ask->sent < all)
		return;
	ask->state = ASK_READ;
	loop_io_set_events(ask->io, LOOP_IN);
}

/* The length that the stream began with; 0: not yet here. */
static size_t stream_length(const struct dns_ask *ask)
{
	const uint8_t *data = (const uint8_t *)ask->stream.data;

	return ask->stream.len >= LENGTH_BYTES ? (size_t)data[0] << 8 | data[1] : 0;
}

static void read_stream(struct dns_ask *ask)
{
	uint8_t part[4096];
	ssize_t n = recv(ask->fd, part, sizeof(part), 0);

	if (n < 0 && is_later(errno))
		return;
	if (n <= 0 || buf_append(&ask->stream, part, (size_t)n) < 0) {
		fail(ask, n < 0 ? strerror(errno) : "it breaks off in its answer");
		return;
	}
	size_t len = stream_length(ask);
	if (ask->stream.len < LENGTH_BYTES || ask->stream.len < LENGTH_BYTES + len)
		return;
	if (dns_message_read(&ask->question,
		    (const uint8_t *)ask->stream.data + LENGTH_BYTES, len,
		    &ask->answer) != 0)
		dns_answer_fail(&ask->answer, "it answers something else by TCP");
	finish(ask);
}

static void on_stream(struct loop_io *io, unsigned events, void *userdata)
{
	struct dns_ask *ask = userdata;

	if (ask->state == ASK_WRITE)
		write_stream(ask);
	else
		read_stream(ask);
}

static int open_stream(struct dns_ask *ask, struct err *err)
{
	close_socket(ask);
	int r = address_connect(&ask->server, &ask->fd, err);
	if (r >= 0)
		r = loop_io_new(
			&ask->io, ask->loop, ask->fd, LOOP_OUT, on_stream, ask, err);
	if (r < 0)
		return r;
	ask->state = ASK_WRITE;
	ask->sent = 0;
	loop_timer_set(ask->timer, ask->end_usec);
	return 0;
}

static void go_on_by_stream(struct dns_ask *ask)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (open_stream(ask, &err) < 0)
		fail(ask, err.detail);
}

/* --- by UDP ------------------------------------------------------------------------------- */

static void set_timer(struct dns_ask *ask)
{
	usec_t next = usec_add(loop_now(ask->loop), ask->timeout_usec / N_DATAGRAMS);

	loop_timer_set(ask->timer,
		ask->n_sent < N_DATAGRAMS ? MIN(next, ask->end_usec) : ask->end_usec);
}

static void send_datagram(struct dns_ask *ask)
{
	ask->n_sent++;
	if (send(ask->fd, ask->wire + LENGTH_BYTES, ask->len, MSG_NOSIGNAL) < 0 &&
		!is_later(errno)) {
		fail(ask, strerror(errno));
		return;
	}
	set_timer(ask);
}

static void on_datagram(struct loop_io *io, unsigned events, void *userdata)
{
	struct dns_ask *ask = userdata;
	uint8_t wire[DNS_UDP_BYTES];
	ssize_t n = recv(ask->fd, wire, sizeof(wire), MSG_TRUNC);

	if (n < 0) {
		if (!is_later(errno))
			fail(ask, strerror(errno));
		return;
	}
	/* Longer than we said that we take: as if it were marked so. */
	int r = n > (ssize_t)sizeof(wire) ? DNS_MESSAGE_TRUNCATED
					  : dns_message_read(&ask->question, wire,
						    (size_t)n, &ask->answer);
	if (r == DNS_MESSAGE_TRUNCATED)
		go_on_by_stream(ask);
	else if (r == 0)
		finish(ask);
}

static void on_timer(struct loop_timer *timer, void *userdata)
{
	struct dns_ask *ask = userdata;

	if (ask->state == ASK_DATAGRAM && loop_now(ask->loop) < ask->end_usec) {
		send_datagram(ask);
		return;
	}
	dns_answer_fail(&ask->answer, "it does not answer within %u s",
		(unsigned)(ask->timeout_usec / USEC_PER_SEC));
	finish(ask);
}

static int open_datagrams(struct dns_ask *ask, struct err *err)
{
	const struct sockaddr *sa = (const struct sockaddr *)&ask->server.sa;

	ask->fd = socket(sa->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ask->fd < 0 || connect(ask->fd, sa, ask->server.len) < 0)
		return err_set_kind(err, ERR_NETWORK, -errno, "%s", strerror(errno));
	int r = loop_io_new(
		&ask->io, ask->loop, ask->fd, LOOP_IN, on_datagram, ask, err);
	if (r < 0)
		return r;
	ask->n_sent = 1;
	if (send(ask->fd, ask->wire + LENGTH_BYTES, ask->len, MSG_NOSIGNAL) < 0)
		return err_set_kind(err, ERR_NETWORK, -errno, "%s", strerror(errno));
	set_timer(ask);
	return 0;
}

/* --- the object ---------------------------------------------------------------------------- */

static void on_never_begun(void *userdata)
{
	struct dns_ask *ask = userdata;

	ask->defer = loop_defer_free(ask->defer);
	finish(ask);
}

/* A server without a route is an answer like any other. */
static void begin(struct dns_ask *ask)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (open_datagrams(ask, &err) >= 0)
		return;
	dns_answer_fail(&ask->answer, "it cannot be asked: %s", err.detail);
	close_socket(ask);
	ask->defer = loop_defer_new(ask->loop, on_never_begun, ask);
}

int dns_ask_start(struct dns_ask **ret, const struct dns_ask_params *params,
	dns_done_fn *done, void *userdata, struct err *err)
{
	_cleanup_(dns_ask_cancelp) struct dns_ask *ask = xnew(struct dns_ask);
	uint16_t id;

	ask->loop = params->loop;
	ask->server = params->server;
	ask->name = xstrdup(params->name);
	ask->done = done;
	ask->userdata = userdata;
	ask->fd = -1;
	ask->stream = (struct buf)BUF_INIT(LENGTH_BYTES + DNS_PACKET_BYTES + 4096);
	ask->timeout_usec = params->timeout_usec ? params->timeout_usec : TIMEOUT_USEC;
	ask->end_usec = usec_add(loop_now(ask->loop), ask->timeout_usec);
	ask->timer = loop_timer_new(ask->loop, on_timer, ask);
	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		return err_set(err, -EIO, "no random numbers: %s", strerror(errno));
	ask->question = (struct dns_question){ ask->name, params->type, id,
		params->wants_recursion };
	int len = dns_message_write(&ask->question, ask->wire + LENGTH_BYTES, err);
	if (len < 0)
		return len;
	ask->len = (size_t)len;
	ask->wire[0] = (uint8_t)(len >> 8);
	ask->wire[1] = (uint8_t)len;
	begin(ask);
	*ret = TAKE_PTR(ask);
	return 0;
}
