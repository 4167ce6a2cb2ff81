/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Running programs. Between fork() and execve() the child calls nothing but what is
 * async-signal-safe, since libcurl's look-ups make us a process with threads; all that
 * needs memory is prepared before. Its input is a sealed file in memory rather than a
 * pipe: nobody has to feed it. Its end is what counts, not the end of its output: a
 * grandchild that keeps the pipe open holds nobody up.
 */
#include "io/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/mem.h"

#define DEADLINE_DEFAULT (60 * USEC_PER_SEC)
#define OUTPUT_DEFAULT   (16 * 1024)
#define GRACE_USEC       (2 * USEC_PER_SEC)
/* Reads of what is left when it has ended. */
#define READS_AT_END 64

enum phase {
	PHASE_RUNNING,
	PHASE_TERMINATED, /* SIGTERM was sent */
	PHASE_KILLED,     /* SIGKILL was sent */
	PHASE_ENDED,
};

struct exec {
	/* inputs */
	struct loop *loop;
	exec_done_fn *done;
	void *userdata; /* borrowed */
	usec_t deadline_usec;
	char *program; /* owned; for what is said about it */
	/* owned operations */
	enum phase phase;
	pid_t pid; /* 0 once reaped */
	struct loop_child *child;
	struct loop_timer *timer;
	struct loop_io *io; /* of output_fd; NULL once it has ended */
	int output_fd;
	int failure_fd; /* where the child says why execve() failed */
	/* results */
	struct buf output;
};

/* --- the child --------------------------------------------------------------------- */

struct plan {
	const char *const *argv;
	const char *const *env;
	const char *directory;
	int input_fd;
	int output_fd;
	int failure_fd;
};

static void reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int signo = 1; signo < NSIG; signo++)
		sigaction(signo, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The descriptors may lie on each other's places: all move out of the way first. */
static bool arrange_fds(struct plan *plan)
{
	plan->input_fd = fcntl(plan->input_fd, F_DUPFD_CLOEXEC, 4);
	plan->output_fd = fcntl(plan->output_fd, F_DUPFD_CLOEXEC, 4);
	plan->failure_fd = fcntl(plan->failure_fd, F_DUPFD_CLOEXEC, 4);
	if (plan->input_fd < 0 || plan->output_fd < 0 || plan->failure_fd < 0)
		return false;
	if (dup2(plan->input_fd, 0) < 0 || dup2(plan->output_fd, 1) < 0 ||
		dup2(plan->output_fd, 2) < 0 ||
		dup3(plan->failure_fd, 3, O_CLOEXEC) < 0)
		return false;
	plan->failure_fd = 3;
	return close_range(4, ~0U, 0) == 0;
}

_Noreturn static void child_main(struct plan *plan)
{
	reset_signals();
	setpgid(0, 0);
	umask(077);
	if (arrange_fds(plan) && chdir(plan->directory) == 0)
		execve(plan->argv[0], (char *const *)plan->argv,
			(char *const *)plan->env);
	int code = errno;
	if (write(plan->failure_fd, &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

/* --- the end ----------------------------------------------------------------------- */

static void exec_release(struct exec *op)
{
	loop_io_free(op->io);
	op->io = NULL;
	op->timer = loop_timer_free(op->timer);
	op->child = loop_child_free(op->child);
	closep(&op->output_fd);
	op->output_fd = -1;
	closep(&op->failure_fd);
	op->failure_fd = -1;
}

static void kill_group(struct exec *op, int signo)
{
	if (op->pid > 0)
		kill(-op->pid, signo);
}

struct exec *exec_cancel(struct exec *op)
{
	if (!op)
		return NULL;
	kill_group(op, SIGKILL);
	exec_release(op);
	if (op->pid > 0)
		loop_child_bury(op->loop, op->pid);
	buf_done(&op->output);
	free(op->program);
	free(op);
	return NULL;
}

static void exec_complete(
	struct exec *op, enum exec_outcome outcome, int code, char *detail)
{
	/* done may cancel: what it looks at must outlive that. */
	struct buf output = op->output;
	struct exec_result result = {
		.outcome = outcome,
		.code = code,
		.output = buf_str(&output),
		.output_len = output.len,
		.detail = detail,
	};

	op->output = (struct buf){ .len = 0 };
	op->phase = PHASE_ENDED;
	exec_release(op);
	op->done(&result, op->userdata);
	buf_done(&output);
	free(detail);
}

static void complete_deadline(struct exec *op)
{
	char text[USEC_DURATION_MAX];

	exec_complete(op, EXEC_DEADLINE, 0,
		xasprintf("%s did not end within %s", op->program,
			usec_format_duration(op->deadline_usec, text, sizeof(text))));
}

static void complete_status(struct exec *op, int status)
{
	int failure = 0;

	if (read(op->failure_fd, &failure, sizeof(failure)) == sizeof(failure))
		exec_complete(op, EXEC_NOT_STARTED, failure,
			xasprintf("%s cannot be run: %s", op->program,
				strerror(failure)));
	else if (WIFSIGNALED(status))
		exec_complete(op, EXEC_SIGNALED, WTERMSIG(status),
			xasprintf("%s was killed by signal %d (%s)", op->program,
				WTERMSIG(status), strsignal(WTERMSIG(status))));
	else if (WEXITSTATUS(status) != 0)
		exec_complete(op, EXEC_EXITED, WEXITSTATUS(status),
			xasprintf("%s ended with status %d", op->program,
				WEXITSTATUS(status)));
	else
		exec_complete(op, EXEC_EXITED, 0, NULL);
}

/* --- what the loop says ------------------------------------------------------------ */

/* Keeps what the cap allows and drops the rest. False: there is nothing more now. */
static bool read_output(struct exec *op)
{
	char chunk[4096];
	ssize_t n = read(op->output_fd, chunk, sizeof(chunk));

	if (n == 0)
		op->io = loop_io_free(op->io);
	if (n <= 0)
		return false;
	size_t room = op->output.max_bytes - op->output.len;
	buf_append(&op->output, chunk, MIN((size_t)n, room));
	if (op->output.flags & BUF_SECRET)
		explicit_bzero(chunk, sizeof(chunk));
	return true;
}

static void on_output(struct loop_io *io, unsigned events, void *userdata)
{
	read_output(userdata);
}

static void on_child(pid_t pid, int status, void *userdata)
{
	struct exec *op = userdata;

	for (unsigned i = 0; i < READS_AT_END && op->io && read_output(op); i++)
		continue;
	if (op->phase == PHASE_RUNNING) {
		op->pid = 0;
		complete_status(op, status);
		return;
	}
	/* What it left behind in its group has had its time too. */
	kill_group(op, SIGKILL);
	op->pid = 0;
	complete_deadline(op);
}

static void on_timer(struct loop_timer *timer, void *userdata)
{
	struct exec *op = userdata;

	switch (op->phase) {
	case PHASE_RUNNING:
		kill_group(op, SIGTERM);
		op->phase = PHASE_TERMINATED;
		loop_timer_set_after(timer, GRACE_USEC);
		break;
	case PHASE_TERMINATED:
		kill_group(op, SIGKILL);
		op->phase = PHASE_KILLED;
		loop_timer_set_after(timer, GRACE_USEC);
		break;
	default:
		/* It hangs in the kernel. */
		complete_deadline(op);
	}
}

/* --- the start --------------------------------------------------------------------- */

static int open_input(const struct exec_params *params, int *ret, struct err *err)
{
	const char *data = params->input;
	size_t left = params->input_len;

	*ret = data ? memfd_create("input", MFD_CLOEXEC)
		    : open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (*ret < 0)
		return err_set(err, -errno, "input: %s", strerror(errno));
	while (data && left > 0) {
		ssize_t n = write(*ret, data, left);
		if (n < 0)
			return err_set(err, -errno, "input: %s", strerror(errno));
		data += n;
		left -= (size_t)n;
	}
	lseek(*ret, 0, SEEK_SET);
	return 0;
}

/* Only our end does not block: the program's output shall do as it is used to. */
static int open_pipe(int *ret_ours, int *ret_theirs, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(err, -errno, "pipe: %s", strerror(errno));
	*ret_ours = fds[0];
	*ret_theirs = fds[1];
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	return 0;
}

static int fork_child(struct exec *op, const struct exec_params *params, int input_fd,
	struct err *err)
{
	static const char *const env_default[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		NULL,
	};
	_cleanup_(closep) int output_fd = -1;
	_cleanup_(closep) int failure_fd = -1;
	int r = open_pipe(&op->output_fd, &output_fd, err);

	if (r >= 0)
		r = open_pipe(&op->failure_fd, &failure_fd, err);
	if (r < 0)
		return r;
	struct plan plan = {
		.argv = params->argv,
		.env = params->env ? params->env : env_default,
		.directory = params->directory ? params->directory : "/",
		.input_fd = input_fd,
		.output_fd = output_fd,
		.failure_fd = failure_fd,
	};
	/* No handler of ours may run in the child. */
	sigset_t all, before;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	op->pid = fork();
	if (op->pid == 0)
		child_main(&plan);
	int code = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (op->pid < 0)
		return err_set(err, -code, "fork: %s", strerror(code));
	/* Here too, so that the group exists as soon as somebody may kill it. */
	setpgid(op->pid, op->pid);
	return 0;
}

int exec_start(struct exec **ret, struct loop *loop, const struct exec_params *params,
	exec_done_fn *done, void *userdata, struct err *err)
{
	_cleanup_(closep) int input_fd = -1;

	if (params->argv[0][0] != '/')
		return err_set(
			err, -EINVAL, "not an absolute path: %s", params->argv[0]);
	_cleanup_(exec_cancelp) struct exec *op = xnew(struct exec);
	op->loop = loop;
	op->done = done;
	op->userdata = userdata;
	op->output_fd = op->failure_fd = -1;
	op->program = xstrdup(params->argv[0]);
	op->deadline_usec =
		params->deadline_usec ? params->deadline_usec : DEADLINE_DEFAULT;
	op->output.max_bytes =
		params->max_output_bytes ? params->max_output_bytes : OUTPUT_DEFAULT;
	op->output.flags = params->is_secret ? BUF_SECRET : 0;
	int r = open_input(params, &input_fd, err);
	if (r == 0)
		r = fork_child(op, params, input_fd, err);
	if (r == 0)
		r = loop_io_new(
			&op->io, loop, op->output_fd, LOOP_IN, on_output, op, err);
	if (r == 0)
		r = loop_child_new(&op->child, loop, op->pid, on_child, op, err);
	if (r < 0)
		return err_wrap(err, r, "run %s", params->argv[0]);
	op->timer = loop_timer_new(loop, on_timer, op);
	loop_timer_set_after(op->timer, op->deadline_usec);
	*ret = TAKE_PTR(op);
	return 0;
}
