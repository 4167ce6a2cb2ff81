/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One client's connection, from accept to close. It owns itself and ends by itself. */
#pragma once

#include "front/listener.h"

/* Takes the descriptor over. The connection is in the front's list until it ends, which
 * may be at once. */
void conn_new(struct listener *listener, int fd, const struct address *peer);
/* The same for our own manager at the other end, who wants to see a handshake and no
 * backend. */
void conn_new_probe(struct listener *listener, int fd);
/* Ends all of them, now. */
void conn_close_all(struct front *front);
