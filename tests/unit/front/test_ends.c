/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each way in which a connection ends is counted once, under its own name; and what the
 * limits refuse. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/front/rig.h"

struct place {
	struct rig *rig;
	unsigned imaps, hasty, https, http, strict, nowhere, dead;
};

static unsigned add(struct rig *rig, struct link_listener m)
{
	m.handshake_timeout_usec = 300 * USEC_PER_MSEC;
	return rig_add_listener(rig, &m);
}

static struct place begin(const struct link_configure *limits)
{
	struct rig *rig = rig_new_limited(NULL, limits);
	char *alpn[] = { (char *)"imap", NULL };
	struct place p = { .rig = rig };

	p.imaps = add(rig, (struct link_listener){ .name = (char *)"imaps",
				   .protocol = LINK_PROTOCOL_IMAP,
				   .backend = rig->backend });
	p.hasty = add(rig, (struct link_listener){ .name = (char *)"hasty",
				   .protocol = LINK_PROTOCOL_IMAP,
				   .idle_timeout_usec = 100 * USEC_PER_MSEC,
				   .backend = rig->backend });
	p.strict = add(rig, (struct link_listener){ .name = (char *)"strict",
				    .protocol = LINK_PROTOCOL_IMAP,
				    .unknown_sni = 1,
				    .alpn = alpn,
				    .backend = rig->backend });
	p.https = add(rig, (struct link_listener){ .name = (char *)"https",
				   .protocol = LINK_PROTOCOL_HTTPS });
	p.http = add(rig, (struct link_listener){ .name = (char *)"http",
				  .protocol = LINK_PROTOCOL_HTTP });
	p.dead = add(rig, (struct link_listener){ .name = (char *)"dead",
				  .protocol = LINK_PROTOCOL_IMAP,
				  .backend = (char *)"unix:/nonexistent/backend" });
	rig_start(rig);
	return p;
}

static void say(struct place *p, unsigned port, const char *text)
{
	int fd = rig_connect(p->rig, port);

	rig_write(p->rig, fd, text, strlen(text));
	for (int i = 0; i < 20; i++)
		rig_turn(p->rig);
	close(fd);
}

static void shake(struct place *p, const struct rig_client_params *params)
{
	struct rig_client *client = rig_client_new(p->rig, params);

	rig_client_handshake(client);
	rig_client_free(client);
}

static void do_relay(struct place *p)
{
	struct rig_client *client = rig_client_open(
		p->rig, &(struct rig_client_params){ .port = p->imaps });
	int backend = rig_accept(p->rig);

	gnutls_bye(client->session, GNUTLS_SHUT_WR);
	close(backend);
	rig_client_read_end(client);
	rig_client_free(client);
}

static void do_idle(struct place *p)
{
	struct rig_client *client = rig_client_open(
		p->rig, &(struct rig_client_params){ .port = p->hasty });
	int backend = rig_accept(p->rig);

	assert_true(rig_is_closed(p->rig, backend));
	close(backend);
	rig_client_free(client);
}

static void do_break(struct place *p)
{
	struct rig_client *client = rig_client_open(
		p->rig, &(struct rig_client_params){ .port = p->imaps });
	const struct linger reset = { .l_onoff = 1 };
	int backend = rig_accept(p->rig);

	setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	rig_client_free(client);
	assert_true(rig_is_closed(p->rig, backend));
	close(backend);
}

static void do_probe(struct place *p)
{
	shake(p, &(struct rig_client_params){ .fd = rig_probe(p->rig, "imaps") });
}

static void do_scan(struct place *p)
{
	say(p, p->imaps, "");
}

static void do_nothing(struct place *p)
{
	int fd = rig_connect(p->rig, p->imaps);

	assert_true(rig_is_closed(p->rig, fd));
	close(fd);
}

static void do_leave(struct place *p)
{
	say(p, p->imaps, "\x16\x03\x01\x02");
}

static void do_stall(struct place *p)
{
	int fd = rig_connect(p->rig, p->imaps);

	rig_write(p->rig, fd, "\x16\x03\x01\x02", 4);
	assert_true(rig_is_closed(p->rig, fd));
	close(fd);
}

static void do_garbage(struct place *p)
{
	say(p, p->imaps, "a001 LOGIN me secret\r\n");
}

static void do_http(struct place *p)
{
	say(p, p->imaps, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
}

static void do_bad_request(struct place *p)
{
	say(p, p->http, "GET / HTTP/1.1\r\nHost: stranger.test\r\n\r\n");
}

static void do_redirect(struct place *p)
{
	rig_add_name(p->rig, "a.test");
	say(p, p->http, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
}

static void do_no_backend(struct place *p)
{
	shake(p, &(struct rig_client_params){ .port = p->https });
}

static void do_unknown_name(struct place *p)
{
	shake(p, &(struct rig_client_params){
			 .port = p->strict, .name = "x.test", .alpn = { "imap" } });
}

/* Ours is not among those that it offers. */
static void do_no_protocol(struct place *p)
{
	shake(p,
		&(struct rig_client_params){
			.port = p->https, .name = "x.test", .alpn = { "acme-tls/1" } });
}

static void do_no_context(struct place *p)
{
	rig_add_name(p->rig, "slow.test");
	shake(p, &(struct rig_client_params){ .port = p->imaps, .name = "slow.test" });
}

/* Nothing in common. */
static void do_fail(struct place *p)
{
	shake(p, &(struct rig_client_params){ .port = p->imaps,
			 .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.1" });
}

static void do_backend_down(struct place *p)
{
	struct rig_client *client =
		rig_client_open(p->rig, &(struct rig_client_params){ .port = p->dead });

	rig_client_read_end(client);
	rig_client_free(client);
}

/* clang-format off */
static const struct {
	const char *listener;
	enum link_end end;
	void (*act)(struct place *p);
} cases[] = {
	{ "imaps",  LINK_END_RELAYED,      do_relay },
	{ "hasty",  LINK_END_IDLE,         do_idle },
	{ "imaps",  LINK_END_BROKEN,       do_break },
	{ "imaps",  LINK_END_PROBED,       do_probe },
	{ "imaps",  LINK_END_SCANNED,      do_scan },
	{ "imaps",  LINK_END_SILENT,       do_nothing },
	{ "imaps",  LINK_END_LEFT,         do_leave },
	{ "imaps",  LINK_END_STALLED,      do_stall },
	{ "imaps",  LINK_END_NOT_TLS,      do_garbage },
	{ "imaps",  LINK_END_HTTP,         do_http },
	{ "http",   LINK_END_BAD_REQUEST,  do_bad_request },
	{ "http",   LINK_END_ANSWERED,     do_redirect },
	{ "https",  LINK_END_ANSWERED,     do_no_backend },
	{ "strict", LINK_END_UNKNOWN_NAME, do_unknown_name },
	{ "https",  LINK_END_NO_PROTOCOL,  do_no_protocol },
	{ "imaps",  LINK_END_NO_CONTEXT,   do_no_context },
	{ "imaps",  LINK_END_HANDSHAKE,    do_fail },
	{ "dead",   LINK_END_BACKEND_DOWN, do_backend_down },
};

/* clang-format on */

static uint64_t count_all(struct rig *rig)
{
	static const char *const names[] = { "imaps", "hasty", "strict", "https",
		"http", "dead" };
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		for (int end = 0; end < _LINK_END_MAX; end++)
			n += rig_count_ends(rig, names[i], (enum link_end)end);
	return n;
}

static void test_each(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct place p = begin(&(struct link_configure){ 0 });

		test_case(link_end_names[cases[i].end]);
		if (cases[i].end == LINK_END_BACKEND_DOWN)
			test_log_expect(LOG_LEVEL_WARNING, "not reached");
		cases[i].act(&p);
		rig_until(p.rig, rig_get_stats(p.rig)->connections == 0);
		assert_int_equal(
			rig_count_ends(p.rig, cases[i].listener, cases[i].end), 1);
		assert_int_equal(count_all(p.rig), 1);
		rig_free(p.rig);
	}
}

/* --- limits ------------------------------------------------------------------------ */

/* Warnings without end, each of which GnuTLS would pass over: not until the deadline. */
static void test_handshake_bytes(void **state)
{
	static const uint8_t warning[] = { 21, 3, 3, 0, 2, 1, 90 };
	struct rig *rig = rig_new(NULL, 0);
	const struct link_listener m = {
		.name = (char *)"imaps",
		.protocol = LINK_PROTOCOL_IMAP,
		.backend = rig->backend,
	};
	const struct rig_client_params params = {
		.port = rig_add_listener(rig, &m),
		.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2",
	};
	uint8_t flood[1000 * sizeof(warning)];

	for (size_t i = 0; i < sizeof(flood); i++)
		flood[i] = warning[i % sizeof(warning)];
	rig_start(rig);
	struct rig_client *client = rig_client_new(rig, &params);
	for (int i = 0; i < 9; i++)
		rig_write(rig, client->fd, flood, sizeof(flood));
	assert_int_equal(rig_count_ends(rig, "imaps", LINK_END_HANDSHAKE), 0);
	rig_write(rig, client->fd, flood, sizeof(flood));
	rig_until(rig, rig_count_ends(rig, "imaps", LINK_END_HANDSHAKE) == 1);
	assert_int_equal(rig_get_stats(rig)->connections, 0);
	rig_client_free(client);
	rig_free(rig);
}

/* Opens n sessions and says how many more are refused at the door. */
static void expect_limit(
	const struct link_configure *limits, unsigned n, enum link_end end)
{
	struct place p = begin(limits);
	struct rig_client *clients[8];
	int backends[8], fd;

	for (unsigned i = 0; i < n; i++) {
		clients[i] = rig_client_open(
			p.rig, &(struct rig_client_params){ .port = p.imaps });
		backends[i] = rig_accept(p.rig);
	}
	for (int i = 0; i < 3; i++) {
		fd = rig_connect(p.rig, p.imaps);
		assert_true(rig_is_closed(p.rig, fd));
		close(fd);
	}
	assert_int_equal(rig_count_ends(p.rig, "imaps", end), 3);
	/* Never a session. */
	for (unsigned i = 0; i < n; i++) {
		char c;
		rig_client_write(clients[i], "x", 1);
		rig_read(p.rig, backends[i], &c, 1);
		rig_client_free(clients[i]);
		close(backends[i]);
	}
	rig_free(p.rig);
}

static void test_connections(void **state)
{
	expect_limit(
		&(struct link_configure){ .max_connections = 2 }, 2, LINK_END_MANY);
}

static void test_address_connections(void **state)
{
	expect_limit(&(struct link_configure){ .address_connections = 3 }, 3,
		LINK_END_MANY_ADDRESS);
}

static void test_address_rate(void **state)
{
	expect_limit(&(struct link_configure){ .address_rate = 2 }, 2,
		LINK_END_FAST_ADDRESS);
}

static void test_exceptions(void **state)
{
	char *networks[] = { (char *)"192.0.2.0/24", (char *)"127.0.0.0/8", NULL };
	const struct link_configure limits = {
		.address_connections = 1,
		.address_rate = 1,
		.limit_exceptions = networks,
	};
	struct place p = begin(&limits);

	for (int i = 0; i < 3; i++)
		do_scan(&p);
	rig_until(p.rig, count_all(p.rig) == 3);
	assert_int_equal(rig_count_ends(p.rig, "imaps", LINK_END_MANY_ADDRESS), 0);
	assert_int_equal(rig_count_ends(p.rig, "imaps", LINK_END_FAST_ADDRESS), 0);
	rig_free(p.rig);
}

/* Sessions do not count among handshakes; when those have ended there is room again. */
static void test_handshakes(void **state)
{
	struct place p = begin(&(struct link_configure){ .max_handshakes = 2 });
	struct rig_client_params params = { .port = p.imaps };
	struct rig_client *client = rig_client_open(p.rig, &params);
	int backend = rig_accept(p.rig);
	int fds[3];

	for (int i = 0; i < 3; i++)
		fds[i] = rig_connect(p.rig, p.imaps);
	assert_true(rig_is_closed(p.rig, fds[2]));
	assert_int_equal(rig_count_ends(p.rig, "imaps", LINK_END_MANY_HANDSHAKES), 1);
	assert_true(rig_is_closed(p.rig, fds[0]) && rig_is_closed(p.rig, fds[1]));
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	rig_until(p.rig, rig_get_stats(p.rig)->connections == 1);
	rig_client_free(client);
	close(backend);
	client = rig_client_open(p.rig, &params);
	rig_client_free(client);
	rig_free(p.rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_each),
		test_with_log(test_connections),
		test_with_log(test_address_connections),
		test_with_log(test_address_rate),
		test_with_log(test_exceptions),
		test_with_log(test_handshake_bytes),
		test_with_log(test_handshakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
