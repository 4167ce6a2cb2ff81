/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A hello that lies in one record is read in place; one that is split over records is
 * put together first. Inside, every piece is cut off a `struct cut`, which cannot be
 * read beyond its end.
 *
 * Of the extensions we read server_name (RFC 6066 3), signature_algorithms (RFC 8446
 * 4.2.3), ALPN (RFC 7301) and supported_versions; GnuTLS reads all of them again.
 */
#include "front/hello.h"

#include <errno.h>
#include <string.h>

#include "link/message.h"
#include "util/macro.h"

#define RECORD_HEADER    5
#define RECORD_BYTES_MAX 16384
#define RECORD_HANDSHAKE 22
#define MESSAGE_HEADER   4
#define CLIENT_HELLO     1
#define ACME_PROTOCOL    "acme-tls/1"

enum extension {
	EXTENSION_SERVER_NAME = 0,
	EXTENSION_SIGNATURE_ALGORITHMS = 13,
	EXTENSION_ALPN = 16,
	EXTENSION_SUPPORTED_VERSIONS = 43,
};

/* What is left of a piece. Reading beyond its end sets `failed` and gives zeros. */
struct cut {
	const uint8_t *data;
	size_t len;
	bool failed;
};

static struct cut cut_bytes(struct cut *c, size_t n)
{
	struct cut piece = { .data = c->data, .len = n };

	if (c->failed || n > c->len) {
		c->failed = true;
		return (struct cut){ .failed = true };
	}
	c->data += n;
	c->len -= n;
	return piece;
}

static unsigned cut_u8(struct cut *c)
{
	struct cut piece = cut_bytes(c, 1);

	return piece.failed ? 0 : piece.data[0];
}

static unsigned cut_u16(struct cut *c)
{
	struct cut piece = cut_bytes(c, 2);

	return piece.failed ? 0 : (unsigned)piece.data[0] << 8 | piece.data[1];
}

/* A piece with its length before it, of one or two octets. */
static struct cut cut_vector8(struct cut *c)
{
	return cut_bytes(c, cut_u8(c));
}

static struct cut cut_vector16(struct cut *c)
{
	return cut_bytes(c, cut_u16(c));
}

/* What the hello says about how we may sign. */
struct abilities {
	bool has_suite13;
	unsigned suites12; /* LINK_CLIENT_ */
	bool has_signatures;
	unsigned signatures; /* LINK_CLIENT_ */
	unsigned seen;       /* extensions, by order in seen_bit */
};

struct range {
	uint16_t first, last;
};

/* Suites of TLS 1.2 that are authenticated by an ECDSA or by an RSA signature. Those
 * that encrypt to the RSA key are in neither: our servers do not take them. */
/* clang-format off */
static const struct range suites_ecdsa[] = {
	{ 0xc006, 0xc00a }, { 0xc023, 0xc024 }, { 0xc02b, 0xc02c }, { 0xc048, 0xc049 },
	{ 0xc05c, 0xc05d }, { 0xc072, 0xc073 }, { 0xc086, 0xc087 }, { 0xc0ac, 0xc0af },
	{ 0xcca9, 0xcca9 },
};
static const struct range suites_rsa[] = {
	{ 0x0016, 0x0016 }, { 0x0033, 0x0033 }, { 0x0039, 0x0039 }, { 0x0045, 0x0045 },
	{ 0x0067, 0x0067 }, { 0x006b, 0x006b }, { 0x0088, 0x0088 }, { 0x009e, 0x009f },
	{ 0x00be, 0x00be }, { 0x00c4, 0x00c4 }, { 0xc010, 0xc014 }, { 0xc027, 0xc028 },
	{ 0xc02f, 0xc030 }, { 0xc076, 0xc077 }, { 0xc07c, 0xc07d }, { 0xc08a, 0xc08b },
	{ 0xc09e, 0xc09f }, { 0xc0a2, 0xc0a3 }, { 0xcca8, 0xcca8 }, { 0xccaa, 0xccaa },
};
/* Signature schemes: ecdsa_*, Ed25519 and Ed448 count as ECDSA (elliptic curves). */
static const struct range signatures_ecdsa[] = {
	{ 0x0203, 0x0203 }, { 0x0303, 0x0303 }, { 0x0403, 0x0403 }, { 0x0503, 0x0503 },
	{ 0x0603, 0x0603 },
};
static const struct range signatures_rsa[] = {
	{ 0x0201, 0x0201 }, { 0x0301, 0x0301 }, { 0x0401, 0x0401 }, { 0x0501, 0x0501 },
	{ 0x0601, 0x0601 }, { 0x0804, 0x0806 },
};

/* clang-format on */

static bool is_in(const struct range *ranges, size_t n, unsigned v)
{
	for (size_t i = 0; i < n; i++)
		if (v >= ranges[i].first && v <= ranges[i].last)
			return true;
	return false;
}

static void read_suites(struct cut suites, struct abilities *a)
{
	while (suites.len >= 2) {
		unsigned suite = cut_u16(&suites);

		if (suite >> 8 == 0x13)
			a->has_suite13 = true;
		else if (is_in(suites_ecdsa, ARRAY_SIZE(suites_ecdsa), suite))
			a->suites12 |= LINK_CLIENT_ECDSA;
		else if (is_in(suites_rsa, ARRAY_SIZE(suites_rsa), suite))
			a->suites12 |= LINK_CLIENT_RSA;
	}
}

static int read_signatures(struct cut body, struct abilities *a)
{
	struct cut list = cut_vector16(&body);

	if (list.failed || body.len > 0 || list.len % 2 != 0)
		return -EPROTO;
	a->has_signatures = true;
	while (list.len > 0) {
		unsigned scheme = cut_u16(&list);

		if (is_in(signatures_ecdsa, ARRAY_SIZE(signatures_ecdsa), scheme))
			a->signatures |= LINK_CLIENT_ECDSA;
		else if (is_in(signatures_rsa, ARRAY_SIZE(signatures_rsa), scheme))
			a->signatures |= LINK_CLIENT_RSA;
	}
	return 0;
}

static int read_server_name(struct cut body, struct hello *hello)
{
	struct cut list = cut_vector16(&body);

	if (list.failed || body.len > 0)
		return -EPROTO;
	while (list.len > 0) {
		unsigned type = cut_u8(&list);
		struct cut name = cut_vector16(&list);

		if (list.failed)
			return -EPROTO;
		if (type != 0)
			continue;
		if (hello->sni != HELLO_SNI_NONE || name.len == 0)
			return -EPROTO;
		hello->sni = dname_normalise((const char *)name.data, name.len, 0,
				     hello->name, sizeof(hello->name))
				     ? HELLO_SNI_NAME
				     : HELLO_SNI_ODD;
	}
	if (hello->sni != HELLO_SNI_NAME)
		hello->name[0] = '\0';
	return 0;
}

/* A protocol's name may be any octets; as text we keep what can be shown. */
static void keep_protocol(struct cut protocol, char *buf)
{
	buf[0] = '\0';
	for (size_t i = 0; i < protocol.len; i++)
		if (protocol.data[i] < 0x21 || protocol.data[i] > 0x7e)
			return;
	memcpy(buf, protocol.data, protocol.len);
	buf[protocol.len] = '\0';
}

static int read_alpn(struct cut body, struct hello *hello)
{
	struct cut list = cut_vector16(&body);

	if (list.failed || body.len > 0)
		return -EPROTO;
	while (list.len > 0) {
		struct cut protocol = cut_vector8(&list);

		if (protocol.failed || protocol.len == 0)
			return -EPROTO;
		if (hello->n_alpn++ == 0)
			keep_protocol(protocol, hello->alpn);
	}
	if (hello->n_alpn == 0)
		return -EPROTO;
	hello->is_acme = hello->n_alpn == 1 && strcmp(hello->alpn, ACME_PROTOCOL) == 0;
	return 0;
}

static int read_versions(struct cut body, struct hello *hello)
{
	struct cut list = cut_vector8(&body);

	if (list.failed || body.len > 0 || list.len % 2 != 0)
		return -EPROTO;
	while (list.len > 0)
		if (cut_u16(&list) == 0x0304)
			hello->is_tls13 = true;
	return 0;
}

/* The extensions that we read may come once only. */
static int note_seen(struct abilities *a, unsigned type)
{
	unsigned bit = type == EXTENSION_SERVER_NAME            ? 1u << 0
		       : type == EXTENSION_SIGNATURE_ALGORITHMS ? 1u << 1
		       : type == EXTENSION_ALPN                 ? 1u << 2
		       : type == EXTENSION_SUPPORTED_VERSIONS   ? 1u << 3
								: 0;

	if (a->seen & bit)
		return -EPROTO;
	a->seen |= bit;
	return 0;
}

static int read_extension(
	unsigned type, struct cut body, struct abilities *a, struct hello *hello)
{
	if (note_seen(a, type) < 0)
		return -EPROTO;
	switch (type) {
	case EXTENSION_SERVER_NAME:
		return read_server_name(body, hello);
	case EXTENSION_SIGNATURE_ALGORITHMS:
		return read_signatures(body, a);
	case EXTENSION_ALPN:
		return read_alpn(body, hello);
	case EXTENSION_SUPPORTED_VERSIONS:
		return read_versions(body, hello);
	default:
		return 0;
	}
}

/* In TLS 1.3 the signature schemes alone decide, before it the suites as well. A client
 * that seems to take neither is left to GnuTLS, which knows more. */
static unsigned weigh(const struct abilities *a, const struct hello *hello)
{
	unsigned both = LINK_CLIENT_ECDSA | LINK_CLIENT_RSA;
	unsigned client = a->has_signatures ? a->signatures : both;

	if (!hello->is_tls13 || !a->has_suite13)
		client &= a->suites12;
	return client ? client : both;
}

/* The body of the handshake message: it must end exactly where its parts end. */
static int parse_body(struct cut body, struct hello *hello)
{
	struct abilities a = { 0 };

	cut_bytes(&body, 2 + 32); /* version, random */
	struct cut session = cut_vector8(&body);
	struct cut suites = cut_vector16(&body);
	struct cut compressions = cut_vector8(&body);
	if (body.failed || session.len > 32 || suites.len < 2 || suites.len % 2 != 0 ||
		compressions.len < 1)
		return -EPROTO;
	read_suites(suites, &a);
	struct cut extensions = { .data = body.data };
	if (body.len > 0)
		extensions = cut_vector16(&body);
	if (extensions.failed || body.len > 0)
		return -EPROTO;
	while (extensions.len > 0) {
		unsigned type = cut_u16(&extensions);
		struct cut extension = cut_vector16(&extensions);

		if (extensions.failed || read_extension(type, extension, &a, hello) < 0)
			return -EPROTO;
	}
	hello->client = weigh(&a, hello);
	return 1;
}

/* The header of a record. 1: *ret is its length; 0: more is needed. Wrong octets are
 * refused as soon as they are there, not when the header is complete. */
static int read_record_header(const uint8_t *data, size_t len, size_t *ret)
{
	if (len > 0 && data[0] != RECORD_HANDSHAKE)
		return -EPROTO;
	if (len > 1 && data[1] != 3)
		return -EPROTO;
	if (len < RECORD_HEADER)
		return 0;
	*ret = (size_t)data[3] << 8 | data[4];
	return *ret == 0 || *ret > RECORD_BYTES_MAX ? -EPROTO : 1;
}

/* Length of the message with its header. 0: more is needed. */
static int read_message_header(const uint8_t *data, size_t len, size_t *ret)
{
	if (len > 0 && data[0] != CLIENT_HELLO)
		return -EPROTO;
	if (len < MESSAGE_HEADER)
		return 0;
	*ret = ((size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3]) +
	       MESSAGE_HEADER;
	return *ret > HELLO_BYTES_MAX ? -EPROTO : 1;
}

/* A message split over records: put together on the stack. */
static int parse_split(const uint8_t *data, size_t len, struct hello *hello)
{
	uint8_t message[HELLO_BYTES_MAX];
	size_t have = 0, record, total;

	for (;;) {
		int r = read_record_header(data, len, &record);
		if (r <= 0)
			return r;
		data += RECORD_HEADER;
		len -= RECORD_HEADER;
		size_t n = MIN(record, len);
		if (n > sizeof(message) - have)
			return -EPROTO;
		memcpy(message + have, data, n);
		have += n;
		r = read_message_header(message, have, &total);
		if (r < 0 || (r > 0 && have > total))
			return -EPROTO;
		if (r > 0 && have == total && n == record)
			break;
		if (n < record)
			return 0;
		data += n;
		len -= n;
	}
	return parse_body((struct cut){ .data = message + MESSAGE_HEADER,
				  .len = total - MESSAGE_HEADER },
		hello);
}

int hello_parse(const uint8_t *data, size_t len, struct hello *ret)
{
	size_t record, total;

	*ret = (struct hello){ 0 };
	int r = read_record_header(data, len, &record);
	if (r <= 0)
		return r;
	size_t have = MIN(record, len - RECORD_HEADER);
	r = read_message_header(data + RECORD_HEADER, have, &total);
	if (r < 0)
		return r;
	if (r == 0 || total > record)
		return parse_split(data, len, ret);
	/* Nothing may follow the hello in its record (RFC 8446 5.1: keys change). */
	if (total < record)
		return -EPROTO;
	if (have < record)
		return 0;
	return parse_body((struct cut){ .data = data + RECORD_HEADER + MESSAGE_HEADER,
				  .len = total - MESSAGE_HEADER },
		ret);
}
