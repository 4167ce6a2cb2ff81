/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real hellos of GnuTLS's client, whole, cut and split, and hand-made ones. */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#include "front/hello.h"
#include "link/message.h"
#include "tests/lib/test.h"
#include "util/buf.h"
#include "util/macro.h"

#define BOTH (LINK_CLIENT_ECDSA | LINK_CLIENT_RSA)
#define V12  "NORMAL:-VERS-ALL:+VERS-TLS1.2"

struct client {
	const char *name;
	const char *priority;
	const char *server_name; /* NULL: none */
	const char *alpn[3];
	bool is_tls13;
	unsigned abilities;
	bool is_acme;
};

/* clang-format off */
static const struct client clients[] = {
	{ "ordinary", "NORMAL", "mail.example.org", { NULL }, true, BOTH },
	{ "no name", "NORMAL", NULL, { NULL }, true, BOTH },
	{ "alpn", "NORMAL", "a.test", { "h2", "http/1.1" }, true, BOTH },
	{ "acme", "NORMAL", "a.test", { "acme-tls/1" }, true, BOTH, true },
	{ "acme and more", "NORMAL", "a.test", { "acme-tls/1", "h2" }, true, BOTH },
	{ "1.2", V12, "a.test", { NULL }, false, BOTH },
	{ "1.2, RSA suites only", V12 ":-ECDHE-ECDSA", "a.test", { NULL }, false,
	  LINK_CLIENT_RSA },
	{ "1.2, ECDSA suites only", V12 ":-ECDHE-RSA:-DHE-RSA:-RSA", "a.test", { NULL },
	  false, LINK_CLIENT_ECDSA },
	{ "1.3, RSA signatures only",
	  "NORMAL:-VERS-ALL:+VERS-TLS1.3:-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256:"
	  "+SIGN-RSA-SHA256", "a.test", { NULL }, true, LINK_CLIENT_RSA },
	{ "1.3, ECDSA signatures only",
	  "NORMAL:-VERS-ALL:+VERS-TLS1.3:-SIGN-ALL:+SIGN-ECDSA-SECP256R1-SHA256",
	  "a.test", { NULL }, true, LINK_CLIENT_ECDSA },
	{ "no extensions to speak of", "NORMAL:-VERS-ALL:+VERS-TLS1.2:%NO_EXTENSIONS",
	  NULL, { NULL }, false, BOTH },
};

/* clang-format on */

static ssize_t on_push(gnutls_transport_ptr_t ptr, const void *data, size_t len)
{
	assert_int_equal(buf_append(ptr, data, len), 0);
	return (ssize_t)len;
}

static ssize_t on_pull(gnutls_transport_ptr_t ptr, void *data, size_t len)
{
	errno = EAGAIN;
	return -1;
}

static void make_hello(const struct client *client, struct buf *out)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_datum_t alpn[3];
	gnutls_session_t session;
	unsigned n_alpn = 0;

	gnutls_certificate_allocate_credentials(&credentials);
	gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
	assert_int_equal(
		gnutls_priority_set_direct(session, client->priority, NULL), 0);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
	if (client->server_name)
		gnutls_server_name_set(session, GNUTLS_NAME_DNS, client->server_name,
			strlen(client->server_name));
	for (; client->alpn[n_alpn]; n_alpn++) {
		alpn[n_alpn].data = (unsigned char *)client->alpn[n_alpn];
		alpn[n_alpn].size = (unsigned)strlen(client->alpn[n_alpn]);
	}
	if (n_alpn)
		gnutls_alpn_set_protocols(session, alpn, n_alpn, 0);
	gnutls_transport_set_ptr(session, out);
	gnutls_transport_set_push_function(session, on_push);
	gnutls_transport_set_pull_function(session, on_pull);
	assert_int_equal(gnutls_handshake(session), GNUTLS_E_AGAIN);
	gnutls_deinit(session);
	gnutls_certificate_free_credentials(credentials);
	assert_true(out->len > 40);
}

static const uint8_t *octets(const struct buf *buf)
{
	return (const uint8_t *)buf->data;
}

static void test_real(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		const struct client *c = &clients[i];
		struct buf wire = BUF_INIT(65536);
		struct hello hello;

		test_case(c->name);
		make_hello(c, &wire);
		assert_int_equal(hello_parse(octets(&wire), wire.len, &hello), 1);
		assert_int_equal(hello.is_tls13, c->is_tls13);
		assert_int_equal(hello.client, c->abilities);
		assert_int_equal(hello.is_acme, c->is_acme);
		assert_string_equal(hello.alpn, c->alpn[0] ? c->alpn[0] : "");
		assert_int_equal(
			hello.sni, c->server_name ? HELLO_SNI_NAME : HELLO_SNI_NONE);
		assert_string_equal(hello.name, c->server_name ? c->server_name : "");
		buf_done(&wire);
	}
}

/* Cut anywhere it is not complete, and never read beyond its end: each cut is a piece of
 * its own for the sanitizer's sake. */
static void test_truncated(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		struct buf wire = BUF_INIT(65536);

		make_hello(&clients[i], &wire);
		for (size_t n = 0; n < wire.len; n++) {
			struct hello hello;
			uint8_t *cut = malloc(n ? n : 1);
			assert_non_null(cut);
			memcpy(cut, wire.data, n);
			assert_int_equal(hello_parse(cut, n, &hello), 0);
			free(cut);
		}
		buf_done(&wire);
	}
}

/* The message of a hello in records of these sizes. */
static void put_in_records(
	const struct buf *wire, size_t first, size_t size, struct buf *out)
{
	const uint8_t *message = octets(wire) + 5;
	size_t left = wire->len - 5, n = first;

	while (left > 0) {
		n = MIN(n, left);
		buf_append(out, "\x16\x03\x01", 3);
		buf_append_be16(out, (uint16_t)n);
		buf_append(out, message, n);
		message += n;
		left -= n;
		n = size;
	}
}

static void test_records(void **state)
{
	struct buf wire = BUF_INIT(65536);
	struct hello whole, hello;

	make_hello(&clients[2], &wire);
	assert_int_equal(hello_parse(octets(&wire), wire.len, &whole), 1);
	for (size_t first = 1; first < wire.len - 5; first++) {
		struct buf split = BUF_INIT(65536);
		put_in_records(&wire, first, first % 3 ? 16384 : 100, &split);
		assert_int_equal(hello_parse(octets(&split), split.len, &hello), 1);
		assert_memory_equal(&hello, &whole, sizeof(hello));
		/* The same, cut by one octet. */
		assert_int_equal(hello_parse(octets(&split), split.len - 1, &hello), 0);
		buf_done(&split);
	}
	struct buf small = BUF_INIT(65536);
	put_in_records(&wire, 1, 1, &small);
	for (size_t n = 0; n < small.len; n++)
		assert_int_equal(hello_parse(octets(&small), n, &hello), 0);
	assert_int_equal(hello_parse(octets(&small), small.len, &hello), 1);
	assert_memory_equal(&hello, &whole, sizeof(hello));
	buf_done(&small);
	buf_done(&wire);
}

/* What follows the hello is not ours to judge. */
static void test_followed(void **state)
{
	struct buf wire = BUF_INIT(65536);
	struct hello hello;

	make_hello(&clients[0], &wire);
	buf_append(&wire, "\x17\x03\x03 early", 9);
	assert_int_equal(hello_parse(octets(&wire), wire.len, &hello), 1);
	assert_string_equal(hello.name, "mail.example.org");
	buf_done(&wire);
}

/* --- what does GnuTLS itself make of it? --------------------------------------------- */

struct gnutls_view {
	struct buf *in;
	char name[256];
	bool was_asked;
};

static ssize_t on_feed(gnutls_transport_ptr_t ptr, void *data, size_t len)
{
	struct gnutls_view *view = ptr;
	size_t n = MIN(len, view->in->len);

	if (n == 0) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(data, view->in->data, n);
	buf_consume(view->in, n);
	return (ssize_t)n;
}

static ssize_t on_drop(gnutls_transport_ptr_t ptr, const void *data, size_t len)
{
	return (ssize_t)len;
}

static int on_hello(gnutls_session_t session)
{
	struct gnutls_view *view = gnutls_session_get_ptr(session);
	size_t size = sizeof(view->name);
	unsigned type;

	view->was_asked = true;
	if (gnutls_server_name_get(session, view->name, &size, &type, 0) < 0)
		view->name[0] = '\0';
	return GNUTLS_E_NO_CERTIFICATE_FOUND; /* enough */
}

static void ask_gnutls(struct buf *wire, struct gnutls_view *view)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t session;

	*view = (struct gnutls_view){ .in = wire };
	gnutls_certificate_allocate_credentials(&credentials);
	gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NONBLOCK);
	gnutls_priority_set_direct(session, "NORMAL", NULL);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_session_set_ptr(session, view);
	gnutls_handshake_set_post_client_hello_function(session, on_hello);
	gnutls_transport_set_ptr(session, view);
	gnutls_transport_set_pull_function(session, on_feed);
	gnutls_transport_set_push_function(session, on_drop);
	gnutls_handshake(session);
	gnutls_deinit(session);
	gnutls_certificate_free_credentials(credentials);
}

static void test_agrees_with_gnutls(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		struct buf wire = BUF_INIT(65536);
		struct gnutls_view view;
		struct hello hello;

		test_case(clients[i].name);
		make_hello(&clients[i], &wire);
		assert_int_equal(hello_parse(octets(&wire), wire.len, &hello), 1);
		ask_gnutls(&wire, &view);
		assert_true(view.was_asked);
		assert_string_equal(view.name, hello.name);
		buf_done(&wire);
	}
}

/* --- hand-made ----------------------------------------------------------------------- */

struct made {
	const char *name;
	const char *extensions; /* their whole list */
	size_t len;
	int r;
	enum hello_sni sni;
	const char *server_name;
};

#define X(s) s, sizeof(s) - 1
/* clang-format off */
static const struct made made[] = {
	{ "none", X(""), 1, HELLO_SNI_NONE, "" },
	{ "upper case, trailing dot", X("\0\0\0\x0c\0\x0a\0\0\x07" "A.TEST."), 1,
	  HELLO_SNI_NAME, "a.test" },
	{ "an address", X("\0\0\0\x0e\0\x0c\0\0\x09" "192.0.2.1"), 1, HELLO_SNI_ODD, "" },
	{ "a NUL in the name", X("\0\0\0\x0b\0\x09\0\0\x06" "a\0test"), 1,
	  HELLO_SNI_ODD, "" },
	{ "another type of name", X("\0\0\0\x0a\0\x08\x01\0\x05" "xxxxx"), 1,
	  HELLO_SNI_NONE, "" },
	{ "two names", X("\0\0\0\x0a\0\x08\0\0\x01" "a\0\0\x01" "b"), -EPROTO },
	{ "an empty name", X("\0\0\0\x05\0\x03\0\0\0"), -EPROTO },
	{ "the list longer than its extension", X("\0\0\0\x05\0\x04\0\0\0"), -EPROTO },
	{ "octets behind the list", X("\0\0\0\x08\0\x04\0\0\x01" "aXX"), -EPROTO },
	{ "the name longer than its list", X("\0\0\0\x06\0\x04\0\0\x09" "a"), -EPROTO },
	{ "two extensions", X("\0\0\0\x06\0\x04\0\0\x01" "a\0\0\0\x06\0\x04\0\0\x01" "a"),
	  -EPROTO },
	{ "an extension too long", X("\0\0\0\x07\0\x04\0\0\x01" "a"), -EPROTO },
	{ "half an extension", X("\0\0\0"), -EPROTO },
	{ "ALPN, empty", X("\0\x10\0\x02\0\0"), -EPROTO },
	{ "ALPN, an empty protocol", X("\0\x10\0\x03\0\x01\0"), -EPROTO },
	{ "ALPN, not text", X("\0\x10\0\x04\0\x02\x01\n"), 1, HELLO_SNI_NONE, "" },
	{ "an odd number of octets of signatures", X("\0\x0d\0\x03\0\x01\x04"), -EPROTO },
	{ "an unknown extension", X("\xff\xff\0\x03" "abc"), 1, HELLO_SNI_NONE, "" },
};

/* clang-format on */

static void put_hello(struct buf *out, const char *extensions, size_t len)
{
	struct buf body = BUF_INIT(65536);

	buf_append_be16(&body, 0x0303);
	for (int i = 0; i < 32; i++)
		buf_append_u8(&body, (uint8_t)i);
	buf_append(&body, "\0", 1);           /* session */
	buf_append(&body, "\0\2\xc0\x2b", 4); /* suites */
	buf_append(&body, "\1\0", 2);         /* compressions */
	if (len > 0) {
		buf_append_be16(&body, (uint16_t)len);
		buf_append(&body, extensions, len);
	}
	buf_append(out, "\x16\x03\x01", 3);
	buf_append_be16(out, (uint16_t)(body.len + 4));
	buf_append_be32(out, (uint32_t)(1u << 24 | body.len));
	buf_append(out, body.data, body.len);
	buf_done(&body);
}

static void test_made(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		struct buf wire = BUF_INIT(65536);
		struct hello hello;

		test_case(made[i].name);
		put_hello(&wire, made[i].extensions, made[i].len);
		assert_int_equal(
			hello_parse(octets(&wire), wire.len, &hello), made[i].r);
		if (made[i].r == 1) {
			assert_int_equal(hello.sni, made[i].sni);
			assert_string_equal(hello.name, made[i].server_name);
			assert_true(hello.client != 0);
		}
		buf_done(&wire);
	}
}

/* clang-format off */
static const struct {
	const char *name;
	const char *data;
	size_t len;
	int r;
} garbage[] = {
	{ "nothing", X(""), 0 },
	{ "http", X("GET / HTTP/1.1\r\n"), -EPROTO },
	{ "one wrong octet", X("\x15"), -EPROTO },
	{ "version 2", X("\x16\x02"), -EPROTO },
	{ "an empty record", X("\x16\x03\x01\0\0"), -EPROTO },
	{ "a record too long", X("\x16\x03\x01\x40\x01"), -EPROTO },
	{ "not a ClientHello", X("\x16\x03\x01\x00\x40\x02"), -EPROTO },
	{ "a hello too long", X("\x16\x03\x01\x40\x00\x01\x00\x40\x00"), -EPROTO },
	{ "a hello of 16 MB", X("\x16\x03\x01\x40\x00\x01\xff\xff\xff"), -EPROTO },
	{ "shorter than its record", X("\x16\x03\x01\x00\x40\x01\x00\x00\x20"), -EPROTO },
	{ "an empty hello", X("\x16\x03\x01\x00\x04\x01\x00\x00\x00"), -EPROTO },
	{ "another record before its end",
	  X("\x16\x03\x01\x00\x05\x01\x00\x00\x20\x03\x15\x03\x01"), -EPROTO },
};

/* clang-format on */

static void test_garbage(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		struct hello hello;

		test_case(garbage[i].name);
		assert_int_equal(hello_parse((const uint8_t *)garbage[i].data,
					 garbage[i].len, &hello),
			garbage[i].r);
	}
}

/* A real hello with one octet changed: anything may come out, but nothing bad happen. */
static void test_mutated(void **state)
{
	struct buf wire = BUF_INIT(65536);

	make_hello(&clients[2], &wire);
	for (size_t i = 0; i < wire.len; i++) {
		for (unsigned v = 1; v < 256; v <<= 1) {
			struct hello hello;
			wire.data[i] ^= (char)v;
			int r = hello_parse(octets(&wire), wire.len, &hello);
			assert_true(r == 0 || r == 1 || r == -EPROTO);
			wire.data[i] ^= (char)v;
		}
	}
	buf_done(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_followed),
		cmocka_unit_test(test_agrees_with_gnutls),
		cmocka_unit_test(test_made),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_mutated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
