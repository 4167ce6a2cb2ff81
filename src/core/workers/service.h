/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What we tell systemd (sd_notify) and what it hands to us (sockets by name). Without
 * systemd everything here is silent. Nothing that is told waits for its reader: what
 * matters is kept until it is taken, in its order; a status and the watchdog's food are
 * dropped when it is busy.
 */
#pragma once

#include "core/workers/listeners.h"
#include "io/loop.h"

struct service;

/* By NOTIFY_SOCKET. */
struct service *service_new(struct loop *loop);
/* What has not been taken yet has half a second. */
struct service *service_free(struct service *service);
DEFINE_CLEANUP(struct service *, service_free)

/* From now on, if WATCHDOG_USEC asks for it: who turns the loop no more starves. */
void service_feed_watchdog(struct service *service);

/* The service manager keeps a duplicate under that name, over our death and restart
 * (FDSTORE=1), until it is told to forget it or the service stops. */
void service_keep_socket(struct service *service, const char *name, int fd);
void service_forget_socket(struct service *service, const char *name);

/* READY=1, and the first status. */
void service_ready(struct service *service, const char *status);
/* RELOADING=1 with MONOTONIC_USEC; service_ready ends it. */
void service_reloading(struct service *service, usec_t monotonic_usec);
void service_stopping(struct service *service, const char *status);
void service_status(struct service *service, const char *status);

/* Is a stop of that unit asked for? Asks systemd, and blocks meanwhile. */
bool service_has_stop_job(const char *unit);

/* Of LISTEN_FDS: one that is closed must not be given to something of ours before
 * service_adopt_sockets looks at it. To be called before anything is opened. */
void service_hold_numbers(void);
/* Gives the descriptors of LISTEN_FDS to the listeners, by LISTEN_FDNAMES, and takes both
 * away from the environment. What cannot be understood is logged and left out. */
void service_adopt_sockets(struct listeners *listeners, const struct log_ctx *log);
