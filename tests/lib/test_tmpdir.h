/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A private directory for the time of a test. */
#pragma once

#include "util/macro.h"

/* Its absolute path; the mode is 0700. Aborts when it cannot be made. */
char *test_tmpdir_new(void);
/* Removes it with all that is in it (without following links); NULL ok; returns NULL. */
char *test_tmpdir_free(char *dir);
DEFINE_CLEANUP(char *, test_tmpdir_free)

/* Writes a file of mode 0600 into it. Returns its path, owned by the caller. */
char *test_tmpdir_write(const char *dir, const char *name, const char *text);
