/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See notify_socket.h. libsystemd's own call would wait in sendmsg() while the reader's
 * queue is full, and with it the whole loop: the service manager may be busy, stopped by
 * a debugger, or waiting for us.
 */
#include "io/notify_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/list.h"
#include "util/mem.h"

#define RETRY_USEC  (50 * USEC_PER_MSEC)
#define AT_END_USEC (500 * USEC_PER_MSEC) /* less than a second */

struct notify_socket {
	struct sockaddr_un address;
	socklen_t address_len; /* 0: nobody is there */
	int fd;                /* owned */
	struct list kept;      /* kept.entry; the oldest first */
	unsigned n_kept;
	struct loop_timer *retry; /* owned */
};

struct kept {
	struct list entry;
	char *text; /* owned */
	int fd;     /* owned; -1: none */
};

/* --- one datagram --------------------------------------------------------------------- */

static void attach_fd(struct msghdr *message, int fd)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
}

/* 0, or negative errno. */
static int send_one(struct notify_socket *s, const char *text, int fd, int flags)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec data = { .iov_base = (char *)text, .iov_len = strlen(text) };
	struct msghdr message = {
		.msg_name = &s->address,
		.msg_namelen = s->address_len,
		.msg_iov = &data,
		.msg_iovlen = 1,
	};

	if (fd >= 0) {
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		attach_fd(&message, fd);
	}
	ssize_t n = sendmsg(s->fd, &message, flags | MSG_NOSIGNAL);
	return n < 0 ? -errno : 0;
}

/* The reader is there and does not read. Whatever else is wrong will not pass, and was
 * never reported: a service runs without its manager's attention, too. */
static bool is_full(int r)
{
	return r == -EAGAIN || r == -ENOBUFS || r == -ETOOMANYREFS || r == -EINTR;
}

/* --- what is kept ------------------------------------------------------------------------ */

static void forget(struct notify_socket *s, struct kept *kept)
{
	list_remove(&kept->entry);
	s->n_kept--;
	closep(&kept->fd);
	free(kept->text);
	free(kept);
}

static struct kept *get_oldest(struct notify_socket *s)
{
	return list_entry(s->kept.next, struct kept, entry);
}

static void send_kept(struct notify_socket *s, int flags)
{
	while (s->n_kept > 0) {
		struct kept *kept = get_oldest(s);

		if (is_full(send_one(s, kept->text, kept->fd, flags)))
			break;
		forget(s, kept);
	}
}

static void on_retry(struct loop_timer *timer, void *userdata)
{
	struct notify_socket *s = userdata;

	send_kept(s, MSG_DONTWAIT);
	if (s->n_kept > 0)
		loop_timer_set_after(timer, RETRY_USEC);
}

static void keep(struct notify_socket *s, const char *text, int fd)
{
	int own = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (fd >= 0 && own < 0)
		return; /* a text about nothing */
	if (s->n_kept == NOTIFY_SOCKET_KEPT_MAX)
		forget(s, get_oldest(s));
	struct kept *kept = xnew(struct kept);
	kept->text = xstrdup(text);
	kept->fd = own;
	list_append(&s->kept, &kept->entry);
	s->n_kept++;
	if (!loop_timer_is_armed(s->retry))
		loop_timer_set_after(s->retry, RETRY_USEC);
}

/* --- the object ---------------------------------------------------------------------------- */

/* False: of a kind that we do not speak, or too long. */
static bool parse_path(struct notify_socket *s, const char *path)
{
	size_t len = path ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(s->address.sun_path) ||
		(path[0] != '/' && path[0] != '@'))
		return false;
	s->address.sun_family = AF_UNIX;
	memcpy(s->address.sun_path, path, len);
	s->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (path[0] == '@')
		s->address.sun_path[0] = '\0';
	else
		s->address_len++;
	return true;
}

struct notify_socket *notify_socket_new(struct loop *loop, const char *path)
{
	struct notify_socket *s = xnew(struct notify_socket);

	list_init(&s->kept);
	s->fd = -1;
	s->retry = loop_timer_new(loop, on_retry, s);
	if (parse_path(s, path))
		s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return s;
}

/* The socket's own patience: nobody else waits any more. */
static void send_at_end(struct notify_socket *s)
{
	const struct timeval patience = { .tv_usec = AT_END_USEC };

	setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	send_kept(s, 0);
}

struct notify_socket *notify_socket_free(struct notify_socket *s)
{
	if (!s)
		return NULL;
	if (s->n_kept > 0)
		send_at_end(s);
	while (s->n_kept > 0)
		forget(s, get_oldest(s));
	loop_timer_free(s->retry);
	closep(&s->fd);
	free(s);
	return NULL;
}

void notify_socket_keep(struct notify_socket *s, const char *text, int fd)
{
	if (s->fd < 0)
		return;
	if (s->n_kept > 0 || is_full(send_one(s, text, fd, MSG_DONTWAIT)))
		keep(s, text, fd);
}

void notify_socket_drop(struct notify_socket *s, const char *text)
{
	if (s->fd >= 0)
		send_one(s, text, -1, MSG_DONTWAIT);
}

unsigned notify_socket_count_kept(const struct notify_socket *s)
{
	return s->n_kept;
}
