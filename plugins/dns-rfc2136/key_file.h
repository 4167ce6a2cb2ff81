/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TSIG keys as tsig-keygen(8) writes them. */
#pragma once

#include <stddef.h>

#define KEY_FILE_BYTES_MAX 8192
#define KEY_WORD_BYTES     512

struct key_words {
	char name[KEY_WORD_BYTES];
	char algorithm[KEY_WORD_BYTES]; /* "hmac-sha256" */
	char secret[KEY_WORD_BYTES];    /* base64; a secret */
};

/* `key NAME { algorithm WORD; secret WORD; };` with comments. 0, or -1 with a sentence in
 * detail (size octets), which never has the secret in it. */
int key_file_parse(const char *text, struct key_words *ret, char *detail, size_t size);
/* The same of a file, that not everybody may read. */
int key_file_read(const char *path, struct key_words *ret, char *detail, size_t size);
