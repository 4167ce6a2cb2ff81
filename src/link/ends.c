/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See ends.h. */
#include "link/ends.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "util/map.h"
#include "util/mem.h"

#define LISTENER_TAG 1
#define COUNTS_TAG   2
/* A worker of a later version may know more of them than we do. */
#define COUNTS_MAX 1024

/* clang-format off */
const char *const link_end_names[] = {
	[LINK_END_RELAYED]         = "relayed",
	[LINK_END_ANSWERED]        = "answered",
	[LINK_END_PROBED]          = "probed",
	[LINK_END_IDLE]            = "idle",
	[LINK_END_BROKEN]          = "broken",
	[LINK_END_DRAINED]         = "drained",
	[LINK_END_SCANNED]         = "scanned",
	[LINK_END_SILENT]          = "silent",
	[LINK_END_LEFT]            = "left",
	[LINK_END_STALLED]         = "stalled",
	[LINK_END_NOT_TLS]         = "not_tls",
	[LINK_END_HTTP]            = "plain_http",
	[LINK_END_BAD_REQUEST]     = "bad_request",
	[LINK_END_UNKNOWN_NAME]    = "unknown_name",
	[LINK_END_NO_PROTOCOL]     = "no_protocol",
	[LINK_END_NO_CONTEXT]      = "no_context",
	[LINK_END_HANDSHAKE]       = "handshake_failed",
	[LINK_END_BACKEND_DOWN]    = "backend_down",
	[LINK_END_BACKEND_LATE]    = "backend_late",
	[LINK_END_MANY]            = "max_connections",
	[LINK_END_MANY_HANDSHAKES] = "max_handshakes",
	[LINK_END_MANY_ADDRESS]    = "address_connections",
	[LINK_END_FAST_ADDRESS]    = "address_rate",
	[LINK_END_NOT_PROXY]       = "not_proxy_from",
	[LINK_END_PROXY_HEADER]    = "no_proxy_header",
};

/* clang-format on */
_Static_assert(ARRAY_SIZE(link_end_names) == _LINK_END_MAX, "a name for each end");

/* --- on the wire ------------------------------------------------------------------- */

void link_ends_pack(const struct link_ends *m, struct frame *frame)
{
	uint64_t wire[_LINK_END_MAX];

	for (size_t i = 0; i < _LINK_END_MAX; i++)
		wire[i] = htobe64(m->count[i]);
	frame_add_str(frame, LISTENER_TAG, m->listener);
	frame_add_bytes(frame, COUNTS_TAG, wire, sizeof(wire));
}

int link_ends_unpack(
	const struct frame_view *view, struct link_ends *ret, struct err *err)
{
	const uint8_t *data;
	size_t len;

	*ret = (struct link_ends){ 0 };
	int r = frame_view_get_bytes(view, COUNTS_TAG, &data, &len);
	if (r < 0 || len % sizeof(uint64_t) != 0 || len > COUNTS_MAX * sizeof(uint64_t))
		return err_set(err, -EPROTO, "message ENDS: malformed counts");
	if (frame_view_get_str(view, LISTENER_TAG, &ret->listener) < 0)
		return err_set(err, -EPROTO, "message ENDS: no listener");
	memcpy(ret->count, data, MIN(len, sizeof(ret->count)));
	for (size_t i = 0; i < _LINK_END_MAX; i++)
		ret->count[i] = be64toh(ret->count[i]);
	return 0;
}

void link_ends_done(struct link_ends *m)
{
	free(m->listener);
	*m = (struct link_ends){ 0 };
}

/* --- of many listeners ------------------------------------------------------------- */

struct link_tally {
	struct map *ends; /* owned, with the ends in it */
};

struct link_tally *link_tally_new(void)
{
	struct link_tally *tally = xnew(struct link_tally);

	tally->ends = map_new();
	return tally;
}

struct link_tally *link_tally_free(struct link_tally *tally)
{
	struct link_ends *ends;
	const char *name;
	size_t pos;

	if (!tally)
		return NULL;
	map_foreach(tally->ends, pos, name, ends) {
		link_ends_done(ends);
		free(ends);
	}
	map_free(tally->ends);
	free(tally);
	return NULL;
}

struct link_ends *link_tally_get(struct link_tally *tally, const char *listener)
{
	struct link_ends *ends = map_find(tally->ends, listener);

	if (ends)
		return ends;
	ends = xnew(struct link_ends);
	ends->listener = xstrdup(listener);
	map_set(tally->ends, listener, ends);
	return ends;
}

const struct link_ends *link_tally_find(
	const struct link_tally *tally, const char *listener)
{
	return map_find(tally->ends, listener);
}

void link_tally_set(struct link_tally *tally, const struct link_ends *ends)
{
	if (map_count(tally->ends) >= LINK_TALLY_MAX &&
		!link_tally_find(tally, ends->listener))
		return;
	memcpy(link_tally_get(tally, ends->listener)->count, ends->count,
		sizeof(ends->count));
}

void link_tally_add(struct link_tally *sum, const struct link_tally *one)
{
	const struct link_ends *ends;
	const char *name;
	size_t pos;

	map_foreach(one->ends, pos, name, ends) {
		struct link_ends *to = link_tally_get(sum, name);

		for (size_t i = 0; i < _LINK_END_MAX; i++)
			to->count[i] += ends->count[i];
	}
}

void link_tally_each(const struct link_tally *tally, link_tally_fn *fn, void *userdata)
{
	const struct link_ends *ends;
	const char *name;
	size_t pos;

	map_foreach(tally->ends, pos, name, ends)
		fn(ends, userdata);
}
