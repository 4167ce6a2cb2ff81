/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How connections end: each once, counted by listener. A worker counts, the manager adds
 * up its workers, and "status" shows it.
 */
#pragma once

#include "io/frame.h"
#include "util/macro.h"

/* Numbers are on the wire: a new one comes last. */
enum link_end {
	LINK_END_RELAYED,  /* the session ended as sessions do */
	LINK_END_ANSWERED, /* a challenge, a redirect, or a listener without backend */
	LINK_END_PROBED,   /* the manager's own look */
	LINK_END_IDLE,     /* idle_timeout */
	LINK_END_BROKEN,   /* the session was broken off by a reset or a bad record */
	LINK_END_DRAINED,  /* the time to drain was over */
	LINK_END_SCANNED,  /* closed by the client without a word */
	LINK_END_SILENT,   /* nothing was said until the deadline */
	LINK_END_LEFT,     /* closed by the client before the session began */
	LINK_END_STALLED,  /* begun, and not ended by the deadline */
	LINK_END_NOT_TLS,  /* what was said is no ClientHello */
	LINK_END_HTTP,     /* the same: it is a request in plain HTTP */
	LINK_END_BAD_REQUEST,     /* http: refused with a status */
	LINK_END_UNKNOWN_NAME,    /* unknown_sni = reject */
	LINK_END_NO_PROTOCOL,     /* no ALPN protocol in common */
	LINK_END_NO_CONTEXT,      /* the manager did not answer in time */
	LINK_END_HANDSHAKE,       /* the TLS handshake failed */
	LINK_END_BACKEND_DOWN,    /* the backend was not reached */
	LINK_END_BACKEND_LATE,    /* connect_timeout */
	LINK_END_MANY,            /* max_connections */
	LINK_END_MANY_HANDSHAKES, /* max_handshakes */
	LINK_END_MANY_ADDRESS,    /* address_connections */
	LINK_END_FAST_ADDRESS,    /* address_rate */
	LINK_END_NOT_PROXY,       /* not from proxy_from */
	LINK_END_PROXY_HEADER,    /* no PROXY header where one has to be */
	_LINK_END_MAX,
};

/* As "status" calls them; _LINK_END_MAX of them. */
extern const char *const link_end_names[];

struct link_ends {
	char *listener; /* owned */
	uint64_t count[_LINK_END_MAX];
};

/* A new end that the reader does not know is left out, one that the writer does not know
 * is 0. unpack: 0, or -EPROTO with a sentence and *ret empty. */
void link_ends_pack(const struct link_ends *m, struct frame *frame);
int link_ends_unpack(
	const struct frame_view *view, struct link_ends *ret, struct err *err);
void link_ends_done(struct link_ends *m);

/* Those of many listeners, by name. */
struct link_tally;

struct link_tally *link_tally_new(void);
struct link_tally *link_tally_free(struct link_tally *tally);
DEFINE_CLEANUP(struct link_tally *, link_tally_free)
/* Added, all 0, when it is not there; it stays where it is until the tally is freed. */
struct link_ends *link_tally_get(struct link_tally *tally, const char *listener);
/* NULL: none has been counted. */
const struct link_ends *link_tally_find(
	const struct link_tally *tally, const char *listener);
/* In the place of what it said before. Beyond LINK_TALLY_MAX listeners none is added. */
#define LINK_TALLY_MAX 4096
void link_tally_set(struct link_tally *tally, const struct link_ends *ends);
void link_tally_add(struct link_tally *sum, const struct link_tally *one);
/* In no order. */
typedef void link_tally_fn(const struct link_ends *ends, void *userdata);
void link_tally_each(const struct link_tally *tally, link_tally_fn *fn, void *userdata);
