/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Accepting is bounded a turn, so that one busy listener neither starves the others nor
 * takes all connections away from the other workers. When descriptors run out it pauses:
 * the socket stays readable, and asking again at once would only burn time.
 */
#include "front/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "front/conn.h"
#include "util/mem.h"

#define ACCEPTS_PER_TURN 16
#define PAUSE_USEC       (200 * USEC_PER_MSEC)
/* At the end: the others are there for more. */
#define ACCEPTS_AT_END 256

static bool is_out_of_resources(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

static void pause_accepting(struct listener *listener, int error)
{
	log_warning(&listener->log, "accepting pauses: %s", strerror(error));
	listener->io = loop_io_free(listener->io);
	loop_timer_set_after(listener->pause, PAUSE_USEC);
}

/* The newest stranger loses, never a session. */
static void refuse(struct listener *listener, int fd, enum link_end end)
{
	listener->front->stats.link.rejected++;
	listener->ends->count[end]++;
	close(fd);
}

/* False: nothing more is to be had for now. */
static bool accept_one(struct listener *listener)
{
	struct front *front = listener->front;
	struct address peer = { .len = sizeof(peer.sa) };

	int fd = accept4(listener->settings.fd, (struct sockaddr *)&peer.sa, &peer.len,
		SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0 && is_out_of_resources(errno))
		pause_accepting(listener, errno);
	if (fd < 0)
		/* A client that was gone before we came is no reason to stop. */
		return errno == ECONNABORTED || errno == EINTR;
	front->stats.link.accepted++;
	if (front->stats.link.connections >= front->max_connections)
		refuse(listener, fd, LINK_END_MANY);
	else if (front->n_starting >= front->max_handshakes)
		refuse(listener, fd, LINK_END_MANY_HANDSHAKES);
	else
		conn_new(listener, fd, &peer);
	return true;
}

void listener_accept_rest(struct listener *listener)
{
	listener_ref(listener);
	for (int i = 0; i < ACCEPTS_AT_END && listener->io; i++)
		if (!accept_one(listener))
			break;
	listener_unref(listener);
}

static void on_readable(struct loop_io *io, unsigned events, void *userdata)
{
	struct listener *listener = listener_ref(userdata);

	for (int i = 0; i < ACCEPTS_PER_TURN && listener->io; i++)
		if (!accept_one(listener))
			break;
	listener_unref(listener);
}

static void on_pause_over(struct loop_timer *timer, void *userdata)
{
	struct listener *listener = userdata;
	struct err err = ERR_INIT;

	if (listener_start(listener, &err) < 0)
		loop_timer_set_after(timer, PAUSE_USEC);
	err_done(&err);
}

static int check_redirect_port(const char *port, struct err *err)
{
	if (!port || port[0] == '\0')
		return 0;
	if (port[0] == ':' && port[1] != '\0' &&
		strspn(port + 1, "0123456789") == strlen(port + 1))
		return 0;
	return err_set(err, -EINVAL, "not a port to redirect to: %s", port);
}

static int parse_proxy_from(struct listener *listener, struct err *err)
{
	for (char **p = listener->settings.proxy_from; p && *p; p++) {
		struct network *network = &listener->proxy_from[listener->n_proxy_from];

		if (network_parse(*p, network))
			return err_set(err, -EINVAL, "not a network: %s", *p);
		listener->n_proxy_from++;
	}
	return 0;
}

static int apply_settings(struct listener *listener, struct err *err)
{
	struct link_listener *s = &listener->settings;

	int r = check_redirect_port(s->redirect_port, err);
	if (r == 0 && s->backend)
		r = address_parse(s->backend, &listener->backend, err);
	if (r == 0)
		r = parse_proxy_from(listener, err);
	if (r < 0)
		return r;
	listener->has_backend = s->backend != NULL;
	for (char **p = s->alpn; p && *p && listener->n_alpn < LISTENER_ALPN_MAX; p++) {
		listener->alpn[listener->n_alpn].data = (unsigned char *)*p;
		listener->alpn[listener->n_alpn++].size = (unsigned)strlen(*p);
	}
	/* Accepted sockets inherit it; a unix socket has none. */
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	return 0;
}

int listener_new(struct listener **ret, struct front *front,
	struct link_listener *settings, struct err *err)
{
	struct listener *listener = xnew(struct listener);

	listener->refs = 1;
	listener->front = front;
	listener->settings = *settings;
	int r = apply_settings(listener, err);
	if (r < 0) {
		free(listener);
		return err_wrap(err, r, "listener %s", settings->name);
	}
	*settings = (struct link_listener){ .fd = -1 };
	listener->ends = link_tally_get(front->tally, listener->settings.name);
	listener->log =
		(struct log_ctx){ .key = "LISTENER", .value = listener->settings.name };
	listener->pause = loop_timer_new(front->loop, on_pause_over, listener);
	*ret = listener;
	return 0;
}

bool listener_is_tls(const struct listener *listener)
{
	return listener->settings.protocol != LINK_PROTOCOL_HTTP &&
	       listener->settings.tls == 0;
}

struct listener *listener_ref(struct listener *listener)
{
	listener->refs++;
	return listener;
}

struct listener *listener_unref(struct listener *listener)
{
	if (!listener || --listener->refs > 0)
		return NULL;
	listener_stop(listener);
	loop_timer_free(listener->pause);
	link_listener_done(&listener->settings);
	free(listener);
	return NULL;
}

int listener_start(struct listener *listener, struct err *err)
{
	if (listener->io || listener->settings.fd < 0)
		return 0;
	return loop_io_new(&listener->io, listener->front->loop, listener->settings.fd,
		LOOP_IN | LOOP_EXCLUSIVE, on_readable, listener, err);
}

void listener_stop(struct listener *listener)
{
	loop_timer_disarm(listener->pause);
	listener->io = loop_io_free(listener->io);
	closep(&listener->settings.fd);
	listener->settings.fd = -1;
}
