/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DNS names as Postseal uses them: A-labels, lower case, no trailing dot, at most 253
 * octets; a certificate's name may begin with "*.". Conversion of U-labels belongs to
 * conf/. Nothing but these characters ever passes: a-z 0-9 - . and, where it is said, a
 * leading "*." or "_".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define DNAME_MAX 253

enum {
	DNAME_WILDCARD = 1 << 0, /* a leading "*." is allowed */
	/* Labels may begin with "_" and hold more of them: names of records, such as
	 * "_acme-challenge.example.org", never of certificates. */
	DNAME_UNDERSCORE = 1 << 1,
};

/* Lower-cases and strips one trailing dot into buf (DNAME_MAX + 1 octets at least).
 * False: not such a name (empty or too long label, other octets, an IP address
 * literal; a single label is allowed). */
bool dname_normalise(
	const char *name, size_t len, unsigned flags, char *buf, size_t size);
bool dname_is_valid(const char *name, unsigned flags);
bool dname_is_wildcard(const char *name);
/* Does `pattern` (a name, or "*." for exactly one label) cover `name`? Both
 * normalised. */
bool dname_matches(const char *pattern, const char *name);
