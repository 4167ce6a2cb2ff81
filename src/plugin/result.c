/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugin/result.h"

#include <string.h>

#include "io/address.h"
#include "util/dname.h"
#include "util/mem.h"
#include "util/text.h"

#define DETAIL_BYTES_MAX 512
#define SAVED_BYTES_MAX  (64 * 1024)
#define ADDRESSES_MAX    64
#define RETRY_USEC_MAX   USEC_PER_DAY
/* What ABI 0.1 had. */
#define RESULT_BYTES_MIN (offsetof(struct postseal_result, saved) + sizeof(char *))

static char *copy_detail(const char *detail)
{
	char text[DETAIL_BYTES_MAX];

	text_format(text, sizeof(text), "%s",
		detail && detail[0] ? detail : "the plugin gives no reason");
	return xstrdup(text);
}

void result_fail(struct plugin_result *ret, const char *detail)
{
	result_done(ret);
	ret->outcome = POSTSEAL_FAILED;
	ret->detail = copy_detail(detail);
}

/* NULL: it is fine. */
static const char *check_address(const struct postseal_address *address)
{
	struct address parsed;

	if (!address->address ||
		strnlen(address->address, ADDRESS_TEXT_MAX) == ADDRESS_TEXT_MAX ||
		address_parse(address->address, &parsed, NULL) < 0)
		return "the plugin names an address that is none";
	if (address->sni && !dname_is_valid(address->sni, 0))
		return "the plugin names a server name that is none";
	return NULL;
}

static const char *copy_addresses(
	struct plugin_result *ret, const struct postseal_result *from)
{
	if (from->n_addresses == 0)
		return NULL;
	if (from->n_addresses > ADDRESSES_MAX || !from->addresses)
		return "the plugin names too many addresses";
	struct postseal_address *copy =
		xnew_array(struct postseal_address, from->n_addresses);
	ret->addresses = copy;
	for (size_t i = 0; i < from->n_addresses; i++) {
		const char *problem = check_address(&from->addresses[i]);
		if (problem)
			return problem;
		copy[i].address = xstrdup(from->addresses[i].address);
		copy[i].sni = xstrdup(from->addresses[i].sni);
		ret->n_addresses = i + 1;
	}
	return NULL;
}

static const char *copy_saved(
	struct plugin_result *ret, const struct postseal_result *from)
{
	if (!from->saved)
		return NULL;
	if (strnlen(from->saved, SAVED_BYTES_MAX + 1) > SAVED_BYTES_MAX)
		return "the plugin wants too much to be saved";
	ret->saved = xstrdup(from->saved);
	return NULL;
}

void result_copy(struct plugin_result *ret, const struct postseal_result *from)
{
	const char *problem = NULL;

	memset(ret, 0, sizeof(*ret));
	if (!from || from->size < RESULT_BYTES_MIN ||
		(unsigned)from->outcome > POSTSEAL_REFUSED) {
		result_fail(ret, "the plugin gives a result that is none");
		return;
	}
	ret->outcome = from->outcome;
	ret->retry_usec = MIN(from->retry_usec, RETRY_USEC_MAX);
	if (from->outcome != POSTSEAL_OK)
		ret->detail = copy_detail(from->detail);
	problem = copy_saved(ret, from);
	if (!problem)
		problem = copy_addresses(ret, from);
	if (problem)
		result_fail(ret, problem);
}

void result_done(struct plugin_result *result)
{
	for (size_t i = 0; i < result->n_addresses; i++) {
		free((char *)result->addresses[i].address);
		free((char *)result->addresses[i].sni);
	}
	free((struct postseal_address *)result->addresses);
	free((char *)result->detail);
	free((char *)result->saved);
	memset(result, 0, sizeof(*result));
}
