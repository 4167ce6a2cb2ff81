/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the manager says, and what becomes of a worker without one. */
#include <unistd.h>

#include "tests/unit/front/rig.h"

struct fixture {
	struct rig *rig;
	struct rig_client_params params;
	struct rig_certificate a, a2;
};

static struct fixture begin(void)
{
	struct fixture f = { .rig = rig_new(NULL, 0), .params = { .name = "a.test" } };
	struct link_listener m = { .name = "imaps",
		.protocol = LINK_PROTOCOL_IMAP,
		.backend = f.rig->backend };

	f.params.port = rig_add_listener(f.rig, &m);
	rig_certify(f.rig, &f.a, 1, "a.test", 0);
	rig_certify(f.rig, &f.a2, 2, "a.test", 0);
	rig_add_name(f.rig, "a.test");
	rig_send_context(f.rig, 0, "a.test", &f.a);
	rig_start(f.rig);
	return f;
}

static void end(struct fixture *f)
{
	rig_certificate_done(&f->a);
	rig_certificate_done(&f->a2);
	rig_free(f->rig);
}

static void expect_certificate(
	struct fixture *f, const struct rig_certificate *certificate)
{
	struct rig_client *client = rig_client_open(f->rig, &f->params);

	assert_true(rig_client_sees(client, certificate));
	rig_client_free(client);
	close(rig_accept(f->rig));
}

static void exchange(struct rig *rig, struct rig_client *client, int backend)
{
	char c;

	rig_client_write(client, "x", 1);
	rig_read(rig, backend, &c, 1);
	rig_write(rig, backend, "y", 1);
	rig_client_read(client, &c, 1);
	assert_int_equal(c, 'y');
}

static void test_swap(void **state)
{
	struct fixture f = begin();
	struct rig_client *old = rig_client_open(f.rig, &f.params);
	int backend = rig_accept(f.rig);
	/* One in the middle of its handshake. */
	struct rig_client *half = rig_client_new(f.rig, &f.params);

	for (int i = 0; i < 5; i++)
		rig_turn(f.rig);
	assert_true(rig_client_sees(old, &f.a));
	rig_send_context(f.rig, 0, "a.test", &f.a2);
	assert_null(f.rig->last_error);
	exchange(f.rig, old, backend);
	assert_int_equal(rig_client_handshake(half), 0);
	assert_true(rig_client_sees(half, &f.a));
	rig_client_free(half);
	close(rig_accept(f.rig));
	expect_certificate(&f, &f.a2);
	exchange(f.rig, old, backend);
	rig_client_free(old);
	close(backend);
	end(&f);
}

/* The manager looks at what this very worker serves: through a socket of its own, and
 * the backend hears nothing of it. */
static void test_probe(void **state)
{
	struct fixture f = begin();
	struct rig_client_params params = f.params;
	struct rig_client *client;

	params.fd = rig_probe(f.rig, "imaps");
	client = rig_client_open(f.rig, &params);
	assert_true(rig_client_sees(client, &f.a));
	assert_int_equal(rig_client_read_end(client), 0);
	rig_client_free(client);
	test_log_expect(LOG_LEVEL_ERROR, "message PROBE refused");
	params.fd = rig_probe(f.rig, "smtp");
	client = rig_client_new(f.rig, &params);
	assert_int_not_equal(rig_client_handshake(client), 0);
	rig_client_free(client);
	expect_certificate(&f, &f.a);
	end(&f);
}

/* Never worse than before. */
static void test_bad_push(void **state)
{
	struct fixture f = begin();
	struct rig_certificate bad;

	rig_certify(f.rig, &bad, 3, "a.test", TEST_CA_WRONG_KEY);
	rig_send_context(f.rig, 0, "a.test", &bad);
	assert_non_null(f.rig->last_error);
	expect_certificate(&f, &f.a);
	rig_certificate_done(&bad);
	end(&f);
}

static void test_drop_context(void **state)
{
	struct fixture f = begin();
	struct frame frame;

	frame_init(&frame, LINK_CONTEXT_DROP, 0);
	link_name_pack("a.test", &frame);
	assert_int_equal(frame_stream_send(f.rig->link, &frame, NULL), 0);
	assert_int_equal(rig_get_stats(f.rig)->contexts, 0);
	struct rig_client *client = rig_client_new(f.rig, &f.params);
	rig_until(f.rig, f.rig->n_lookups == 1);
	rig_send_context(f.rig, f.rig->lookups[0].request, "a.test", &f.a2);
	assert_int_equal(rig_client_handshake(client), 0);
	rig_client_free(client);
	end(&f);
}

static void test_drain(void **state)
{
	struct fixture f = begin();
	struct rig_client *client = rig_client_open(f.rig, &f.params);
	int backend = rig_accept(f.rig);

	rig_drain(f.rig, USEC_PER_MIN);
	for (int i = 0; i < 10; i++)
		rig_turn(f.rig);
	exchange(f.rig, client, backend);
	assert_false(f.rig->has_ended);
	rig_client_free(client);
	close(backend);
	rig_until(f.rig, f.rig->has_ended);
	assert_int_equal(f.rig->ended_code, 0);
	rig_until(f.rig, f.rig->n_drained == 1);
	end(&f);
}

static void test_drain_with_nobody(void **state)
{
	struct fixture f = begin();

	rig_drain(f.rig, USEC_PER_MIN);
	rig_until(f.rig, f.rig->has_ended && f.rig->n_drained == 1);
	end(&f);
}

static void test_drain_in_time(void **state)
{
	struct fixture f = begin();
	struct rig_client *client = rig_client_open(f.rig, &f.params);
	int backend = rig_accept(f.rig);

	rig_drain(f.rig, 20 * USEC_PER_MSEC);
	assert_true(rig_is_closed(f.rig, backend));
	rig_until(f.rig, f.rig->has_ended && f.rig->n_drained == 1);
	rig_client_free(client);
	close(backend);
	end(&f);
}

static void test_link_lost(void **state)
{
	struct fixture f = begin();
	struct rig_client *client = rig_client_open(f.rig, &f.params);
	int backend = rig_accept(f.rig);

	rig_add_name(f.rig, "b.test");
	rig_get_stats(f.rig);
	test_log_expect(LOG_LEVEL_WARNING, "serving goes on");
	rig_drop_link(f.rig);
	exchange(f.rig, client, backend);
	expect_certificate(&f, &f.a);
	exchange(f.rig, client, backend);
	/* Known, not cached: closed, and not given another one's certificate. */
	f.params.name = "b.test";
	struct rig_client *b = rig_client_new(f.rig, &f.params);
	assert_int_equal(rig_client_handshake(b), GNUTLS_E_FATAL_ALERT_RECEIVED);
	rig_client_free(b);
	rig_client_free(client);
	close(backend);
	assert_false(f.rig->has_ended);
	end(&f);
}

static void test_link_lost_while_waiting(void **state)
{
	struct fixture f = begin();

	rig_add_name(f.rig, "b.test");
	f.params.name = "b.test";
	struct rig_client *client = rig_client_new(f.rig, &f.params);
	rig_until(f.rig, f.rig->n_lookups == 1);
	test_log_expect(LOG_LEVEL_WARNING, "serving goes on");
	rig_drop_link(f.rig);
	assert_int_equal(rig_client_handshake(client), GNUTLS_E_FATAL_ALERT_RECEIVED);
	rig_client_free(client);
	end(&f);
}

static void test_link_lost_before_start(void **state)
{
	struct rig *rig = rig_new(NULL, 0);

	rig_get_stats(rig);
	test_log_expect(LOG_LEVEL_WARNING, "before the start");
	rig_drop_link(rig);
	rig_until(rig, rig->has_ended);
	assert_int_equal(rig->ended_code, 1);
	rig_free(rig);
}

static void test_listener_replaced_and_dropped(void **state)
{
	struct fixture f = begin();
	struct link_listener m = { .name = "imaps",
		.protocol = LINK_PROTOCOL_IMAP,
		.backend = f.rig->backend };
	struct rig_client *client = rig_client_open(f.rig, &f.params);
	int backend = rig_accept(f.rig);
	struct frame frame;

	f.params.port = rig_add_listener(f.rig, &m);
	rig_get_stats(f.rig);
	expect_certificate(&f, &f.a);
	exchange(f.rig, client, backend);
	frame_init(&frame, LINK_LISTENER_DROP, 0);
	link_name_pack("imaps", &frame);
	assert_int_equal(frame_stream_send(f.rig->link, &frame, NULL), 0);
	rig_get_stats(f.rig);
	exchange(f.rig, client, backend);
	rig_client_free(client);
	close(backend);
	end(&f);
}

static void test_nonsense(void **state)
{
	struct fixture f = begin();
	struct frame frame;

	test_log_expect(LOG_LEVEL_ERROR, "message CONFIGURE refused");
	rig_send_empty(f.rig, LINK_CONFIGURE);
	test_log_expect(LOG_LEVEL_ERROR, "message START refused");
	rig_send_empty(f.rig, LINK_START);
	test_log_expect(LOG_LEVEL_ERROR, "message CONTEXT refused");
	rig_send_empty(f.rig, LINK_CONTEXT);
	test_log_expect(LOG_LEVEL_ERROR, "message LISTENER refused");
	rig_send_empty(f.rig, LINK_LISTENER);
	test_log_expect(LOG_LEVEL_ERROR, "message NAMES_ADD refused");
	rig_send_empty(f.rig, LINK_NAMES_ADD);
	test_log_expect(LOG_LEVEL_ERROR, "message DRAIN refused");
	rig_send_empty(f.rig, LINK_DRAIN);
	/* Not known, not for it. */
	rig_send_empty(f.rig, 50);
	rig_send_empty(f.rig, LINK_LOOKUP);
	frame_init(&frame, LINK_NAMES_DROP, 0);
	frame_add_bytes(&frame, 1, "1234567", 7);
	test_log_expect(LOG_LEVEL_ERROR, "message NAMES_DROP refused");
	assert_int_equal(frame_stream_send(f.rig->link, &frame, NULL), 0);
	rig_get_stats(f.rig);
	expect_certificate(&f, &f.a);
	end(&f);
}

static void test_bad_answer(void **state)
{
	struct rig *rig = rig_new(NULL, 0);
	const struct link_answer bad = {
		.id = 1, .name = "a.test", .token = "a/b", .content = "c"
	};

	rig_send_answer(rig, &bad);
	assert_non_null(rig->last_error);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_swap),
		test_with_log(test_probe),
		test_with_log(test_bad_push),
		test_with_log(test_drop_context),
		test_with_log(test_drain),
		test_with_log(test_drain_with_nobody),
		test_with_log(test_drain_in_time),
		test_with_log(test_link_lost),
		test_with_log(test_link_lost_while_waiting),
		test_with_log(test_link_lost_before_start),
		test_with_log(test_listener_replaced_and_dropped),
		test_with_log(test_nonsense),
		test_with_log(test_bad_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
