/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A ladder: numbers, sizes, words, methods, settings. A plugin may be older than we are
 * by any number of minors; then its structs are shorter, and the rest reads as zero.
 */
#include "plugin/descriptor.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define NAME_MAX_BYTES 32
#define TEXT_MAX_BYTES 1024
/* What ABI 0.1 had: the least that any plugin brings. */
#define END_OF(type, member) (offsetof(type, member) + sizeof(((type *)NULL)->member))
#define PLUGIN_BYTES_MIN     END_OF(struct postseal_plugin, notify)
#define CHALLENGE_BYTES_MIN  END_OF(struct postseal_challenge, cancel)
#define DNS_BYTES_MIN        END_OF(struct postseal_dns, cancel)
#define DEPLOY_BYTES_MIN     END_OF(struct postseal_deploy, cancel)
#define NOTIFY_BYTES_MIN     END_OF(struct postseal_notify, cancel)

#define refuse(err, ...) err_set_kind((err), ERR_PLUGIN, -EINVAL, __VA_ARGS__)

static int check_abi(
	const struct postseal_plugin *from, const char *path, struct err *err)
{
	if (from->abi_major == POSTSEAL_ABI_MAJOR &&
		from->abi_minor <= POSTSEAL_ABI_MINOR)
		return 0;
	return err_set_kind(err, ERR_PLUGIN, -EPROTO,
		"%s: made for ABI %u.%u, and this is %u.%u", path, from->abi_major,
		from->abi_minor, (unsigned)POSTSEAL_ABI_MAJOR,
		(unsigned)POSTSEAL_ABI_MINOR);
}

/* Copies what the other side has of a struct. */
static int copy_sized(void *to, const void *from, size_t size, size_t min_bytes,
	size_t max_bytes, struct err *err)
{
	if (size < min_bytes || size > max_bytes)
		return err_set_kind(err, ERR_PLUGIN, -EPROTO,
			"a struct of %zu octets where %zu to %zu are known", size,
			min_bytes, max_bytes);
	memcpy(to, from, size);
	return 0;
}

/* --- words ---------------------------------------------------------------------------- */

/* What may stand in a configuration, a file's name and a log field. */
static bool is_word(const char *s, char joint)
{
	size_t len = s ? strnlen(s, NAME_MAX_BYTES + 1) : 0;

	if (len == 0 || len > NAME_MAX_BYTES || s[0] == joint)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool is_letter = s[i] >= 'a' && s[i] <= 'z';
		bool is_digit = s[i] >= '0' && s[i] <= '9';
		if (!is_letter && !is_digit && s[i] != joint)
			return false;
	}
	return true;
}

static bool is_text(const char *s)
{
	return s && s[0] != '\0' && strnlen(s, TEXT_MAX_BYTES) < TEXT_MAX_BYTES;
}

static int check_words(const struct postseal_plugin *plugin, struct err *err)
{
	if (!is_word(plugin->name, '-'))
		return refuse(err, "its name is not of a-z 0-9 -, at most %d of them",
			NAME_MAX_BYTES);
	if (!is_text(plugin->summary) || !is_text(plugin->version))
		return refuse(err, "%s: without summary or version", plugin->name);
	return 0;
}

/* --- methods -------------------------------------------------------------------------- */

static int read_challenge(struct descriptor *d, struct err *err)
{
	const struct postseal_challenge *from = d->plugin.challenge;

	int r = copy_sized(&d->challenge, from, from->size, CHALLENGE_BYTES_MIN,
		sizeof(d->challenge), err);
	if (r < 0)
		return r;
	d->plugin.challenge = &d->challenge;
	if (!is_word(d->challenge.type, '-'))
		return refuse(err, "without a challenge type");
	if (!d->challenge.present)
		return refuse(err, "without the method present");
	return 0;
}

static int read_deploy(struct descriptor *d, struct err *err)
{
	const struct postseal_deploy *from = d->plugin.deploy;

	int r = copy_sized(
		&d->deploy, from, from->size, DEPLOY_BYTES_MIN, sizeof(d->deploy), err);
	if (r < 0)
		return r;
	d->plugin.deploy = &d->deploy;
	return d->deploy.install ? 0 : refuse(err, "without the method install");
}

static int read_notify(struct descriptor *d, struct err *err)
{
	const struct postseal_notify *from = d->plugin.notify;

	int r = copy_sized(
		&d->notify, from, from->size, NOTIFY_BYTES_MIN, sizeof(d->notify), err);
	if (r < 0)
		return r;
	d->plugin.notify = &d->notify;
	return d->notify.notify ? 0 : refuse(err, "without the method notify");
}

static int read_dns(struct descriptor *d, struct err *err)
{
	const struct postseal_dns *from = d->plugin.dns;

	int r = copy_sized(
		&d->dns, from, from->size, DNS_BYTES_MIN, sizeof(d->dns), err);
	if (r < 0)
		return r;
	d->plugin.dns = &d->dns;
	if (!d->dns.add || !d->dns.remove)
		return refuse(err, "without the methods add and remove");
	return 0;
}

/* Exactly the table of its kind must be there. */
static int read_methods(struct descriptor *d, struct err *err)
{
	const struct postseal_plugin *p = &d->plugin;

	const struct {
		enum postseal_kind kind;
		const void *methods;
		int (*read)(struct descriptor *d, struct err *err);
	} kinds[] = {
		{ POSTSEAL_KIND_CHALLENGE, p->challenge, read_challenge },
		{ POSTSEAL_KIND_DNS, p->dns, read_dns },
		{ POSTSEAL_KIND_DEPLOY, p->deploy, read_deploy },
		{ POSTSEAL_KIND_NOTIFY, p->notify, read_notify },
	};

	size_t own = ARRAY_SIZE(kinds), n_tables = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		n_tables += kinds[i].methods != NULL;
		if (kinds[i].kind == p->kind)
			own = i;
	}
	if (own == ARRAY_SIZE(kinds))
		return refuse(err, "of kind %d, which is not known", (int)p->kind);
	if (n_tables != 1 || !kinds[own].methods)
		return refuse(err, "its methods are not those of its kind");
	return kinds[own].read(d, err);
}

/* --- settings -------------------------------------------------------------------------- */

static bool has_twin(const struct postseal_setting *rows, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (strcmp(rows[k].name, rows[i].name) == 0)
			return true;
	}
	return false;
}

static int check_setting(const struct postseal_setting *rows, size_t i, struct err *err)
{
	const struct postseal_setting *row = &rows[i];
	bool is_enum = row->type == POSTSEAL_SETTING_ENUM;

	if (!is_word(row->name, '_'))
		return refuse(err, "the name of setting %zu is not of a-z 0-9 _", i);
	if ((unsigned)row->type > POSTSEAL_SETTING_MODE)
		return refuse(err, "%s: of type %d, which is not known", row->name,
			(int)row->type);
	if (is_enum != !!row->values || (is_enum && !row->values[0]))
		return refuse(err, "%s: values are for keywords", row->name);
	if (row->min > row->max || !is_text(row->text))
		return refuse(err, "%s: limits or text are wrong", row->name);
	if (has_twin(rows, i))
		return refuse(err, "%s: is there twice", row->name);
	return 0;
}

static int check_settings(struct descriptor *d, struct err *err)
{
	const struct postseal_setting *rows = d->plugin.settings;

	for (size_t i = 0; rows && rows[i].name; i++) {
		if (i == DESCRIPTOR_SETTINGS_MAX)
			return refuse(
				err, "more than %d settings", DESCRIPTOR_SETTINGS_MAX);
		int r = check_setting(rows, i, err);
		if (r < 0)
			return err_wrap(err, r, "settings");
		d->n_settings = i + 1;
	}
	return 0;
}

int descriptor_read(struct descriptor *ret, const struct postseal_plugin *from,
	const char *path, struct err *err)
{
	memset(ret, 0, sizeof(*ret));
	int r = check_abi(from, path, err);
	if (r < 0)
		return r;
	r = copy_sized(&ret->plugin, from, from->size, PLUGIN_BYTES_MIN,
		sizeof(ret->plugin), err);
	if (r == 0)
		r = check_words(&ret->plugin, err);
	if (r == 0)
		r = read_methods(ret, err);
	if (r == 0)
		r = check_settings(ret, err);
	return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}
