/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What we tell systemd (sd_notify) and what it hands to us (sockets by name). Without
 * systemd everything here is silent. */
#pragma once

#include "core/listeners.h"
#include "util/usec.h"

/* The service manager keeps a duplicate under that name, over our death and restart
 * (FDSTORE=1), until it is told to forget it or the service stops. */
void service_keep_socket(const char *name, int fd);
void service_forget_socket(const char *name);

/* Is a stop of that unit asked for? Asks systemd, and blocks meanwhile. */
bool service_has_stop_job(const char *unit);

/* READY=1, and the first status. */
void service_ready(const char *status);
/* RELOADING=1 with MONOTONIC_USEC; service_ready ends it. */
void service_reloading(usec_t monotonic_usec);
void service_stopping(const char *status);
void service_status(const char *status);
/* Gives the descriptors of LISTEN_FDS to the listeners, by LISTEN_FDNAMES. Others than
 * listening stream sockets are refused with a sentence. */
/* One of them. Takes it over, also when it fails: is it a listening stream socket? */
int service_adopt_socket(
	struct listeners *listeners, const char *name, int fd, struct err *err);
int service_adopt_sockets(struct listeners *listeners, struct err *err);
