/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libunbound's sockets and timers on our loop. For dns_resolver.c alone. */
#pragma once

#include "io/loop.h"

struct ub_event_base;

/* Owned by the caller, and must outlive the library's context. */
struct ub_event_base *dns_events_new(struct loop *loop);
struct ub_event_base *dns_events_free(struct ub_event_base *base);
