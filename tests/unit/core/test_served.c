/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The index behind the workers' look-ups, with what the store holds. How one is chosen
 * is in test_slots. */
#include <string.h>

#include "core/workers/served.h"
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

static void remove_slot(struct fixture *f, const char *domain, const char *key_type)
{
	struct store_slot slot = { 0 };

	assert_int_equal(store_slot_find(f->store, domain, key_type, &slot, NULL), 0);
	slot.removed = true;
	assert_int_equal(store_slot_save(f->store, &slot, NULL), 0);
	store_slot_done(&slot);
}

static void note_name(const char *name, void *userdata)
{
	strv_append(userdata, name);
}

/* The old one is served until there is a new one; until that is proven it is the way
 * back; then it is forgotten. */
static void test_stand_in(void **state)
{
	struct fixture f;
	char *const names[] = { (char *)"a.test", NULL };
	const unsigned both = LINK_CLIENT_ECDSA | LINK_CLIENT_RSA;
	_cleanup_(strv_freep) char **changed = NULL;

	setup(&f);
	int64_t old = add_certificate(&f, "a.test", "ecdsa-p256", "a.test *.a.test");
	remove_slot(&f, "a.test", "ecdsa-p256");
	assert_int_equal(served_load(f.served, NULL), 0);
	served_follow(f.served, f.conf);
	assert_found(&f, "a.test", both, old, false);
	assert_found(&f, "a.test", LINK_CLIENT_RSA, old, false);
	assert_true(served_has_old(f.served, names));
	served_set(f.served, names, true, 77);
	assert_int_equal(served_choose(f.served, "a.test", both), 77);
	served_set(f.served, names, true, 0);
	assert_found(&f, "a.test", both, old, false);
	int64_t rsa = add_certificate(&f, "a.test", "rsa-2048", "a.test");
	assert_int_equal(served_load(f.served, NULL), 0);
	assert_found(&f, "a.test", both, rsa, true);
	served_each_changed(f.served, note_name, &changed);
	assert_int_equal(strv_length(changed), 1);
	assert_string_equal(changed[0], "a.test");
	served_settle(f.served, names);
	assert_false(served_has_old(f.served, names));
	served_set(f.served, names, true, 0);
	assert_int_equal(served_choose(f.served, "a.test", both), 0);
	teardown(&f);
}

struct replaced_case {
	const char *name;
	const char *before; /* names that there is a certificate for */
	const char *domain; /* and what is wanted now */
	const char *sni;
	bool is_served;
};

static const struct replaced_case replaced_cases[] = {
	{ "a name became a wildcard", "x.b.test", "names = *.b.test", "x.b.test",
		true },
	{ "a wildcard became a name", "*.b.test", "names = x.b.test", "x.b.test",
		true },
	{ "and others are no longer wanted", "*.b.test", "names = x.b.test", "y.b.test",
		false },
	{ "a name was dropped", "x.b.test y.b.test", "names = x.b.test", "y.b.test",
		false },
	{ "and the others stay", "x.b.test y.b.test", "names = x.b.test", "x.b.test",
		true },
};

static void test_replaced_names(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(replaced_cases); i++) {
		const struct replaced_case *c = &replaced_cases[i];
		struct fixture f;
		_cleanup_(freep) char *text =
			xasprintf("authority ca {\n directory = https://ca.test/\n}\n"
				  "policy default {\n authority = ca\n}\n"
				  "domain b.test {\n %s\n}\n",
				c->domain);

		test_case(c->name);
		setup(&f);
		conf_unref(f.conf);
		f.conf = notes_load(f.host, text);
		int64_t id = add_certificate(&f, "b.test", "ecdsa-p256", c->before);
		assert_int_equal(served_load(f.served, NULL), 0);
		served_follow(f.served, f.conf);
		assert_found(
			&f, c->sni, LINK_CLIENT_ECDSA, c->is_served ? id : 0, false);
		teardown(&f);
	}
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

/* Beside the index in use: what is set or settled meanwhile is newer than the store. */
static void test_load_in_steps(void **state)
{
	const unsigned both = LINK_CLIENT_ECDSA | LINK_CLIENT_RSA;
	struct fixture f;
	char *const a[] = { (char *)"a.test", NULL };
	char *const new[] = { (char *)"new.test", NULL };
	unsigned n = 0;
	int r;

	setup(&f);
	int64_t old = add_certificate(&f, "a.test", "rsa-2048", "a.test");
	remove_slot(&f, "a.test", "rsa-2048");
	int64_t id = add_certificate(&f, "a.test", "ecdsa-p256", "a.test");
	for (unsigned i = 0; i < 100; i++) {
		_cleanup_(freep) char *name = xasprintf("x%u.test", i);
		add_certificate(&f, name, "ecdsa-p256", name);
	}
	served_follow(f.served, f.conf);
	assert_int_equal(served_load(f.served, NULL), 0);
	assert_true(served_has_old(f.served, a));
	assert_int_equal(served_load_step(f.served, NULL), 1);
	served_set(f.served, a, false, 4711);
	served_set(f.served, new, true, 4712);
	served_settle(f.served, a);
	do {
		assert_int_equal(served_choose(f.served, "a.test", both), 4711);
		assert_int_equal(served_choose(f.served, "new.test", both), 4712);
		n++;
		r = served_load_step(f.served, NULL);
	} while (r == 1);
	assert_int_equal(r, 0);
	assert_true(n > 3);
	assert_int_equal(served_choose(f.served, "a.test", both), 4711);
	assert_int_equal(served_choose(f.served, "new.test", both), 4712);
	assert_false(served_has_old(f.served, a));

	/* and another one that is begun and dropped changes nothing */
	assert_int_equal(served_load_step(f.served, NULL), 1);
	served_load_cancel(f.served);
	assert_int_equal(served_choose(f.served, "a.test", both), 4711);
	assert_int_equal(served_load(f.served, NULL), 0);
	assert_int_equal(served_choose(f.served, "a.test", both), id);
	assert_true(id != old && served_has_old(f.served, a));
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_lookup),
		test_with_log(test_stand_in),
		test_with_log(test_replaced_names),
		test_with_log(test_row_has_gone),
		test_with_log(test_names),
		test_with_log(test_load_in_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
