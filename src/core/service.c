/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See service.h; sd_notify(3), sd_listen_fds(3). */
#include "core/service.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "util/mem.h"

void service_keep_socket(const char *name, int fd)
{
	_cleanup_(freep) char *text = xasprintf("FDSTORE=1\nFDNAME=%s", name);

	sd_pid_notify_with_fds(0, 0, text, &fd, 1);
}

void service_forget_socket(const char *name)
{
	sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

void service_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s\nMAINPID=%d", status, (int)getpid());
}

void service_reloading(usec_t monotonic_usec)
{
	sd_notifyf(0,
		"RELOADING=1\nMONOTONIC_USEC=%" PRIu64
		"\nSTATUS=reading the configuration",
		monotonic_usec);
}

void service_stopping(const char *status)
{
	sd_notifyf(0, "STOPPING=1\nSTATUS=%s", status);
}

void service_status(const char *status)
{
	sd_notifyf(0, "STATUS=%s", status);
}

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

/* Takes fd over, also when it fails. systemd hands sockets over in blocking mode, in
 * which a worker would hang in accept() while others are waiting for it. */
int service_adopt_socket(
	struct listeners *listeners, const char *name, int fd, struct err *err)
{
	int flags = fcntl(fd, F_GETFL);
	int r = 0;

	if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
		r = err_set_kind(err, ERR_CONFIG, -ENOTSOCK,
			"%s, handed over to us, is not a listening stream socket",
			name);
	else if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		r = err_set(err, -errno, "%s, handed over to us: %s", name,
			strerror(errno));
	if (r < 0)
		close(fd);
	else
		listeners_adopt(listeners, name, fd);
	return r;
}

int service_adopt_sockets(struct listeners *listeners, struct err *err)
{
	_cleanup_(strv_freep) char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);
	int result = 0;

	if (n < 0)
		return err_set(err, n, "sockets from systemd: %s", strerror(-n));
	for (int i = 0; i < n; i++) {
		int r = service_adopt_socket(listeners, names[i],
			SD_LISTEN_FDS_START + i, result < 0 ? NULL : err);

		if (result >= 0)
			result = r;
	}
	return result;
}
