/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a ticket resumes, and what not: by the keys that are derived, and by clients that
 * offer a good ticket at the wrong place or time.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "front/ticket.h"
#include "tests/unit/front/rig.h"

/* A rig with one listener, started. */
static struct rig *begin(const struct link_listener *listener, unsigned *ret_port)
{
	struct rig *rig = rig_new(NULL, 0);
	struct link_listener m = *listener;

	m.name = "imaps";
	m.protocol = LINK_PROTOCOL_IMAP;
	m.backend = rig->backend;
	*ret_port = rig_add_listener(rig, &m);
	rig_start(rig);
	return rig;
}

/* The ticket of a session; owned by the caller. */
static gnutls_datum_t take_ticket(
	struct rig *rig, const struct rig_client_params *params)
{
	struct rig_client *client = rig_client_open(rig, params);
	gnutls_datum_t ticket = { 0 };
	char c;

	int backend = rig_accept(rig);
	rig_write(rig, backend, "x", 1);
	/* Tickets of TLS 1.3 come before the first octet. */
	rig_client_read(client, &c, 1);
	assert_int_equal(gnutls_session_get_data2(client->session, &ticket), 0);
	rig_client_free(client);
	close(backend);
	return ticket;
}

static bool resumes(struct rig *rig, const struct rig_client_params *params)
{
	struct rig_client *client = rig_client_open(rig, params);
	bool is_resumed = gnutls_session_is_resumed(client->session);

	rig_client_free(client);
	close(rig_accept(rig));
	return is_resumed;
}

/* --- the keys ------------------------------------------------------------------------ */

static const struct {
	const char *name;
	const char *listener;
	const char *server_name;
	bool has_other_master, has_other_certificate;
	bool is_same; /* as of the first row */
} keys[] = {
	{ "the first", "imaps", "a.test", false, false, true },
	{ "the same again", "imaps", "a.test", false, false, true },
	{ "another listener", "https", "a.test", false, false, false },
	{ "another name", "imaps", "b.test", false, false, false },
	{ "the placeholder's", "imaps", "", false, false, false },
	{ "the same letters", "imapsa", ".test", false, false, false },
	{ "another master", "imaps", "a.test", true, false, false },
	{ "another certificate", "imaps", "a.test", false, true, false },
};

static struct tls_context *make_context(struct test_ca *ca)
{
	_cleanup_(freep) char *chain = NULL;
	_cleanup_(freep) char *key = NULL;
	struct tls_context *context = NULL;

	test_ca_issue(ca, &(struct test_ca_leaf){ 0 }, &chain, &key);
	assert_int_equal(tls_context_new(&context, chain, key, NULL), 0);
	return context;
}

static void test_derived(void **state)
{
	_cleanup_(test_ca_freep) struct test_ca *ca = test_ca_new();
	_cleanup_(tls_context_unrefp) struct tls_context *context = make_context(ca);
	_cleanup_(tls_context_unrefp) struct tls_context *other = make_context(ca);
	const uint8_t master[TICKET_KEY_BYTES] = "a master key";
	const uint8_t later[TICKET_KEY_BYTES] = "another one";
	uint8_t made[ARRAY_SIZE(keys)][TICKET_KEY_BYTES];

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		test_case(keys[i].name);
		assert_int_equal(
			ticket_key_derive(keys[i].has_other_master ? later : master,
				keys[i].listener, keys[i].server_name,
				keys[i].has_other_certificate ? other : context,
				made[i]),
			0);
		bool is_same = memcmp(made[i], made[0], sizeof(made[i])) == 0;
		assert_int_equal(is_same, keys[i].is_same);
	}
}

static void test_derived_of_long_names(void **state)
{
	_cleanup_(test_ca_freep) struct test_ca *ca = test_ca_new();
	_cleanup_(tls_context_unrefp) struct tls_context *context = make_context(ca);
	const uint8_t master[TICKET_KEY_BYTES] = "a master key";
	char listener[1024], name[DNAME_MAX + 1];
	uint8_t key[TICKET_KEY_BYTES];

	memset(listener, 'l', sizeof(listener));
	memset(name, 'n', sizeof(name));
	name[DNAME_MAX] = listener[255] = '\0';
	assert_int_equal(ticket_key_derive(master, listener, name, context, key), 0);
	/* Never cut off: two listeners would have one key. */
	listener[255] = 'l';
	listener[1023] = '\0';
	assert_int_equal(
		ticket_key_derive(master, listener, name, context, key), -ENAMETOOLONG);
}

/* --- clients --------------------------------------------------------------------------- */

static const char *const versions[] = {
	"NORMAL:-VERS-ALL:+VERS-TLS1.3",
	"NORMAL:-VERS-ALL:+VERS-TLS1.2",
};

/* Two names of two certificates, one listener, and a ticket for a.test. */
struct fixture {
	struct rig *rig;
	struct rig_client_params params;
	struct rig_certificate a, b;
	gnutls_datum_t ticket;
};

static void setup(struct fixture *f, const char *version)
{
	*f = (struct fixture){
		.params = { .name = "a.test", .priority = version },
	};
	f->rig =
		begin(&(struct link_listener){ .acme = true, .default_name = "b.test" },
			&f->params.port);
	rig_certify(f->rig, &f->a, 1, "a.test", 0);
	rig_certify(f->rig, &f->b, 2, "b.test", 0);
	rig_add_name(f->rig, "a.test");
	rig_add_name(f->rig, "b.test");
	rig_send_context(f->rig, 0, "a.test", &f->a);
	rig_send_context(f->rig, 0, "b.test", &f->b);
	f->ticket = take_ticket(f->rig, &f->params);
	f->params.resume = &f->ticket;
	assert_true(resumes(f->rig, &f->params));
}

static void teardown(struct fixture *f)
{
	gnutls_free(f->ticket.data);
	rig_certificate_done(&f->a);
	rig_certificate_done(&f->b);
	rig_free(f->rig);
}

static void take_another(struct fixture *f)
{
	f->params.resume = NULL;
	gnutls_free(f->ticket.data);
	f->ticket = take_ticket(f->rig, &f->params);
	f->params.resume = &f->ticket;
}

static void check_other_name(struct fixture *f)
{
	f->params.name = "b.test";
	assert_false(resumes(f->rig, &f->params));
	/* Nor where the very same certificate is served. */
	rig_send_context(f->rig, 0, "b.test", &f->a);
	assert_false(resumes(f->rig, &f->params));
	/* Nor as nobody, who is served with it, too. */
	f->params.name = NULL;
	assert_false(resumes(f->rig, &f->params));
	f->params.name = "a.test";
	assert_true(resumes(f->rig, &f->params));
	assert_int_equal(rig_get_stats(f->rig)->resumed, 2);
}

/* Of a wildcard, too, each name is its own. */
static void check_wildcard(struct fixture *f)
{
	rig_add_name(f->rig, "*.w.test");
	rig_send_context(f->rig, 0, "*.w.test", &f->a);
	f->params.name = "x.w.test";
	take_another(f);
	assert_true(resumes(f->rig, &f->params));
	f->params.name = "y.w.test";
	assert_false(resumes(f->rig, &f->params));
}

static void check_other_listener(struct fixture *f)
{
	const struct link_listener other = {
		.name = "pop3s",
		.protocol = LINK_PROTOCOL_POP3,
		.backend = f->rig->backend,
	};
	unsigned port = f->params.port;

	f->params.port = rig_add_listener(f->rig, &other);
	assert_false(resumes(f->rig, &f->params));
	take_another(f);
	assert_true(resumes(f->rig, &f->params));
	f->params.port = port;
	assert_false(resumes(f->rig, &f->params));
}

static void check_replaced(struct fixture *f)
{
	struct rig_certificate later;

	rig_certify(f->rig, &later, 3, "a.test", 0);
	rig_send_context(f->rig, 0, "a.test", &later);
	assert_false(resumes(f->rig, &f->params));
	take_another(f);
	assert_true(resumes(f->rig, &f->params));
	rig_certificate_done(&later);
}

/* The hello waits for the manager, and resumes all the same; or not, when the answer is
 * another certificate, or none. */
static void check_lookup(struct fixture *f)
{
	const struct {
		const struct rig_certificate *answer;
		bool is_resumed;
	} cases[] = { { &f->a, true }, { &f->b, false }, { NULL, false } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct frame frame;

		frame_init(&frame, LINK_CONTEXT_DROP, 0);
		link_name_pack("a.test", &frame);
		assert_int_equal(frame_stream_send(f->rig->link, &frame, NULL), 0);
		struct rig_client *client = rig_client_new(f->rig, &f->params);
		rig_until(f->rig, f->rig->n_lookups == i + 1);
		rig_send_context(
			f->rig, f->rig->lookups[i].request, "a.test", cases[i].answer);
		assert_int_equal(rig_client_handshake(client), 0);
		assert_int_equal(gnutls_session_is_resumed(client->session),
			cases[i].is_resumed);
		rig_client_free(client);
		close(rig_accept(f->rig));
	}
}

/* A CA must see the answer's certificate, whatever it offers. */
static void check_acme(struct fixture *f)
{
	struct rig_certificate answer;

	rig_certify(f->rig, &answer, 3, "a.test", 0);
	struct link_answer m = { .id = 1,
		.is_alpn = true,
		.name = "a.test",
		.chain_pem = answer.chain_pem,
		.key_pem = answer.key_pem };
	rig_send_answer(f->rig, &m);
	f->params.alpn[0] = "acme-tls/1";
	struct rig_client *client = rig_client_open(f->rig, &f->params);
	assert_false(gnutls_session_is_resumed(client->session));
	assert_true(rig_client_sees(client, &answer));
	assert_int_equal(rig_client_read_end(client), 0);
	assert_false(gnutls_session_get_flags(client->session) &
		     GNUTLS_SFLAGS_SESSION_TICKET);
	rig_client_free(client);
	f->params.alpn[0] = NULL;
	assert_true(resumes(f->rig, &f->params));
	rig_certificate_done(&answer);
}

static void send_key(struct rig *rig, const char *octets, size_t len)
{
	struct frame frame;

	frame_init(&frame, LINK_TICKET_KEY, BUF_SECRET);
	frame_add_bytes(&frame, 1, octets, len);
	assert_int_equal(frame_stream_send(rig->link, &frame, NULL), 0);
	rig_get_stats(rig); /* it has been read now */
}

static void check_rotated(struct fixture *f)
{
	static const char key[LINK_TICKET_KEY_BYTES + 1] = "the next master key";
	int backend;

	struct rig_client *old = rig_client_open(f->rig, &f->params);
	backend = rig_accept(f->rig);
	send_key(f->rig, key, LINK_TICKET_KEY_BYTES);
	assert_false(resumes(f->rig, &f->params));
	/* A session that was resumed before goes on. */
	rig_write(f->rig, backend, "y", 1);
	char c = 0;
	rig_client_read(old, &c, 1);
	assert_int_equal(c, 'y');
	rig_client_free(old);
	close(backend);
	take_another(f);
	assert_true(resumes(f->rig, &f->params));
	/* The same one once more changes nothing. */
	send_key(f->rig, key, LINK_TICKET_KEY_BYTES);
	assert_true(resumes(f->rig, &f->params));
}

/* What cannot be a key leaves the one that there is. */
static void check_malformed_key(struct fixture *f)
{
	static const size_t lengths[] = { 0, 1, LINK_TICKET_KEY_BYTES - 1,
		LINK_TICKET_KEY_BYTES + 1 };
	static const char key[LINK_TICKET_KEY_BYTES + 1] = "no key";

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		test_log_expect(LOG_LEVEL_ERROR, "message TICKET_KEY refused");
		send_key(f->rig, key, lengths[i]);
	}
	test_log_expect(LOG_LEVEL_ERROR, "message TICKET_KEY refused");
	rig_send_empty(f->rig, LINK_TICKET_KEY);
	assert_true(resumes(f->rig, &f->params));
}

/* Two that have one master: who has a ticket of the first goes on at the second. */
static void check_other_worker(struct fixture *f)
{
	struct rig_client_params params = f->params;
	struct rig *rig = begin(&(struct link_listener){ 0 }, &params.port);

	rig_add_name(rig, "a.test");
	rig_send_context(rig, 0, "a.test", &f->a);
	assert_true(resumes(rig, &params));
	send_key(rig, (const char[LINK_TICKET_KEY_BYTES]){ "next" },
		LINK_TICKET_KEY_BYTES);
	assert_false(resumes(rig, &params));
	send_key(f->rig, (const char[LINK_TICKET_KEY_BYTES]){ "next" },
		LINK_TICKET_KEY_BYTES);
	take_another(f);
	params.resume = &f->ticket;
	assert_true(resumes(rig, &params));
	rig_free(rig);
}

static void with_both(void (*check)(struct fixture *f))
{
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct fixture f;

		test_case(versions[i]);
		setup(&f, versions[i]);
		check(&f);
		teardown(&f);
	}
}

static void test_other_name(void **state)
{
	with_both(check_other_name);
}

static void test_wildcard(void **state)
{
	with_both(check_wildcard);
}

static void test_other_listener(void **state)
{
	with_both(check_other_listener);
}

static void test_replaced(void **state)
{
	with_both(check_replaced);
}

static void test_lookup(void **state)
{
	with_both(check_lookup);
}

static void test_acme(void **state)
{
	with_both(check_acme);
}

static void test_rotated(void **state)
{
	with_both(check_rotated);
}

static void test_malformed_key(void **state)
{
	with_both(check_malformed_key);
}

static void test_other_worker(void **state)
{
	with_both(check_other_worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_derived),
		test_with_log(test_derived_of_long_names),
		test_with_log(test_other_name),
		test_with_log(test_wildcard),
		test_with_log(test_other_listener),
		test_with_log(test_replaced),
		test_with_log(test_lookup),
		test_with_log(test_acme),
		test_with_log(test_rotated),
		test_with_log(test_malformed_key),
		test_with_log(test_other_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
