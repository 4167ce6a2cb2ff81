/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See authorities.h. */
#include "core/accounts/authorities.h"

#include "util/map.h"
#include "util/mem.h"

struct authorities {
	struct authorities_params in; /* borrowed members */
	struct map *by_name;          /* name → struct authority, owned */
};

struct authorities *authorities_new(const struct authorities_params *params)
{
	struct authorities *a = xnew(struct authorities);

	a->in = *params;
	a->by_name = map_new();
	return a;
}

struct authorities *authorities_free(struct authorities *a)
{
	const char *name;
	struct authority *authority;
	size_t pos;

	if (!a)
		return NULL;
	map_foreach(a->by_name, pos, name, authority)
		authority_free(authority);
	map_free(a->by_name);
	free(a);
	return NULL;
}

struct authority *authorities_get(struct authorities *a, struct conf *conf,
	const struct conf_block *block, struct err *err)
{
	const char *name = conf_block_get_name(block);
	struct authority *authority = map_find(a->by_name, name);

	if (authority)
		return authority;
	struct authority_params params = {
		.loop = a->in.loop,
		.store = a->in.store,
		.events = a->in.events,
		.clock = a->in.clock,
		.conf = conf,
		.block = block,
		.log = a->in.log,
	};
	if (authority_new(&authority, &params, err) < 0)
		return NULL;
	map_set(a->by_name, name, authority);
	return authority;
}

/* What stands in the way, or what was left undone; else it is opened when it is needed. */
static bool wants_care(const struct authorities *a, const struct conf_block *block)
{
	_cleanup_(store_account_done) struct store_account account = { 0 };
	int r = store_account_load(a->in.store, conf_block_get_name(block),
		conf_get_string(block, "directory"), &account, NULL);

	return r == 0 &&
	       (account.pending_key_pem || account.status == STORE_ACCOUNT_STOPPED ||
		       account.status == STORE_ACCOUNT_DEACTIVATED);
}

void authorities_resume(struct authorities *a, struct conf *conf)
{
	const struct conf_block *block;

	for (size_t i = 0; (block = conf_get_block(conf, "authority", i)); i++) {
		struct authority *authority =
			wants_care(a, block) ? authorities_get(a, conf, block, NULL)
					     : NULL;
		if (authority)
			authority_resume(authority);
	}
}

char *authorities_format_hold(
	const struct authorities *a, const struct conf_block *block)
{
	struct authority *authority = map_find(a->by_name, conf_block_get_name(block));

	return authority ? authority_format_hold(authority) : NULL;
}

static bool is_current(const struct authority *authority, const struct conf *conf)
{
	const struct conf_block *block =
		conf_find_block(conf, "authority", authority_get_name(authority));

	return block && authority_is_current(authority, block);
}

bool authorities_is_stale(const struct authorities *a, const struct conf *conf)
{
	const char *name;
	struct authority *authority;
	size_t pos;

	map_foreach(a->by_name, pos, name, authority)
		if (!is_current(authority, conf))
			return true;
	return false;
}

void authorities_follow(struct authorities *a, const struct conf *conf)
{
	const char *name;
	struct authority *authority;
	size_t pos;

	map_foreach(a->by_name, pos, name, authority) {
		if (is_current(authority, conf))
			continue;
		map_remove(a->by_name, name);
		authority_free(authority);
	}
}
