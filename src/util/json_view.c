/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * jansson refuses already: other text than UTF-8, \u0000 in a string, numbers that do
 * not fit, anything behind the value. Depth is looked at before it parses, since it
 * recurses. Duplicates are refused: two readers must not see two meanings.
 */
#include "util/json_view.h"

#include <errno.h>
#include <string.h>

#include "util/mem.h"

/* Index behind the string whose opening quote is at i. */
static size_t skip_string(const char *data, size_t len, size_t i)
{
	for (i++; i < len && data[i] != '"'; i++) {
		if (data[i] == '\\')
			i++;
	}
	return i + 1;
}

static bool is_too_deep(const char *data, size_t len)
{
	unsigned depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (data[i] == '"')
			i = skip_string(data, len, i) - 1;
		else if (data[i] == '{' || data[i] == '[')
			depth++;
		else if ((data[i] == '}' || data[i] == ']') && depth > 0)
			depth--;
		if (depth > JSON_VIEW_DEPTH_MAX)
			return true;
	}
	return false;
}

int json_view_parse(json_t **ret, const char *data, size_t len, struct err *err)
{
	json_error_t why;

	if (len == 0)
		return err_set(err, -EINVAL, "json: empty");
	if (is_too_deep(data, len))
		return err_set(err, -EINVAL, "json: nested deeper than %d levels",
			JSON_VIEW_DEPTH_MAX);
	json_t *json = json_loadb(data, len, JSON_REJECT_DUPLICATES, &why);
	if (!json)
		return err_set(err, -EINVAL, "json: line %d: %s", why.line, why.text);
	*ret = json;
	return 0;
}

const char *json_view_string(const json_t *obj, const char *key)
{
	return json_string_value(json_object_get(obj, key));
}

json_t *json_view_object(const json_t *obj, const char *key)
{
	json_t *v = json_object_get(obj, key);

	return json_is_object(v) ? v : NULL;
}

json_t *json_view_array(const json_t *obj, const char *key)
{
	json_t *v = json_object_get(obj, key);

	return json_is_array(v) ? v : NULL;
}

int64_t json_view_int(const json_t *obj, const char *key, int64_t fallback)
{
	const json_t *v = json_object_get(obj, key);

	return json_is_integer(v) ? (int64_t)json_integer_value(v) : fallback;
}

bool json_view_bool(const json_t *obj, const char *key, bool fallback)
{
	const json_t *v = json_object_get(obj, key);

	return json_is_boolean(v) ? json_is_true(v) : fallback;
}

char *json_view_format(const json_t *json)
{
	char *s = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

	/* It fails without memory, or on a value that is none: a bug of ours. */
	if (!s)
		abort();
	return s;
}
