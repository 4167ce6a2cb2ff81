/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading an order. Each answer is taken whole: a CA may move its finalize URL, add the
 * certificate's, and drop the authorizations once they are done with. Dates of other
 * members are not read: some CAs send zero for notBefore and notAfter.
 */
#include "acme/order_object.h"

#include <errno.h>
#include <string.h>

#include "acme/order.h"
#include "util/json_view.h"
#include "util/mem.h"
#include "util/strtab.h"

static const char *const status_names[_ORDER_STATUS_MAX] = {
	[ORDER_STATUS_PENDING] = "pending",
	[ORDER_STATUS_READY] = "ready",
	[ORDER_STATUS_PROCESSING] = "processing",
	[ORDER_STATUS_VALID] = "valid",
	[ORDER_STATUS_INVALID] = "invalid",
};

static int read_status(struct order_object *ret, const json_t *json, struct err *err)
{
	const char *name = json ? json_view_string(json, "status") : NULL;

	if (!name)
		return err_set_kind(err, ERR_CA, -EPROTO, "the order has no status");
	int status = STRTAB_FIND(status_names, name);
	if (status < 0)
		return err_set_kind(err, ERR_CA, -EPROTO,
			"the order has the unknown status %.64s", name);
	ret->status = (enum order_status)status;
	return 0;
}

static int read_url(const struct acme_client *client, const json_t *json,
	const char *member, char **ret, struct err *err)
{
	const char *url = json_view_string(json, member);

	if (!url)
		return 0;
	int r = acme_client_check_url(client, url, err);
	if (r < 0)
		return err_wrap(err, r, "%s of the order", member);
	*ret = xstrdup(url);
	return 0;
}

static int read_authorizations(struct order_object *ret,
	const struct acme_client *client, const json_t *json, struct err *err)
{
	const json_t *array = json_view_array(json, "authorizations");

	if (json_array_size(array) > ACME_NAMES_MAX)
		return err_set_kind(err, ERR_CA, -E2BIG,
			"the order has %zu authorizations", json_array_size(array));
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *url = json_string_value(json_array_get(array, i));

		int r = acme_client_check_url(client, url, err);
		if (r < 0)
			return err_wrap(err, r, "authorizations of the order");
		if (!strv_contains(ret->authorizations, url))
			strv_append(&ret->authorizations, url);
	}
	return 0;
}

static void read_rest(struct order_object *ret, const json_t *json)
{
	const json_t *error = json_view_object(json, "error");
	const char *expires = json_view_string(json, "expires");

	if (expires && !usec_parse_rfc3339(expires, &ret->expires_usec))
		ret->expires_usec = 0;
	ret->has_problem = error != NULL;
	if (error)
		acme_problem_parse(&ret->problem, error,
			(unsigned)json_view_int(error, "status", 0));
}

static int check_complete(
	const struct order_object *object, const json_t *json, struct err *err)
{
	const char *missing = NULL;

	if (object->status == ORDER_STATUS_PENDING &&
		!json_view_array(json, "authorizations"))
		missing = "authorizations";
	if (object->status == ORDER_STATUS_READY && !object->finalize_url)
		missing = "finalize";
	if (object->status == ORDER_STATUS_VALID && !object->certificate_url)
		missing = "certificate";
	if (!missing)
		return 0;
	return err_set_kind(err, ERR_CA, -EPROTO, "the order is %s and has no %s",
		status_names[object->status], missing);
}

int order_object_parse(struct order_object *ret, const struct acme_client *client,
	const json_t *json, struct err *err)
{
	_cleanup_(order_object_done) struct order_object object = {};

	int r = read_status(&object, json, err);
	if (r == 0)
		r = read_url(client, json, "finalize", &object.finalize_url, err);
	if (r == 0)
		r = read_url(client, json, "certificate", &object.certificate_url, err);
	if (r == 0)
		r = read_authorizations(&object, client, json, err);
	if (r == 0)
		r = check_complete(&object, json, err);
	if (r < 0)
		return r;
	read_rest(&object, json);
	order_object_done(ret);
	*ret = object;
	object = (struct order_object){};
	return 0;
}

void order_object_done(struct order_object *object)
{
	free(object->finalize_url);
	free(object->certificate_url);
	strv_free(object->authorizations);
	acme_problem_done(&object->problem);
	*object = (struct order_object){};
}
