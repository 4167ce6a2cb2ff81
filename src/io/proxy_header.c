/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/proxy_header.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define COMMAND_LOCAL 0x20
#define COMMAND_PROXY 0x21
#define FAMILY_NONE   0x00
#define FAMILY_INET   0x11 /* TCP over IPv4 */
#define FAMILY_INET6  0x21 /* TCP over IPv6 */

#define TLV_ALPN        0x01
#define TLV_AUTHORITY   0x02
#define TLV_SSL         0x20
#define TLV_SSL_VERSION 0x21
#define TLV_SSL_CIPHER  0x23
#define CLIENT_SSL      0x01

#define HEADER_MAX UINT16_MAX

static const uint8_t signature[] = "\r\n\r\n\0\r\nQUIT\n";

static int append_tlv(struct buf *out, uint8_t type, const void *data, size_t len)
{
	int r = len > UINT16_MAX ? -E2BIG : buf_append_u8(out, type);

	if (r == 0)
		r = buf_append_be16(out, (uint16_t)len);
	if (r == 0)
		r = buf_append(out, data, len);
	return r;
}

static int append_str_tlv(struct buf *out, uint8_t type, const char *s)
{
	return s ? append_tlv(out, type, s, strlen(s)) : 0;
}

static int append_ssl(struct buf *out, const struct proxy_header *header)
{
	struct buf sub = BUF_INIT(HEADER_MAX);
	int r = buf_append_u8(&sub, CLIENT_SSL);

	if (!header->tls_version)
		return buf_done(&sub), 0;
	/* "verify": not zero, since no client certificate was verified. */
	if (r == 0)
		r = buf_append_be32(&sub, 1);
	if (r == 0)
		r = append_str_tlv(&sub, TLV_SSL_VERSION, header->tls_version);
	if (r == 0)
		r = append_str_tlv(&sub, TLV_SSL_CIPHER, header->cipher);
	if (r == 0)
		r = append_tlv(out, TLV_SSL, sub.data, sub.len);
	buf_done(&sub);
	return r;
}

static int append_inet(struct buf *out, const struct proxy_header *header)
{
	const struct sockaddr_in *s = (const void *)&header->source.sa;
	const struct sockaddr_in *d = (const void *)&header->destination.sa;
	int r = buf_append(out, &s->sin_addr, sizeof(s->sin_addr));

	if (r == 0)
		r = buf_append(out, &d->sin_addr, sizeof(d->sin_addr));
	if (r == 0)
		r = buf_append(out, &s->sin_port, sizeof(s->sin_port));
	if (r == 0)
		r = buf_append(out, &d->sin_port, sizeof(d->sin_port));
	return r;
}

static int append_inet6(struct buf *out, const struct proxy_header *header)
{
	const struct sockaddr_in6 *s = (const void *)&header->source.sa;
	const struct sockaddr_in6 *d = (const void *)&header->destination.sa;
	int r = buf_append(out, &s->sin6_addr, sizeof(s->sin6_addr));

	if (r == 0)
		r = buf_append(out, &d->sin6_addr, sizeof(d->sin6_addr));
	if (r == 0)
		r = buf_append(out, &s->sin6_port, sizeof(s->sin6_port));
	if (r == 0)
		r = buf_append(out, &d->sin6_port, sizeof(d->sin6_port));
	return r;
}

static int append_addresses(struct buf *out, const struct proxy_header *header)
{
	sa_family_t family = header->source.sa.ss_family;

	if (family != header->destination.sa.ss_family)
		return 0;
	if (family == AF_INET)
		return append_inet(out, header);
	return family == AF_INET6 ? append_inet6(out, header) : 0;
}

static uint8_t family_of(size_t address_len)
{
	if (address_len == 0)
		return FAMILY_NONE;
	return address_len == 12 ? FAMILY_INET : FAMILY_INET6;
}

int proxy_header_format(const struct proxy_header *header, struct buf *out)
{
	struct buf body = BUF_INIT(HEADER_MAX);
	int r = append_addresses(&body, header);
	uint8_t family = family_of(body.len);

	if (r == 0)
		r = append_str_tlv(&body, TLV_ALPN, header->alpn);
	if (r == 0)
		r = append_str_tlv(&body, TLV_AUTHORITY, header->sni);
	if (r == 0)
		r = append_ssl(&body, header);
	/* All or nothing: half a header would be taken for data. */
	if (r == 0 && !buf_reserve(out, sizeof(signature) - 1 + 4 + body.len))
		r = -E2BIG;
	if (r == 0) {
		buf_append(out, signature, sizeof(signature) - 1);
		buf_append_u8(
			out, family == FAMILY_NONE ? COMMAND_LOCAL : COMMAND_PROXY);
		buf_append_u8(out, family);
		buf_append_be16(out, (uint16_t)body.len);
		buf_append(out, buf_str(&body), body.len);
	}
	buf_done(&body);
	return r;
}
