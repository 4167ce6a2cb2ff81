/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See starts.h. The wait is ours and not systemd's (RestartSec=): while systemd waits, a
 * stop would find no process that ends the workers. */
#include "core/process/starts.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "io/atomic_file.h"
#include "util/log.h"
#include "util/mem.h"

#define DEATHS_MAX 1000000
#define TEXT_MAX   16
/* For the start itself; the unit's TimeoutStartSec= counts from the fork. */
#define START_USEC (60 * USEC_PER_SEC)

/* It tells the process that it has started, not those below (systemd.exec(5)). */
static bool is_started_by_systemd(void)
{
	const char *pid = getenv("SYSTEMD_EXEC_PID");
	_cleanup_(freep) char *ours = xasprintf("%d", (int)getpid());

	return pid && strcmp(pid, ours) == 0;
}

static unsigned read_deaths(const char *path)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
	unsigned n = 0;

	if (file_read(path, 0, TEXT_MAX, &text, NULL) < 0)
		return 0;
	const char *s = buf_str(&text);
	for (; *s >= '0' && *s <= '9' && n < DEATHS_MAX; s++)
		n = n * 10 + (unsigned)(*s - '0');
	return *s == '\n' ? n : 0;
}

/* One that cannot be written costs the pause, and nothing else. */
static void write_deaths(const char *path, unsigned n)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) char *text = xasprintf("%u\n", n);
	const struct atomic_file_params params = {
		.path = path,
		.data = text,
		.len = strlen(text),
		.mode = 0600,
	};

	if (atomic_file_write(&params, &err) >= 0)
		return;
	_cleanup_(freep) char *why = err_format(&err);
	log_debug(NULL, "starts are not counted: %s", why);
}

void starts_init_upgraded(struct starts *starts, const char *directory)
{
	*starts = (struct starts){ 0 };
	if (is_started_by_systemd())
		starts->path = xasprintf("%s/" STARTS_FILE, directory);
}

void starts_init(struct starts *starts, const char *directory)
{
	starts_init_upgraded(starts, directory);
	if (!starts->path)
		return;
	starts->n_deaths = read_deaths(starts->path);
	write_deaths(starts->path, starts->n_deaths + 1);
}

void starts_done(struct starts *starts)
{
	free(starts->path);
	*starts = (struct starts){ 0 };
}

usec_t starts_get_pause(const struct starts *starts)
{
	static const unsigned pause_sec[] = { 0, 0, 1, 2, 4, 8, 16, 30 };

	return pause_sec[MIN(starts->n_deaths, ARRAY_SIZE(pause_sec) - 1)] *
	       USEC_PER_SEC;
}

static void tell(const struct starts *starts, usec_t usec)
{
	unsigned sec = (unsigned)(usec / USEC_PER_SEC);

	log_warning(NULL,
		"postseald has died %u times, each time soon after its start: it waits "
		"%u s before the next, and its workers go on. Once the cause is mended "
		"\"systemctl kill --kill-who=main -s HUP postseal\" starts it at once",
		starts->n_deaths, sec);
	sd_notifyf(0,
		"STATUS=died %u times soon after the start, waiting %u s; the workers go "
		"on, see postseald(8)\nEXTEND_TIMEOUT_USEC=%llu",
		starts->n_deaths, sec, (unsigned long long)usec_add(usec, START_USEC));
}

void starts_forget(const struct starts *starts)
{
	if (starts->path)
		unlink(starts->path);
}

int starts_pause(const struct starts *starts)
{
	usec_t usec = starts_get_pause(starts);
	const struct timespec pause = { .tv_sec = (time_t)(usec / USEC_PER_SEC) };
	sigset_t ends;

	if (usec == 0)
		return 0;
	tell(starts, usec);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	int signo = sigtimedwait(&ends, NULL, &pause);
	if (signo == SIGTERM || signo == SIGINT)
		raise(signo);
	if (signo != SIGHUP)
		return 0;
	starts_forget(starts);
	return STARTS_E_AGAIN;
}
