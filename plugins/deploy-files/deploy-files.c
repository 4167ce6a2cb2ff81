/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writes key and chain into files, all or none, then runs a command that has the server
 * read them again. Installing the same twice does no harm.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/deploy-files/template.h"
#include "plugins/lib/exec_end.h"
#include "plugins/postseal-plugin.h"

#define DETAIL_BYTES  512
#define ADDRESSES_MAX 64

enum { COMBINED, KEY, CHAIN, N_FILES };

struct deployer {
	struct postseal_host *host;
	const struct postseal_services *services;
	const char *template[N_FILES]; /* NULL = not wanted */
	const char *const *reload;     /* empty = nothing to run */
	struct postseal_address prove[ADDRESSES_MAX];
	size_t n_prove;
};

struct run {
	const struct deployer *self;
	struct postseal_call *call;
	struct postseal_exec *exec;
};

static const char *const file_settings[N_FILES] = { "combined_file", "key_file",
	"chain_file" };

/* clang-format off */
static const struct postseal_setting settings[] = {
	{ .name = "combined_file", .type = POSTSEAL_SETTING_PATH,
	  .text = "A file for key and chain, in this order, as Postfix's smtpd_tls_chain_files wants it; %d is the domain, %k the key type." },
	{ .name = "key_file", .type = POSTSEAL_SETTING_PATH,
	  .text = "A file for the key alone; %d and %k as in combined_file." },
	{ .name = "chain_file", .type = POSTSEAL_SETTING_PATH,
	  .text = "A file for the chain alone, leaf first; %d and %k as in combined_file." },
	{ .name = "mode", .type = POSTSEAL_SETTING_MODE, .fallback = "0640", .max = 0777,
	  .text = "The mode of files that hold the key." },
	{ .name = "chain_mode", .type = POSTSEAL_SETTING_MODE, .fallback = "0644", .max = 0777,
	  .text = "The mode of chain_file." },
	{ .name = "owner", .type = POSTSEAL_SETTING_STRING,
	  .text = "The user whom the files belong to." },
	{ .name = "group", .type = POSTSEAL_SETTING_STRING,
	  .text = "The group that the files belong to." },
	{ .name = "reload", .type = POSTSEAL_SETTING_STRINGS,
	  .text = "Absolute path and arguments of a program to run when the files are written; no shell is used." },
	{ .name = "prove", .type = POSTSEAL_SETTING_ADDRESSES, .max = ADDRESSES_MAX,
	  .text = "Where the new certificate must be seen then." },
	{ .name = NULL },
};

/* clang-format on */

static void end_call(const struct deployer *self, struct postseal_call *call,
	enum postseal_outcome outcome, const char *detail)
{
	struct postseal_result result = {
		.size = sizeof(result),
		.outcome = outcome,
		.detail = detail,
	};

	if (outcome == POSTSEAL_OK) {
		result.addresses = self->prove;
		result.n_addresses = self->n_prove;
	}
	self->services->complete(call, &result);
}

/* --- files ------------------------------------------------------------------------------- */

/* Key first, as Postfix's smtpd_tls_chain_files wants it. Owned by the caller. */
static char *join(const char *key, const char *chain)
{
	size_t size = strlen(key) + strlen(chain) + 2;
	char *text = malloc(size);

	if (text)
		snprintf(text, size, "%s%s%s", key,
			key[0] && key[strlen(key) - 1] != '\n' ? "\n" : "", chain);
	return text;
}

static struct postseal_file describe(
	const struct deployer *self, int i, const char *path, const char *text)
{
	const struct postseal_services *services = self->services;
	const char *mode = i == CHAIN ? "chain_mode" : "mode";

	return (struct postseal_file){
		.path = path,
		.data = text,
		.len = strlen(text),
		.mode = (unsigned)services->get_int(self->host, mode),
		.owner = services->get_string(self->host, "owner"),
		.group = services->get_string(self->host, "group"),
	};
}

static int write_texts(const struct deployer *self,
	const struct postseal_bundle *bundle, const char *const *text, char *detail)
{
	struct postseal_file files[N_FILES];
	char path[N_FILES][TEMPLATE_PATH_MAX];
	size_t n = 0;

	for (int i = 0; i < N_FILES; i++) {
		if (!self->template[i])
			continue;
		if (!template_expand(self->template[i], bundle -> domain,
			    bundle -> key_type, path[i], sizeof(path[i]))) {
			snprintf(detail, DETAIL_BYTES,
				"%s: no file can be called after this domain",
				file_settings[i]);
			return -EINVAL;
		}
		files[n++] = describe(self, i, path[i], text[i]);
	}
	return self->services->write_files(self->host, files, n, detail, DETAIL_BYTES);
}

static int write_bundle(
	const struct deployer *self, const struct postseal_bundle *bundle, char *detail)
{
	char *combined = join(bundle->key_pem, bundle->chain_pem);

	if (!combined)
		return -ENOMEM;
	const char *const text[N_FILES] = {
		[COMBINED] = combined,
		[KEY] = bundle->key_pem,
		[CHAIN] = bundle->chain_pem,
	};
	int r = write_texts(self, bundle, text, detail);
	explicit_bzero(combined, strlen(combined));
	free(combined);
	return r;
}

/* --- the command -------------------------------------------------------------------------- */

static void on_exec(const struct postseal_exec_result *result, void *userdata)
{
	struct run *run = userdata;
	char end[EXEC_END_BYTES];
	char detail[EXEC_END_BYTES + sizeof("reload: ")];

	exec_end_format(result, end);
	snprintf(detail, sizeof(detail), "reload: %s", end);
	if (result->exit_code == 0)
		end_call(run->self, run->call, POSTSEAL_OK, NULL);
	else
		end_call(run->self, run->call, POSTSEAL_FAILED, detail);
	free(run);
}

static void start_reload(const struct deployer *self, struct postseal_call *call)
{
	struct run *run = calloc(1, sizeof(*run));
	const struct postseal_exec_params params = {
		.size = sizeof(params),
		.argv = self->reload,
	};

	if (run) {
		*run = (struct run){ self, call, NULL };
		run->exec =
			self->services->exec_start(self->host, &params, on_exec, run);
	}
	if (!run || !run->exec) {
		free(run);
		end_call(self, call, POSTSEAL_FAILED,
			"reload: the command was not started");
		return;
	}
	self->services->call_set_data(call, run);
}

static void deployer_install(void *instance, const struct postseal_bundle *bundle,
	struct postseal_call *call)
{
	const struct deployer *self = instance;
	char detail[DETAIL_BYTES] = "out of memory";

	if (write_bundle(self, bundle, detail) < 0)
		end_call(self, call, POSTSEAL_FAILED, detail);
	else if (self->reload[0])
		start_reload(self, call);
	else
		end_call(self, call, POSTSEAL_OK, NULL);
}

static void deployer_cancel(void *instance, struct postseal_call *call)
{
	const struct deployer *self = instance;
	struct run *run = self->services->call_get_data(call);

	if (!run)
		return;
	self->services->exec_cancel(run->exec);
	free(run);
}

/* --- settings ----------------------------------------------------------------------------- */

static int check_templates(const struct deployer *self, char *detail, size_t size)
{
	int n = 0;

	for (int i = 0; i < N_FILES; i++) {
		if (!self->template[i])
			continue;
		n++;
		if (template_is_valid(self->template[i]))
			continue;
		snprintf(
			detail, size, "%s: after %% come d, k or %%", file_settings[i]);
		return -EINVAL;
	}
	if (n > 0)
		return 0;
	snprintf(detail, size,
		"one of combined_file, key_file and chain_file has to be set");
	return -EINVAL;
}

static int check(const struct deployer *self, char *detail, size_t size)
{
	int r = check_templates(self, detail, size);

	if (r < 0)
		return r;
	for (int i = 1; i < N_FILES; i++) {
		for (int k = 0; k < i; k++) {
			if (!self->template[i] || !self->template[k] ||
				strcmp(self->template[i], self -> template[k]) != 0)
				continue;
			snprintf(detail, size, "%s and %s are one file",
				file_settings[k], file_settings[i]);
			return -EINVAL;
		}
	}
	if (!self->reload[0] || self->reload[0][0] == '/')
		return 0;
	snprintf(detail, size,
		"reload: has to begin with the absolute path of a program");
	return -EINVAL;
}

static void read_settings(struct deployer *self)
{
	const struct postseal_services *services = self->services;
	const char *const *prove = services->get_list(self->host, "prove");

	for (int i = 0; i < N_FILES; i++)
		self->template[i] = services->get_string(self->host, file_settings[i]);
	self->reload = services->get_list(self->host, "reload");
	for (size_t i = 0; prove[i] && i < ADDRESSES_MAX; i++)
		self->prove[self->n_prove++].address = prove[i];
}

static int deployer_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	struct deployer *self = calloc(1, sizeof(*self));

	if (!self)
		return -ENOMEM;
	self->host = host;
	self->services = services;
	read_settings(self);
	int r = check(self, detail, size);
	if (r < 0) {
		free(self);
		return r;
	}
	*ret = self;
	return 0;
}

static void deployer_close(void *instance)
{
	free(instance);
}

static const struct postseal_deploy deploy = {
	.size = sizeof(deploy),
	.install = deployer_install,
	.cancel = deployer_cancel,
};

const struct postseal_plugin postseal_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_DEPLOY,
	.name = "files",
	.summary = "Writes certificates into files and has their reader reload them.",
	.version = "1.0",
	.settings = settings,
	.open = deployer_open,
	.close = deployer_close,
	.deploy = &deploy,
};
