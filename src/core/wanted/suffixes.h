/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Registered domains, by the public suffix list: the newest that the system has, else the
 * one that libpsl brings. */
#pragma once

#include "util/macro.h"

struct suffixes;

struct suffixes *suffixes_new(void);
struct suffixes *suffixes_free(struct suffixes *suffixes);
DEFINE_CLEANUP(struct suffixes *, suffixes_free)

/* Of "imap.mail.example.co.uk" or "*.example.co.uk": "example.co.uk"; of a public suffix,
 * that itself. Points into the name. */
const char *suffixes_find_registered(const struct suffixes *suffixes, const char *name);
/* Of names that are separated by blanks, each once; owned by the caller, NULL: none. */
char **suffixes_list_registered(const struct suffixes *suffixes, const char *names);
