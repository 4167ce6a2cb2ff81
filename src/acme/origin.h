/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The origin of an https URL: where a request for it would go. */
#pragma once

#include "util/err.h"

#define ORIGIN_URL_BYTES_MAX 2048

/* "host:port" in lower case, the port always there; owned by the caller. -EPROTO: not
 * an absolute https URL without user name, fragment, white space and backslash. */
int origin_parse(const char *url, char **ret, struct err *err);
