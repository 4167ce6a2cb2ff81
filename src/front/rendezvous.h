/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The search for a new manager, when the old one has gone: its socket is tried until
 * somebody answers there. */
#pragma once

#include "io/loop.h"

struct rendezvous;

/* A connected socket, which is the callee's. */
typedef void rendezvous_found_fn(int fd, void *userdata);

struct rendezvous *rendezvous_new(struct loop *loop, const char *path,
	rendezvous_found_fn *found, void *userdata);
struct rendezvous *rendezvous_free(struct rendezvous *rendezvous);
DEFINE_CLEANUP(struct rendezvous *, rendezvous_free)
/* Begins to try; found is called once, not from within. */
void rendezvous_seek(struct rendezvous *rendezvous);
