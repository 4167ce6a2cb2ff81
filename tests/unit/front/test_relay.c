/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Both directions of a relay: ends, back-pressure, deadlines, the PROXY header. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/front/rig.h"

#define BULK_BYTES (10 * 1024 * 1024)
#define CHUNK      65536

struct fixture {
	struct rig *rig;
	struct rig_client *client;
	int backend;
};

static struct fixture begin_with(
	const struct link_listener *listener, const char *priority)
{
	struct fixture f = { .rig = rig_new(NULL, 0) };
	struct link_listener m = *listener;
	struct rig_client_params params = { .name = "a.test", .priority = priority };

	m.name = "imaps";
	m.protocol = LINK_PROTOCOL_IMAP;
	m.backend = f.rig->backend;
	params.port = rig_add_listener(f.rig, &m);
	rig_start(f.rig);
	f.client = rig_client_open(f.rig, &params);
	f.backend = rig_accept(f.rig);
	return f;
}

static struct fixture begin(const struct link_listener *listener)
{
	return begin_with(listener, NULL);
}

static void end(struct fixture *f)
{
	if (f->client)
		rig_client_free(f->client);
	if (f->backend >= 0)
		close(f->backend);
	rig_free(f->rig);
}

static void test_both_ways(void **state)
{
	struct fixture f = begin(&(struct link_listener){ 0 });
	char buf[8];

	rig_write(f.rig, f.backend, "* OK", 4);
	rig_client_read(f.client, buf, 4);
	assert_memory_equal(buf, "* OK", 4);
	rig_client_write(f.client, "a LOGIN", 7);
	rig_read(f.rig, f.backend, buf, 7);
	assert_memory_equal(buf, "a LOGIN", 7);
	assert_int_equal(rig_get_stats(f.rig)->bytes_in, 7);
	assert_int_equal(rig_get_stats(f.rig)->bytes_out, 4);
	assert_int_equal(rig_get_stats(f.rig)->handshakes, 1);
	end(&f);
}

/* What comes in one piece with the end of the handshake. */
static void test_early_words(void **state)
{
	struct rig *rig = rig_new(NULL, 0);
	const struct link_listener m = {
		.name = "imaps", .protocol = LINK_PROTOCOL_IMAP, .backend = rig->backend
	};
	struct rig_client_params params = { .port = rig_add_listener(rig, &m) };
	char buf[5];

	rig_start(rig);
	struct rig_client *client = rig_client_new(rig, &params);
	for (int i = 0; i < 5; i++)
		rig_turn(rig);
	/* The worker's flight is there: this ends the handshake, and it reads nothing yet. */
	assert_int_equal(gnutls_handshake(client->session), 0);
	assert_int_equal(gnutls_record_send(client->session, "HELLO", 5), 5);
	int backend = rig_accept(rig);
	rig_read(rig, backend, buf, 5);
	assert_memory_equal(buf, "HELLO", 5);
	rig_client_free(client);
	close(backend);
	rig_free(rig);
}

static void check_client_ends_first(const char *priority)
{
	struct fixture f = begin_with(&(struct link_listener){ 0 }, priority);
	char buf[4];

	rig_client_write(f.client, "QUIT", 4);
	assert_int_equal(gnutls_bye(f.client->session, GNUTLS_SHUT_WR), 0);
	rig_read(f.rig, f.backend, buf, 4);
	assert_true(rig_is_closed(f.rig, f.backend));
	/* The other direction is still open. */
	rig_write(f.rig, f.backend, "BYE!", 4);
	rig_client_read(f.client, buf, 4);
	close(f.backend);
	f.backend = -1;
	assert_int_equal(rig_client_read_end(f.client), 0);
	assert_int_equal(rig_get_stats(f.rig)->connections, 0);
	end(&f);
}

static void test_client_ends_first(void **state)
{
	check_client_ends_first("NORMAL:-VERS-ALL:+VERS-TLS1.3");
	check_client_ends_first("NORMAL:-VERS-ALL:+VERS-TLS1.2");
}

static void check_backend_ends_first(const char *priority)
{
	struct fixture f = begin_with(&(struct link_listener){ 0 }, priority);
	char buf[4];

	rig_write(f.rig, f.backend, "BYE!", 4);
	shutdown(f.backend, SHUT_WR);
	rig_client_read(f.client, buf, 4);
	assert_int_equal(rig_client_read_end(f.client), 0);
	rig_client_write(f.client, "LATE", 4);
	rig_read(f.rig, f.backend, buf, 4);
	assert_memory_equal(buf, "LATE", 4);
	assert_int_equal(gnutls_bye(f.client->session, GNUTLS_SHUT_WR), 0);
	assert_true(rig_is_closed(f.rig, f.backend));
	rig_until(f.rig, rig_get_stats(f.rig)->connections == 0);
	end(&f);
}

static void test_backend_ends_first(void **state)
{
	check_backend_ends_first("NORMAL:-VERS-ALL:+VERS-TLS1.3");
	check_backend_ends_first("NORMAL:-VERS-ALL:+VERS-TLS1.2");
}

/* Without a close_notify: the backend is told all the same. */
static void test_client_vanishes(void **state)
{
	struct fixture f = begin(&(struct link_listener){ 0 });

	f.client = rig_client_free(f.client);
	assert_true(rig_is_closed(f.rig, f.backend));
	end(&f);
}

static void test_client_resets(void **state)
{
	struct fixture f = begin(&(struct link_listener){ 0 });
	const struct linger linger = { .l_onoff = 1 };

	setsockopt(f.client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	f.client = rig_client_free(f.client);
	assert_true(rig_is_closed(f.rig, f.backend));
	rig_until(f.rig, rig_get_stats(f.rig)->connections == 0);
	end(&f);
}

static uint8_t octet(size_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 31 + (i >> 16));
}

static void fill(uint8_t *data, size_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[i] = octet(from + i);
}

static void check(const uint8_t *data, size_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != octet(from + i))
			fail_msg("octet %zu differs", from + i);
}

/* Writes until nothing more is taken for a while; returns how much was. */
static size_t push_backend(struct fixture *f, uint8_t *chunk, size_t done)
{
	for (int idle = 0; done < BULK_BYTES && idle < 30;) {
		size_t n = MIN((size_t)CHUNK, BULK_BYTES - done);
		fill(chunk, done, n);
		ssize_t r = send(f->backend, chunk, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		idle = r > 0 ? 0 : idle + 1;
		done += r > 0 ? (size_t)r : 0;
		rig_turn(f->rig);
	}
	return done;
}

static void test_slow_client(void **state)
{
	struct fixture f = begin(&(struct link_listener){ 0 });
	uint8_t *chunk = xnew_array(uint8_t, CHUNK);
	size_t sent = 0, got = 0;

	/* The client does not read: what is taken is what the kernel holds. */
	sent = push_backend(&f, chunk, sent);
	assert_true(sent < BULK_BYTES);
	while (got < BULK_BYTES) {
		ssize_t n = gnutls_record_recv(f.client->session, chunk, CHUNK);
		if (n == GNUTLS_E_AGAIN) {
			sent = push_backend(&f, chunk, sent);
			rig_turn(f.rig);
			continue;
		}
		assert_true(n > 0);
		check(chunk, got, (size_t)n);
		got += (size_t)n;
	}
	assert_int_equal(rig_get_stats(f.rig)->bytes_out, BULK_BYTES);
	free(chunk);
	end(&f);
}

static size_t push_client(struct fixture *f, uint8_t *chunk, size_t done)
{
	for (int idle = 0; done < BULK_BYTES && idle < 30;) {
		/* The same octets again after GNUTLS_E_AGAIN, as GnuTLS wants it. */
		size_t n = MIN((size_t)16384, BULK_BYTES - done);
		fill(chunk, done, n);
		ssize_t r = gnutls_record_send(f->client->session, chunk, n);
		idle = r > 0 ? 0 : idle + 1;
		done += r > 0 ? (size_t)r : 0;
		rig_turn(f->rig);
	}
	return done;
}

static void test_slow_backend(void **state)
{
	struct fixture f = begin(&(struct link_listener){ 0 });
	uint8_t *chunk = xnew_array(uint8_t, CHUNK);
	size_t sent = 0, got = 0;

	sent = push_client(&f, chunk, sent);
	assert_true(sent < BULK_BYTES);
	while (got < BULK_BYTES) {
		ssize_t n = recv(f.backend, chunk, CHUNK, MSG_DONTWAIT);
		if (n < 0) {
			sent = push_client(&f, chunk, sent);
			rig_turn(f.rig);
			continue;
		}
		assert_true(n > 0);
		check(chunk, got, (size_t)n);
		got += (size_t)n;
	}
	/* And the end comes after all of it. */
	assert_int_equal(gnutls_bye(f.client->session, GNUTLS_SHUT_WR), 0);
	assert_true(rig_is_closed(f.rig, f.backend));
	assert_int_equal(rig_get_stats(f.rig)->bytes_in, BULK_BYTES);
	free(chunk);
	end(&f);
}

/* The backend has said everything and is gone before the client has read it. */
static void test_end_behind_a_slow_client(void **state)
{
	struct fixture f = begin(&(struct link_listener){ 0 });
	uint8_t *chunk = xnew_array(uint8_t, CHUNK);
	size_t sent = push_backend(&f, chunk, 0), got = 0;
	ssize_t n;

	close(f.backend);
	f.backend = -1;
	for (int i = 0; i < 10; i++)
		rig_turn(f.rig);
	for (;;) {
		n = gnutls_record_recv(f.client->session, chunk, CHUNK);
		if (n == GNUTLS_E_AGAIN) {
			rig_turn(f.rig);
			continue;
		}
		if (n <= 0)
			break;
		check(chunk, got, (size_t)n);
		got += (size_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(got, sent);
	free(chunk);
	end(&f);
}

static void test_idle(void **state)
{
	struct fixture f = begin(
		&(struct link_listener){ .idle_timeout_usec = 80 * USEC_PER_MSEC });

	/* Each octet puts it off. */
	for (int i = 0; i < 6; i++) {
		char c;
		rig_client_write(f.client, "x", 1);
		rig_read(f.rig, f.backend, &c, 1);
		for (int k = 0; k < 20; k++)
			rig_turn(f.rig);
	}
	assert_int_equal(rig_get_stats(f.rig)->timeouts, 0);
	assert_true(rig_is_closed(f.rig, f.backend));
	assert_int_equal(rig_get_stats(f.rig)->timeouts, 1);
	end(&f);
}

static void test_proxy_header(void **state)
{
	static const uint8_t signature[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11";
	struct fixture f = begin(&(struct link_listener){ .proxy_protocol = 1 });
	uint8_t head[16], rest[512];

	rig_read(f.rig, f.backend, head, sizeof(head));
	assert_memory_equal(head, signature, 14);
	size_t len = (size_t)head[14] << 8 | head[15];
	assert_true(len > 12 && len < sizeof(rest));
	rig_read(f.rig, f.backend, rest, len);
	assert_memory_equal(rest, "\x7f\0\0\x01\x7f\0\0\x01", 8);
	assert_non_null(memmem(rest, len, "a.test", 6));
	assert_non_null(memmem(rest, len, "TLSv1.3", 7));
	/* And then the relay. */
	rig_client_write(f.client, "x", 1);
	rig_read(f.rig, f.backend, rest, 1);
	assert_int_equal(rest[0], 'x');
	end(&f);
}

static void test_backend_away(void **state)
{
	struct rig *rig = rig_new(NULL, 0);
	struct link_listener m = { .name = "imaps",
		.protocol = LINK_PROTOCOL_IMAP,
		.backend = "unix:/nonexistent/backend" };
	struct rig_client_params params = { .port = rig_add_listener(rig, &m) };

	rig_start(rig);
	/* Said once, not for each connection. */
	test_log_expect(LOG_LEVEL_WARNING, "not reached");
	for (int i = 0; i < 3; i++) {
		struct rig_client *client = rig_client_open(rig, &params);
		assert_int_equal(rig_client_read_end(client), 0);
		rig_client_free(client);
	}
	assert_int_equal(rig_get_stats(rig)->backend_failed, 3);
	rig_free(rig);
}

/* tls = none: from the first octet. */
static void test_plain(void **state)
{
	struct rig *rig = rig_new(NULL, 0);
	struct link_listener m = { .name = "imap",
		.protocol = LINK_PROTOCOL_IMAP,
		.tls = 1,
		.backend = rig->backend };
	unsigned port = rig_add_listener(rig, &m);
	char buf[4];

	rig_start(rig);
	int fd = rig_connect(rig, port);
	int backend = rig_accept(rig);
	rig_write(rig, backend, "* OK", 4);
	rig_read(rig, fd, buf, 4);
	rig_write(rig, fd, "QUIT", 4);
	shutdown(fd, SHUT_WR);
	rig_read(rig, backend, buf, 4);
	assert_true(rig_is_closed(rig, backend));
	close(backend);
	assert_true(rig_is_closed(rig, fd));
	close(fd);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_both_ways),
		test_with_log(test_early_words),
		test_with_log(test_client_ends_first),
		test_with_log(test_backend_ends_first),
		test_with_log(test_client_vanishes),
		test_with_log(test_client_resets),
		test_with_log(test_slow_client),
		test_with_log(test_slow_backend),
		test_with_log(test_end_behind_a_slow_client),
		test_with_log(test_idle),
		test_with_log(test_proxy_header),
		test_with_log(test_backend_away),
		test_with_log(test_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
