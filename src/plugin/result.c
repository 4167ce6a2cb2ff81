/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugin/result.h"

#include <string.h>

#include "io/address.h"
#include "plugin/wanted.h"
#include "util/dname.h"
#include "util/mem.h"
#include "util/text.h"

#define DETAIL_BYTES_MAX 512
#define SAVED_BYTES_MAX  (64 * 1024)
#define ADDRESSES_MAX    64
#define VALUES_MAX       64
#define RETRY_USEC_MAX   USEC_PER_DAY
/* What ABI 0.1 had. */
#define END_OF(member)                              \
	(offsetof(struct postseal_result, member) + \
		sizeof(((struct postseal_result *)NULL)->member))
#define RESULT_BYTES_MIN END_OF(saved)

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
	ret->values = xnew_array(char *, 1);
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

static bool has(const struct postseal_result *from, size_t end)
{
	return from->size >= end;
}

static const char *copy_wanted(
	struct plugin_result *ret, const struct postseal_result *from)
{
	struct postseal_wanted *copy;

	if (!has(from, END_OF(n_wanted)))
		return NULL;
	if (wanted_copy(&copy, from->wanted, from->n_wanted, NULL) < 0)
		return "the plugin wants a record that cannot be";
	ret->wanted = copy;
	ret->n_wanted = from->n_wanted;
	return NULL;
}

static const char *copy_place(
	struct plugin_result *ret, const struct postseal_result *from)
{
	char name[DNAME_MAX + 1];

	if (!has(from, END_OF(place)) || !from->place)
		return NULL;
	if (!dname_normalise(from->place, strnlen(from->place, sizeof(name) + 1),
		    DNAME_UNDERSCORE, name, sizeof(name)))
		return "the plugin names a place that is no name";
	ret->place = xstrdup(name);
	return NULL;
}

/* What stands in the DNS may be anything: what is no value of ours is left out. */
static const char *copy_values(
	struct plugin_result *ret, const struct postseal_result *from)
{
	char **values = xnew_array(char *, 1);

	ret->values = values;
	if (!has(from, END_OF(values)) || !from->values)
		return NULL;
	for (size_t i = 0; from->values[i] && i < VALUES_MAX; i++)
		if (wanted_is_value(from->values[i]))
			strv_append(&values, from->values[i]);
	ret->values = values;
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
	if (!problem)
		problem = copy_wanted(ret, from);
	if (!problem)
		problem = copy_place(ret, from);
	if (!problem)
		problem = copy_values(ret, from);
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
	wanted_free((struct postseal_wanted *)result->wanted, result->n_wanted);
	strv_free((char **)result->values);
	free((char *)result->place);
	free((char *)result->detail);
	free((char *)result->saved);
	memset(result, 0, sizeof(*result));
}
