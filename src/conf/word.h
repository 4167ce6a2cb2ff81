/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words that a value is made of: syntax alone, without a look at other settings. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each returns NULL, or a static sentence saying what is wrong with the word. */
const char *word_check_address(const char *word);
const char *word_check_network(const char *word);
const char *word_check_url(const char *word);
const char *word_check_path(const char *word);
const char *word_check_email(const char *word);
const char *word_parse_int(const char *word, int64_t *ret);
const char *word_parse_size(const char *word, int64_t *ret_bytes);
const char *word_parse_duration(const char *word, int64_t *ret_usec);
const char *word_parse_percent(const char *word, int64_t *ret);
const char *word_parse_mode(const char *word, int64_t *ret);
const char *word_parse_bool(const char *word, int64_t *ret);

/* A name as certificates have them, in A-labels, into buf (DNAME_MAX + 1 octets at
 * least). In a list of names (flags has WORD_NAME_LIST) "*." and %d are allowed; a %d
 * is replaced by the domain, or stays if that is NULL. */
enum {
	WORD_NAME_LIST = 1 << 0,
};

const char *word_parse_name(
	const char *word, unsigned flags, const char *domain, char *buf, size_t size);
/* The second half of it: a %d replaced, and the result checked. */
const char *word_expand_name(
	const char *name, const char *domain, char *buf, size_t size);
