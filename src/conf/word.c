/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing is ever looked up: addresses are numeric, and a name is only looked at. */
#include "conf/word.h"

#include <arpa/inet.h>
#include <limits.h>
#include <string.h>
#include <sys/un.h>

#include "conf/idn.h"
#include "util/dname.h"
#include "util/macro.h"
#include "util/network.h"
#include "util/usec.h"

#define URL_BYTES_MAX  2048
#define LOCAL_PART_MAX 64
#define NUMBER_DIGITS  18            /* always fits */
#define PLACEHOLDER    "example.com" /* for the domain where none is known */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_port(const char *s)
{
	unsigned port = 0;
	size_t len = 0;

	for (; is_digit(s[len]) && len < 6; len++)
		port = port * 10 + (unsigned)(s[len] - '0');
	return len > 0 && s[len] == '\0' && port >= 1 && port <= 65535 && s[0] != '0';
}

static bool is_ip(int family, const char *s, size_t len)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr any;

	if (len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	return inet_pton(family, text, &any) == 1;
}

static const char *check_unix(const char *path)
{
	if (path[0] != '/')
		return "the path behind unix: has to begin with '/'";
	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return "the path of a socket is at most 107 octets long";
	return NULL;
}

static const char *check_ipv6(const char *word)
{
	const char *end = strchr(word, ']');

	if (!end || !is_ip(AF_INET6, word + 1, (size_t)(end - word - 1)))
		return "no IPv6 address stands in the brackets";
	if (end[1] != ':' || !is_port(end + 2))
		return "a port from 1 to 65535 is missing; write [::1]:993";
	return NULL;
}

const char *word_check_address(const char *word)
{
	if (strncmp(word, "unix:", 5) == 0)
		return check_unix(word + 5);
	if (word[0] == '[')
		return check_ipv6(word);
	if (word[0] == '/')
		return "write unix: in front of the path of a socket";
	if (is_ip(AF_INET6, word, strlen(word)))
		return "write [ADDRESS]:PORT for IPv6";
	const char *colon = strrchr(word, ':');
	if (!colon)
		return "a port is missing; write 127.0.0.1:993, [::1]:993 or unix:/path";
	if (is_ip(AF_INET6, word, (size_t)(colon - word)))
		return "write [ADDRESS]:PORT for IPv6";
	if (word[0] == '*')
		return "write [::] or 0.0.0.0 for all addresses";
	if (!is_ip(AF_INET, word, (size_t)(colon - word)))
		return "not a numeric address; write 127.0.0.1:993, [::1]:993 or "
		       "unix:/path";
	return is_port(colon + 1) ? NULL : "the port is a number from 1 to 65535";
}

const char *word_check_network(const char *word)
{
	struct network network;

	return network_parse(word, &network);
}

static bool is_host(const char *s, size_t len)
{
	char name[DNAME_MAX + 1];

	if (len > 2 && s[0] == '[' && s[len - 1] == ']')
		return is_ip(AF_INET6, s + 1, len - 2);
	return is_ip(AF_INET, s, len) || dname_normalise(s, len, 0, name, sizeof(name));
}

const char *word_check_url(const char *word)
{
	size_t len = strlen(word);

	if (strncmp(word, "https://", 8) != 0)
		return "has to begin with https://";
	if (len > URL_BYTES_MAX)
		return "is longer than 2048 octets";
	for (const char *c = word; *c; c++) {
		if (*c <= ' ' || (unsigned char)*c >= 0x7f ||
			strchr("\"<>\\^`{|}#", *c))
			return "holds a character that no URL has";
	}
	const char *host = word + 8;
	size_t host_len = strcspn(host, "/?");
	if (memchr(host, '@', host_len))
		return "must not hold a user or password";
	/* The last colon begins a port, unless it belongs to an address in brackets. */
	const char *colon = memrchr(host, ':', host_len);
	if (colon && !memchr(colon, ']', host_len - (size_t)(colon - host))) {
		char port[8] = "";
		size_t port_len = host_len - (size_t)(colon + 1 - host);
		memcpy(port, colon + 1, MIN(port_len, sizeof(port) - 1));
		if (!is_port(port))
			return "its port is a number from 1 to 65535";
		host_len = (size_t)(colon - host);
	}
	return is_host(host, host_len) ? NULL : "its host is no name and no address";
}

const char *word_check_path(const char *word)
{
	if (word[0] != '/')
		return "has to be an absolute path, beginning with '/'";
	return strlen(word) < PATH_MAX ? NULL : "is too long for a path";
}

static bool is_local_part(const char *s, size_t len)
{
	static const char others[] = "!#$%&'*+-/=?^_`{|}~.";

	if (len == 0 || len > LOCAL_PART_MAX || s[0] == '.' || s[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = s[i];
		if (!is_digit(c) && !(c >= 'a' && c <= 'z') &&
			!(c >= 'A' && c <= 'Z') && !strchr(others, c))
			return false;
		if (c == '.' && s[i - 1] == '.')
			return false;
	}
	return true;
}

const char *word_check_email(const char *word)
{
	const char *at = strrchr(word, '@');
	char name[DNAME_MAX + 1];

	if (strncmp(word, "mailto:", 7) == 0)
		return "write the address without mailto:";
	if (!at || !is_local_part(word, (size_t)(at - word)) ||
		!dname_normalise(at + 1, strlen(at + 1), 0, name, sizeof(name)))
		return "is not a mail address; write name@example.org";
	return NULL;
}

/* --- numbers ---------------------------------------------------------------------- */

/* Digits from the start; how many, 0 if there are none or too many. */
static size_t read_digits(const char *s, int64_t *ret)
{
	size_t n = 0;

	for (*ret = 0; is_digit(s[n]); n++) {
		if (n == NUMBER_DIGITS)
			return 0;
		*ret = *ret * 10 + (s[n] - '0');
	}
	return n;
}

const char *word_parse_int(const char *word, int64_t *ret)
{
	bool is_negative = word[0] == '-';
	size_t n = read_digits(word + is_negative, ret);

	if (n == 0 || word[is_negative + n] != '\0')
		return "is not a whole number";
	if (is_negative)
		*ret = -*ret;
	return NULL;
}

const char *word_parse_percent(const char *word, int64_t *ret)
{
	size_t n = read_digits(word, ret);

	if (n == 0 || strcmp(word + n, "%") != 0)
		return "is not a percentage; write 20%";
	return NULL;
}

const char *word_parse_size(const char *word, int64_t *ret_bytes)
{
	static const char text[] = "is not a size; write 512, 64k, 10M or 1G";
	static const char units[] = "kmg";
	size_t n = read_digits(word, ret_bytes);

	if (n == 0)
		return text;
	if (word[n] == '\0')
		return NULL;
	const char *unit = strchr(units, word[n] | 0x20);
	if (!unit || word[n + 1] != '\0')
		return text;
	for (; unit >= units; unit--) {
		if (__builtin_mul_overflow(*ret_bytes, 1024, ret_bytes))
			return "is too large";
	}
	return NULL;
}

const char *word_parse_duration(const char *word, int64_t *ret_usec)
{
	usec_t usec;

	if (!usec_parse_duration(word, &usec))
		return "is not a duration; write 90s, 10m, 12h or 30d";
	if (usec > INT64_MAX)
		return "is too long";
	*ret_usec = (int64_t)usec;
	return NULL;
}

const char *word_parse_mode(const char *word, int64_t *ret)
{
	size_t len = strlen(word);

	*ret = 0;
	for (const char *c = word; *c >= '0' && *c <= '7' && len <= 5; c++, len--)
		*ret = *ret * 8 + (*c - '0');
	if (len != 0 || strlen(word) < 3 || *ret > 07777)
		return "is not a file mode; write 0640";
	return NULL;
}

const char *word_parse_bool(const char *word, int64_t *ret)
{
	*ret = strcmp(word, "yes") == 0;
	return *ret || strcmp(word, "no") == 0 ? NULL : "is neither yes nor no";
}

/* --- names ------------------------------------------------------------------------ */

static bool replace_domain(const char *name, const char *domain, char *buf, size_t size)
{
	size_t used = 0;

	for (const char *at; (at = strstr(name, "%d")); name = at + 2) {
		size_t len = (size_t)(at - name);
		size_t domain_len = strlen(domain);
		if (used + len + domain_len >= size)
			return false;
		memcpy(buf + used, name, len);
		memcpy(buf + used + len, domain, domain_len);
		used += len + domain_len;
	}
	size_t len = strlen(name);
	if (used + len >= size)
		return false;
	memcpy(buf + used, name, len + 1);
	return true;
}

const char *word_expand_name(
	const char *name, const char *domain, char *buf, size_t size)
{
	char full[DNAME_MAX + 1];
	char checked[DNAME_MAX + 1];

	if (!replace_domain(name, domain ? domain : PLACEHOLDER, full, sizeof(full)))
		return "is longer than a DNS name can be";
	if (!dname_normalise(
		    full, strlen(full), DNAME_WILDCARD, checked, sizeof(checked)))
		return "is not a DNS name";
	const char *result = domain ? checked : name;
	if (strlen(result) >= size)
		return "is longer than a DNS name can be";
	memcpy(buf, result, strlen(result) + 1);
	return NULL;
}

const char *word_parse_name(
	const char *word, unsigned flags, const char *domain, char *buf, size_t size)
{
	char ascii[IDN_NAME_BYTES];

	if (!idn_to_ascii(word, ascii, sizeof(ascii)))
		return "is not a DNS name";
	if (flags & WORD_NAME_LIST)
		return word_expand_name(ascii, domain, buf, size);
	if (strchr(ascii, '*'))
		return "must not be a wildcard";
	if (!dname_normalise(ascii, strlen(ascii), 0, buf, size))
		return "is not a DNS name";
	return NULL;
}
