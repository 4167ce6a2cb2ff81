/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the makes of HTTP clients share: the headers that are kept of an answer, and the
 * defaults of a request. */
#pragma once

#include "io/http.h"

#define HTTP_HEADERS_MAX        64
#define HTTP_HEADER_BYTES_MAX   8192
#define HTTP_BODY_BYTES_DEFAULT (64 * 1024)
#define HTTP_DEADLINE_DEFAULT   (30 * USEC_PER_SEC)

/* Keeps a line "Name: value", with or without its line end; what is no such line, too
 * long or too many is dropped. */
void http_headers_add_line(struct http_headers *headers, const char *line, size_t len);
void http_headers_done(struct http_headers *headers);
