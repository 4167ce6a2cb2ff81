/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See standing.h. */
#include "core/workers/standing.h"

#include <stdlib.h>

#include "util/map.h"
#include "util/mem.h"

struct standing {
	struct map *answers; /* key → struct link_answer, owned */
	uint64_t last_id;
};

static char *format_key(bool is_alpn, const char *name, const char *token)
{
	return xasprintf(
		"%s %s %s", is_alpn ? "alpn" : "http", name, token ? token : "");
}

static struct link_answer *copy_answer(const struct link_answer *answer, uint64_t id)
{
	struct link_answer *copy = xnew(struct link_answer);

	*copy = (struct link_answer){
		.id = id,
		.is_alpn = answer->is_alpn,
		.name = xstrdup(answer->name),
		.token = xstrdup(answer->token),
		.content = xstrdup(answer->content),
		.chain_pem = xstrdup(answer->chain_pem),
		.key_pem = xstrdup(answer->key_pem),
	};
	return copy;
}

struct link_answer *standing_answer_free(struct link_answer *answer)
{
	if (!answer)
		return NULL;
	link_answer_done(answer);
	free(answer);
	return NULL;
}

struct standing *standing_new(void)
{
	struct standing *standing = xnew(struct standing);

	standing->answers = map_new();
	return standing;
}

struct standing *standing_free(struct standing *standing)
{
	struct link_answer *answer;
	const char *key;
	size_t pos;

	if (!standing)
		return NULL;
	map_foreach(standing->answers, pos, key, answer)
		standing_answer_free(answer);
	map_free(standing->answers);
	free(standing);
	return NULL;
}

const struct link_answer *standing_put(
	struct standing *standing, const struct link_answer *answer)
{
	_cleanup_(freep) char *key =
		format_key(answer->is_alpn, answer->name, answer->token);
	struct link_answer *copy = copy_answer(answer, ++standing->last_id);

	standing_answer_free(map_set(standing->answers, key, copy));
	return copy;
}

struct link_answer *standing_take(
	struct standing *standing, bool is_alpn, const char *name, const char *token)
{
	_cleanup_(freep) char *key = format_key(is_alpn, name, token);

	return map_remove(standing->answers, key);
}

void standing_each(const struct standing *standing, standing_fn *fn, void *userdata)
{
	const struct link_answer *answer;
	const char *key;
	size_t pos;

	map_foreach(standing->answers, pos, key, answer)
		fn(answer, userdata);
}
