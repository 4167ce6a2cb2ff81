/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plugins that are linked in, for tests of what stands on them: a notifier "note" that
 * writes down what happens to it, and a challenge "probe" that does nothing. The
 * notifier's settings: label (how it is written down), mode (ok, fail, hang; broken
 * does not open).
 */
#pragma once

#include "core/notice/instances.h"

/* A host with both; it can open instances. */
struct plugin_host *notes_new_host(struct loop *loop);
/* A reading by the program's own schema; fails the test when the text is wrong. */
struct conf *notes_load(struct plugin_host *host, const char *text);

/* "open:a told:a:failed:mail.example:text cancel:a close:a": what happened since the last
 * reset, one after the other. */
const char *notes_get(void);
void notes_reset(void);
