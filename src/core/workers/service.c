/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See service.h; sd_notify(3), sd_listen_fds(3). */
#include "core/workers/service.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "io/notify_socket.h"
#include "util/mem.h"

/* So many times within the watchdog's patience: some may be dropped. */
#define FEEDINGS 4
/* More than FileDescriptorStoreMax= and all sockets together. */
#define HANDED_MAX 4096

struct service {
	struct notify_socket *socket; /* owned */
	struct loop_timer *watchdog;  /* owned */
	usec_t feed_usec;
};

/* --- what systemd hears ------------------------------------------------------------------ */

static void on_feed(struct loop_timer *timer, void *userdata)
{
	struct service *s = userdata;

	notify_socket_drop(s->socket, "WATCHDOG=1");
	loop_timer_set_after(timer, s->feed_usec);
}

struct service *service_new(struct loop *loop)
{
	struct service *s = xnew(struct service);

	s->socket = notify_socket_new(loop, getenv("NOTIFY_SOCKET"));
	s->watchdog = loop_timer_new(loop, on_feed, s);
	return s;
}

struct service *service_free(struct service *s)
{
	if (!s)
		return NULL;
	loop_timer_free(s->watchdog);
	notify_socket_free(s->socket);
	free(s);
	return NULL;
}

void service_feed_watchdog(struct service *s)
{
	uint64_t usec = 0;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return;
	s->feed_usec = MAX(usec / FEEDINGS, 1);
	on_feed(s->watchdog, s);
}

void service_keep_socket(struct service *s, const char *name, int fd)
{
	_cleanup_(freep) char *text = xasprintf("FDSTORE=1\nFDNAME=%s", name);

	notify_socket_keep(s->socket, text, fd);
}

void service_forget_socket(struct service *s, const char *name)
{
	_cleanup_(freep) char *text = xasprintf("FDSTOREREMOVE=1\nFDNAME=%s", name);

	notify_socket_keep(s->socket, text, -1);
}

void service_ready(struct service *s, const char *status)
{
	_cleanup_(freep) char *text =
		xasprintf("READY=1\nSTATUS=%s\nMAINPID=%d", status, (int)getpid());

	notify_socket_keep(s->socket, text, -1);
}

void service_reloading(struct service *s, usec_t monotonic_usec)
{
	_cleanup_(freep) char *text = xasprintf("RELOADING=1\nMONOTONIC_USEC=%" PRIu64
						"\nSTATUS=reading the configuration",
		monotonic_usec);

	notify_socket_keep(s->socket, text, -1);
}

void service_stopping(struct service *s, const char *status)
{
	_cleanup_(freep) char *text = xasprintf("STOPPING=1\nSTATUS=%s", status);

	notify_socket_keep(s->socket, text, -1);
}

void service_status(struct service *s, const char *status)
{
	_cleanup_(freep) char *text = xasprintf("STATUS=%s", status);

	/* It would overtake the one that is kept. */
	if (notify_socket_count_kept(s->socket) == 0)
		notify_socket_drop(s->socket, text);
}

/* --- what is asked of it, and what it hands over --------------------------------------------- */

static char *find_job(sd_bus *bus, const char *unit)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	_cleanup_(freep) char *path = NULL;
	const char *job = NULL;
	uint32_t id = 0;

	if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path) < 0 ||
		sd_bus_get_property(bus, "org.freedesktop.systemd1", path,
			"org.freedesktop.systemd1.Unit", "Job", NULL, &reply,
			"(uo)") < 0 ||
		sd_bus_message_read(reply, "(uo)", &id, &job) < 0 || id == 0)
		return NULL;
	return xstrdup(job);
}

bool service_has_stop_job(const char *unit)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(freep) char *type = NULL;

	if (sd_bus_open_system(&bus) < 0)
		return false;
	_cleanup_(freep) char *job = find_job(bus, unit);
	if (!job || sd_bus_get_property_string(bus, "org.freedesktop.systemd1", job,
			    "org.freedesktop.systemd1.Job", "JobType", NULL, &type) < 0)
		return false;
	return strcmp(type, "stop") == 0;
}

static bool parse_number(const char *text, unsigned long *ret)
{
	char *end = NULL;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoul(text, &end, 10);
	return errno == 0 && *end == '\0';
}

/* <0: nonsense. Not sd_listen_fds(3): one descriptor that is closed makes it refuse all. */
static int count_handed(void)
{
	const char *text = getenv("LISTEN_FDS");
	unsigned long n = 0, pid = 0;

	if (!text || !parse_number(getenv("LISTEN_PID"), &pid) ||
		pid != (unsigned long)getpid())
		return 0;
	return parse_number(text, &n) && n <= HANDED_MAX ? (int)n : -EINVAL;
}

/* As systemd says of one without a name. */
static char *take_name(const char **names)
{
	if (!*names || !**names)
		return xstrdup("unknown");
	size_t len = strcspn(*names, ":");
	char *name = xasprintf("%.*s", (int)MIN(len, NAME_MAX), *names);

	*names += len;
	if (**names == ':')
		(*names)++;
	return name;
}

void service_hold_numbers(void)
{
	int n = count_handed();

	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; fd++) {
		_cleanup_(closep) int place = -1;

		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		place = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (place == fd)
			TAKE_FD(place);
		else
			dup3(place, fd, O_CLOEXEC);
	}
}

/* -1: closed. Its number is held by us, which would not have outlived exec. */
static int take_descriptor(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags < 0 || (flags & FD_CLOEXEC) ? -1 : fd;
}

void service_adopt_sockets(struct listeners *listeners, const struct log_ctx *log)
{
	const char *names = getenv("LISTEN_FDNAMES");
	int n = count_handed();

	if (n < 0)
		log_warning(log,
			"LISTEN_FDS=%s: not a number up to %d, nothing that was handed "
			"over is taken",
			getenv("LISTEN_FDS"), HANDED_MAX);
	for (int i = 0; i < n; i++) {
		_cleanup_(freep) char *name = take_name(&names);

		listeners_adopt(
			listeners, name, take_descriptor(SD_LISTEN_FDS_START + i));
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}
