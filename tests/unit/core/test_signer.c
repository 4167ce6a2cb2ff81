/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The signer by a key in memory keeps the contract of an operation. */
#include <string.h>

#include "core/accounts/signer.h"
#include "tests/lib/fake_loop.h"
#include "tests/lib/test_log.h"
#include "util/mem.h"

struct fixture {
	struct loop *loop;
	struct signer *signer;
	const struct acme_signer *face;
	uint8_t expected[512];
	size_t expected_len;
};

struct waiter {
	struct fixture *f;
	void *op;
	unsigned n_done;
	bool is_right;
	bool drops; /* inside done */
};

/* RSA signs the same twice; ECDSA's length is what can be told. */
static void setup(struct fixture *f, enum key_type type)
{
	_cleanup_(key_freep) struct key *key = NULL;
	_cleanup_(freep) uint8_t *data = NULL;

	*f = (struct fixture){ .loop = fake_loop_new() };
	assert_int_equal(key_generate(&key, type, NULL), 0);
	assert_int_equal(
		key_sign_jws(key, "text", 4, &data, &f->expected_len, NULL), 0);
	assert_true(f->expected_len <= sizeof(f->expected));
	memcpy(f->expected, data, f->expected_len);
	assert_int_equal(signer_new(&f->signer, f->loop, key, NULL), 0);
	TAKE_PTR(key);
	f->face = signer_get(f->signer);
}

static void teardown(struct fixture *f)
{
	signer_free(f->signer);
	loop_free(f->loop);
}

static void on_signed(
	const uint8_t *signature, size_t len, const struct err *err, void *userdata)
{
	struct waiter *w = userdata;
	const struct fixture *f = w->f;

	w->n_done++;
	assert_null(err);
	w->is_right = len == f->expected_len &&
		      (strcmp(f->face->alg, "RS256") != 0 ||
			      memcmp(signature, f->expected, len) == 0);
	if (w->drops) {
		f->face->sign_cancel(f->face->userdata, w->op);
		w->op = NULL;
	}
}

static void sign(struct fixture *f, struct waiter *w)
{
	w->f = f;
	assert_int_equal(f->face->sign_start(
				 f->face->userdata, &w->op, "text", on_signed, w, NULL),
		0);
	assert_int_equal(w->n_done, 0);
}

struct key_case {
	const char *name;
	enum key_type type;
	const char *alg;
	const char *in_jwk;
};

static const struct key_case key_cases[] = {
	{ "ECDSA", KEY_ECDSA_P256, "ES256", "\"P-256\"" },
	{ "ECDSA 384", KEY_ECDSA_P384, "ES384", "\"P-384\"" },
	{ "RSA", KEY_RSA_2048, "RS256", "\"RSA\"" },
};

static void test_sign(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(key_cases); i++) {
		const struct key_case *c = &key_cases[i];
		struct waiter kept = { 0 }, dropped = { .drops = true }, never = { 0 };
		struct fixture f;

		test_case(c->name);
		setup(&f, c->type);
		assert_string_equal(f.face->alg, c->alg);
		assert_non_null(strstr(f.face->jwk, c->in_jwk));
		assert_int_equal(strlen(f.face->thumbprint), 43);
		sign(&f, &kept);
		sign(&f, &dropped);
		sign(&f, &never);
		f.face->sign_cancel(f.face->userdata, never.op);
		fake_loop_run_ready(f.loop);
		assert_int_equal(kept.n_done, 1);
		assert_true(kept.is_right);
		assert_int_equal(dropped.n_done, 1);
		assert_true(dropped.is_right);
		assert_int_equal(never.n_done, 0);
		f.face->sign_cancel(f.face->userdata, kept.op);
		teardown(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_sign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
