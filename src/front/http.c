/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Strict, since what we redirect or relay is read again by somebody else, who must not
 * read it differently: lines end in CR LF, no control octets anywhere, no folded lines,
 * no blank before a colon, one Host at most, only the origin form of a target.
 */
#include "front/http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/macro.h"

#define CHALLENGE_PATH "/.well-known/acme-challenge/"
#define BAD            (-400)

/* A piece of the head. */
struct span {
	const char *data;
	size_t len;
};

static bool is_token_char(char c)
{
	return c != '\0' && strchr("!#$%&'*+-.^_`|~0123456789"
				   "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
				    c);
}

static bool is_token(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_token_char(s.data[i]))
			return false;
	return s.len > 0;
}

/* Nothing that would need quoting in a Location, a log or a page. */
static bool is_target(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] < 0x21 || s.data[i] > 0x7e || strchr("\"<>\\", s.data[i]))
			return false;
	return s.len > 0 && s.data[0] == '/';
}

/* Visible octets, blanks and tabs; above ASCII is left to who reads the value. */
static bool is_value(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool is_equal(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

static struct span trim(struct span s)
{
	while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
		s.data++;
		s.len--;
	}
	while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Cuts at the first c; the rest is behind it. False: there is none. */
static bool cut_at(struct span *rest, char c, struct span *ret)
{
	const char *at = memchr(rest->data, c, rest->len);

	if (!at)
		return false;
	*ret = (struct span){ .data = rest->data, .len = (size_t)(at - rest->data) };
	rest->len -= ret->len + 1;
	rest->data = at + 1;
	return true;
}

static int parse_request_line(struct span line, struct http_request *ret, bool *is_11)
{
	struct span method, target;

	if (!cut_at(&line, ' ', &method) || !cut_at(&line, ' ', &target) ||
		!is_token(method) || !is_target(target))
		return BAD;
	*is_11 = is_equal(line, "HTTP/1.1");
	if (!*is_11 && !is_equal(line, "HTTP/1.0"))
		return line.len == 8 && memcmp(line.data, "HTTP/", 5) == 0 ? -505 : BAD;
	ret->is_get = is_equal(method, "GET");
	ret->is_head = is_equal(method, "HEAD");
	ret->target = target.data;
	ret->target_len = target.len;
	return 0;
}

/* "name", "name:port" or "[v6]:port"; the latter is well formed, but never a name. */
static int parse_host(struct span value, struct http_request *ret)
{
	struct span name = value;

	for (size_t i = 0; i < value.len; i++)
		if (!is_token_char(value.data[i]) && !strchr(":[]", value.data[i]))
			return BAD;
	if (value.len > 0 && value.data[0] == '[')
		return 0;
	if (memchr(value.data, ':', value.len)) {
		struct span port = value;
		cut_at(&port, ':', &name);
		for (size_t i = 0; i < port.len; i++)
			if (port.data[i] < '0' || port.data[i] > '9')
				return BAD;
	}
	if (name.len > 0 &&
		!dname_normalise(name.data, name.len, 0, ret->host, sizeof(ret->host)))
		ret->host[0] = '\0';
	return 0;
}

static int parse_header(struct span line, struct http_request *ret, unsigned *n_hosts)
{
	struct span name;

	if (!cut_at(&line, ':', &name) || !is_token(name) || !is_value(line))
		return BAD;
	if (name.len != 4 || strncasecmp(name.data, "Host", 4) != 0)
		return 0;
	if ((*n_hosts)++ > 0)
		return BAD;
	return parse_host(trim(line), ret);
}

/* A line without its CR LF. 1, 0 (it has no end yet), or BAD for a bare CR or LF. */
static int cut_line(struct span *rest, struct span *ret)
{
	if (!cut_at(rest, '\n', ret))
		return 0;
	if (ret->len == 0 || ret->data[ret->len - 1] != '\r')
		return BAD;
	ret->len--;
	return memchr(ret->data, '\r', ret->len) ? BAD : 1;
}

static int parse_head(struct span rest, struct http_request *ret)
{
	unsigned n_headers = 0, n_hosts = 0;
	bool is_11 = false;
	struct span line;

	int r = cut_line(&rest, &line);
	if (r <= 0)
		return r;
	r = parse_request_line(line, ret, &is_11);
	if (r < 0)
		return r;
	while ((r = cut_line(&rest, &line)) > 0) {
		if (line.len == 0)
			return is_11 && n_hosts == 0 ? BAD : 1;
		if (++n_headers > HTTP_HEADERS_MAX)
			return -431;
		r = parse_header(line, ret, &n_hosts);
		if (r < 0)
			return r;
	}
	return r;
}

int http_request_parse(const char *data, size_t len, struct http_request *ret)
{
	struct span head = { .data = data, .len = MIN(len, (size_t)HTTP_HEAD_MAX) };

	*ret = (struct http_request){ 0 };
	/* Behind a PROXY header there may be nothing yet. */
	if (len == 0)
		return 0;
	/* What begins like this is no request, and need not be waited for. */
	if (!is_token_char(data[0]))
		return BAD;
	int r = parse_head(head, ret);
	return r == 0 && len >= HTTP_HEAD_MAX ? -431 : r;
}

bool http_request_get_token(const struct http_request *request, char *buf, size_t size)
{
	size_t prefix = strlen(CHALLENGE_PATH);

	if (!request->is_get && !request->is_head)
		return false;
	if (request->target_len <= prefix || request->target_len - prefix >= size ||
		memcmp(request->target, CHALLENGE_PATH, prefix) != 0)
		return false;
	memcpy(buf, request->target + prefix, request->target_len - prefix);
	buf[request->target_len - prefix] = '\0';
	return true;
}

static const char *status_text(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 301:
		return "Moved Permanently";
	case 421:
		return "Misdirected Request";
	case 431:
		return "Request Header Fields Too Large";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Bad Request";
	}
}

void http_reply_format(const struct http_reply *reply, struct buf *out)
{
	const struct http_request *request = reply->request;
	const char *text = status_text(reply->status);
	const char *body = reply->body ? reply->body : text;

	buf_printf(out,
		"HTTP/1.1 %u %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n",
		reply->status, text, strlen(body));
	if (reply->location_host) {
		const char *port = reply->location_port ? reply->location_port : "";
		buf_printf(out, "Location: https://%s%s%.*s\r\n", reply->location_host,
			port, (int)request->target_len, request->target);
	}
	buf_append_str(out, "Connection: close\r\n\r\n");
	if (!request || !request->is_head)
		buf_append_str(out, body);
}
