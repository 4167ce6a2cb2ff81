/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "front/choice.h"

static bool rejects_unknown(const struct listener *listener)
{
	return listener->settings.unknown_sni == 1;
}

static void choose_acme(const struct listener *listener, const struct hello *hello,
	struct choice *choice)
{
	if (listener->settings.acme && hello->sni == HELLO_SNI_NAME)
		choice->context =
			answers_find_alpn(listener->front->answers, hello->name);
	choice->name = hello->name;
	choice->outcome = choice->context ? CHOICE_ACME : CHOICE_NO_PROTOCOL;
}

/* The name that this client is served under; NULL: none is known. */
static const char *choose_name(const struct listener *listener,
	const struct hello *hello, struct choice *choice)
{
	const struct names *names = &listener->front->names;
	const char *fallback = listener->settings.default_name;

	if (hello->sni == HELLO_SNI_NAME &&
		names_resolve(names, hello->name, choice->key))
		return hello->name;
	if (hello->sni != HELLO_SNI_NONE && rejects_unknown(listener)) {
		choice->outcome = CHOICE_UNKNOWN_NAME;
		return NULL;
	}
	if (fallback && names_resolve(names, fallback, choice->key))
		return fallback;
	choice->context = listener->front->placeholder;
	choice->key[0] = '\0';
	return NULL;
}

void choice_make(
	const struct listener *listener, const struct hello *hello, struct choice *ret)
{
	*ret = (struct choice){ .outcome = CHOICE_CONTEXT };
	if (hello->is_acme) {
		choose_acme(listener, hello, ret);
		return;
	}
	ret->name = choose_name(listener, hello, ret);
	if (!ret->name)
		return;
	ret->context = cache_find(listener->front->cache, ret->key, hello->client);
	if (!ret->context)
		ret->outcome = CHOICE_LOOKUP;
}
