/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * deploy files: writes key and chain where a daemon that does its own TLS reads them, all
 * or nothing, then runs its reload command, then names the addresses to prove.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/postseal-plugin.h"

#define PATH_BYTES_MAX   1024
#define DETAIL_BYTES_MAX 512

struct files {
	struct postseal_host *host;
	const struct postseal_services *services;
};

struct reload {
	struct files *files;
	struct postseal_call *call;
	struct postseal_exec *exec;
};

/* clang-format off */
static const struct postseal_setting settings[] = {
	{ "combined_file", POSTSEAL_SETTING_PATH, NULL, 0, 0, NULL, 0,
	  "File for key and chain together, key first, as Postfix's smtpd_tls_chain_files wants it; %d is the domain, %k the key type." },
	{ "chain_file", POSTSEAL_SETTING_PATH, NULL, 0, 0, NULL, 0,
	  "File for the chain alone, leaf first; %d and %k as above." },
	{ "key_file", POSTSEAL_SETTING_PATH, NULL, 0, 0, NULL, 0,
	  "File for the key alone; %d and %k as above." },
	{ "mode", POSTSEAL_SETTING_MODE, "0600", 0, 0, NULL, 0,
	  "Mode of the files with the key; the chain alone is 0644." },
	{ "owner", POSTSEAL_SETTING_STRING, NULL, 0, 0, NULL, 0,
	  "User that the files shall belong to; needs the right to give files away." },
	{ "group", POSTSEAL_SETTING_STRING, NULL, 0, 0, NULL, 0,
	  "Group that the files shall belong to." },
	{ "reload", POSTSEAL_SETTING_STRINGS, NULL, 0, 0, NULL, 0,
	  "Command with its arguments that is run when the files are written; an absolute path, no shell." },
	{ "prove", POSTSEAL_SETTING_ADDRESSES, NULL, 0, 0, NULL, 0,
	  "Addresses where the new certificate must then be seen." },
	{ NULL, POSTSEAL_SETTING_STRING, NULL, 0, 0, NULL, 0, NULL },
};

/* clang-format on */

static int files_open(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	struct files *p = calloc(1, sizeof(*p));
	const char *const *reload = services->get_list(host, "reload");

	if (reload[0] && reload[0][0] != '/') {
		snprintf(detail, size, "reload: %s is not an absolute path", reload[0]);
		free(p);
		return -22;
	}
	if (!p)
		return -12;
	p->host = host;
	p->services = services;
	*ret = p;
	return 0;
}

static void files_close(void *instance)
{
	free(instance);
}

static void finish(struct files *p, struct postseal_call *call,
	enum postseal_outcome outcome, const char *detail)
{
	const char *const *prove = p->services->get_list(p->host, "prove");
	struct postseal_address addresses[64] = { { NULL, NULL } };
	struct postseal_result result = {
		.size = sizeof(result),
		.outcome = outcome,
		.detail = detail,
		.addresses = addresses,
	};

	for (; outcome == POSTSEAL_OK && prove[result.n_addresses] &&
		result.n_addresses < 64;
		result.n_addresses++)
		addresses[result.n_addresses].address = prove[result.n_addresses];
	p->services->complete(call, &result);
}

/* --- paths ------------------------------------------------------------------------------- */

/* A domain is a DNS name and so has no slash; a wildcard's star becomes an underscore. */
static int append_name(char *path, size_t *len, const char *name)
{
	for (; *name; name++) {
		char c = *name == '*' ? '_' : *name;

		if (!isalnum((unsigned char)c) && !strchr("-._", c))
			return -1;
		if (*len + 1 >= PATH_BYTES_MAX)
			return -1;
		path[(*len)++] = c;
	}
	return 0;
}

/* 0, or -1 when it is too long or has a name that no path may have. */
static int expand_path(
	char *path, const char *template, const struct postseal_bundle *bundle)
{
	size_t len = 0;

	for (; *template; template ++) {
		const char *name = NULL;

		if (template[0] == '%' && template[1] == 'd')
			name = bundle->domain;
		else if (template[0] == '%' && template[1] == 'k')
			name = bundle->key_type;
		if (name && (name[0] == '.' || append_name(path, &len, name) < 0))
			return -1;
		if (name) {
			template ++;
			continue;
		}
		if (len + 1 >= PATH_BYTES_MAX)
			return -1;
		path[len++] = *template;
	}
	path[len] = '\0';
	return 0;
}

/* --- writing --------------------------------------------------------------------------------- */

struct set {
	struct postseal_file file[3];
	char path[3][PATH_BYTES_MAX];
	size_t n;
};

static int add_file(struct files *p, struct set *set, const char *setting,
	const struct postseal_bundle *bundle, const char *content)
{
	const char *template = p->services->get_string(p->host, setting);
	int is_public = strcmp(setting, "chain_file") == 0;

	if (!template)
		return 0;
	if (expand_path(set->path[set->n], template, bundle) < 0)
		return -1;
	set->file[set->n] = (struct postseal_file){
		.path = set->path[set->n],
		.data = content,
		.len = strlen(content),
		.mode = is_public ? 0644
				  : (unsigned)p->services->get_int(p->host, "mode"),
		.owner = p->services->get_string(p->host, "owner"),
		.group = p->services->get_string(p->host, "group"),
	};
	set->n++;
	return 0;
}

/* 0, or < 0 with a sentence in detail. */
static int write_all(
	struct files *p, const struct postseal_bundle *bundle, char *detail)
{
	size_t n = strlen(bundle->key_pem) + strlen(bundle->chain_pem) + 1;
	char *combined = malloc(n);
	struct set set = { .n = 0 };
	int r = -1;

	if (!combined) {
		snprintf(detail, DETAIL_BYTES_MAX, "out of memory");
		return -1;
	}
	snprintf(combined, n, "%s%s", bundle->key_pem, bundle->chain_pem);
	if (add_file(p, &set, "combined_file", bundle, combined) < 0 ||
		add_file(p, &set, "chain_file", bundle, bundle->chain_pem) < 0 ||
		add_file(p, &set, "key_file", bundle, bundle->key_pem) < 0)
		snprintf(detail, DETAIL_BYTES_MAX,
			"a path for domain %s is too long or no path", bundle->domain);
	else if (set.n == 0)
		snprintf(detail, DETAIL_BYTES_MAX,
			"nothing to write: set combined_file, or chain_file and key_file");
	else
		r = p->services->write_files(
			p->host, set.file, set.n, detail, DETAIL_BYTES_MAX);
	explicit_bzero(combined, n);
	free(combined);
	return r;
}

/* --- reload ------------------------------------------------------------------------------------- */

/* The last line that is not empty says most. */
static const char *last_line(const char *output, char *line, size_t size)
{
	const char *end = output + strlen(output);

	while (end > output && strchr(" \r\n", end[-1]))
		end--;
	const char *start = end;
	while (start > output && start[-1] != '\n')
		start--;
	snprintf(line, size, "%.*s", (int)(end - start), start);
	return line;
}

static void on_reloaded(const struct postseal_exec_result *result, void *userdata)
{
	struct reload *reload = userdata;
	struct files *p = reload->files;
	struct postseal_call *call = reload->call;
	char line[256], detail[DETAIL_BYTES_MAX];

	free(reload);
	if (result->exit_code == 0) {
		finish(p, call, POSTSEAL_OK, NULL);
		return;
	}
	last_line(result->output, line, sizeof(line));
	snprintf(detail, sizeof(detail), "reload: %s%s%s",
		result->detail ? result->detail : "failed", *line ? ": " : "", line);
	finish(p, call, POSTSEAL_FAILED, detail);
}

static void begin_reload(
	struct files *p, const char *const *command, struct postseal_call *call)
{
	const struct postseal_exec_params params = {
		.size = sizeof(params),
		.argv = command,
	};
	struct reload *reload = calloc(1, sizeof(*reload));

	if (reload) {
		reload->files = p;
		reload->call = call;
		reload->exec =
			p->services->exec_start(p->host, &params, on_reloaded, reload);
	}
	if (reload && reload->exec) {
		p->services->call_set_data(call, reload);
		return;
	}
	free(reload);
	finish(p, call, POSTSEAL_FAILED, "the reload command could not be started");
}

static void files_install(void *instance, const struct postseal_bundle *bundle,
	struct postseal_call *call)
{
	struct files *p = instance;
	const char *const *command = p->services->get_list(p->host, "reload");
	char detail[DETAIL_BYTES_MAX] = "";

	if (write_all(p, bundle, detail) < 0)
		finish(p, call, POSTSEAL_FAILED, detail);
	else if (command[0])
		begin_reload(p, command, call);
	else
		finish(p, call, POSTSEAL_OK, NULL);
}

static void files_cancel(void *instance, struct postseal_call *call)
{
	struct files *p = instance;
	struct reload *reload = p->services->call_get_data(call);

	if (!reload)
		return;
	p->services->exec_cancel(reload->exec);
	free(reload);
}

static const struct postseal_deploy deploy = {
	.size = sizeof(deploy),
	.install = files_install,
	.cancel = files_cancel,
};

const struct postseal_plugin postseal_plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_DEPLOY,
	.name = "files",
	.summary =
		"Writes key and chain into files, runs a reload command, names addresses to prove.",
	.version = "1",
	.settings = settings,
	.open = files_open,
	.close = files_close,
	.deploy = &deploy,
};
