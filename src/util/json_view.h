/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading JSON that came from outside (jansson underneath): capped in size and depth,
 * duplicate members refused, and getters that never fail on the wrong type.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "util/err.h"

#define JSON_VIEW_DEPTH_MAX 32

/* -EINVAL: not JSON, not an object or array, deeper than JSON_VIEW_DEPTH_MAX, or with
 * a NUL inside a string. `*ret` is owned by the caller. Numbers cost no more than
 * their length (1e1000000000 is refused). */
int json_view_parse(json_t **ret, const char *data, size_t len, struct err *err);

static inline void json_view_unrefp(json_t **j)
{
	json_decref(*j);
}

/* Member of an object, or NULL if absent or of another type. Borrowed from obj. */
const char *json_view_string(const json_t *obj, const char *key);
json_t *json_view_object(const json_t *obj, const char *key);
json_t *json_view_array(const json_t *obj, const char *key);
/* Fallback if absent or of another type. */
int64_t json_view_int(const json_t *obj, const char *key, int64_t fallback);
bool json_view_bool(const json_t *obj, const char *key, bool fallback);
/* Compact text, sorted keys; owned by the caller. */
char *json_view_format(const json_t *json);
