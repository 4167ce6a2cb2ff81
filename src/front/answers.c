/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "front/answers.h"

#include <string.h>

#include "util/map.h"
#include "util/mem.h"

#define TOKEN_MAX 256

struct answers {
	struct map *http; /* "name token" → content, owned */
	struct map *alpn; /* name → a reference of a context */
};

struct answers *answers_new(void)
{
	struct answers *answers = xnew(struct answers);

	answers->http = map_new();
	answers->alpn = map_new();
	return answers;
}

struct answers *answers_free(struct answers *answers)
{
	struct tls_context *context;
	const char *key;
	char *content;
	size_t pos;

	if (!answers)
		return NULL;
	map_foreach(answers->http, pos, key, content)
		free(content);
	map_foreach(answers->alpn, pos, key, context)
		tls_context_unref(context);
	map_free(answers->http);
	map_free(answers->alpn);
	free(answers);
	return NULL;
}

static char *format_key(const char *name, const char *token)
{
	return xasprintf("%s %s", name, token);
}

void answers_put_http(struct answers *answers, const char *name, const char *token,
	const char *content)
{
	_cleanup_(freep) char *key = format_key(name, token);

	free(map_set(answers->http, key, xstrdup(content)));
}

void answers_put_alpn(
	struct answers *answers, const char *name, struct tls_context *context)
{
	tls_context_unref(map_set(answers->alpn, name, tls_context_ref(context)));
}

void answers_drop_http(struct answers *answers, const char *name, const char *token)
{
	_cleanup_(freep) char *key = format_key(name, token);

	free(map_remove(answers->http, key));
}

void answers_drop_alpn(struct answers *answers, const char *name)
{
	tls_context_unref(map_remove(answers->alpn, name));
}

const char *answers_find_http(
	const struct answers *answers, const char *name, const char *token)
{
	_cleanup_(freep) char *key = format_key(name, token);

	return map_find(answers->http, key);
}

struct tls_context *answers_find_alpn(const struct answers *answers, const char *name)
{
	return map_find(answers->alpn, name);
}

bool answers_is_token(const char *token)
{
	size_t n = strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				 "0123456789-_");

	return n > 0 && n <= TOKEN_MAX && token[n] == '\0';
}
