/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The index behind the workers' look-ups, with what the store holds. How one is chosen
 * is in test_slots. */
#include <string.h>

#include "core/served.h"
#include "link/message.h"
#include "store/certificate.h"
#include "store/slot.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "tests/unit/core/notes.h"
#include "util/mem.h"

#define CONF                                                              \
	"authority ca {\n directory = https://ca.test/\n}\n"              \
	"domain a.test {\n authority = ca\n names = a.test *.a.test\n}\n" \
	"domain new.test {\n authority = ca\n names = new.test a.test\n}\n"

struct fixture {
	struct loop *loop;
	struct plugin_host *host;
	struct conf *conf;
	struct store *store;
	struct served *served;
};

/* A slot with a certificate that is served; returns the certificate's id. */
static int64_t add_certificate(
	struct fixture *f, const char *domain, const char *key_type, const char *names)
{
	struct store_slot slot = {
		.domain = (char *)domain,
		.key_type = (char *)key_type,
		.names = (char *)names,
		.authority = (char *)"https://ca.test/",
	};
	struct store_certificate certificate = {
		.authority = (char *)"https://ca.test/",
		.names = (char *)names,
		.chain_pem = (char *)domain,
		.key_pem = (char *)key_type,
		.serial = (char *)"01",
		.fingerprint = (char *)"ab",
		.issuer = (char *)"a test",
		.not_before_usec = 1,
		.not_after_usec = 2,
		.issued_usec = 1,
		.state = STORE_CERTIFICATE_SERVED,
	};

	assert_int_equal(store_slot_add(f->store, &slot, NULL), 0);
	certificate.slot_id = slot.id;
	_cleanup_(freep) char *fingerprint =
		xasprintf("%064llx", (unsigned long long)slot.id);
	certificate.fingerprint = fingerprint;
	assert_int_equal(store_certificate_add(f->store, &certificate, NULL), 0);
	slot.certificate_id = certificate.id;
	assert_int_equal(store_slot_save(f->store, &slot, NULL), 0);
	return certificate.id;
}

static void setup(struct fixture *f)
{
	*f = (struct fixture){ .loop = fake_loop_new() };
	f->host = notes_new_host(f->loop);
	f->conf = notes_load(f->host, CONF);
	assert_int_equal(store_open(&f->store, ":memory:", 0, NULL), 0);
	f->served = served_new(f->store);
}

static void teardown(struct fixture *f)
{
	served_free(f->served);
	store_close(f->store);
	conf_unref(f->conf);
	plugin_host_free(f->host);
	loop_free(f->loop);
}

static void assert_found(
	struct fixture *f, const char *name, unsigned client, int64_t id, bool is_rsa)
{
	struct fleet_found found;

	assert_int_equal(served_lookup(name, client, &found, f->served, NULL), 0);
	assert_int_equal(found.certificate_id, id);
	assert_int_equal(found.is_rsa, is_rsa);
	assert_int_equal(found.chain_pem != NULL, id != 0);
	if (id)
		assert_string_equal(found.key_pem, is_rsa ? "rsa-2048" : "ecdsa-p256");
	free(found.chain_pem);
	secret_free(found.key_pem);
}

static void test_lookup(void **state)
{
	struct fixture f;
	int64_t ecdsa, rsa;
	const unsigned both = LINK_CLIENT_ECDSA | LINK_CLIENT_RSA;

	setup(&f);
	ecdsa = add_certificate(&f, "a.test", "ecdsa-p256", "a.test *.a.test");
	rsa = add_certificate(&f, "a.test", "rsa-2048", "a.test");
	add_certificate(&f, "gone.test", "ecdsa-p256", "gone.test");
	assert_int_equal(served_load(f.served, NULL), 0);
	/* nothing is served that the configuration does not want */
	assert_found(&f, "a.test", both, 0, false);
	served_follow(f.served, f.conf);
	assert_found(&f, "a.test", both, ecdsa, false);
	assert_found(&f, "a.test", LINK_CLIENT_RSA, rsa, true);
	assert_found(&f, "x.a.test", both, ecdsa, false);
	assert_found(&f, "x.a.test", LINK_CLIENT_RSA, ecdsa, false);
	assert_found(&f, "x.y.a.test", both, 0, false);
	assert_found(&f, "new.test", both, 0, false);
	assert_found(&f, "gone.test", both, 0, false);
	assert_found(&f, "test", both, 0, false);
	teardown(&f);
}

/* The row went after the index was made: as if there were none. */
static void test_row_has_gone(void **state)
{
	char *const names[] = { (char *)"new.test", NULL };
	struct fixture f;

	setup(&f);
	served_follow(f.served, f.conf);
	served_set(f.served, names, false, 4711);
	assert_found(&f, "new.test", LINK_CLIENT_ECDSA, 0, false);
	teardown(&f);
}

struct listed {
	unsigned n;
	bool has_wildcard, has_gone;
};

static void on_name(const char *name, void *userdata)
{
	struct listed *listed = userdata;

	listed->n++;
	listed->has_wildcard |= strcmp(name, "*.a.test") == 0;
	listed->has_gone |= strcmp(name, "gone.test") == 0;
}

static void test_names(void **state)
{
	struct listed listed = { 0 };
	struct conf *none;
	struct fixture f;

	setup(&f);
	add_certificate(&f, "gone.test", "ecdsa-p256", "gone.test");
	assert_int_equal(served_load(f.served, NULL), 0);
	served_follow(f.served, f.conf);
	assert_int_equal(served_count(f.served), 3);
	served_each_name(on_name, &listed, f.served);
	assert_int_equal(listed.n, 3);
	assert_true(listed.has_wildcard);
	assert_false(listed.has_gone);
	none = notes_load(f.host, "");
	served_follow(f.served, none);
	assert_int_equal(served_count(f.served), 0);
	listed = (struct listed){ 0 };
	served_each_name(on_name, &listed, f.served);
	assert_int_equal(listed.n, 0);
	conf_unref(none);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_lookup),
		test_with_log(test_row_has_gone),
		test_with_log(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
