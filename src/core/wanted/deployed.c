/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See deployed.h. Only what is set counts: a default that a newer plugin brings moves
 * nothing. */
#include "core/wanted/deployed.h"

#include <inttypes.h>
#include <string.h>

#include "util/hash.h"
#include "util/map.h"
#include "util/mem.h"

#define BLOCK_BYTES_MAX ((size_t)1024 * 1024)
#define LIST_BYTES_MAX  ((size_t)64 * 1024)

/* --- settings ---------------------------------------------------------------------------- */

/* The block's text is hashed, since it may have secrets in it. */
static char *format_digest(const struct conf *conf, const char *target)
{
	static const struct hash_key key = { { 0 } };
	_cleanup_(freep) char *name = xasprintf("deploy %s", target);
	struct buf text = BUF_INIT(BLOCK_BYTES_MAX);

	if (conf_find_block(conf, "deploy", target))
		(void)conf_print(conf,
			CONF_PRINT_CHANGED | CONF_PRINT_EXPANDED | CONF_PRINT_SECRETS,
			name, &text);
	_cleanup_(freep) char *shown = buf_steal(&text);
	return xasprintf("%016" PRIx64, hash_bytes(&key, shown, strlen(shown)));
}

const char *deployed_conf_get(struct deployed_conf *targets, const char *target)
{
	if (!targets->settings)
		targets->settings = map_new();
	char *digest = map_find(targets->settings, target);
	if (!digest) {
		digest = format_digest(targets->conf, target);
		map_set(targets->settings, target, digest);
	}
	return digest;
}

void deployed_conf_done(struct deployed_conf *targets)
{
	const char *target;
	char *digest;
	size_t pos;

	if (!targets->settings)
		return;
	map_foreach(targets->settings, pos, target, digest)
		free(digest);
	targets->settings = map_free(targets->settings);
}

/* --- what there is ------------------------------------------------------------------------- */

static struct deployed_target *find_target(
	const struct deployed *deployed, const char *name)
{
	for (size_t i = 0; i < deployed->n; i++)
		if (strcmp(deployed->target[i].name, name) == 0)
			return &deployed->target[i];
	return NULL;
}

static struct deployed_target *add_target(struct deployed *deployed, const char *name)
{
	deployed->target = xreallocarray(
		deployed->target, deployed->n + 1, sizeof(*deployed->target));
	struct deployed_target *t = &deployed->target[deployed->n++];
	*t = (struct deployed_target){
		.name = xstrdup(name),
		.is_done = true,
	};
	return t;
}

void deployed_add(struct deployed *deployed, const struct store_install *row)
{
	struct deployed_target *t = find_target(deployed, row->target);

	if (!t)
		t = add_target(deployed, row->target);
	t->is_done &= row->done_usec > 0;
	if (row->settings)
		xstrset(&t->settings, row->settings);
}

static int on_row(const struct store_install *row, void *userdata)
{
	deployed_add(userdata, row);
	return 0;
}

int deployed_load(struct deployed *deployed, struct store *store,
	int64_t certificate_id, struct err *err)
{
	return store_install_each(store, certificate_id, on_row, deployed, err);
}

void deployed_done(struct deployed *deployed)
{
	for (size_t i = 0; i < deployed->n; i++) {
		free(deployed->target[i].name);
		free(deployed->target[i].settings);
	}
	free(deployed->target);
	*deployed = (struct deployed){ 0 };
}

/* --- asking ---------------------------------------------------------------------------------- */

static bool has_settings(const struct deployed_target *t, const char *settings)
{
	return !t->settings || strcmp(t->settings, settings) == 0;
}

bool deployed_is_done(
	const struct deployed *deployed, const char *target, const char *settings)
{
	const struct deployed_target *t = find_target(deployed, target);

	return t && t->is_done && has_settings(t, settings);
}

static bool is_new(
	const struct deployed *deployed, const char *target, const char *settings)
{
	const struct deployed_target *t = find_target(deployed, target);

	return !t || !has_settings(t, settings);
}

static void tell_target(struct buf *list, const char *name)
{
	(void)buf_printf(list, "%s%s", list->len ? " " : "", name);
}

char *deployed_format_new(const struct deployed *deployed,
	struct deployed_conf *targets, const struct conf_block *domain)
{
	char *const *wanted = conf_get_list(domain, "deploy");
	struct buf list = BUF_INIT(LIST_BYTES_MAX);

	for (size_t i = 0; wanted[i]; i++)
		if (is_new(deployed, wanted[i], deployed_conf_get(targets, wanted[i])))
			tell_target(&list, wanted[i]);
	return buf_steal(&list);
}

char *deployed_format_unwanted(
	const struct deployed *deployed, const struct conf_block *domain)
{
	char *const *wanted = conf_get_list(domain, "deploy");
	struct buf list = BUF_INIT(LIST_BYTES_MAX);

	for (size_t i = 0; i < deployed->n; i++)
		if (!strv_contains(wanted, deployed->target[i].name))
			tell_target(&list, deployed->target[i].name);
	return buf_steal(&list);
}
