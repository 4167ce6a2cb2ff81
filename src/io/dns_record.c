/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/dns_record.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "io/dns_knot.h"
#include "util/buf.h"
#include "util/dname.h"
#include "util/mem.h"

bool dns_record_name(const uint8_t *wire, char *buf, size_t size)
{
	char text[KNOT_DNAME_TXT_MAXLEN + 1];

	return knot_dname_to_str(text, wire, sizeof(text)) &&
	       dname_normalise(text, strlen(text), DNAME_UNDERSCORE, buf, size);
}

/* A quote and a backslash stand for themselves: who writes zone files escapes them. */
static int append_octets(struct buf *buf, const uint8_t *data, size_t len)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i++) {
		if (data[i] >= ' ' && data[i] <= '~')
			r = buf_append(buf, &data[i], 1);
		else
			r = buf_printf(buf, "\\%03u", data[i]);
	}
	return r;
}

static char *finish(struct buf *buf, bool ok)
{
	char *text = ok ? buf_steal(buf) : NULL;

	buf_done(buf);
	return text;
}

static char *format_txt(const uint8_t *data, size_t len)
{
	struct buf buf = BUF_INIT(DNS_VALUE_MAX);
	bool ok = len > 0;

	for (size_t at = 0; ok && at < len; at += 1 + data[at])
		ok = at + 1 + data[at] <= len &&
		     append_octets(&buf, data + at + 1, data[at]) == 0;
	return finish(&buf, ok);
}

/* RFC 8659, section 4.1: flags, the tag's length, the tag, the value. */
static char *format_caa(const uint8_t *data, size_t len)
{
	struct buf buf = BUF_INIT(DNS_VALUE_MAX);
	size_t tag = len >= 2 ? data[1] : 0;
	bool ok = tag > 0 && 2 + tag <= len;

	for (size_t i = 0; ok && i < tag; i++)
		ok = isalnum(data[2 + i]);
	ok = ok && buf_printf(&buf, "%u %.*s \"", data[0], (int)tag,
			   (const char *)data + 2) == 0;
	ok = ok && append_octets(&buf, data + 2 + tag, len - 2 - tag) == 0 &&
	     buf_append_str(&buf, "\"") == 0;
	return finish(&buf, ok);
}

static char *format_address(int family, const uint8_t *data, size_t len)
{
	char text[INET6_ADDRSTRLEN];

	if (len != (family == AF_INET ? 4 : 16) ||
		!inet_ntop(family, data, text, sizeof(text)))
		return NULL;
	return xstrdup(text);
}

static char *format_name(const uint8_t *data, size_t len)
{
	char name[DNAME_MAX + 1];

	if (len == 0 || knot_dname_wire_check(data, data + len, NULL) <= 0 ||
		!dns_record_name(data, name, sizeof(name)))
		return NULL;
	return xstrdup(name);
}

char *dns_record_format(enum dns_type type, const uint8_t *data, size_t len)
{
	switch (type) {
	case DNS_A:
		return format_address(AF_INET, data, len);
	case DNS_AAAA:
		return format_address(AF_INET6, data, len);
	case DNS_NS:
	case DNS_CNAME:
		return format_name(data, len);
	case DNS_TXT:
		return format_txt(data, len);
	case DNS_CAA:
		return format_caa(data, len);
	default:
		return NULL;
	}
}
