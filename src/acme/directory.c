/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading the directory. Three endpoints must be there, or nothing can be ordered; the
 * others may be missing and whoever wants them is told. Unknown members, some with
 * random names, are normal.
 */
#include "acme/directory.h"

#include <errno.h>
#include <string.h>

#include "acme/syntax.h"
#include "util/json_view.h"
#include "util/mem.h"

#define LIST_MAX       32
#define WORD_BYTES_MAX 253
#define URL_BYTES_MAX  2048

static int read_endpoint(const struct acme_client *client, const json_t *json,
	const char *member, char **ret, struct err *err)
{
	const char *url = json_view_string(json, member);

	if (!url)
		return err_set_kind(err, ERR_CA, -EPROTO, "it has no %s", member);
	int r = acme_client_check_url(client, url, err);
	if (r < 0)
		return err_wrap(err, r, "%s", member);
	*ret = xstrdup(url);
	return 0;
}

static int read_optional_endpoint(const struct acme_client *client, const json_t *json,
	const char *member, char **ret, struct err *err)
{
	if (!json_object_get(json, member))
		return 0;
	return read_endpoint(client, json, member, ret, err);
}

/* Renewal information may live on another host that nobody has listed: an order does
 * not need it, so that must not stand in its way. */
static void read_renewal_info(struct acme_directory *ret,
	const struct acme_client *client, const json_t *json)
{
	const char *url = json_view_string(json, "renewalInfo");

	if (url && acme_client_check_url(client, url, NULL) == 0)
		ret->renewal_info = xstrdup(url);
}

static void read_caa_identities(struct acme_directory *ret, const json_t *meta)
{
	const json_t *array = json_view_array(meta, "caaIdentities");

	for (size_t i = 0; i < json_array_size(array) && i < LIST_MAX; i++) {
		const char *name = json_string_value(json_array_get(array, i));

		if (syntax_is_graphic(name, WORD_BYTES_MAX))
			strv_append(&ret->caa_identities, name);
	}
}

static void read_profiles(struct acme_directory *ret, json_t *meta)
{
	const char *name;
	const json_t *value;

	json_object_foreach(json_view_object(meta, "profiles"), name, value)
	{
		if (strv_length(ret->profiles) == LIST_MAX)
			return;
		if (syntax_is_graphic(name, WORD_BYTES_MAX))
			strv_append(&ret->profiles, name);
	}
}

static void read_meta(struct acme_directory *ret, json_t *meta)
{
	const char *terms = json_view_string(meta, "termsOfService");

	if (syntax_is_graphic(terms, URL_BYTES_MAX))
		ret->terms_of_service = xstrdup(terms);
	ret->external_account_required =
		json_view_bool(meta, "externalAccountRequired", false);
	read_caa_identities(ret, meta);
	read_profiles(ret, meta);
	ret->meta = json_view_format(meta);
}

static int read_endpoints(struct acme_directory *ret, const struct acme_client *client,
	const json_t *json, struct err *err)
{
	int r = read_endpoint(client, json, "newNonce", &ret->new_nonce, err);

	if (r == 0)
		r = read_endpoint(client, json, "newAccount", &ret->new_account, err);
	if (r == 0)
		r = read_endpoint(client, json, "newOrder", &ret->new_order, err);
	if (r == 0)
		r = read_optional_endpoint(
			client, json, "revokeCert", &ret->revoke_cert, err);
	if (r == 0)
		r = read_optional_endpoint(
			client, json, "keyChange", &ret->key_change, err);
	return r;
}

int acme_directory_parse(struct acme_directory *ret, const struct acme_client *client,
	const json_t *json, struct err *err)
{
	_cleanup_(acme_directory_done) struct acme_directory directory = {};
	json_t *meta = json_view_object(json, "meta");

	int r = read_endpoints(&directory, client, json, err);
	if (r < 0)
		return r;
	read_renewal_info(&directory, client, json);
	if (meta)
		read_meta(&directory, meta);
	*ret = directory;
	directory = (struct acme_directory){};
	return 0;
}

void acme_directory_done(struct acme_directory *directory)
{
	free(directory->new_nonce);
	free(directory->new_account);
	free(directory->new_order);
	free(directory->revoke_cert);
	free(directory->key_change);
	free(directory->renewal_info);
	free(directory->terms_of_service);
	free(directory->meta);
	strv_free(directory->caa_identities);
	strv_free(directory->profiles);
	*directory = (struct acme_directory){};
}
