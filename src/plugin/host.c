/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The host and its registry. A shared object is code of the manager's as soon as it is
 * loaded, so whom the file belongs to is settled before (plugin/trust.h); what it says of
 * itself is settled after (plugin/descriptor.h).
 */
#include "plugin/host.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>

#include "io/loop.h"
#include "plugin/instance_priv.h"
#include "plugin/trust.h"
#include "util/mem.h"
#include "util/strtab.h"

#define SUFFIX ".so"

/* --- objects -------------------------------------------------------------------------- */

#if defined(__has_feature)
#	if __has_feature(address_sanitizer)
#		define KEEP_OBJECTS
#	endif
#elif defined(__SANITIZE_ADDRESS__)
#	define KEEP_OBJECTS
#endif

#ifdef KEEP_OBJECTS
/* A leak found at exit is told by names that only the loaded object has. */
static void close_object(void *object)
{
}
#else
static void close_object(void *object)
{
	if (object)
		dlclose(object);
}
#endif

static struct plugin *plugin_free(struct plugin *plugin)
{
	if (!plugin)
		return NULL;
	list_remove(&plugin->link);
	free(plugin->settings);
	close_object(plugin->object);
	free(plugin->path);
	free(plugin);
	return NULL;
}

DEFINE_CLEANUP(struct plugin *, plugin_free)

static struct plugin *plugin_new(void)
{
	struct plugin *plugin = xnew(struct plugin);

	list_init(&plugin->link);
	return plugin;
}

static int refuse_object(const char *path, struct err *err)
{
	const char *text = dlerror();

	return err_set_kind(
		err, ERR_PLUGIN, -ENOEXEC, "%s: %s", path, text ? text : "no reason");
}

/* Not even the numbers are read if the symbol is too small to hold them. */
static int find_descriptor(void *object, const char *path,
	const struct postseal_plugin **ret, struct err *err)
{
	const ElfW(Sym) *symbol = NULL;
	Dl_info info;

	*ret = dlsym(object, "postseal_plugin");
	if (!*ret)
		return refuse_object(path, err);
	if (!dladdr1(*ret, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol ||
		symbol->st_size < offsetof(struct postseal_plugin, kind))
		return err_set_kind(err, ERR_PLUGIN, -ENOEXEC,
			"%s: postseal_plugin is no descriptor", path);
	return 0;
}

/* --- the registry ---------------------------------------------------------------------- */

const struct plugin *plugin_host_find(
	const struct plugin_host *host, enum postseal_kind kind, const char *name)
{
	const struct plugin *it;

	list_foreach(it, &host->plugins, link) {
		if (plugin_get_kind(it) == kind &&
			strcmp(plugin_get_name(it), name) == 0)
			return it;
	}
	return NULL;
}

const struct plugin *plugin_host_get(const struct plugin_host *host, size_t i)
{
	const struct plugin *it;

	list_foreach(it, &host->plugins, link) {
		if (i-- == 0)
			return it;
	}
	return NULL;
}

static bool stands_before(const struct plugin *a, const struct plugin *b)
{
	if (plugin_get_kind(a) != plugin_get_kind(b))
		return plugin_get_kind(a) < plugin_get_kind(b);
	return strcmp(plugin_get_name(a), plugin_get_name(b)) < 0;
}

static void insert(struct plugin_host *host, struct plugin *plugin)
{
	struct plugin *it;

	list_foreach(it, &host->plugins, link) {
		if (stands_before(plugin, it))
			break;
	}
	/* In front of it: the list's end is where its head is. */
	list_append(&it->link, &plugin->link);
}

/* Takes the plugin over on success. */
static int add(struct plugin_host *host, struct plugin *plugin,
	const struct postseal_plugin *from, struct err *err)
{
	const char *path = plugin->path ? plugin->path : "a plugin that is linked in";
	int r = descriptor_read(&plugin->descriptor, from, path, err);

	if (r < 0)
		return r;
	const struct plugin *twin = plugin_host_find(
		host, plugin_get_kind(plugin), plugin_get_name(plugin));
	if (twin)
		return err_set_kind(err, ERR_PLUGIN, -EEXIST,
			"%s: %s %s is there already: %s", path,
			plugin_kind_name(plugin_get_kind(plugin)),
			plugin_get_name(plugin),
			twin->path ? twin->path : "it is linked in");
	plugin->settings = plugin_settings_new(&plugin->descriptor);
	insert(host, plugin);
	return 0;
}

int plugin_host_add(struct plugin_host *host, const struct postseal_plugin *descriptor,
	struct err *err)
{
	_cleanup_(plugin_freep) struct plugin *plugin = plugin_new();

	int r = add(host, plugin, descriptor, err);
	if (r < 0)
		return r;
	(void)TAKE_PTR(plugin);
	return 0;
}

/* --- the folder ------------------------------------------------------------------------ */

static int load_file(struct plugin_host *host, const char *path, struct err *err)
{
	_cleanup_(plugin_freep) struct plugin *plugin = plugin_new();
	const struct postseal_plugin *from;

	plugin->path = xstrdup(path);
	/* By its path and not by /proc/self/fd/N: the loader takes an object of the same
	 * name for the same object, and numbers of descriptors come again. */
	plugin->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!plugin->object)
		return refuse_object(path, err);
	int r = find_descriptor(plugin->object, path, &from, err);
	if (r == 0)
		r = add(host, plugin, from, err);
	if (r < 0)
		return r;
	log_debug(host->params.log, "plugin %s %s is %s",
		plugin_kind_name(plugin_get_kind(plugin)), plugin_get_name(plugin),
		path);
	(void)TAKE_PTR(plugin);
	return 0;
}

static void load_or_leave(
	struct plugin_host *host, int fd, const char *directory, const char *name)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) char *path = xasprintf("%s/%s", directory, name);
	int r = trust_check_file(fd, name, &err);

	if (r == 0)
		r = load_file(host, path, &err);
	if (r == 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	log_warning(host->params.log, "plugin left out: %s", text);
}

static int is_object(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > strlen(SUFFIX) &&
	       strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX) == 0;
}

/* Not alphasort(): the order must not hang on the locale. */
static int compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int plugin_host_load(struct plugin_host *host, const char *directory, struct err *err)
{
	_cleanup_(closep) int fd = -1;
	struct dirent **entry = NULL;

	int r = trust_open_folder(directory, &fd, err);
	if (r < 0)
		return err_wrap(err, r, "folder of plugins");
	int n = scandirat(fd, ".", &entry, is_object, compare);
	if (n < 0)
		return err_set(err, -errno, "folder of plugins: %s: %s", directory,
			strerror(errno));
	for (int i = 0; i < n; i++) {
		load_or_leave(host, fd, directory, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	return 0;
}

/* --- the host --------------------------------------------------------------------------- */

int plugin_host_new(struct plugin_host **ret, const struct plugin_host_params *params,
	struct err *err)
{
	struct plugin_host *host = xnew(struct plugin_host);

	host->params = *params;
	if (host->params.call_deadline_usec == 0)
		host->params.call_deadline_usec = 2 * USEC_PER_MIN;
	list_init(&host->plugins);
	list_init(&host->instances);
	*ret = host;
	return 0;
}

void plugin_host_set_deadline(struct plugin_host *host, usec_t call_deadline_usec)
{
	host->params.call_deadline_usec = call_deadline_usec;
}

struct plugin_host *plugin_host_free(struct plugin_host *host)
{
	if (!host)
		return NULL;
	/* Each unlinks itself. */
	while (!list_is_empty(&host->instances))
		plugin_instance_shut(
			list_entry(host->instances.next, struct plugin_instance, link));
	while (!list_is_empty(&host->plugins))
		plugin_free(list_entry(host->plugins.next, struct plugin, link));
	free(host);
	return NULL;
}

/* --- what is said of a plugin ------------------------------------------------------------- */

const char *plugin_get_name(const struct plugin *plugin)
{
	return plugin->descriptor.plugin.name;
}

enum postseal_kind plugin_get_kind(const struct plugin *plugin)
{
	return plugin->descriptor.plugin.kind;
}

const char *plugin_kind_name(enum postseal_kind kind)
{
	static const char *const names[] = {
		[POSTSEAL_KIND_CHALLENGE] = "challenge",
		[POSTSEAL_KIND_DNS] = "dns",
		[POSTSEAL_KIND_DEPLOY] = "deploy",
		[POSTSEAL_KIND_NOTIFY] = "notify",
	};

	return STRTAB_NAME(names, kind);
}

const char *plugin_get_summary(const struct plugin *plugin)
{
	return plugin->descriptor.plugin.summary;
}

const char *plugin_get_version(const struct plugin *plugin)
{
	return plugin->descriptor.plugin.version;
}

const char *plugin_get_path(const struct plugin *plugin)
{
	return plugin->path;
}

const char *plugin_get_challenge_type(const struct plugin *plugin)
{
	return plugin->descriptor.challenge.type;
}

unsigned plugin_get_challenge_flags(const struct plugin *plugin)
{
	return plugin->descriptor.challenge.flags;
}
