/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every URL in an answer is input of an attacker until it is shown to lead to the CA
 * that was configured. So this reader knows one plain shape and refuses the rest; where
 * it and libcurl could differ about what the host is, it refuses.
 */
#include "acme/origin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "acme/syntax.h"
#include "util/mem.h"

#define SCHEME "https://"

static const char host_octets[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";
static const char ip6_octets[] = "ABCDEFabcdef0123456789:.";

/* Length of the host at the start of authority, brackets included; 0 = none. */
static size_t measure_host(const char *authority)
{
	if (*authority != '[')
		return strspn(authority, host_octets);
	const size_t len = strspn(authority + 1, ip6_octets);

	return len > 0 && authority[len + 1] == ']' ? len + 2 : 0;
}

/* 443 for no text; 0: not a port. */
static unsigned parse_port(const char *text, size_t len)
{
	unsigned port = 0;

	if (len == 0)
		return 443;
	if (text[0] != ':' || len == 1 || len > 6)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	return port <= 65535 ? port : 0;
}

int origin_parse(const char *url, char **ret, struct err *err)
{
	if (!syntax_is_graphic(url, ORIGIN_URL_BYTES_MAX) || strpbrk(url, "\\#"))
		return err_set_kind(err, ERR_CA, -EPROTO, "not a URL: %.200s",
			url ? url : "nothing");
	if (strncasecmp(url, SCHEME, strlen(SCHEME)) != 0)
		return err_set_kind(
			err, ERR_CA, -EPROTO, "not an https URL: %.200s", url);
	const char *authority = url + strlen(SCHEME);
	const size_t len = strcspn(authority, "/?");
	const size_t host_len = measure_host(authority);
	if (host_len == 0 || host_len > len)
		return err_set_kind(
			err, ERR_CA, -EPROTO, "no plain host in %.200s", url);
	const unsigned port = parse_port(authority + host_len, len - host_len);
	if (port == 0)
		return err_set_kind(
			err, ERR_CA, -EPROTO, "no plain port in %.200s", url);
	char *origin = xasprintf("%.*s:%u", (int)host_len, authority, port);
	for (char *p = origin; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
	*ret = origin;
	return 0;
}
