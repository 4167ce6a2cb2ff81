/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See key_maker.h. The key comes back over a pipe as PEM, is parsed like one from a file,
 * and has to be of the type that was asked for; every copy is overwritten. The program
 * is our own image, also after another build was installed over it: what the two say to
 * each other is no interface.
 */
#include "core/base/key_maker.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "io/exec.h"
#include "link/command.h"
#include "util/mem.h"

#define OWN_IMAGE        "/proc/self/exe"
#define DEADLINE_DEFAULT (2 * USEC_PER_MIN)
#define PEM_BYTES_MAX    8192 /* RSA 4096 has 3272 */
#define NICE             10

struct key_maker {
	enum key_type type;
	struct exec *exec;        /* owned; RSA */
	struct loop_defer *defer; /* owned; the others */
	struct key *key;          /* owned; the others */
	key_maker_done_fn *done;
	void *userdata; /* borrowed */
};

static void complete(struct key_maker *op, const struct key *key, const struct err *err)
{
	const struct key_maker_result result = { .key = key, .err = err };
	key_maker_done_fn *done = TAKE_PTR(op->done);

	done(&result, op->userdata);
}

/* --- in a child ------------------------------------------------------------------------ */

/* And not a piece of a key: that would end up in a log. */
static bool has_words(const struct exec_result *result)
{
	return result->output_len > 0 && !strstr(result->output, "-----");
}

static int take(struct key **ret, const struct exec_result *result, enum key_type type,
	struct err *err)
{
	_cleanup_(key_freep) struct key *key = NULL;

	if (result->detail)
		return err_set(err, -ECHILD, "%s%s%.*s", result->detail,
			has_words(result) ? ": " : "",
			has_words(result) ? (int)strcspn(result->output, "\n") : 0,
			result->output);
	int r = key_parse_pem(&key, result->output, result->output_len, err);
	if (r < 0)
		return r;
	if (key_get_type(key) != type)
		return err_set(err, -EBADMSG, "it is of another type");
	*ret = TAKE_PTR(key);
	return 0;
}

static void on_exec_done(const struct exec_result *result, void *userdata)
{
	struct key_maker *op = userdata;
	_cleanup_(key_freep) struct key *key = NULL;
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = take(&key, result, op->type, &err);

	if (r < 0)
		err_wrap(&err, r, "no %s key was made", key_type_name(op->type));
	complete(op, key, r < 0 ? &err : NULL);
}

/* Its name, for what is said about it; the image itself if it has none any more. */
static const char *find_own_program(char *path, size_t size)
{
	ssize_t n = readlink(OWN_IMAGE, path, size - 1);

	path[MAX(n, 0)] = '\0';
	return access(path, X_OK) == 0 ? path : OWN_IMAGE;
}

static int start_child(
	struct key_maker *op, const struct key_maker_params *params, struct err *err)
{
	char path[PATH_MAX];
	const char *program = params->program ? params->program
					      : find_own_program(path, sizeof(path));
	const char *const argv[] = { program, "--" KEY_MAKER_OPTION,
		key_type_name(params->type), NULL };
	const struct exec_params exec = {
		.argv = argv,
		.max_output_bytes = PEM_BYTES_MAX,
		.deadline_usec = params->deadline_usec ? params->deadline_usec
						       : DEADLINE_DEFAULT,
		.is_secret = true,
	};

	return exec_start(&op->exec, params->loop, &exec, on_exec_done, op, err);
}

static int write_all(const char *text)
{
	size_t len = strlen(text);

	for (ssize_t n; len > 0; text += n, len -= (size_t)n) {
		n = write(STDOUT_FILENO, text, len);
		if (n < 0)
			return -errno;
	}
	return 0;
}

int key_maker_answer(const char *type_name)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(key_freep) struct key *key = NULL;
	_cleanup_(secret_freep) char *pem = NULL;
	enum key_type type = key_type_parse(type_name);

	/* Nobody waits for it any more then. Workers come first. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (nice(NICE) < 0)
		errno = 0;
	if (type < 0) {
		fprintf(stderr, "no key is of type %s\n", type_name);
		return COMMAND_USAGE;
	}
	int r = key_generate(&key, type, &err);
	if (r >= 0)
		r = key_format_pem(key, &pem, &err);
	if (r >= 0)
		return write_all(pem) < 0 ? COMMAND_FAILED : COMMAND_OK;
	_cleanup_(freep) char *text = err_format(&err);
	fprintf(stderr, "%s\n", text);
	return COMMAND_FAILED;
}

/* --- here ------------------------------------------------------------------------------- */

static void on_defer(void *userdata)
{
	struct key_maker *op = userdata;
	_cleanup_(key_freep) struct key *key = TAKE_PTR(op->key);

	complete(op, key, NULL);
}

static int make_here(
	struct key_maker *op, const struct key_maker_params *params, struct err *err)
{
	int r = key_generate(&op->key, params->type, err);

	if (r >= 0)
		op->defer = loop_defer_new(params->loop, on_defer, op);
	return r;
}

int key_maker_start(struct key_maker **ret, const struct key_maker_params *params,
	key_maker_done_fn *done, void *userdata, struct err *err)
{
	_cleanup_(key_maker_cancelp) struct key_maker *op = xnew(struct key_maker);

	op->type = params->type;
	op->done = done;
	op->userdata = userdata;
	int r = key_type_is_rsa(params->type) ? start_child(op, params, err)
					      : make_here(op, params, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(op);
	return 0;
}

struct key_maker *key_maker_cancel(struct key_maker *op)
{
	if (!op)
		return NULL;
	exec_cancel(op->exec);
	loop_defer_free(op->defer);
	key_free(op->key);
	free(op);
	return NULL;
}
