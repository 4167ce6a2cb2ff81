/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Service: programs that plugins run. */
#include <errno.h>
#include <string.h>

#include "io/exec.h"
#include "plugin/entry.h"
#include "plugin/service_priv.h"
#include "util/mem.h"

#define WORDS_MAX       256
#define INPUT_BYTES_MAX (1024 * 1024)
#define DEADLINE_MAX    (10 * USEC_PER_MIN)
#define PARAMS_MIN      service_end_of(struct postseal_exec_params, deadline_usec)
#define PATH_ENV        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct program {
	struct service_op op;
	struct exec *exec; /* owned */
	postseal_exec_fn *fn;
	void *userdata;
};

static void program_free(struct service_op *op)
{
	struct program *p = container_of(op, struct program, op);

	exec_cancel(p->exec);
	free(p);
}

static void on_exec(const struct exec_result *exec, void *userdata)
{
	struct program *p = userdata;
	postseal_exec_fn *fn = p->fn;
	void *fn_userdata = p->userdata;
	struct plugin_entry entry;
	struct postseal_exec_result result = {
		.size = sizeof(result),
		.exit_code = exec->outcome == EXEC_EXITED ? exec->code : -1,
		.output = exec->output,
		.output_len = exec->output_len,
		.detail = exec->detail,
	};

	/* What the result points to lives until we return. */
	plugin_enter(&entry, p->op.instance, "callback of exec_start", NULL);
	service_op_free(&p->op);
	fn(&result, fn_userdata);
	plugin_leave(&entry);
}

/* Their number, or -E2BIG. NULL has none. */
static int count_words(const char *const *words)
{
	int n = 0;

	while (words && words[n]) {
		if (++n > WORDS_MAX)
			return -E2BIG;
	}
	return n;
}

static int check(const struct postseal_exec_params *params, struct err *err)
{
	if (count_words(params->argv) < 0 || count_words(params->env) < 0)
		return err_set(
			err, -E2BIG, "more than %d arguments or variables", WORDS_MAX);
	if (count_words(params->argv) == 0 || params->argv[0][0] != '/')
		return err_set(err, -EINVAL, "not the absolute path of a program: %s",
			params->argv && params->argv[0] ? params->argv[0] : "nothing");
	if (params->input_len > INPUT_BYTES_MAX ||
		(!params->input && params->input_len > 0))
		return err_set(err, -E2BIG, "more input than %d octets, or none at all",
			INPUT_BYTES_MAX);
	for (size_t i = 0; params->env && params->env[i]; i++) {
		if (!strchr(params->env[i], '='))
			return err_set(err, -EINVAL, "a variable without '='");
	}
	return 0;
}

static int start(
	struct program *p, const struct postseal_exec_params *params, struct err *err)
{
	const char *env[WORDS_MAX + 2] = { PATH_ENV };
	int r = check(params, err);

	if (r < 0)
		return r;
	if (params->env)
		memcpy(env + 1, params->env,
			(size_t)count_words(params->env) * sizeof(env[0]));
	const struct exec_params converted = {
		.argv = params->argv,
		.env = env,
		.input = params->input,
		.input_len = params->input_len,
		.deadline_usec = MIN(params->deadline_usec, DEADLINE_MAX),
	};
	struct loop *loop = p->op.instance->host->params.loop;
	return exec_start(&p->exec, loop, &converted, on_exec, p, err);
}

struct postseal_exec *service_exec_start(struct postseal_host *host,
	const struct postseal_exec_params *params, postseal_exec_fn *fn, void *userdata)
{
	struct plugin_instance *instance = plugin_instance_of(host);
	struct postseal_exec_params taken;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (!instance || !fn ||
		!service_take(instance, &taken, sizeof(taken), params, PARAMS_MIN))
		return NULL;
	struct program *p = xnew(struct program);
	if (!service_op_init(&p->op, instance, HANDLE_EXEC, program_free)) {
		free(p);
		return NULL;
	}
	p->fn = fn;
	p->userdata = userdata;
	if (start(p, &taken, &err) < 0) {
		service_op_free(&p->op);
		return service_refuse(instance, "program", &err);
	}
	return p->op.handle;
}

void service_exec_cancel(struct postseal_exec *op)
{
	service_op_cancel(HANDLE_EXEC, op);
}
