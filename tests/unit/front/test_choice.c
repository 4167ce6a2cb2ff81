/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * With what a hello is answered, for each kind of name and of setting; and what it costs
 * the manager, of many names that strangers make up and many that are served.
 */
#include <stdio.h>
#include <string.h>

#include "front/choice.h"
#include "tests/lib/test.h"
#include "tests/lib/test_ca.h"
#include "util/mem.h"

#define BOTH         (LINK_CLIENT_ECDSA | LINK_CLIENT_RSA)
#define CONTEXTS_MAX 16

struct fixture {
	struct test_ca *ca;
	struct front front;
	struct listener listener;
	struct tls_context *own, *wild, *placeholder;
};

static struct tls_context *make(struct test_ca *ca)
{
	_cleanup_(freep) char *chain = NULL;
	_cleanup_(freep) char *key = NULL;
	struct tls_context *context = NULL;

	test_ca_issue(ca, &(struct test_ca_leaf){ 0 }, &chain, &key);
	assert_int_equal(tls_context_new(&context, chain, key, NULL), 0);
	return context;
}

static void add_name(struct fixture *f, const char *name)
{
	names_add(&f->front.names, hash_bytes(&f->front.names.key, name, strlen(name)));
}

/* a.test and *.w.test are served and cached, cold.test is served. */
static int setup(void **state)
{
	struct fixture *f = xnew(struct fixture);
	struct hash_key key;

	hash_key_random(&key);
	f->ca = test_ca_new();
	f->own = make(f->ca);
	f->wild = make(f->ca);
	f->placeholder = make(f->ca);
	names_init(&f->front.names, &key);
	f->front.cache = cache_new(CONTEXTS_MAX);
	f->front.answers = answers_new();
	f->front.placeholder = f->placeholder;
	f->listener.front = &f->front;
	add_name(f, "a.test");
	add_name(f, "cold.test");
	add_name(f, "*.w.test");
	cache_put(f->front.cache, "a.test", f->own, 0);
	cache_put(f->front.cache, "*.w.test", f->wild, 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	cache_free(f->front.cache);
	answers_free(f->front.answers);
	names_done(&f->front.names);
	tls_context_unref(f->own);
	tls_context_unref(f->wild);
	tls_context_unref(f->placeholder);
	test_ca_free(f->ca);
	free(f);
	return 0;
}

enum shown {
	NOTHING,
	OWN,
	WILD,
	PLACEHOLDER,
};

/* What was said, and the listener's settings. name NULL: none is said; of ODD it is what
 * could not be read. */
static const struct {
	const char *name;
	enum hello_sni sni;
	const char *server_name;
	const char *default_name;
	bool rejects;
	enum choice_outcome outcome;
	enum shown shown;
	const char *key;
} cases[] = {
	/* clang-format off */
	{ "cached",               HELLO_SNI_NAME, "a.test",      NULL,        false, CHOICE_CONTEXT, OWN, "a.test" },
	{ "served, not cached",   HELLO_SNI_NAME, "cold.test",   NULL,        false, CHOICE_LOOKUP, NOTHING, "cold.test" },
	{ "the same, a default",  HELLO_SNI_NAME, "cold.test",   "a.test",    false, CHOICE_LOOKUP, NOTHING, "cold.test" },
	{ "the same, rejecting",  HELLO_SNI_NAME, "cold.test",   NULL,        true,  CHOICE_LOOKUP, NOTHING, "cold.test" },
	{ "wildcard",             HELLO_SNI_NAME, "x.w.test",    NULL,        false, CHOICE_CONTEXT, WILD, "*.w.test" },
	{ "two labels more",      HELLO_SNI_NAME, "x.y.w.test",  NULL,        false, CHOICE_CONTEXT, PLACEHOLDER, "" },
	{ "below the wildcard",   HELLO_SNI_NAME, "w.test",      NULL,        false, CHOICE_CONTEXT, PLACEHOLDER, "" },
	{ "below a name",         HELLO_SNI_NAME, "x.a.test",    NULL,        false, CHOICE_CONTEXT, PLACEHOLDER, "" },
	{ "unknown",              HELLO_SNI_NAME, "b.test",      NULL,        false, CHOICE_CONTEXT, PLACEHOLDER, "" },
	{ "unknown, a default",   HELLO_SNI_NAME, "b.test",      "a.test",    false, CHOICE_CONTEXT, OWN, "a.test" },
	{ "the default is cold",  HELLO_SNI_NAME, "b.test",      "cold.test", false, CHOICE_LOOKUP, NOTHING, "cold.test" },
	{ "its name is unknown",  HELLO_SNI_NAME, "b.test",      "c.test",    false, CHOICE_CONTEXT, PLACEHOLDER, "" },
	{ "of a wildcard",        HELLO_SNI_NAME, "b.test",      "x.w.test",  false, CHOICE_CONTEXT, WILD, "*.w.test" },
	{ "unknown, rejected",    HELLO_SNI_NAME, "b.test",      NULL,        true,  CHOICE_UNKNOWN_NAME, NOTHING, NULL },
	{ "the default is not for it", HELLO_SNI_NAME, "b.test", "a.test",    true,  CHOICE_UNKNOWN_NAME, NOTHING, NULL },
	{ "none",                 HELLO_SNI_NONE, NULL,          NULL,        false, CHOICE_CONTEXT, PLACEHOLDER, "" },
	{ "none, a default",      HELLO_SNI_NONE, NULL,          "a.test",    false, CHOICE_CONTEXT, OWN, "a.test" },
	{ "none, rejecting",      HELLO_SNI_NONE, NULL,          NULL,        true,  CHOICE_CONTEXT, PLACEHOLDER, "" },
	{ "none, both",           HELLO_SNI_NONE, NULL,          "a.test",    true,  CHOICE_CONTEXT, OWN, "a.test" },
	{ "an address",           HELLO_SNI_ODD,  "",            NULL,        false, CHOICE_CONTEXT, PLACEHOLDER, "" },
	{ "an address, a default", HELLO_SNI_ODD, "",            "a.test",    false, CHOICE_CONTEXT, OWN, "a.test" },
	{ "an address, rejected", HELLO_SNI_ODD,  "",            "a.test",    true,  CHOICE_UNKNOWN_NAME, NOTHING, NULL },
	/* clang-format on */
};

static void say(struct hello *hello, enum hello_sni sni, const char *name)
{
	*hello = (struct hello){ .sni = sni, .client = BOTH };
	if (name)
		snprintf(hello->name, sizeof(hello->name), "%s", name);
}

static void test_names(void **state)
{
	struct fixture *f = *state;
	struct tls_context *contexts[] = { NULL, f->own, f->wild, f->placeholder };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct choice choice;
		struct hello hello;

		test_case(cases[i].name);
		f->listener.settings.default_name = (char *)cases[i].default_name;
		f->listener.settings.unknown_sni = cases[i].rejects;
		say(&hello, cases[i].sni, cases[i].server_name);
		choice_make(&f->listener, &hello, &choice);
		assert_int_equal(choice.outcome, cases[i].outcome);
		assert_ptr_equal(choice.context, contexts[cases[i].shown]);
		if (cases[i].key)
			assert_string_equal(choice.key, cases[i].key);
	}
}

/* 64 bits each, so that none is met by chance; of several shapes. */
static void make_up(char *buf, size_t size, unsigned i)
{
	static const struct {
		const char *before, *behind;
	} shapes[] = {
		{ "", ".test" },
		{ "", ".x.w.test" },
		{ "www.", ".a.test" },
		{ "", "" },
		{ "cold.test.", "" },
	};

	unsigned long long v = (i + 1) * 0x9e3779b97f4a7c15ULL;

	snprintf(buf, size, "%s%llx%s", shapes[i % ARRAY_SIZE(shapes)].before, v,
		shapes[i % ARRAY_SIZE(shapes)].behind);
}

/* A million of them, and the manager hears of none; nor is anything kept. */
static void test_made_up_names(void **state)
{
	struct fixture *f = *state;
	size_t n_contexts = cache_count(f->front.cache);
	unsigned n_placeholders = 0;
	struct hello hello;

	f->listener.settings.default_name = NULL;
	f->listener.settings.unknown_sni = 0;
	say(&hello, HELLO_SNI_NAME, NULL);
	for (unsigned i = 0; i < 1000000; i++) {
		struct choice choice;

		make_up(hello.name, sizeof(hello.name), i);
		choice_make(&f->listener, &hello, &choice);
		n_placeholders += choice.outcome == CHOICE_CONTEXT &&
				  choice.context == f->placeholder;
	}
	assert_int_equal(n_placeholders, 1000000);
	assert_int_equal(cache_count(f->front.cache), n_contexts);
}

#define N_SERVED 20000

/* Asked for, answered, kept; and no more of them than may be. */
static void test_bounded(void **state)
{
	struct fixture *f = *state;
	unsigned n_lookups = 0, n_hits = 0;
	struct choice choice;
	struct hello hello;

	say(&hello, HELLO_SNI_NAME, NULL);
	for (unsigned i = 0; i < N_SERVED; i++) {
		snprintf(hello.name, sizeof(hello.name), "n%u.test", i);
		add_name(f, hello.name);
	}
	for (unsigned i = 0; i < N_SERVED; i++) {
		snprintf(hello.name, sizeof(hello.name), "n%u.test", i);
		choice_make(&f->listener, &hello, &choice);
		n_lookups += choice.outcome == CHOICE_LOOKUP;
		cache_put(f->front.cache, choice.key, f->own, BOTH);
		assert_true(cache_count(f->front.cache) <= CONTEXTS_MAX);
		/* The next of the same name finds it. */
		choice_make(&f->listener, &hello, &choice);
		n_hits += choice.outcome == CHOICE_CONTEXT && choice.context == f->own;
	}
	assert_int_equal(n_lookups, N_SERVED);
	assert_int_equal(n_hits, N_SERVED);
	/* The first has gone long ago, the last is there. */
	say(&hello, HELLO_SNI_NAME, "n0.test");
	choice_make(&f->listener, &hello, &choice);
	assert_int_equal(choice.outcome, CHOICE_LOOKUP);
	say(&hello, HELLO_SNI_NAME, "n19999.test");
	choice_make(&f->listener, &hello, &choice);
	assert_int_equal(choice.outcome, CHOICE_CONTEXT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_made_up_names),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
