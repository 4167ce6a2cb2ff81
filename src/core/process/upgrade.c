/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See upgrade.h. The sockets go the way of systemd's own (sd_listen_fds(3)). */
#include "core/process/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "io/exec.h"
#include "link/command.h"
#include "store/store.h"
#include "util/mem.h"

#define MARK "POSTSEAL_UPGRADE"
/* The check reads a configuration of 100,000 domains, and the whole database. */
#define CHECK_USEC (60 * USEC_PER_SEC)

/* --- who we are -------------------------------------------------------------------------- */

void upgrade_self_init(struct upgrade_self *self, char *const *argv)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	*self = (struct upgrade_self){ .argv = argv };
	if (n > 0) {
		path[n] = '\0';
		self->program = xstrdup(path);
	}
	if (getcwd(path, sizeof(path)))
		self->directory = xstrdup(path);
}

void upgrade_self_done(struct upgrade_self *self)
{
	free(self->program);
	free(self->directory);
	*self = (struct upgrade_self){ 0 };
}

bool upgrade_has_mark(void)
{
	return getenv(MARK) != NULL;
}

bool upgrade_take_mark(void)
{
	bool is_marked = upgrade_has_mark();

	unsetenv(MARK);
	return is_marked;
}

/* --- the check, as the new build makes it ---------------------------------------------------- */

static int check_store(const struct conf *conf, struct err *err)
{
	_cleanup_(store_closep) struct store *store = NULL;
	_cleanup_(freep) char *path = xasprintf("%s/postseal.db",
		conf_get_string(conf_get_root(conf), "state_directory"));

	return store_open(&store, path, STORE_READ_ONLY | STORE_OLDER, err);
}

static int check(const struct load_params *load, struct conf_report *report)
{
	struct loaded loaded = { 0 };
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (load_configuration(&loaded, load, report) < 0)
		return COMMAND_CONFIG;
	int r = check_store(loaded.conf, &err);
	loaded_done(&loaded);
	if (r >= 0)
		return COMMAND_OK;
	_cleanup_(freep) char *text = err_format(&err);
	fprintf(stderr, "%s\n", text);
	return COMMAND_FAILED;
}

int upgrade_answer(const struct load_params *load)
{
	_cleanup_(conf_report_done) struct conf_report report;

	conf_report_init(&report);
	int code = check(load, &report);
	for (size_t i = 0; i < report.n; i++) {
		_cleanup_(freep) char *text =
			conf_report_format_entry(&report.entry[i]);

		if (report.entry[i].is_error)
			fprintf(stderr, "%s\n", text);
	}
	return code;
}

/* --- the check, as it is asked for ----------------------------------------------------------- */

struct upgrade_check {
	struct exec *exec; /* owned */
	upgrade_done_fn *done;
	void *userdata;
};

static void on_exec_done(const struct exec_result *result, void *userdata)
{
	struct upgrade_check *op = userdata;
	upgrade_done_fn *done = TAKE_PTR(op->done);
	_cleanup_(freep) char *error = NULL;

	if (result->detail && result->output_len > 0)
		error = xasprintf("the new build refuses: %s", result->output);
	else if (result->detail)
		error = xasprintf("the new build: %s", result->detail);
	for (size_t n = error ? strlen(error) : 0; n > 0 && error[n - 1] == '\n'; n--)
		error[n - 1] = '\0';
	done(error, op->userdata);
}

int upgrade_check_start(struct upgrade_check **ret, struct loop *loop,
	const struct upgrade_self *self, upgrade_done_fn *done, void *userdata,
	struct err *err)
{
	_cleanup_(upgrade_check_cancelp) struct upgrade_check *op = NULL;
	_cleanup_(strv_freep) char **argv = NULL;

	if (!self || !self->program || !self->directory)
		return err_set(err, -ENOENT, "it is not known where our program is");
	strv_append(&argv, self->program);
	for (size_t i = 1; self->argv[i]; i++)
		strv_append(&argv, self->argv[i]);
	strv_append(&argv, "--" UPGRADE_CHECK);
	const struct exec_params params = {
		.argv = (const char *const *)argv,
		.directory = self->directory,
		.deadline_usec = CHECK_USEC,
	};
	op = xnew(struct upgrade_check);
	op->done = done;
	op->userdata = userdata;
	int r = exec_start(&op->exec, loop, &params, on_exec_done, op, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(op);
	return 0;
}

struct upgrade_check *upgrade_check_cancel(struct upgrade_check *op)
{
	if (!op)
		return NULL;
	exec_cancel(op->exec);
	free(op);
	return NULL;
}

/* --- exec ---------------------------------------------------------------------------------------- */

/* Each is above the place of its number then, and none overwrites a later one. */
#define ALOFT 64

static void pack_socket(const char *name, int fd, void *userdata)
{
	struct upgrade_luggage *luggage = userdata;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, ALOFT);

	if (copy < 0)
		return;
	luggage->fds =
		xreallocarray(luggage->fds, luggage->n + 1, sizeof(*luggage->fds));
	luggage->fds[luggage->n++] = copy;
	strv_append(&luggage->names, name);
}

void upgrade_pack(struct upgrade_luggage *luggage, const struct listeners *listeners)
{
	*luggage = (struct upgrade_luggage){ .is_packed = true };
	listeners_each_socket(listeners, pack_socket, luggage);
}

static int set_environment(const struct upgrade_luggage *luggage)
{
	_cleanup_(freep) char *names = xstrdup("");
	_cleanup_(freep) char *n = xasprintf("%u", luggage->n);
	_cleanup_(freep) char *pid = xasprintf("%d", (int)getpid());

	for (unsigned i = 0; i < luggage->n; i++) {
		char *longer =
			xasprintf("%s%s%s", names, i > 0 ? ":" : "", luggage->names[i]);

		free(names);
		names = longer;
	}
	int r = setenv(MARK, "1", 1);
	if (r == 0 && luggage->n > 0)
		r = setenv("LISTEN_FDS", n, 1);
	if (r == 0 && luggage->n > 0)
		r = setenv("LISTEN_PID", pid, 1);
	if (r == 0 && luggage->n > 0)
		r = setenv("LISTEN_FDNAMES", names, 1);
	return r < 0 ? -errno : 0;
}

int upgrade_exec(const struct upgrade_self *self, struct upgrade_luggage *luggage,
	struct err *err)
{
	int r = set_environment(luggage);

	for (unsigned i = 0; r >= 0 && i < luggage->n; i++)
		if (dup2(luggage->fds[i], SD_LISTEN_FDS_START + (int)i) < 0)
			r = -errno;
	if (r >= 0) {
		execve(self->program, self->argv, environ);
		r = -errno;
	}
	return err_set(err, r, "cannot execute %s: %s", self->program, strerror(-r));
}
