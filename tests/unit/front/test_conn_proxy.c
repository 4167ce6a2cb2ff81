/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A listener behind a balancer: who is believed, who is refused, and what becomes of the
 * client that a header names. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/proxy_header.h"
#include "tests/unit/front/rig.h"

#define BALANCER "127.0.0.5"
#define STRANGER "127.0.0.6"
#define OURSELF  "127.0.0.1"

#define HEADER_V2  28 /* octets, with addresses of IPv4 */
#define LOCAL_V2   "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
#define LOCAL_SIZE 16

struct place {
	struct rig *rig;
	unsigned imaps, plain, http;
};

static unsigned add(struct rig *rig, struct link_listener m)
{
	char *from[] = { (char *)BALANCER, NULL };

	m.proxy_from = from;
	m.proxy_protocol = 1;
	return rig_add_listener(rig, &m);
}

static struct place begin(const struct link_configure *limits)
{
	struct rig *rig = rig_new_limited(NULL, limits);
	struct place p = { .rig = rig };

	p.imaps = add(rig, (struct link_listener){ .name = (char *)"imaps",
				   .protocol = LINK_PROTOCOL_IMAP,
				   .backend = rig->backend });
	p.plain = add(rig, (struct link_listener){ .name = (char *)"plain",
				   .protocol = LINK_PROTOCOL_IMAP,
				   .tls = 1,
				   .backend = rig->backend });
	p.http = add(rig, (struct link_listener){ .name = (char *)"http",
				  .protocol = LINK_PROTOCOL_HTTP });
	rig_start(rig);
	return p;
}

static int connect_from(const char *source, unsigned port)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, source, &from.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	return fd;
}

/* The balancer's word that `client` has come; HEADER_V2 octets. */
static void make_header(const char *client, uint8_t ret[HEADER_V2])
{
	struct proxy_header header = { .tls_version = NULL };
	struct buf out = BUF_INIT(64);

	assert_int_equal(address_parse(client, &header.source, NULL), 0);
	assert_int_equal(address_parse("192.0.2.99:993", &header.destination, NULL), 0);
	assert_int_equal(proxy_header_format(&header, &out), 0);
	assert_int_equal(out.len, HEADER_V2);
	memcpy(ret, out.data, HEADER_V2);
	buf_done(&out);
}

/* What the backend is told must be what the balancer has said. */
static void expect_told(struct rig *rig, int backend, const char *client)
{
	uint8_t wanted[HEADER_V2], head[16], rest[512];

	make_header(client, wanted);
	rig_read(rig, backend, head, sizeof(head));
	size_t len = (size_t)(head[14] << 8 | head[15]);
	assert_in_range(len, HEADER_V2 - 16, sizeof(rest));
	rig_read(rig, backend, rest, len);
	/* The length differs: there are facts of TLS. */
	assert_memory_equal(head, wanted, 14);
	assert_memory_equal(rest, wanted + 16, HEADER_V2 - 16);
}

/* Over a connection whose header is said: a session that works, and its backend. */
static struct rig_client *open_session(struct place *p, int fd, int *ret_backend)
{
	struct rig_client *client =
		rig_client_open(p->rig, &(struct rig_client_params){ .fd = fd });

	*ret_backend = rig_accept(p->rig);
	return client;
}

static void expect_relay(struct place *p, struct rig_client *client, int backend)
{
	char c = 0;

	rig_client_write(client, "x", 1);
	rig_read(p->rig, backend, &c, 1);
	assert_int_equal(c, 'x');
}

static void test_client_is_named(void **state)
{
	struct place p = begin(&(struct link_configure){ 0 });
	uint8_t header[HEADER_V2];
	int backend;

	int fd = connect_from(BALANCER, p.imaps);
	make_header("192.0.2.1:1234", header);
	rig_write(p.rig, fd, header, sizeof(header));
	struct rig_client *client = open_session(&p, fd, &backend);
	expect_told(p.rig, backend, "192.0.2.1:1234");
	expect_relay(&p, client, backend);
	rig_client_free(client);
	close(backend);
	rig_free(p.rig);
}

/* What follows the header in the same segment is the client's. */
static void test_plain(void **state)
{
	struct place p = begin(&(struct link_configure){ 0 });
	uint8_t all[HEADER_V2 + 5];
	char word[5];

	int fd = connect_from(BALANCER, p.plain);
	make_header("192.0.2.1:1234", all);
	memcpy(all + HEADER_V2, "hello", 5);
	rig_write(p.rig, fd, all, sizeof(all));
	int backend = rig_accept(p.rig);
	expect_told(p.rig, backend, "192.0.2.1:1234");
	rig_read(p.rig, backend, word, sizeof(word));
	assert_memory_equal(word, "hello", sizeof(word));
	close(fd);
	close(backend);
	rig_free(p.rig);
}

static void test_octet_by_octet(void **state)
{
	static const char *const line =
		"PROXY TCP4 192.0.2.1 192.0.2.99 1234 993\r\nhello";
	struct place p = begin(&(struct link_configure){ 0 });
	char word[5];

	int fd = connect_from(BALANCER, p.plain);
	for (const char *c = line; *c; c++) {
		rig_write(p.rig, fd, c, 1);
		rig_turn(p.rig);
	}
	int backend = rig_accept(p.rig);
	expect_told(p.rig, backend, "192.0.2.1:1234");
	rig_read(p.rig, backend, word, sizeof(word));
	assert_memory_equal(word, "hello", sizeof(word));
	close(fd);
	close(backend);
	rig_free(p.rig);
}

static void test_http(void **state)
{
	static const char *const request = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
	struct place p = begin(&(struct link_configure){ 0 });
	char answer[12];

	rig_add_name(p.rig, "a.test");
	int fd = connect_from(BALANCER, p.http);
	rig_write(p.rig, fd, LOCAL_V2, LOCAL_SIZE);
	/* The header alone, and nothing behind it. */
	for (int i = 0; i < 5; i++)
		rig_turn(p.rig);
	rig_write(p.rig, fd, request, strlen(request));
	rig_read(p.rig, fd, answer, sizeof(answer));
	assert_memory_equal(answer, "HTTP/1.1 301", sizeof(answer));
	close(fd);
	rig_free(p.rig);
}

/* --- who is refused ---------------------------------------------------------------- */

/* As the nth one. */
static void expect_closed(struct place *p, int fd, enum link_end end, unsigned n)
{
	assert_true(rig_is_closed(p->rig, fd));
	assert_int_equal(rig_count_ends(p->rig, "imaps", end), n);
	close(fd);
}

static void test_stranger(void **state)
{
	struct place p = begin(&(struct link_configure){ 0 });

	/* Before it has said a word. */
	expect_closed(&p, connect_from(STRANGER, p.imaps), LINK_END_NOT_PROXY, 1);
	rig_free(p.rig);
}

static void test_no_header(void **state)
{
	struct place p = begin(&(struct link_configure){ 0 });
	uint8_t header[HEADER_V2];

	make_header("192.0.2.1:1234", header);
	for (size_t i = 0; i < 15; i++) {
		int fd = connect_from(BALANCER, p.imaps);

		header[i] ^= 0x80;
		rig_write(p.rig, fd, header, sizeof(header));
		header[i] ^= 0x80;
		/* A longer one than there may be, or one that is no header. */
		expect_closed(&p, fd, LINK_END_PROXY_HEADER, (unsigned)i + 1);
	}
	int fd = connect_from(BALANCER, p.imaps);
	rig_write(p.rig, fd, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
	expect_closed(&p, fd, LINK_END_PROXY_HEADER, 16);
	rig_free(p.rig);
}

/* Our own looks come from here. */
static void test_this_machine(void **state)
{
	struct place p = begin(&(struct link_configure){ 0 });
	uint8_t header[HEADER_V2];
	int backend;

	int fd = connect_from(OURSELF, p.imaps);
	rig_write(p.rig, fd, LOCAL_V2, LOCAL_SIZE);
	struct rig_client *client = open_session(&p, fd, &backend);
	rig_client_free(client);
	close(backend);
	/* It may say what is seen anyway, */
	fd = connect_from(OURSELF, p.imaps);
	make_header("127.0.0.1:1234", header);
	rig_write(p.rig, fd, header, sizeof(header));
	client = open_session(&p, fd, &backend);
	rig_client_free(client);
	close(backend);
	/* and nothing else. */
	fd = connect_from(OURSELF, p.imaps);
	make_header("192.0.2.1:1234", header);
	rig_write(p.rig, fd, header, sizeof(header));
	expect_closed(&p, fd, LINK_END_NOT_PROXY, 1);
	rig_free(p.rig);
}

/* It is the client that has too many connections, and not the balancer. */
static void test_limits(void **state)
{
	struct place p = begin(&(struct link_configure){ .address_connections = 1 });
	uint8_t header[HEADER_V2];
	int backend[2], fd;
	struct rig_client *client[2];

	for (int i = 0; i < 2; i++) {
		fd = connect_from(BALANCER, p.imaps);
		make_header(i == 0 ? "192.0.2.1:1" : "192.0.2.2:1", header);
		rig_write(p.rig, fd, header, sizeof(header));
		client[i] = open_session(&p, fd, &backend[i]);
	}
	fd = connect_from(BALANCER, p.imaps);
	rig_write(p.rig, fd, header, sizeof(header));
	expect_closed(&p, fd, LINK_END_MANY_ADDRESS, 1);
	for (int i = 0; i < 2; i++) {
		rig_client_free(client[i]);
		close(backend[i]);
	}
	rig_free(p.rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_client_is_named),
		test_with_log(test_plain),
		test_with_log(test_octet_by_octet),
		test_with_log(test_http),
		test_with_log(test_stranger),
		test_with_log(test_no_header),
		test_with_log(test_this_machine),
		test_with_log(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
