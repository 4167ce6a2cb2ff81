/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which certificate a client is shown, when it waits, and when it is refused. */
#include <string.h>
#include <unistd.h>

#include "pki/tls_context.h"
#include "tests/unit/front/rig.h"

#define RSA_ONLY "NORMAL:-VERS-ALL:+VERS-TLS1.2:-ECDHE-ECDSA"

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

static void expect_certificate(struct rig *rig, const struct rig_client_params *params,
	const struct rig_certificate *certificate)
{
	struct rig_client *client = rig_client_open(rig, params);

	assert_true(rig_client_sees(client, certificate));
	rig_client_free(client);
}

static void expect_alert(struct rig *rig, const struct rig_client_params *params,
	gnutls_alert_description_t alert)
{
	struct rig_client *client = rig_client_new(rig, params);

	assert_int_equal(rig_client_handshake(client), GNUTLS_E_FATAL_ALERT_RECEIVED);
	assert_int_equal(gnutls_alert_get(client->session), alert);
	rig_client_free(client);
}

static void test_placeholder(void **state)
{
	struct rig_client_params params = { .name = NULL };
	struct rig *rig = begin(&(struct link_listener){ 0 }, &params.port);

	expect_certificate(rig, &params, &rig->placeholder);
	params.name = "unknown.test";
	expect_certificate(rig, &params, &rig->placeholder);
	assert_int_equal(rig->n_lookups, 0);
	rig_free(rig);
}

static void test_context_by_name(void **state)
{
	struct rig_client_params params = { .name = "A.test" };
	struct rig_certificate a, b;
	struct rig *rig = begin(&(struct link_listener){ 0 }, &params.port);

	rig_certify(rig, &a, 1, "a.test", 0);
	rig_certify(rig, &b, 2, "*.b.test", 0);
	rig_add_name(rig, "a.test");
	rig_add_name(rig, "*.b.test");
	rig_send_context(rig, 0, "a.test", &a);
	assert_null(rig->last_error);
	rig_send_context(rig, 0, "*.b.test", &b);
	expect_certificate(rig, &params, &a);
	params.name = "x.b.test";
	expect_certificate(rig, &params, &b);
	params.name = "x.y.b.test";
	expect_certificate(rig, &params, &rig->placeholder);
	assert_int_equal(rig->n_lookups, 0);
	rig_certificate_done(&a);
	rig_certificate_done(&b);
	rig_free(rig);
}

static void test_lookup_is_shared(void **state)
{
	struct rig_client_params params = { .name = "a.test", .alpn = { "imap" } };
	struct rig_client *client[3];
	struct rig_certificate a;
	struct rig *rig = begin(&(struct link_listener){ 0 }, &params.port);

	rig_certify(rig, &a, 1, "a.test", 0);
	rig_add_name(rig, "a.test");
	for (int i = 0; i < 3; i++)
		client[i] = rig_client_new(rig, &params);
	rig_until(rig, rig->n_lookups > 0);
	for (int i = 0; i < 20; i++)
		rig_turn(rig);
	assert_int_equal(rig->n_lookups, 1);
	assert_string_equal(rig->lookups[0].name, "a.test");
	assert_string_equal(rig->lookups[0].listener, "imaps");
	assert_string_equal(rig->lookups[0].alpn, "imap");
	assert_int_equal(rig->lookups[0].client, LINK_CLIENT_ECDSA | LINK_CLIENT_RSA);
	rig_send_context(rig, rig->lookups[0].request, "a.test", &a);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rig_client_handshake(client[i]), 0);
		assert_true(rig_client_sees(client[i], &a));
		rig_client_free(client[i]);
	}
	/* And is cached. */
	expect_certificate(rig, &params, &a);
	assert_int_equal(rig->n_lookups, 1);
	rig_certificate_done(&a);
	rig_free(rig);
}

static void test_no_certificate_yet(void **state)
{
	struct rig_client_params params = { .name = "a.test" };
	struct rig *rig = begin(&(struct link_listener){ 0 }, &params.port);

	rig_add_name(rig, "a.test");
	for (unsigned i = 0; i < 2; i++) {
		struct rig_client *client = rig_client_new(rig, &params);
		rig_until(rig, rig->n_lookups == i + 1);
		rig_send_context(rig, rig->lookups[i].request, "a.test", NULL);
		assert_int_equal(rig_client_handshake(client), 0);
		assert_true(rig_client_sees(client, &rig->placeholder));
		rig_client_free(client);
	}
	rig_free(rig);
}

/* The wait ends at the deadline, and never with another name's certificate. */
static void test_lookup_not_answered(void **state)
{
	struct rig_client_params params = { .name = "a.test" };
	struct rig_certificate b;
	struct rig *rig = begin(
		&(struct link_listener){ .handshake_timeout_usec = 60 * USEC_PER_MSEC,
			.default_name = "b.test" },
		&params.port);

	rig_certify(rig, &b, 1, "b.test", 0);
	rig_add_name(rig, "a.test");
	rig_add_name(rig, "b.test");
	rig_send_context(rig, 0, "b.test", &b);
	struct rig_client *client = rig_client_new(rig, &params);
	assert_int_equal(rig_client_handshake(client), GNUTLS_E_PREMATURE_TERMINATION);
	assert_int_equal(rig->n_lookups, 1);
	assert_int_equal(rig_get_stats(rig)->timeouts, 1);
	rig_client_free(client);
	/* The late answer is of use to the next one. */
	rig_send_context(rig, rig->lookups[0].request, "a.test", &b);
	params.name = "a.test";
	expect_certificate(rig, &params, &b);
	rig_certificate_done(&b);
	rig_free(rig);
}

static void test_useless_answer(void **state)
{
	struct rig_client_params params = { .name = "a.test" };
	struct rig *rig = begin(&(struct link_listener){ 0 }, &params.port);
	struct rig_certificate bad = { .id = 1, .chain_pem = "x", .key_pem = "y" };

	rig_add_name(rig, "a.test");
	struct rig_client *client = rig_client_new(rig, &params);
	rig_until(rig, rig->n_lookups == 1);
	test_log_expect(LOG_LEVEL_ERROR, "message CONTEXT refused");
	rig_send_context(rig, rig->lookups[0].request, "a.test", &bad);
	assert_int_equal(rig_client_handshake(client), GNUTLS_E_FATAL_ALERT_RECEIVED);
	assert_int_equal(gnutls_alert_get(client->session), GNUTLS_A_INTERNAL_ERROR);
	rig_client_free(client);
	rig_free(rig);
}

static void test_unknown_name_rejected(void **state)
{
	struct rig_client_params params = { .name = "unknown.test" };
	struct rig *rig =
		begin(&(struct link_listener){ .unknown_sni = 1 }, &params.port);

	expect_alert(rig, &params, GNUTLS_A_UNRECOGNIZED_NAME);
	assert_int_equal(rig_get_stats(rig)->rejected, 1);
	/* No name at all is not an unknown one. */
	params.name = NULL;
	expect_certificate(rig, &params, &rig->placeholder);
	assert_int_equal(rig->n_lookups, 0);
	rig_free(rig);
}

static void test_default_name(void **state)
{
	struct rig_client_params params = { .name = "unknown.test" };
	struct rig_certificate a;
	struct rig *rig = begin(
		&(struct link_listener){ .default_name = "a.test" }, &params.port);

	/* Not served (yet). */
	expect_certificate(rig, &params, &rig->placeholder);
	rig_certify(rig, &a, 1, "a.test", 0);
	rig_add_name(rig, "a.test");
	struct rig_client *client = rig_client_new(rig, &params);
	rig_until(rig, rig->n_lookups == 1);
	assert_string_equal(rig->lookups[0].name, "a.test");
	rig_send_context(rig, rig->lookups[0].request, "a.test", &a);
	assert_int_equal(rig_client_handshake(client), 0);
	assert_true(rig_client_sees(client, &a));
	rig_client_free(client);
	params.name = NULL;
	expect_certificate(rig, &params, &a);
	rig_certificate_done(&a);
	rig_free(rig);
}

static void test_rsa_client(void **state)
{
	struct rig_client_params params = { .name = "a.test", .priority = RSA_ONLY };
	struct rig_certificate rsa, ecdsa;
	struct rig *rig = begin(&(struct link_listener){ 0 }, &params.port);

	rig_certify(rig, &ecdsa, 1, "a.test", 0);
	rig_certify(rig, &rsa, 2, "a.test", TEST_CA_RSA);
	rig_add_name(rig, "a.test");
	rig_send_context(rig, 0, "a.test", &ecdsa);
	struct rig_client *client = rig_client_new(rig, &params);
	rig_until(rig, rig->n_lookups == 1);
	assert_int_equal(rig->lookups[0].client, LINK_CLIENT_RSA);
	rig_send_context(rig, rig->lookups[0].request, "a.test", &rsa);
	assert_int_equal(rig_client_handshake(client), 0);
	assert_true(rig_client_sees(client, &rsa));
	rig_client_free(client);
	expect_certificate(rig, &params, &rsa);
	params.priority = NULL;
	expect_certificate(rig, &params, &ecdsa);
	assert_int_equal(rig->n_lookups, 1);
	rig_certificate_done(&rsa);
	rig_certificate_done(&ecdsa);
	rig_free(rig);
}

/* A group of the client's only key share that we do not take: the answer to its first
 * hello asks for another one. With the context at hand, and after a look-up. */
static void check_hello_retry(bool is_cached)
{
	struct rig *rig = rig_new(TLS_CONTEXT_PRIORITY ":-GROUP-FFDHE2048", 0);
	struct rig_client_params params = {
		.name = "a.test",
		.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-FFDHE2048:"
			    "+GROUP-X25519",
		.init_flags = GNUTLS_KEY_SHARE_TOP,
	};
	struct rig_certificate a;

	params.port = rig_add_listener(rig, &(struct link_listener){ .name = "imaps",
						    .protocol = LINK_PROTOCOL_IMAP,
						    .backend = rig->backend });
	rig_start(rig);
	rig_certify(rig, &a, 1, "a.test", 0);
	rig_add_name(rig, "a.test");
	if (is_cached)
		rig_send_context(rig, 0, "a.test", &a);
	struct rig_client *client = rig_client_new(rig, &params);
	if (!is_cached) {
		rig_until(rig, rig->n_lookups == 1);
		rig_send_context(rig, rig->lookups[0].request, "a.test", &a);
	}
	assert_int_equal(rig_client_handshake(client), 0);
	assert_true(rig_client_sees(client, &a));
	assert_int_equal(gnutls_group_get(client->session), GNUTLS_GROUP_X25519);
	assert_int_equal(rig->n_lookups, is_cached ? 0 : 1);
	rig_client_free(client);
	rig_certificate_done(&a);
	rig_free(rig);
}

static void test_hello_retry(void **state)
{
	check_hello_retry(false);
	check_hello_retry(true);
}

static void test_alpn(void **state)
{
	char *alpn[] = { "h2", "http/1.1", NULL };
	struct rig_client_params params = { .name = NULL, .alpn = { "http/1.1" } };
	struct rig *rig = begin(&(struct link_listener){ .alpn = alpn }, &params.port);
	gnutls_datum_t selected;

	struct rig_client *client = rig_client_open(rig, &params);
	assert_int_equal(
		gnutls_alpn_get_selected_protocol(client->session, &selected), 0);
	assert_int_equal(selected.size, 8);
	rig_client_free(client);
	params.alpn[0] = "spdy";
	expect_alert(rig, &params, GNUTLS_A_NO_APPLICATION_PROTOCOL);
	params.alpn[0] = NULL;
	expect_certificate(rig, &params, &rig->placeholder);
	assert_int_equal(rig_get_stats(rig)->failed, 1);
	rig_free(rig);
}

/* --- acme-tls/1 ---------------------------------------------------------------------- */

static const struct {
	const char *name;
	bool listener_has_acme;
	const char *server_name;
	const char *alpn[3];
	bool is_answered;
	bool is_refused; /* else it is an ordinary client */
} acme_cases[] = {
	{ "pending", true, "a.test", { "acme-tls/1" }, true, false },
	{ "not a listener for it", false, "a.test", { "acme-tls/1" }, false, true },
	{ "not pending", true, "b.test", { "acme-tls/1" }, false, true },
	{ "no name", true, NULL, { "acme-tls/1" }, false, true },
	{ "not alone", true, "a.test", { "acme-tls/1", "h2" }, false, false },
	{ "not offered", true, "a.test", { "h2" }, false, false },
};

static void check_acme(struct rig *rig, struct rig_client_params *params, size_t i,
	const struct rig_certificate *answer, const struct rig_certificate *own)
{
	params->name = acme_cases[i].server_name;
	memcpy(params->alpn, acme_cases[i].alpn, sizeof(params->alpn));
	if (acme_cases[i].is_refused) {
		expect_alert(rig, params, GNUTLS_A_NO_APPLICATION_PROTOCOL);
		return;
	}
	if (!acme_cases[i].is_answered) {
		expect_certificate(rig, params, own);
		return;
	}
	struct rig_client *client = rig_client_open(rig, params);
	gnutls_datum_t selected;
	assert_true(rig_client_sees(client, answer));
	assert_int_equal(
		gnutls_alpn_get_selected_protocol(client->session, &selected), 0);
	assert_memory_equal(selected.data, "acme-tls/1", 10);
	/* And then closed. */
	assert_int_equal(rig_client_read_end(client), 0);
	assert_false(gnutls_session_get_flags(client->session) &
		     GNUTLS_SFLAGS_SESSION_TICKET);
	rig_client_free(client);
}

static void test_acme(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(acme_cases); i++) {
		struct rig_client_params params = { 0 };
		struct rig_certificate answer, own;
		struct rig *rig = begin(
			&(struct link_listener){
				.acme = acme_cases[i].listener_has_acme },
			&params.port);

		test_case(acme_cases[i].name);
		rig_certify(rig, &answer, 1, "a.test", 0);
		rig_certify(rig, &own, 2, "a.test", 0);
		rig_add_name(rig, "a.test");
		rig_send_context(rig, 0, "a.test", &own);
		struct link_answer m = { .id = 1,
			.is_alpn = true,
			.name = "a.test",
			.chain_pem = answer.chain_pem,
			.key_pem = answer.key_pem };
		rig_send_answer(rig, &m);
		assert_null(rig->last_error);
		check_acme(rig, &params, i, &answer, &own);
		assert_int_equal(
			rig_get_stats(rig)->acme_answered, acme_cases[i].is_answered);
		/* Withdrawn, nobody is answered any more. */
		rig_drop_answer(rig, &m);
		params = (struct rig_client_params){
			.port = params.port, .name = "a.test", .alpn = { "acme-tls/1" }
		};
		expect_alert(rig, &params, GNUTLS_A_NO_APPLICATION_PROTOCOL);
		rig_certificate_done(&answer);
		rig_certificate_done(&own);
		rig_free(rig);
	}
}

/* --- hellos that are none ------------------------------------------------------------ */

static void test_not_tls(void **state)
{
	unsigned port;
	struct rig *rig = begin(&(struct link_listener){ 0 }, &port);

	int fd = rig_connect(rig, port);
	rig_write(rig, fd, "GET / HTTP/1.0\r\n\r\n", 18);
	assert_true(rig_is_closed(rig, fd));
	close(fd);
	assert_int_equal(rig_get_stats(rig)->failed, 1);
	rig_free(rig);
}

static void test_silent_client(void **state)
{
	unsigned port;
	struct rig *rig = begin(
		&(struct link_listener){ .handshake_timeout_usec = 40 * USEC_PER_MSEC },
		&port);

	int fd = rig_connect(rig, port);
	assert_true(rig_is_closed(rig, fd));
	close(fd);
	fd = rig_connect(rig, port);
	/* Neither does the beginning of a hello help. */
	rig_write(rig, fd, "\x16\x03\x01\x02", 4);
	assert_true(rig_is_closed(rig, fd));
	close(fd);
	assert_int_equal(rig_get_stats(rig)->timeouts, 2);
	rig_free(rig);
}

static void test_newest_is_closed(void **state)
{
	struct rig *rig = rig_new(NULL, 1);
	const struct link_listener m = {
		.name = "imaps", .backend = rig->backend, .protocol = LINK_PROTOCOL_IMAP
	};
	struct rig_client_params params = { .port = rig_add_listener(rig, &m) };

	rig_start(rig);
	struct rig_client *client = rig_client_open(rig, &params);
	int fd = rig_connect(rig, params.port);
	assert_true(rig_is_closed(rig, fd));
	close(fd);
	int backend = rig_accept(rig);
	rig_write(rig, backend, "x", 1);
	char c;
	rig_client_read(client, &c, 1);
	rig_client_free(client);
	close(backend);
	rig_until(rig, rig_get_stats(rig)->connections == 0);
	client = rig_client_open(rig, &params);
	rig_client_free(client);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_placeholder),
		test_with_log(test_context_by_name),
		test_with_log(test_lookup_is_shared),
		test_with_log(test_no_certificate_yet),
		test_with_log(test_lookup_not_answered),
		test_with_log(test_useless_answer),
		test_with_log(test_unknown_name_rejected),
		test_with_log(test_default_name),
		test_with_log(test_rsa_client),
		test_with_log(test_hello_retry),
		test_with_log(test_alpn),
		test_with_log(test_acme),
		test_with_log(test_not_tls),
		test_with_log(test_silent_client),
		test_with_log(test_newest_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
