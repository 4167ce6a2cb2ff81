/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The border of the HTTP client: what is the same whoever speaks, libcurl
 * (http_curl.c) or a fake of the tests. What may be asked at all is checked here.
 */
#include "io/http.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "io/http_priv.h"
#include "util/mem.h"

#define URL_MAX 2048

struct http_client *http_client_free(struct http_client *client)
{
	return client ? client->ops->free(client) : NULL;
}

struct http_request *http_request_cancel(struct http_request *req)
{
	return req ? req->ops->request_cancel(req) : NULL;
}

static bool is_url_clean(const char *url)
{
	size_t len = strnlen(url, URL_MAX + 1);

	if (len > URL_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (url[i] <= ' ' || url[i] > '~' || url[i] == '\\')
			return false;
	return true;
}

/* Userinfo would be sent to whoever the text after "@" names. */
static bool has_userinfo(const char *authority)
{
	return memchr(authority, '@', strcspn(authority, "/?#")) != NULL;
}

static int check_url(const struct http_params *params, struct err *err)
{
	const char *url = params->url;
	const char *authority = NULL;

	if (!is_url_clean(url))
		return err_set(err, -EINVAL, "URL too long or with forbidden octets");
	if (strncasecmp(url, "https://", 8) == 0)
		authority = url + 8;
	else if (strncasecmp(url, "http://", 7) == 0 &&
		 (params->flags & HTTP_ALLOW_PLAIN))
		authority = url + 7;
	if (!authority)
		return err_set(err, -EINVAL, "not an https URL: %s", url);
	if (strcspn(authority, "/?#") == 0 || has_userinfo(authority))
		return err_set(err, -EINVAL, "no plain host in the URL: %s", url);
	return 0;
}

static bool is_header_clean(const char *value)
{
	return !value || !strpbrk(value, "\r\n");
}

int http_request_start(struct http_request **ret, struct http_client *client,
	const struct http_params *params, http_done_fn *done, void *userdata,
	struct err *err)
{
	int r = check_url(params, err);

	if (r < 0)
		return r;
	if (!is_header_clean(params->content_type) || !is_header_clean(params->accept))
		return err_set(err, -EINVAL, "line break in a header");
	return client->ops->request_start(ret, client, params, done, userdata, err);
}

const char *http_header(
	const struct http_result *result, const char *name, unsigned nth)
{
	const struct http_headers *headers = result->headers;

	for (size_t i = 0; headers && i < headers->n; i++) {
		if (strcasecmp(headers->field[i].name, name) != 0)
			continue;
		if (nth-- == 0)
			return headers->field[i].value;
	}
	return NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char *dup_trimmed(const char *s, size_t len)
{
	while (len > 0 && is_blank(s[0])) {
		s++;
		len--;
	}
	while (len > 0 && is_blank(s[len - 1]))
		len--;
	return xstrndup(s, len);
}

void http_headers_add_line(struct http_headers *headers, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);

	if (!colon || colon == line || len > HTTP_HEADER_BYTES_MAX ||
		headers->n == HTTP_HEADERS_MAX || memchr(line, '\0', len))
		return;
	headers->field =
		xreallocarray(headers->field, headers->n + 1, sizeof(*headers->field));
	headers->field[headers->n++] = (struct http_header_field){
		.name = dup_trimmed(line, (size_t)(colon - line)),
		.value = dup_trimmed(colon + 1, len - (size_t)(colon + 1 - line)),
	};
}

void http_headers_done(struct http_headers *headers)
{
	for (size_t i = 0; i < headers->n; i++) {
		free(headers->field[i].name);
		free(headers->field[i].value);
	}
	free(headers->field);
	*headers = (struct http_headers){ .n = 0 };
}
