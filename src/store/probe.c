/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Can state be committed now? A text of some size is stored and removed again, and the log
 * is brought into the database: then it is known, and both files have room of that size
 * that the next commits use, since neither shrinks. What an order writes fits into it.
 */
#include <assert.h>
#include <string.h>

#include "store/plugin_state.h"
#include "store/store_priv.h"
#include "util/mem.h"

/* No plugin is called like this. */
#define OWNER "(store)"
#define NAME  "room"

static int write_and_remove(struct store *store, struct err *err)
{
	_cleanup_(freep) char *room = xnew_array(char, PLUGIN_STATE_BYTES_MAX + 1);

	memset(room, '-', PLUGIN_STATE_BYTES_MAX);
	int r = store_plugin_state_save(store, OWNER, NAME, room, err);
	if (r == 0)
		r = store_plugin_state_save(store, OWNER, NAME, NULL, err);
	return r;
}

/* A reader may stand in the way, and then it is done some other time. */
static int bring_in_log(struct store *store, struct err *err)
{
	int rc = sqlite3_wal_checkpoint_v2(
		store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

	if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY)
		return 0;
	return store_fail(store, rc, err);
}

int store_probe(struct store *store, struct err *err)
{
	assert(store->depth == 0);
	/* Who probes asks, and does not wait. */
	sqlite3_busy_timeout(store->db, 0);
	int r = write_and_remove(store, err);
	if (r == 0)
		r = bring_in_log(store, err);
	sqlite3_busy_timeout(store->db, STORE_BUSY_TIMEOUT_MSEC);
	return r;
}
