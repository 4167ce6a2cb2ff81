/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Installing at each target: what is recorded, what is repeated, what holds up what. The
 * fleet is one without workers, which takes everything. */
#include <errno.h>
#include <string.h>

#include "core/install.h"
#include "core/wanted/settings.h"
#include "store/slot.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "tests/lib/test_tmpdir.h"
#include "util/buf.h"
#include "util/mem.h"

/* --- a deployer that follows a script ------------------------------------------------------------ */

static struct {
	const struct postseal_services *services;
	struct buf notes;
	bool fails, hangs;
	size_t n_addresses;
} stage = { .notes = BUF_INIT(64 * 1024) };

static const struct postseal_address addresses[] = {
	{ .address = "127.0.0.1:993" },
	{ .address = "127.0.0.1:25", .sni = "mx.test" },
};

static int open_deployer(struct postseal_host *host,
	const struct postseal_services *services, void **ret, char *detail, size_t size)
{
	stage.services = services;
	*ret = NULL;
	return 0;
}

static void close_deployer(void *instance)
{
}

static void install_bundle(void *instance, const struct postseal_bundle *bundle,
	struct postseal_call *call)
{
	const struct postseal_result result = {
		.size = sizeof(result),
		.outcome = stage.fails ? POSTSEAL_FAILED : POSTSEAL_OK,
		.detail = stage.fails ? "the disk is full" : NULL,
		.addresses = addresses,
		.n_addresses = stage.n_addresses,
	};

	buf_printf(&stage.notes, "%s:%s:%s:%s;", bundle->domain, bundle->names[0],
		bundle->chain_pem, bundle->key_pem);
	if (!stage.hangs)
		stage.services->complete(call, &result);
}

static void cancel_install(void *instance, struct postseal_call *call)
{
	buf_printf(&stage.notes, "cancel;");
}

static const struct postseal_deploy methods = {
	.size = sizeof(methods),
	.install = install_bundle,
	.cancel = cancel_install,
};

static const struct postseal_plugin plugin = {
	POSTSEAL_PLUGIN_ABI,
	.kind = POSTSEAL_KIND_DEPLOY,
	.name = "files",
	.summary = "a test",
	.version = "1",
	.open = open_deployer,
	.close = close_deployer,
	.deploy = &methods,
};

/* --- a certificate to be installed ------------------------------------------------------------------ */

struct fixture {
	struct loop *loop;
	char *directory;
	struct plugin_host *host;
	struct conf *conf;
	struct instances *instances;
	struct store *store;
	struct served *served;
	struct listeners *listeners;
	struct fleet *fleet;
	struct store_certificate certificate; /* borrowed strings */

	/* what came of it */
	struct install *op;
	unsigned n_done;
	char *error;
};

static const struct plugin_backing backing;

static void open_conf(struct fixture *f, const char *deploy)
{
	_cleanup_(conf_report_done) struct conf_report report;
	_cleanup_(freep) char *text = xasprintf(
		"authority ca {\n directory = https://ca.test/\n}\n"
		"domain mail.test {\n authority = ca\n deploy = %s\n}\n"
		"listener imaps {\n address = unix:%s/imaps\n protocol = imap\n"
		" backend = 127.0.0.1:1\n}\n",
		deploy, f->directory);
	const struct plugin_host_params params = {
		.loop = f->loop,
		.backing = &backing,
	};

	assert_int_equal(plugin_host_new(&f->host, &params, NULL), 0);
	assert_int_equal(plugin_host_add(f->host, &plugin, NULL), 0);
	_cleanup_(conf_schema_freep) struct conf_schema *schema =
		settings_new_schema(f->host);
	conf_report_init(&report);
	assert_int_equal(conf_load_text(&f->conf, schema, "t", text, &report), 0);
	f->instances = instances_new(f->host, NULL);
	instances_follow(f->instances, f->conf);
}

static void open_front(struct fixture *f)
{
	const struct fleet_params params = {
		.loop = f->loop,
		.program = "/nonexistent",
		.listeners = f->listeners,
		.lookup = served_lookup,
		.names = served_each_name,
		.userdata = f->served,
	};

	assert_int_equal(listeners_prepare(f->listeners, f->conf, NULL), 0);
	listeners_commit(f->listeners);
	assert_int_equal(fleet_new(&f->fleet, &params, NULL), 0);
}

static void add_certificate(struct fixture *f)
{
	struct store_slot slot = {
		.domain = (char *)"mail.test",
		.key_type = (char *)"ecdsa-p256",
		.names = (char *)"mail.test",
		.authority = (char *)"https://ca.test/",
	};

	assert_int_equal(store_slot_add(f->store, &slot, NULL), 0);
	f->certificate = (struct store_certificate){
		.slot_id = slot.id,
		.authority = (char *)"https://ca.test/",
		.names = (char *)"mail.test",
		.chain_pem = (char *)"chain",
		.key_pem = (char *)"key",
		.serial = (char *)"01",
		.fingerprint = (char *)"ab",
		.issuer = (char *)"a test",
		.not_before_usec = 1,
		.not_after_usec = 2,
		.issued_usec = 1,
	};
	assert_int_equal(store_certificate_add(f->store, &f->certificate, NULL), 0);
}

static void setup(struct fixture *f, const char *deploy)
{
	*f = (struct fixture){ .loop = fake_loop_new() };
	buf_reset(&stage.notes);
	stage.fails = stage.hangs = false;
	stage.n_addresses = 0;
	f->directory = test_tmpdir_new();
	open_conf(f, deploy);
	assert_int_equal(store_open(&f->store, ":memory:", 0, NULL), 0);
	f->served = served_new(f->store);
	served_follow(f->served, f->conf);
	f->listeners = listeners_new(NULL);
	open_front(f);
	add_certificate(f);
}

static void teardown(struct fixture *f)
{
	install_cancel(f->op);
	fleet_free(f->fleet);
	listeners_free(f->listeners);
	served_free(f->served);
	store_close(f->store);
	instances_free(f->instances);
	conf_unref(f->conf);
	plugin_host_free(f->host);
	test_tmpdir_free(f->directory);
	loop_free(f->loop);
	free(f->error);
	buf_done(&stage.notes);
}

static void on_installed(const struct err *err, void *userdata)
{
	struct fixture *f = userdata;

	f->n_done++;
	f->error = err ? err_format(err) : NULL;
	f->op = install_cancel(f->op);
}

static void start(struct fixture *f, bool has_front)
{
	const struct install_params params = {
		.loop = f->loop,
		.store = f->store,
		.fleet = has_front ? f->fleet : NULL,
		.served = f->served,
		.listeners = has_front ? f->listeners : NULL,
		.instances = f->instances,
		.conf = f->conf,
		.domain = conf_get_block(f->conf, "domain", 0),
		.certificate = &f->certificate,
		.key_type = "ecdsa-p256",
	};

	free(TAKE_PTR(f->error));
	f->n_done = 0;
	assert_int_equal(install_start(&f->op, &params, on_installed, f, NULL), 0);
	assert_int_equal(f->n_done, 0);
}

static void install(struct fixture *f, bool has_front)
{
	start(f, has_front);
	fake_loop_run_until_idle(f->loop, USEC_PER_HOUR);
	assert_int_equal(f->n_done, 1);
}

static int on_row(const struct store_install *row, void *userdata)
{
	buf_printf(userdata, "%s %s %s%s%s;", row->target,
		*row->address ? row->address : "-", row->done_usec ? "done" : "open",
		row->proven_usec ? " proven" : "", row->error ? " failed" : "");
	return 0;
}

static void assert_rows(struct fixture *f, const char *wanted)
{
	struct buf rows = BUF_INIT(4096);

	assert_int_equal(
		store_install_each(f->store, f->certificate.id, on_row, &rows, NULL),
		0);
	assert_string_equal(buf_str(&rows), wanted);
	buf_done(&rows);
}

/* --- tests ------------------------------------------------------------------------------------------- */

static void test_front(void **state)
{
	struct fixture f;

	setup(&f, "front");
	_cleanup_(freep) char *wanted =
		xasprintf("front unix:%s/imaps done;", f.directory);
	install(&f, true);
	assert_null(f.error);
	assert_rows(&f, wanted);
	/* look-ups find it from now on */
	assert_int_equal(served_find(f.served, "mail.test", false), f.certificate.id);
	teardown(&f);
	/* without a front there is nothing to be done for it */
	setup(&f, "front");
	install(&f, false);
	assert_null(f.error);
	assert_rows(&f, "");
	teardown(&f);
}

static int roll_back(struct fixture *f, int64_t old_id, const char *old_names)
{
	const struct store_certificate old = {
		.id = old_id,
		.names = (char *)old_names,
	};
	const struct install_params params = {
		.loop = f->loop,
		.store = f->store,
		.fleet = f->fleet,
		.served = f->served,
		.listeners = f->listeners,
		.certificate = &f->certificate,
		.key_type = "ecdsa-p256",
	};

	return install_roll_back(&params, &old, NULL);
}

static void prove(struct fixture *f, const char *address)
{
	struct store_install row = {
		.certificate_id = f->certificate.id,
		.target = (char *)"front",
		.address = (char *)address,
		.done_usec = 1,
		.proven_usec = 2,
	};

	assert_int_equal(store_install_save(f->store, &row, NULL), 0);
}

/* What the front was not seen to serve: the old one is found again, and the new one is
 * to be installed anew. */
static void test_roll_back(void **state)
{
	struct fixture f;

	setup(&f, "front");
	_cleanup_(freep) char *address = xasprintf("unix:%s/imaps", f.directory);
	_cleanup_(freep) char *done = xasprintf("front %s done;", address);
	_cleanup_(freep) char *open = xasprintf("front %s open;", address);
	/* nothing was installed yet */
	assert_int_equal(roll_back(&f, 77, "mail.test"), 0);
	install(&f, true);
	/* the old one has none of its names */
	assert_int_equal(roll_back(&f, 77, "other.test"), 0);
	assert_rows(&f, done);
	assert_int_equal(roll_back(&f, 77, "other.test mail.test"), 1);
	assert_rows(&f, open);
	assert_int_equal(served_find(f.served, "mail.test", false), 77);
	assert_int_equal(served_find(f.served, "other.test", false), 0);
	install(&f, true);
	assert_int_equal(served_find(f.served, "mail.test", false), f.certificate.id);
	prove(&f, address);
	assert_int_equal(roll_back(&f, 77, "mail.test"), 0);
	assert_int_equal(served_find(f.served, "mail.test", false), f.certificate.id);
	teardown(&f);
}

static void test_deployer(void **state)
{
	struct fixture f;

	setup(&f, "files");
	stage.n_addresses = ARRAY_SIZE(addresses);
	install(&f, true);
	assert_null(f.error);
	assert_string_equal(buf_str(&stage.notes), "mail.test:mail.test:chain:key;");
	assert_rows(&f, "files 127.0.0.1:25/mx.test done;files 127.0.0.1:993 done;");
	/* once is enough */
	install(&f, true);
	assert_null(f.error);
	assert_string_equal(buf_str(&stage.notes), "mail.test:mail.test:chain:key;");
	teardown(&f);
}

/* Nobody can be asked whether it is served: installed is all that can be known. */
static void test_without_addresses(void **state)
{
	struct fixture f;

	setup(&f, "files");
	install(&f, true);
	assert_rows(&f, "files - done proven;");
	teardown(&f);
}

static void test_one_that_fails(void **state)
{
	struct fixture f;

	setup(&f, "files front");
	stage.fails = true;
	_cleanup_(freep) char *front =
		xasprintf("front unix:%s/imaps done;", f.directory);
	_cleanup_(freep) char *failed = xasprintf("files - open failed;%s", front);
	_cleanup_(freep) char *well = xasprintf("files 127.0.0.1:993 done;%s", front);
	install(&f, true);
	assert_non_null(strstr(f.error, "files: the disk is full"));
	assert_rows(&f, failed);
	/* only what failed is repeated, and the failure's row goes */
	stage.fails = false;
	stage.n_addresses = 1;
	install(&f, true);
	assert_null(f.error);
	assert_rows(&f, well);
	teardown(&f);
}

static void test_cancel(void **state)
{
	struct fixture f;

	setup(&f, "files front");
	stage.hangs = true;
	start(&f, true);
	f.op = install_cancel(f.op);
	fake_loop_run_ready(f.loop);
	assert_string_equal(buf_str(&stage.notes), "");
	start(&f, true);
	fake_loop_run_ready(f.loop);
	f.op = install_cancel(f.op);
	assert_non_null(strstr(buf_str(&stage.notes), "cancel"));
	fake_loop_run_until_idle(f.loop, USEC_PER_HOUR);
	assert_int_equal(f.n_done, 0);
	assert_rows(&f, "");
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_front),
		test_with_log(test_roll_back),
		test_with_log(test_deployer),
		test_with_log(test_without_addresses),
		test_with_log(test_one_that_fails),
		test_with_log(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
