/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "link/message.h"
#include "tests/lib/test.h"
#include "util/mem.h"

/* What the other side would see of a frame. */
static struct frame_view view_of(struct frame *frame)
{
	assert_int_equal(frame->error, 0);
	return (struct frame_view){
		.type = frame->type,
		.fields = (const uint8_t *)frame->fields.data,
		.len = frame->fields.len,
		.fds = frame->fds,
		.n_fds = frame->n_fds,
	};
}

static void test_configure(void **state)
{
	char *networks[] = { "192.0.2.0/24", "::1", NULL };
	struct link_configure in = {
		.names_key.k = "0123456789abcde",
		.ticket_key = "tickets",
		.placeholder_chain_pem = "chain",
		.placeholder_key_pem = "key",
		.max_contexts = 1000,
		.max_connections = 70000,
		.max_handshakes = 5,
		.address_connections = 6,
		.address_rate = 7,
		.limit_exceptions = networks,
		.log_level = 7,
	};
	struct link_configure out;
	struct frame frame;

	frame_init(&frame, LINK_CONFIGURE, BUF_SECRET);
	link_configure_pack(&in, &frame);
	struct frame_view view = view_of(&frame);
	assert_int_equal(link_configure_unpack(&view, &out, NULL), 0);
	assert_memory_equal(&in.names_key, &out.names_key, sizeof(in.names_key));
	assert_memory_equal(in.ticket_key, out.ticket_key, sizeof(in.ticket_key));
	assert_string_equal(out.placeholder_chain_pem, "chain");
	assert_string_equal(out.placeholder_key_pem, "key");
	assert_int_equal(out.max_contexts, 1000);
	assert_int_equal(out.max_connections, 70000);
	assert_int_equal(out.max_handshakes, 5);
	assert_int_equal(out.address_connections, 6);
	assert_int_equal(out.address_rate, 7);
	assert_int_equal(strv_length(out.limit_exceptions), 2);
	assert_string_equal(out.limit_exceptions[1], "::1");
	assert_int_equal(out.log_level, 7);
	link_configure_done(&out);
	frame_done(&frame);
}

static void test_listener(void **state)
{
	char *alpn[] = { "h2", "http/1.1", NULL };
	char *proxy_from[] = { "192.0.2.0/24", "[::1]", NULL };
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct link_listener in = {
		.name = "imaps#2",
		.fd = fd,
		.protocol = LINK_PROTOCOL_IMAP,
		.backend = "127.0.0.1:143",
		.proxy_protocol = 1,
		.unknown_sni = 1,
		.default_name = "mail.example.org",
		.acme = true,
		.alpn = alpn,
		.redirect_port = ":8443",
		.handshake_timeout_usec = 5 * USEC_PER_SEC,
		.idle_timeout_usec = USEC_PER_HOUR,
		.connect_timeout_usec = USEC_PER_SEC,
		.proxy_from = proxy_from,
	};
	struct link_listener out;
	struct frame frame;

	frame_init(&frame, LINK_LISTENER, 0);
	link_listener_pack(&in, &frame);
	struct frame_view view = view_of(&frame);
	assert_int_equal(link_listener_unpack(&view, &out, NULL), 0);
	assert_string_equal(out.name, "imaps#2");
	assert_true(out.fd >= 0 && out.fd != fd);
	assert_int_equal(out.protocol, LINK_PROTOCOL_IMAP);
	assert_string_equal(out.backend, "127.0.0.1:143");
	assert_int_equal(out.proxy_protocol, 1);
	assert_int_equal(out.unknown_sni, 1);
	assert_int_equal(out.tls, 0);
	assert_string_equal(out.default_name, "mail.example.org");
	assert_true(out.acme);
	assert_int_equal(strv_length(out.alpn), 2);
	assert_string_equal(out.alpn[1], "http/1.1");
	assert_string_equal(out.redirect_port, ":8443");
	assert_int_equal(out.idle_timeout_usec, USEC_PER_HOUR);
	assert_int_equal(strv_length(out.proxy_from), 2);
	assert_string_equal(out.proxy_from[1], "[::1]");
	link_listener_done(&out);
	/* Without a descriptor it is refused. */
	view.n_fds = 0;
	assert_int_equal(link_listener_unpack(&view, &out, NULL), -EPROTO);
	assert_null(out.name);
	frame_done(&frame);
	close(fd);
}

static void test_names(void **state)
{
	const uint64_t hash[] = { 1, UINT64_MAX, 0x0102030405060708 };
	struct link_names in = { .hash = hash, .n = ARRAY_SIZE(hash) };
	struct link_names out;
	struct frame frame;

	frame_init(&frame, LINK_NAMES_ADD, 0);
	link_names_pack(&in, &frame);
	struct frame_view view = view_of(&frame);
	assert_int_equal(link_names_unpack(&view, &out, NULL), 0);
	assert_int_equal(out.n, 3);
	assert_memory_equal(out.hash, hash, sizeof(hash));
	link_names_done(&out);
	frame_done(&frame);

	in.n = LINK_NAMES_PER_FRAME + 1;
	frame_init(&frame, LINK_NAMES_ADD, 0);
	link_names_pack(&in, &frame);
	assert_int_equal(frame.error, -E2BIG);
	frame_done(&frame);
}

static void test_stats(void **state)
{
	struct link_stats in, out;
	struct frame frame;
	uint64_t *number = (uint64_t *)&in;

	for (size_t i = 0; i < sizeof(in) / sizeof(*number); i++)
		number[i] = i + 1;
	frame_init(&frame, LINK_STATS, 0);
	link_stats_pack(&in, &frame);
	struct frame_view view = view_of(&frame);
	assert_int_equal(link_stats_unpack(&view, &out, NULL), 0);
	/* Every member has a row of its own. */
	assert_memory_equal(&in, &out, sizeof(in));
	frame_done(&frame);
}

static void test_others(void **state)
{
	struct link_lookup lookup = {
		.request = 9, .listener = "imaps", .name = "a.test", .client = 3
	};
	struct link_context_ack context_ack = {
		.certificate_id = 4, .name = "*.a.test", .error = "no"
	};
	struct link_ack ack = { .id = 5 };
	struct frame frame;
	struct frame_view view;
	usec_t usec = 0;
	char *name = NULL;

	frame_init(&frame, LINK_LOOKUP, 0);
	link_lookup_pack(&lookup, &frame);
	view = view_of(&frame);
	memset(&lookup, 0, sizeof(lookup));
	assert_int_equal(link_lookup_unpack(&view, &lookup, NULL), 0);
	assert_int_equal(lookup.request, 9);
	assert_int_equal(lookup.client, LINK_CLIENT_ECDSA | LINK_CLIENT_RSA);
	assert_null(lookup.alpn);
	link_lookup_done(&lookup);
	frame_done(&frame);

	frame_init(&frame, LINK_CONTEXT_ACK, 0);
	link_context_ack_pack(&context_ack, &frame);
	view = view_of(&frame);
	assert_int_equal(link_context_ack_unpack(&view, &context_ack, NULL), 0);
	assert_string_equal(context_ack.name, "*.a.test");
	assert_string_equal(context_ack.error, "no");
	link_context_ack_done(&context_ack);
	frame_done(&frame);

	frame_init(&frame, LINK_ANSWER_ACK, 0);
	link_ack_pack(&ack, &frame);
	view = view_of(&frame);
	assert_int_equal(link_ack_unpack(&view, &ack, NULL), 0);
	assert_null(ack.error);
	link_ack_done(&ack);
	frame_done(&frame);

	frame_init(&frame, LINK_DRAIN, 0);
	link_duration_pack(77, &frame);
	view = view_of(&frame);
	assert_int_equal(link_duration_unpack(&view, &usec, NULL), 0);
	assert_int_equal(usec, 77);
	frame_done(&frame);

	frame_init(&frame, LINK_LISTENER_DROP, 0);
	link_name_pack("imaps#2", &frame);
	view = view_of(&frame);
	assert_int_equal(link_name_unpack(&view, &name, NULL), 0);
	assert_string_equal(name, "imaps#2");
	free(name);
	frame_done(&frame);
}

static const struct {
	const char *name;
	struct link_context m;
	int r;
} contexts[] = {
	{ "a push", { 0, 7, "a.test", true, "chain", "key" }, 0 },
	{ "a reply", { 3, 7, "*.a.test", false, "chain", "key" }, 0 },
	{ "nothing found", { .request = 3, .name = "a.test" }, 0 },
	{ "nothing pushed", { .name = "a.test" }, -EPROTO },
	{ "no key", { 0, 7, "a.test", false, "chain", NULL }, -EPROTO },
	{ "no name", { 0, 7, NULL, false, "chain", "key" }, -EPROTO },
	{ "not a name", { 0, 7, "a/b", false, "chain", "key" }, -EPROTO },
	{ "upper case", { 0, 7, "A.test", false, "chain", "key" }, -EPROTO },
};

static void test_context(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(contexts); i++) {
		const struct link_context *in = &contexts[i].m;
		struct link_context out;
		struct frame frame;

		test_case(contexts[i].name);
		frame_init(&frame, LINK_CONTEXT, BUF_SECRET);
		link_context_pack(in, &frame);
		struct frame_view view = view_of(&frame);
		assert_int_equal(link_context_unpack(&view, &out, NULL), contexts[i].r);
		if (contexts[i].r == 0) {
			assert_int_equal(out.request, in->request);
			assert_int_equal(out.is_rsa, in->is_rsa);
			assert_string_equal(out.name, in->name);
			link_context_done(&out);
		}
		assert_null(out.key_pem);
		frame_done(&frame);
	}
}

static void test_answer(void **state)
{
	struct link_answer in = {
		.id = 1, .name = "a.test", .token = "t", .content = "c"
	};
	struct link_answer out;
	struct frame frame;

	frame_init(&frame, LINK_ANSWER, BUF_SECRET);
	link_answer_pack(&in, &frame);
	struct frame_view view = view_of(&frame);
	assert_int_equal(link_answer_unpack(&view, &out, NULL), 0);
	assert_string_equal(out.content, "c");
	link_answer_done(&out);
	frame_done(&frame);

	in.token = NULL;
	frame_init(&frame, LINK_ANSWER, BUF_SECRET);
	link_answer_pack(&in, &frame);
	view = view_of(&frame);
	assert_int_equal(link_answer_unpack(&view, &out, NULL), -EPROTO);
	frame_done(&frame);
}

/* Which lengths are taken; -1: the field is not there. */
static const struct {
	const char *name;
	int len;
	int r;
} ticket_keys[] = {
	{ "right", LINK_TICKET_KEY_BYTES, 0 },
	{ "missing", -1, -EPROTO },
	{ "empty", 0, -EPROTO },
	{ "short", LINK_TICKET_KEY_BYTES - 1, -EPROTO },
	{ "long", LINK_TICKET_KEY_BYTES + 1, -EPROTO },
};

static void test_ticket_key(void **state)
{
	uint8_t octets[LINK_TICKET_KEY_BYTES + 1];
	const struct link_ticket_key none = { 0 };

	memset(octets, 'k', sizeof(octets));
	for (size_t i = 0; i < ARRAY_SIZE(ticket_keys); i++) {
		struct link_ticket_key out;
		struct frame frame;

		test_case(ticket_keys[i].name);
		frame_init(&frame, LINK_TICKET_KEY, BUF_SECRET);
		if (ticket_keys[i].len >= 0)
			frame_add_bytes(&frame, 1, octets, (size_t)ticket_keys[i].len);
		struct frame_view view = view_of(&frame);
		int r = link_ticket_key_unpack(&view, &out, NULL);
		assert_int_equal(r, ticket_keys[i].r);
		if (r == 0)
			assert_memory_equal(out.key, octets, sizeof(out.key));
		link_ticket_key_done(&out);
		/* Nothing of it is left. */
		assert_memory_equal(&out, &none, sizeof(none));
		frame_done(&frame);
	}
}

static void add_u64(struct frame *frame, uint64_t v)
{
	frame_add_u64(frame, 4, v);
}

static void add_short(struct frame *frame, uint64_t v)
{
	frame_add_bytes(frame, 4, "1234", 4);
}

static void add_unknown(struct frame *frame, uint64_t v)
{
	frame_add_bytes(frame, 999, "x", 1);
}

static void add_name_with_nul(struct frame *frame, uint64_t v)
{
	frame_add_bytes(frame, 5, "a\0b", 3);
}

static void add_long_alpn(struct frame *frame, uint64_t v)
{
	char text[300];

	memset(text, 'a', sizeof(text));
	frame_add_bytes(frame, 5, text, sizeof(text));
}

/* Fields added to an otherwise good LOOKUP without `client` and `alpn`. */
static const struct {
	const char *name;
	void (*add)(struct frame *frame, uint64_t v);
	uint64_t v;
	int r;
} fields[] = {
	{ "a good number", add_u64, 3, 0 },
	{ "a number too large", add_u64, 4, -EPROTO },
	{ "a number of four octets", add_short, 0, -EPROTO },
	{ "an unknown tag", add_unknown, 0, 0 },
	{ "a NUL in a text", add_name_with_nul, 0, -EPROTO },
	{ "a text too long", add_long_alpn, 0, -EPROTO },
};

static void test_hostile_fields(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		struct err err = ERR_INIT;
		struct link_lookup out;
		struct frame frame;

		test_case(fields[i].name);
		frame_init(&frame, LINK_LOOKUP, 0);
		frame_add_u64(&frame, 1, 1);
		frame_add_str(&frame, 2, "imaps");
		frame_add_str(&frame, 3, "a.test");
		fields[i].add(&frame, fields[i].v);
		struct frame_view view = view_of(&frame);
		int r = link_lookup_unpack(&view, &out, &err);
		assert_int_equal(r, fields[i].r);
		assert_int_equal(err_is_set(&err), r < 0);
		if (r == 0)
			link_lookup_done(&out);
		err_done(&err);
		frame_done(&frame);
	}
}

/* A frame that ends anywhere is refused or, at the border of a field, lacks fields. */
static void test_truncated(void **state)
{
	struct link_answer in = {
		.id = 1, .name = "a.test", .token = "t", .content = "c"
	};
	struct frame frame;

	frame_init(&frame, LINK_ANSWER, 0);
	link_answer_pack(&in, &frame);
	struct frame_view view = view_of(&frame);
	size_t whole = view.len;
	for (view.len = 0; view.len < whole; view.len++) {
		struct link_answer out;
		if (link_answer_unpack(&view, &out, NULL) == 0) {
			assert_string_equal(out.token, "t");
			link_answer_done(&out);
		}
	}
	frame_done(&frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_configure),
		cmocka_unit_test(test_listener),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_context),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_ticket_key),
		cmocka_unit_test(test_hostile_fields),
		cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
