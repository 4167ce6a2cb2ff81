/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/fake_dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/mem.h"

#define HEADER_BYTES 12

struct fake_dns {
	struct loop *loop; /* borrowed */
	const struct fake_dns_rule *rules;
	int udp, tcp;
	struct loop_io *udp_io, *tcp_io;
	struct buf asked; /* "name\n" each time */
	unsigned port;
};

static void put_name(struct buf *buf, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");
		buf_append_u8(buf, (uint8_t)n);
		buf_append(buf, name, n);
		name += n + (name[n] == '.');
	}
	buf_append_u8(buf, 0);
}

static void put_data(struct buf *buf, const struct fake_dns_record *record)
{
	size_t len = strlen(record->value);
	uint8_t address[16];

	if (record->type == 1 && inet_pton(AF_INET, record->value, address) == 1) {
		buf_append(buf, address, 4);
	} else if (record->type == 16) {
		for (size_t at = 0; at < len; at += 255) {
			size_t n = MIN(len - at, (size_t)255);
			buf_append_u8(buf, (uint8_t)n);
			buf_append(buf, record->value + at, n);
		}
	} else {
		put_name(buf, record->value);
	}
	if (record->type == 6) {
		put_name(buf, "hostmaster.test");
		for (int i = 0; i < 5; i++)
			buf_append_be32(buf, 1);
	}
}

static void put_record(struct buf *buf, const struct fake_dns_record *record)
{
	struct buf data = BUF_INIT(8192);

	put_data(&data, record);
	put_name(buf, record->name);
	buf_append_be16(buf, (uint16_t)record->type);
	buf_append_be16(buf, 1);
	buf_append_be32(buf, 5);
	buf_append_be16(buf, (uint16_t)data.len);
	buf_append(buf, data.data, data.len);
	buf_done(&data);
}

static unsigned put_section(
	struct buf *buf, const struct fake_dns_rule *rule, char section)
{
	unsigned n = 0;

	for (size_t i = 0; i < 6 && rule->records[i].section; i++) {
		if (rule->records[i].section != section)
			continue;
		put_record(buf, &rule->records[i]);
		n++;
	}
	return n;
}

/* 0: not a question. The name in text, and where the question ends. */
static size_t read_question(
	const uint8_t *wire, size_t len, char *name, size_t size, unsigned *ret_type)
{
	size_t at = HEADER_BYTES, n = 0;

	while (at < len && wire[at]) {
		size_t label = wire[at];
		if (at + 1 + label >= len || n + label + 2 > size)
			return 0;
		memcpy(name + n, wire + at + 1, label);
		n += label;
		name[n++] = '.';
		at += 1 + label;
	}
	name[n ? n - 1 : 0] = '\0';
	if (at + 5 > len)
		return 0;
	*ret_type = (unsigned)wire[at + 1] << 8 | wire[at + 2];
	return at + 5;
}

static const struct fake_dns_rule *find_rule(
	const struct fake_dns *dns, const char *name, unsigned type)
{
	const struct fake_dns_rule *rule = dns->rules;

	while (rule->name && (strcasecmp(rule->name, name) != 0 || rule->type != type))
		rule++;
	return rule;
}

/* Returns the rule; NULL: say nothing. */
static const struct fake_dns_rule *answer(struct fake_dns *dns, const uint8_t *wire,
	size_t len, bool by_udp, struct buf *reply)
{
	char name[256] = "";
	unsigned type = 0;
	size_t end = read_question(wire, len, name, sizeof(name), &type);

	if (end == 0)
		return NULL;
	buf_printf(&dns->asked, "%s\n", name);
	const struct fake_dns_rule *rule = find_rule(dns, name, type);
	if (rule->flags & FAKE_DNS_SILENT)
		return NULL;
	if ((rule->flags & FAKE_DNS_LATE) && fake_dns_count(dns, name) < 2)
		return NULL;
	bool cut = by_udp && (rule->flags & FAKE_DNS_TRUNCATE);
	struct buf body = BUF_INIT(60000);
	unsigned n_answer = cut ? 0 : put_section(&body, rule, 'A');
	unsigned n_authority = cut ? 0 : put_section(&body, rule, 'U');
	buf_append(reply, wire, 2);
	buf_append_u8(reply,
		(uint8_t)(0x80 | (cut ? 2 : 0) |
			  (rule->flags & FAKE_DNS_NO_AA ? 0 : 4) | (wire[2] & 1)));
	buf_append_u8(reply, (uint8_t)rule->rcode);
	buf_append_be16(reply, 1);
	buf_append_be16(reply, (uint16_t)n_answer);
	buf_append_be16(reply, (uint16_t)n_authority);
	buf_append_be16(reply, 0);
	buf_append(reply, wire + HEADER_BYTES, end - HEADER_BYTES);
	buf_append(reply, body.data, body.len);
	buf_done(&body);
	if (rule->flags & FAKE_DNS_CUT)
		reply->len -= 3;
	return rule;
}

static void on_datagram(struct loop_io *io, unsigned events, void *userdata)
{
	struct fake_dns *dns = userdata;
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	uint8_t wire[4096];
	ssize_t n = recvfrom(
		dns->udp, wire, sizeof(wire), 0, (struct sockaddr *)&from, &from_len);
	struct buf reply = BUF_INIT(65535);

	if (n <= HEADER_BYTES)
		return;
	const struct fake_dns_rule *rule = answer(dns, wire, (size_t)n, true, &reply);
	if (rule && (rule->flags & FAKE_DNS_GARBAGE))
		memset(reply.data + HEADER_BYTES, 0xff, reply.len - HEADER_BYTES);
	if (rule && (rule->flags & FAKE_DNS_WRONG_ID)) {
		reply.data[0] ^= 1;
		sendto(dns->udp, reply.data, reply.len, 0, (struct sockaddr *)&from,
			from_len);
		reply.data[0] ^= 1;
	}
	if (rule)
		sendto(dns->udp, reply.data, reply.len, 0, (struct sockaddr *)&from,
			from_len);
	buf_done(&reply);
}

/* One question a connection, read at once: it is accepted when the question is here. */
static void on_stream(struct loop_io *io, unsigned events, void *userdata)
{
	struct fake_dns *dns = userdata;
	int fd = accept4(dns->tcp, NULL, NULL, SOCK_CLOEXEC);
	struct timeval second = { .tv_sec = 1 };
	uint8_t wire[4096];
	struct buf reply = BUF_INIT(65535);

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	ssize_t n = recv(fd, wire, sizeof(wire), 0);
	if (n > 2 + HEADER_BYTES &&
		answer(dns, wire + 2, (size_t)n - 2, false, &reply)) {
		uint8_t length[2] = { (uint8_t)(reply.len >> 8), (uint8_t)reply.len };
		send(fd, length, 2, MSG_NOSIGNAL | MSG_MORE);
		send(fd, reply.data, reply.len, MSG_NOSIGNAL);
	}
	close(fd);
	buf_done(&reply);
}

static int listen_at(struct fake_dns *dns, const char *address, unsigned port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);
	int one = 1;

	inet_pton(AF_INET, address, &sa.sin_addr);
	sa.sin_port = htons((uint16_t)port);
	dns->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	dns->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(dns->tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(dns->tcp, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof(one));
	if (bind(dns->tcp, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
		listen(dns->tcp, 16) < 0)
		return -errno;
	getsockname(dns->tcp, (struct sockaddr *)&sa, &len);
	dns->port = ntohs(sa.sin_port);
	return bind(dns->udp, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? -errno : 0;
}

int fake_dns_new(struct fake_dns **ret, struct loop *loop, const char *address,
	unsigned port, const struct fake_dns_rule *rules)
{
	struct fake_dns *dns = xnew(struct fake_dns);

	dns->loop = loop;
	dns->rules = rules;
	dns->asked = (struct buf)BUF_INIT(1 << 20);
	int r = listen_at(dns, address, port);
	if (r == 0)
		r = loop_io_new(
			&dns->udp_io, loop, dns->udp, LOOP_IN, on_datagram, dns, NULL);
	if (r == 0)
		r = loop_io_new(
			&dns->tcp_io, loop, dns->tcp, LOOP_IN, on_stream, dns, NULL);
	*ret = dns;
	if (r < 0)
		*ret = fake_dns_free(dns);
	return r;
}

unsigned fake_dns_get_port(const struct fake_dns *dns)
{
	return dns->port;
}

unsigned fake_dns_count(const struct fake_dns *dns, const char *name)
{
	size_t len = strlen(name);
	unsigned n = 0;

	for (const char *line = buf_str(&dns->asked); *line;
		line = strchr(line, '\n') + 1)
		n += strncasecmp(line, name, len) == 0 && line[len] == '\n';
	return n;
}

struct fake_dns *fake_dns_free(struct fake_dns *dns)
{
	if (!dns)
		return NULL;
	loop_io_free(dns->udp_io);
	loop_io_free(dns->tcp_io);
	close(dns->udp);
	close(dns->tcp);
	buf_done(&dns->asked);
	free(dns);
	return NULL;
}
