/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/atomic_file.h"
#include "plugin/host.h"
#include "plugin/notify.h"
#include "plugin/trust.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "tests/unit/plugin/fixture.h"
#include "util/mem.h"

/* Where make has put them; the tests run in the build directory. */
#define MODULES  "tests/unit/plugin/modules/.libs"
#define SKELETON "plugins/notify-skeleton/.libs"

struct place {
	char *dir; /* a folder that is trusted, if we are */
	struct plugin_host *host;
	struct loop *loop;
};

static void place_init(struct place *p)
{
	static const struct plugin_backing backing;

	p->dir = test_tmpdir_new();
	p->loop = fake_loop_new();
	const struct plugin_host_params params = {
		.loop = p->loop,
		.backing = &backing,
	};
	assert_int_equal(plugin_host_new(&p->host, &params, NULL), 0);
}

static void place_done(struct place *p)
{
	plugin_host_free(p->host);
	loop_free(p->loop);
	test_tmpdir_free(p->dir);
}

static void put(const struct place *p, const char *from, const char *as)
{
	_cleanup_(buf_done) struct buf data = BUF_INIT(16 * 1024 * 1024);
	_cleanup_(freep) char *path = xasprintf("%s/%s", p->dir, as);

	assert_int_equal(file_read(from, 0, data.max_bytes, &data, NULL), 0);
	const struct atomic_file_params params = {
		.path = path,
		.data = data.data,
		.len = data.len,
		.mode = 0755,
	};
	assert_int_equal(atomic_file_write(&params, NULL), 0);
}

static const struct {
	const char *file;
	const char *warning; /* NULL = is taken */
} modules[] = {
	{ "same", NULL },
	{ "older", NULL },
	{ "newer", "/newer.so: made for ABI 0.3, and this is 0.2" },
	{ "major", "/major.so: made for ABI 1.2, and this is 0.2" },
	{ "larger", "/larger.so: a struct of" },
	{ "smaller", "/smaller.so: a struct of" },
	{ "misnamed", "/misnamed.so: its name is not" },
	{ "nothing", "undefined symbol: postseal_plugin" },
	{ "tiny", "/tiny.so: postseal_plugin is no descriptor" },
};

static void test_modules(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
		_cleanup_(freep) char *from =
			xasprintf(MODULES "/%s.so", modules[i].file);
		_cleanup_(freep) char *as = xasprintf("%s.so", modules[i].file);
		struct place p;

		test_case(modules[i].file);
		place_init(&p);
		put(&p, from, as);
		if (modules[i].warning)
			test_log_expect(LOG_LEVEL_WARNING, modules[i].warning);
		assert_int_equal(plugin_host_load(p.host, p.dir, NULL), 0);
		const struct plugin *plugin = plugin_host_get(p.host, 0);
		assert_int_equal(plugin == NULL, modules[i].warning != NULL);
		if (plugin) {
			assert_string_equal(plugin_get_name(plugin), "variant");
			assert_non_null(strstr(plugin_get_path(plugin), as));
			assert_int_equal(plugin_get_kind(plugin), POSTSEAL_KIND_NOTIFY);
		}
		place_done(&p);
	}
}

/* Sorted by name of the file: the first one wins. What is no object is not looked at. */
static void test_duplicate(void **state)
{
	struct place p;

	place_init(&p);
	put(&p, MODULES "/same.so", "b.so");
	put(&p, MODULES "/older.so", "a.so");
	put(&p, MODULES "/other.so", "c.so");
	free(test_tmpdir_write(p.dir, "README", "text"));
	free(test_tmpdir_write(p.dir, ".d.so", "text"));
	test_log_expect(LOG_LEVEL_WARNING, "b.so: notify variant is there already");
	assert_int_equal(plugin_host_load(p.host, p.dir, NULL), 0);
	assert_string_equal(plugin_get_name(plugin_host_get(p.host, 0)), "other");
	const struct plugin *variant =
		plugin_host_find(p.host, POSTSEAL_KIND_NOTIFY, "variant");
	assert_non_null(strstr(plugin_get_path(variant), "/a.so"));
	assert_null(plugin_host_get(p.host, 2));
	assert_null(plugin_host_find(p.host, POSTSEAL_KIND_DEPLOY, "variant"));
	place_done(&p);
}

static void test_broken_object(void **state)
{
	struct place p;

	place_init(&p);
	free(test_tmpdir_write(p.dir, "a.so", "this is no object"));
	test_log_expect(LOG_LEVEL_WARNING, "a.so: ");
	assert_int_equal(plugin_host_load(p.host, p.dir, NULL), 0);
	assert_null(plugin_host_get(p.host, 0));
	place_done(&p);
}

/* --- trust ---------------------------------------------------------------------------------- */

static void test_files_not_trusted(void **state)
{
	struct place p;

	place_init(&p);
	_cleanup_(freep) char *open = xasprintf("%s/open.so", p.dir);
	_cleanup_(freep) char *link = xasprintf("%s/link.so", p.dir);
	_cleanup_(freep) char *folder = xasprintf("%s/folder.so", p.dir);
	_cleanup_(freep) char *pipe = xasprintf("%s/pipe.so", p.dir);
	put(&p, MODULES "/same.so", "open.so");
	put(&p, MODULES "/same.so", "target");
	assert_int_equal(chmod(open, 0775), 0);
	assert_int_equal(symlink("target", link), 0);
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	test_log_expect(LOG_LEVEL_WARNING, "open.so: others can write it (mode 0775)");
	test_log_expect(LOG_LEVEL_WARNING, "link.so: is a symbolic link");
	test_log_expect(LOG_LEVEL_WARNING, "folder.so: is not a regular file");
	test_log_expect(LOG_LEVEL_WARNING, "pipe.so: is not a regular file");
	assert_int_equal(plugin_host_load(p.host, p.dir, NULL), 0);
	assert_null(plugin_host_get(p.host, 0));
	place_done(&p);
}

/* mode of a folder, mode of one within; which of the two is asked for */
static const struct {
	const char *name;
	mode_t outer, inner;
	int code;
} folders[] = {
	{ "closed", 0755, 0755, 0 },
	{ "sticky on the way", 01777, 0755, 0 },
	{ "open to all", 0755, 0757, -EPERM },
	{ "open to the group", 0755, 0775, -EPERM },
	{ "open on the way", 0777, 0755, -EPERM },
	{ "sticky at the end", 0755, 01777, -EPERM },
};

static void test_folders(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		_cleanup_(err_done) struct err err = ERR_INIT;
		struct place p;

		test_case(folders[i].name);
		place_init(&p);
		_cleanup_(freep) char *outer = xasprintf("%s/outer", p.dir);
		_cleanup_(freep) char *inner = xasprintf("%s/inner", outer);
		mkdir(outer, 0755);
		mkdir(inner, 0755);
		chmod(inner, folders[i].inner);
		chmod(outer, folders[i].outer);
		int r = plugin_host_load(p.host, inner, &err);
		assert_int_equal(r, folders[i].code);
		if (r < 0)
			assert_int_equal(err.kind, ERR_CONFIG);
		place_done(&p);
	}
}

static void test_paths(void **state)
{
	struct place p;

	place_init(&p);
	_cleanup_(freep) char *link = xasprintf("%s/link", p.dir);
	_cleanup_(freep) char *up = xasprintf("%s/../", p.dir);
	_cleanup_(freep) char *none = xasprintf("%s/none", p.dir);
	_cleanup_(freep) char *below = xasprintf("%s/file/x", p.dir);
	_cleanup_(freep) char *twice = xasprintf("/%s//", p.dir);
	assert_int_equal(symlink(p.dir, link), 0);
	free(test_tmpdir_write(p.dir, "file", "text"));
	assert_int_equal(plugin_host_load(p.host, link, NULL), -ELOOP);
	assert_int_equal(plugin_host_load(p.host, up, NULL), -EINVAL);
	assert_int_equal(plugin_host_load(p.host, none, NULL), -ENOENT);
	assert_int_equal(plugin_host_load(p.host, below, NULL), -ENOTDIR);
	assert_int_equal(plugin_host_load(p.host, "plugins", NULL), -EINVAL);
	assert_int_equal(plugin_host_load(p.host, "/tmp", NULL), -EPERM);
	assert_int_equal(plugin_host_load(p.host, twice, NULL), 0);
	place_done(&p);
}

/* Only root can give a file away, to see whether it is refused then. */
static void test_owner(void **state)
{
	struct place p;

	if (geteuid() != 0)
		skip();
	place_init(&p);
	_cleanup_(freep) char *file = xasprintf("%s/a.so", p.dir);
	put(&p, MODULES "/same.so", "a.so");
	assert_int_equal(chown(file, 12345, 0), 0);
	test_log_expect(LOG_LEVEL_WARNING, "a.so: belongs to user 12345");
	assert_int_equal(plugin_host_load(p.host, p.dir, NULL), 0);
	assert_int_equal(chown(p.dir, 12345, 0), 0);
	assert_int_equal(plugin_host_load(p.host, p.dir, NULL), -EPERM);
	assert_int_equal(chown(p.dir, 0, 0), 0);
	place_done(&p);
}

/* --- instances -------------------------------------------------------------------------------- */

static void test_check_only(void **state)
{
	_cleanup_(plugin_host_freep) struct plugin_host *host = NULL;
	const struct plugin_host_params params = { .loop = NULL };
	struct plugin_instance *instance = NULL;

	assert_int_equal(plugin_host_new(&host, &params, NULL), 0);
	assert_int_equal(plugin_host_add(host, &fixture_plugin, NULL), 0);
	assert_int_equal(plugin_host_add(host, &fixture_plugin, NULL), -EEXIST);
	assert_null(plugin_get_path(plugin_host_get(host, 0)));
	assert_int_equal(plugin_instance_open(&instance, host, plugin_host_get(host, 0),
				 NULL, NULL, NULL),
		-EOPNOTSUPP);
	assert_null(instance);
}

static void on_told(const struct plugin_result *result, void *userdata)
{
	assert_int_equal(result->outcome, POSTSEAL_OK);
	++*(unsigned *)userdata;
}

/* The plugin of doc/plugins.md works. */
static void test_skeleton(void **state)
{
	struct place p;
	struct plugin_instance *instance = NULL;
	struct plugin_call *call = NULL;
	const struct postseal_notice notice = { .kind = "served", .text = "in force" };
	unsigned n_told = 0;

	place_init(&p);
	put(&p, SKELETON "/notify-skeleton.so", "notify-skeleton.so");
	assert_int_equal(plugin_host_load(p.host, p.dir, NULL), 0);
	const struct plugin *plugin =
		plugin_host_find(p.host, POSTSEAL_KIND_NOTIFY, "skeleton");
	assert_non_null(plugin);
	assert_int_equal(
		plugin_instance_open(&instance, p.host, plugin, NULL, NULL, NULL), 0);
	assert_ptr_equal(plugin_instance_get_plugin(instance), plugin);
	assert_int_equal(
		plugin_notify_start(&call, instance, &notice, on_told, &n_told, NULL),
		0);
	assert_true(test_log_has(LOG_LEVEL_INFO, "skeleton: hello: served: in force"));
	assert_int_equal(n_told, 0);
	fake_loop_run_ready(p.loop);
	assert_int_equal(n_told, 1);
	plugin_call_cancel(call);
	plugin_instance_close(instance);
	place_done(&p);
}

static void test_kind_names(void **state)
{
	assert_string_equal(plugin_kind_name(POSTSEAL_KIND_CHALLENGE), "challenge");
	assert_string_equal(plugin_kind_name(POSTSEAL_KIND_DNS), "dns");
	assert_string_equal(plugin_kind_name(POSTSEAL_KIND_DEPLOY), "deploy");
	assert_string_equal(plugin_kind_name(POSTSEAL_KIND_NOTIFY), "notify");
	assert_string_equal(plugin_kind_name(99), "?");
}

/* Whose folders are ours, but not trusted, cannot see more than refusals. */
static bool is_trusted(void)
{
	_cleanup_(test_tmpdir_freep) char *dir = test_tmpdir_new();
	_cleanup_(closep) int fd = -1;

	return trust_open_folder(dir, &fd, NULL) == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_modules),
		test_with_log(test_duplicate),
		test_with_log(test_broken_object),
		test_with_log(test_files_not_trusted),
		test_with_log(test_folders),
		test_with_log(test_paths),
		test_with_log(test_owner),
		test_with_log(test_check_only),
		test_with_log(test_skeleton),
		test_with_log(test_kind_names),
	};

	if (!is_trusted()) {
		puts("temporary folders are not trusted: be root or --enable-developer");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
