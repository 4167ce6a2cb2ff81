/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See host.h. Loading is a ladder: each rung is checked before the next is trodden. */
#include "plugin/host.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "plugin/priv.h"
#include "util/mem.h"
#include "util/strtab.h"

static const char *const kind_names[] = {
	[POSTSEAL_KIND_CHALLENGE] = "challenge",
	[POSTSEAL_KIND_DNS] = "dns",
	[POSTSEAL_KIND_DEPLOY] = "deploy",
	[POSTSEAL_KIND_NOTIFY] = "notify",
};

const char *plugin_kind_name(enum postseal_kind kind)
{
	const char *name = STRTAB_NAME(kind_names, kind);

	return name ? name : "?";
}

/* --- the ABI: numbers first, then sizes, then what stands in them ----------------------- */

static int check_abi(const struct postseal_plugin *p, struct err *err)
{
	if (p->abi_major != POSTSEAL_ABI_MAJOR || p->abi_minor > POSTSEAL_ABI_MINOR)
		return err_set_kind(err, ERR_PLUGIN, -EPROTO,
			"is made for the plugin border %u.%u, and this is %d.%d",
			p->abi_major, p->abi_minor, POSTSEAL_ABI_MAJOR,
			POSTSEAL_ABI_MINOR);
	if (p->size > sizeof(*p) || !POSTSEAL_HAS(p, struct postseal_plugin, notify))
		return err_set_kind(err, ERR_PLUGIN, -EPROTO,
			"has a descriptor of %zu octets, and this border's has %zu",
			p->size, sizeof(*p));
	return 0;
}

static bool is_name(const char *s)
{
	return s && *s && strlen(s) < 64 &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s);
}

static int check_kind(const struct postseal_plugin *p, struct err *err)
{
	switch (p->kind) {
	case POSTSEAL_KIND_CHALLENGE:
		if (p->challenge && p->challenge->size <= sizeof(*p->challenge) &&
			POSTSEAL_HAS(p->challenge, struct postseal_challenge, cancel) &&
			p->challenge->present && is_name(p->challenge->type))
			return 0;
		break;
	case POSTSEAL_KIND_DEPLOY:
		if (p->deploy && p->deploy->size <= sizeof(*p->deploy) &&
			POSTSEAL_HAS(p->deploy, struct postseal_deploy, cancel) &&
			p->deploy->install)
			return 0;
		break;
	case POSTSEAL_KIND_NOTIFY:
		if (p->notify && p->notify->size <= sizeof(*p->notify) &&
			POSTSEAL_HAS(p->notify, struct postseal_notify, cancel) &&
			p->notify->notify)
			return 0;
		break;
	default:
		break;
	}
	return err_set_kind(err, ERR_PLUGIN, -EINVAL,
		"lacks the methods of its kind, or they are of another size");
}

static int check_descriptor(const struct postseal_plugin *p, struct err *err)
{
	int r = check_abi(p, err);

	if (r < 0)
		return r;
	if (!is_name(p->name))
		return err_set_kind(
			err, ERR_PLUGIN, -EINVAL, "has a name that no plugin may have");
	if (!p->summary || !p->version)
		return err_set_kind(
			err, ERR_PLUGIN, -EINVAL, "does not say what it is");
	return check_kind(p, err);
}

/* --- the registry -------------------------------------------------------------------------- */

static struct plugin *plugin_free(struct plugin *plugin)
{
	if (!plugin)
		return NULL;
	/* Never under a sanitizer or valgrind: traces would lose their names. The
	 * process is about to end anyway, so it is not done at all. */
	free(plugin->settings);
	free(plugin->path);
	free(plugin);
	return NULL;
}
DEFINE_CLEANUP(struct plugin *, plugin_free)

const struct plugin *plugin_host_find(
	const struct plugin_host *host, enum postseal_kind kind, const char *name)
{
	for (size_t i = 0; i < host->n_plugins; i++)
		if (host->plugin[i]->descriptor->kind == kind &&
			strcmp(host->plugin[i]->descriptor->name, name) == 0)
			return host->plugin[i];
	return NULL;
}

const struct plugin *plugin_host_get(const struct plugin_host *host, size_t i)
{
	return i < host->n_plugins ? host->plugin[i] : NULL;
}

static int add_plugin(struct plugin_host *host,
	const struct postseal_plugin *descriptor, void *object, const char *path,
	struct err *err)
{
	_cleanup_(plugin_freep) struct plugin *plugin = NULL;
	int r = check_descriptor(descriptor, err);

	if (r < 0)
		return r;
	if (plugin_host_find(host, descriptor->kind, descriptor->name))
		return err_set_kind(err, ERR_PLUGIN, -EEXIST,
			"there is a %s plugin called %s already",
			plugin_kind_name(descriptor->kind), descriptor->name);
	plugin = xnew(struct plugin);
	plugin->host = host;
	plugin->descriptor = descriptor;
	plugin->object = object;
	plugin->path = xstrdup(path);
	plugin->log = (struct log_ctx){ host->in.log, "PLUGIN", descriptor->name };
	r = plugin_schema_convert(plugin, err);
	if (r < 0)
		return r;
	host->plugin =
		xreallocarray(host->plugin, host->n_plugins + 1, sizeof(*host->plugin));
	host->plugin[host->n_plugins++] = TAKE_PTR(plugin);
	return 0;
}

int plugin_host_add(struct plugin_host *host, const struct postseal_plugin *descriptor,
	struct err *err)
{
	return add_plugin(host, descriptor, NULL, NULL, err);
}

/* --- shared objects ---------------------------------------------------------------------- */

/* By its path: nobody but who is trusted can change it between the look and the load. */
static int open_object(const char *path, void **ret, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_set_kind(err, ERR_PLUGIN, -errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set_kind(err, ERR_PLUGIN, -EINVAL, "is not a regular file");
	*ret = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!*ret)
		return err_set_kind(
			err, ERR_PLUGIN, -ELIBBAD, "cannot be loaded: %s", dlerror());
	return 0;
}

static int load_object(struct plugin_host *host, const char *path, struct err *err)
{
	void *object = NULL;
	int r = plugin_trust_check(path, err);

	if (r >= 0)
		r = open_object(path, &object, err);
	if (r < 0)
		return r;
	const struct postseal_plugin *descriptor = dlsym(object, "postseal_plugin");
	if (!descriptor)
		r = err_set_kind(
			err, ERR_PLUGIN, -ENOEXEC, "exports no postseal_plugin");
	else
		r = add_plugin(host, descriptor, object, path, err);
	if (r < 0)
		dlclose(object);
	return r;
}

static int is_object(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 3 && entry->d_name[0] != '.' &&
	       strcmp(entry->d_name + n - 3, ".so") == 0;
}

static void try_object(
	struct plugin_host *host, const char *directory, const char *name)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) char *path = xasprintf("%s/%s", directory, name);

	if (load_object(host, path, &err) >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	log_warning(host->in.log, "plugin %s is left out: %s", path, text);
}

int plugin_host_load(struct plugin_host *host, const char *directory, struct err *err)
{
	struct dirent **names = NULL;
	int r = plugin_trust_check(directory, err);

	if (r < 0)
		return r;
	int n = scandir(directory, &names, is_object, alphasort);
	if (n < 0)
		return err_set_kind(err, ERR_CONFIG, -errno, "plugin folder %s: %s",
			directory, strerror(errno));
	for (int i = 0; i < n; i++) {
		try_object(host, directory, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return 0;
}

/* --- the host -------------------------------------------------------------------------------- */

int plugin_host_new(struct plugin_host **ret, const struct plugin_host_params *params,
	struct err *err)
{
	struct plugin_host *host = xnew(struct plugin_host);

	host->in = *params;
	if (host->in.call_deadline_usec == 0)
		host->in.call_deadline_usec = 2 * USEC_PER_MIN;
	list_init(&host->instances);
	list_init(&host->over);
	*ret = host;
	return 0;
}

struct plugin_host *plugin_host_free(struct plugin_host *host)
{
	if (!host)
		return NULL;
	while (!list_is_empty(&host->instances))
		plugin_instance_close(list_entry(
			host->instances.next, struct plugin_instance, entry));
	while (!list_is_empty(&host->over)) {
		struct postseal_call *call =
			list_entry(host->over.next, struct postseal_call, entry);

		list_remove(&call->entry);
		free(call);
	}
	for (size_t i = 0; i < host->n_plugins; i++)
		plugin_free(host->plugin[i]);
	free(host->plugin);
	free(host);
	return NULL;
}

/* A plugin that needs no setting may be named without a block. */
static void add_values(struct conf_schema *schema, const struct plugin *p)
{
	const char *kind = plugin_kind_name(p->descriptor->kind);
	const char *name = p->descriptor->name;

	for (size_t i = 0; i < p->n_settings; i++)
		if (p->settings[i].flags & CONF_REQUIRED)
			return;
	if (p->descriptor->kind == POSTSEAL_KIND_NOTIFY) {
		conf_schema_add_value(schema, NULL, kind, name);
		return;
	}
	conf_schema_add_value(schema, "policy", kind, name);
	conf_schema_add_value(schema, "domain", kind, name);
}

void plugin_host_extend_schema(struct plugin_host *host, struct conf_schema *schema)
{
	for (size_t i = 0; i < host->n_plugins; i++) {
		const struct plugin *p = host->plugin[i];

		conf_schema_add_plugin(schema, plugin_kind_name(p->descriptor->kind),
			p->descriptor->name, p->settings, p->n_settings,
			p->descriptor->summary);
		add_values(schema, p);
	}
}

/* --- what a plugin is ------------------------------------------------------------------------ */

const char *plugin_get_name(const struct plugin *plugin)
{
	return plugin->descriptor->name;
}

enum postseal_kind plugin_get_kind(const struct plugin *plugin)
{
	return plugin->descriptor->kind;
}

const char *plugin_get_summary(const struct plugin *plugin)
{
	return plugin->descriptor->summary;
}

const char *plugin_get_version(const struct plugin *plugin)
{
	return plugin->descriptor->version;
}

const char *plugin_get_path(const struct plugin *plugin)
{
	return plugin->path;
}

const char *plugin_get_challenge_type(const struct plugin *plugin)
{
	return plugin->descriptor->challenge->type;
}

unsigned plugin_get_challenge_flags(const struct plugin *plugin)
{
	return plugin->descriptor->challenge->flags;
}
