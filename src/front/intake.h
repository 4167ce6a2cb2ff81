/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the manager gives to be served: certificates and answers to challenges. Nothing
 * takes the place of what is served before it is known to work. */
#pragma once

#include "front/front.h"
#include "link/message.h"

/* One that is pushed, built and rehearsed. */
int intake_pushed(struct front *front, const struct link_context *m, struct err *err);
/* The answer to a LOOKUP, whose clients go on. One that nobody remembers still goes into
 * the cache. */
int intake_found(struct front *front, const struct link_context *m, struct err *err);
int intake_answer(struct front *front, const struct link_answer *m, struct err *err);
