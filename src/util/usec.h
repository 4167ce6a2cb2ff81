/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Time as unsigned microseconds. All arithmetic saturates: a clock that jumps and a
 * CA that sends nonsense must not make a time wrap around.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t usec_t;

#define USEC_PER_MSEC ((usec_t)1000)
#define USEC_PER_SEC  ((usec_t)1000000)
#define USEC_PER_MIN  (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MIN)
#define USEC_PER_DAY  (24 * USEC_PER_HOUR)
#define USEC_NEVER    UINT64_MAX

/* a + b, at most USEC_NEVER; a - b, at least 0; a * b, at most USEC_NEVER. */
usec_t usec_add(usec_t a, usec_t b);
usec_t usec_sub(usec_t a, usec_t b);
usec_t usec_mul(usec_t a, uint64_t b);

/* "90s", "12h", "1d 6h", "500ms"; a bare number is seconds. False: not a duration. */
bool usec_parse_duration(const char *s, usec_t *ret_usec);
/* The shortest such text that says it exactly, "12h", "1d 6h", into buf. */
#define USEC_DURATION_MAX 64
char *usec_format_duration(usec_t usec, char *buf, size_t size);

/* Wall clock as RFC 3339 in UTC, "2026-11-23T01:02:03Z". */
#define USEC_RFC3339_MAX 32
char *usec_format_rfc3339(usec_t wall_usec, char *buf, size_t size);
/* RFC 3339 with "Z" or an offset and optional fraction. False: not one, or before
 * 1970 or after 9999. */
bool usec_parse_rfc3339(const char *s, usec_t *ret_wall_usec);
/* IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7). */
bool usec_parse_http_date(const char *s, usec_t *ret_wall_usec);
/* Retry-After (RFC 9110 10.2.3): seconds or a date, given the time now (wall).
 * Returns the wait; a date in the past is 0. Not more than 366 days. */
bool usec_parse_retry_after(const char *s, usec_t wall_now_usec, usec_t *ret_wait_usec);
