/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugin/wanted.h"

#include <errno.h>
#include <string.h>

#include "util/dname.h"
#include "util/mem.h"
#include "util/text.h"

/* What ABI 0.2 had. */
#define WANTED_BYTES_MIN \
	(offsetof(struct postseal_wanted, until_sec) + sizeof(uint64_t))

static const char *const types[] = { "TXT", "CNAME", "CAA", "NS", NULL };

bool wanted_is_type(const char *type)
{
	for (size_t i = 0; types[i]; i++) {
		if (type && strcmp(types[i], type) == 0)
			return true;
	}
	return false;
}

bool wanted_is_value(const char *value)
{
	size_t len = value ? strnlen(value, WANTED_VALUE_BYTES_MAX + 1) : 0;

	if (len == 0 || len > WANTED_VALUE_BYTES_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (value[i] < ' ' || value[i] > '~')
			return false;
	}
	return true;
}

static char *copy_name(const char *name)
{
	char buf[DNAME_MAX + 1];

	if (!name || !dname_normalise(name, strnlen(name, sizeof(buf) + 1),
			     DNAME_UNDERSCORE, buf, sizeof(buf)))
		return NULL;
	return xstrdup(buf);
}

static char *copy_value(const struct postseal_wanted *from)
{
	bool is_name =
		strcmp(from->type, "CNAME") == 0 || strcmp(from->type, "NS") == 0;

	if (is_name)
		return copy_name(from->value);
	return wanted_is_value(from->value) ? xstrdup(from->value) : NULL;
}

static int copy_one(
	struct postseal_wanted *to, const struct postseal_wanted *from, struct err *err)
{
	char why[WANTED_WHY_BYTES_MAX];

	if (!wanted_is_type(from->type))
		return err_set_kind(err, ERR_PLUGIN, -EINVAL,
			"the plugin wants a record of a type that is not known");
	text_format(why, sizeof(why), "%s", from->why ? from->why : "");
	*to = (struct postseal_wanted){
		.size = sizeof(*to),
		.owner = copy_name(from->owner),
		.type = xstrdup(from->type),
		.value = copy_value(from),
		.why = xstrdup(why),
		.until_sec = from->until_sec,
	};
	if (to->owner && to->value)
		return 0;
	return err_set_kind(err, ERR_PLUGIN, -EINVAL,
		"the plugin wants a record whose %s cannot be",
		to->owner ? "value" : "owner");
}

int wanted_copy(struct postseal_wanted **ret, const struct postseal_wanted *from,
	size_t n, struct err *err)
{
	*ret = NULL;
	if (n == 0)
		return 0;
	/* Older plugins have smaller structs: the first says how far apart they are. */
	if (n > WANTED_MAX || !from || from->size < WANTED_BYTES_MIN ||
		from->size > sizeof(*from))
		return err_set_kind(err, ERR_PLUGIN, -EINVAL,
			"the plugin wants too many records, or says no size");
	struct postseal_wanted *copy = xnew_array(struct postseal_wanted, n);
	const char *at = (const char *)from;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++, at += from->size) {
		struct postseal_wanted one = { .size = 0 };

		memcpy(&one, at, from->size);
		r = copy_one(&copy[i], &one, err);
	}
	if (r < 0) {
		wanted_free(copy, n);
		return r;
	}
	*ret = copy;
	return 0;
}

struct postseal_wanted *wanted_free(struct postseal_wanted *wanted, size_t n)
{
	for (size_t i = 0; wanted && i < n; i++) {
		free((char *)wanted[i].owner);
		free((char *)wanted[i].type);
		free((char *)wanted[i].value);
		free((char *)wanted[i].why);
	}
	free(wanted);
	return NULL;
}
