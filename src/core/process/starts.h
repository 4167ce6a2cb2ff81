/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Deaths of the manager that follow each other closely. systemd starts it again at once,
 * which after one death is right; one that dies again and again waits before it may do so
 * once more, while the workers serve on. Counted in a file of the run directory, which
 * outlives the process and not an orderly end.
 */
#pragma once

#include "util/usec.h"

struct starts {
	char *path;        /* owned; NULL: nobody starts us again */
	unsigned n_deaths; /* that came before this start */
};

#define STARTS_FILE "starts"
/* Who has served for so long begins anew. */
#define STARTS_WELL_USEC (60 * USEC_PER_SEC)

/* Counts this start, if systemd started this process. What cannot be read counts as no
 * death. */
void starts_init(struct starts *starts, const char *directory);
/* The same for an image that an upgrade has put in the place of another: no start. */
void starts_init_upgraded(struct starts *starts, const char *directory);
void starts_done(struct starts *starts);

/* 0 for the first start and the first restart, then longer and longer. */
usec_t starts_get_pause(const struct starts *starts);

/* Blocks so long, and tells why. SIGTERM and SIGINT, which have to be blocked, end it and
 * stay pending. STARTS_E_AGAIN: somebody has mended the cause and said so by SIGHUP; this
 * image, which may still have it, is to end, and the next one does not wait. */
enum {
	STARTS_E_AGAIN = 1,
};

int starts_pause(const struct starts *starts);
/* It lives, or has ended in good order. */
void starts_forget(const struct starts *starts);
