/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See suffixes.h. */
#include "core/wanted/suffixes.h"

#include <libpsl.h>
#include <string.h>

#include "util/mem.h"

struct suffixes {
	psl_ctx_t *list; /* owned; NULL: there is none anywhere */
};

struct suffixes *suffixes_new(void)
{
	struct suffixes *suffixes = xnew(struct suffixes);

	suffixes->list = psl_latest(NULL);
	return suffixes;
}

struct suffixes *suffixes_free(struct suffixes *suffixes)
{
	if (!suffixes)
		return NULL;
	psl_free(suffixes->list);
	free(suffixes);
	return NULL;
}

const char *suffixes_find_registered(const struct suffixes *suffixes, const char *name)
{
	const char *host = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
	const char *found =
		suffixes->list ? psl_registrable_domain(suffixes->list, host) : NULL;

	return found ? found : host;
}

char **suffixes_list_registered(const struct suffixes *suffixes, const char *names)
{
	_cleanup_(strv_freep) char **list = strv_split(names);
	char **registered = NULL;

	for (size_t i = 0; list && list[i]; i++) {
		const char *domain = suffixes_find_registered(suffixes, list[i]);

		if (!strv_contains(registered, domain))
			strv_append(&registered, domain);
	}
	return registered;
}
