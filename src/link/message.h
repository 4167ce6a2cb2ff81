/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The messages between the manager and its children, on io/frame.h. Each
 * has a struct, a pack and an unpack. Strings of an unpacked struct are owned by it and
 * released by its _done; a secret is overwritten then. Sizes are checked on both sides:
 * a child believes its manager no more than it must.
 *
 *   manager → front                        front → manager
 *   CONFIGURE   once, first                READY        listening (after START)
 *   LISTENER    + descriptor               LOOKUP       which context for this hello?
 *   LISTENER_DROP                          CONTEXT_ACK  built, rehearsed, installed — or not
 *   NAMES_RESET, NAMES_ADD, NAMES_DROP     ANSWER_ACK   given from now on
 *   CONTEXT     pushed, or reply to LOOKUP STATS        reply to STATS_REQUEST
 *   CONTEXT_DROP                           DRAINED      no session left, about to exit
 *   PROBE       + a connected socket: shake hands with it, as if a client of that
 *               listener had come to this very worker, and close it
 *   ANSWER, ANSWER_DROP
 *   START       begin to accept            ENDS         before STATS, one a listener
 *   STATS_REQUEST
 *   TICKET_KEY  another master key, in place of CONFIGURE's
 *   DRAIN       stop accepting, end when the last session has ended
 *
 * A worker that has lost its manager connects to the rendezvous socket that CONFIGURE
 * named until a new one is there, and greets it. That one is not told names, contexts and
 * answers: it answers look-ups, may ask for the listening sockets, and drains.
 *
 *   manager → front                        front → manager
 *   HANDOVER_REQUEST                       HELLO        who this is; first
 *                                          HANDOVER     + descriptor: a listener's name
 *                                          HANDOVER_END
 */
#pragma once

#include "io/frame.h"
#include "util/dname.h"
#include "util/hash.h"
#include "util/usec.h"

#define LINK_NAMES_PER_FRAME  32768
#define LINK_NETWORKS_MAX     256
#define LINK_TICKET_KEY_BYTES 64

enum link_type {
	LINK_CONFIGURE = 1,
	LINK_LISTENER,
	LINK_LISTENER_DROP,
	LINK_NAMES_RESET,
	LINK_NAMES_ADD,
	LINK_NAMES_DROP,
	LINK_CONTEXT,
	LINK_CONTEXT_DROP,
	LINK_ANSWER,
	LINK_ANSWER_DROP,
	LINK_START,
	LINK_STATS_REQUEST,
	LINK_DRAIN,
	LINK_PROBE,
	LINK_HANDOVER_REQUEST,
	LINK_TICKET_KEY,

	LINK_READY = 64,
	LINK_LOOKUP,
	LINK_CONTEXT_ACK,
	LINK_ANSWER_ACK,
	LINK_STATS,
	LINK_DRAINED,
	LINK_HELLO,
	LINK_HANDOVER,
	LINK_HANDOVER_END,
	LINK_ENDS, /* link/ends.h */

	LINK_COMMAND = 128, /* link/command.h */
	LINK_COMMAND_ROW,
	LINK_COMMAND_END,
};

/* How the configuration names them; NULL-terminated. */
extern const char *const
	link_protocol_names[]; /* smtp submission imap pop3 sieve https http other */
extern const char *const link_tls_names[];         /* implicit none */
extern const char *const link_proxy_names[];       /* none v2 */
extern const char *const link_unknown_sni_names[]; /* default reject */

enum link_protocol {
	LINK_PROTOCOL_SMTP,
	LINK_PROTOCOL_SUBMISSION,
	LINK_PROTOCOL_IMAP,
	LINK_PROTOCOL_POP3,
	LINK_PROTOCOL_SIEVE,
	LINK_PROTOCOL_HTTPS,
	LINK_PROTOCOL_HTTP,
	LINK_PROTOCOL_OTHER,
	_LINK_PROTOCOL_MAX,
};

struct link_configure {
	struct hash_key names_key; /* of the set of names */
	/* master; per listener and name derived from it */
	uint8_t ticket_key[LINK_TICKET_KEY_BYTES];
	char *placeholder_chain_pem;
	char *placeholder_key_pem;    /* secret */
	uint64_t max_contexts;        /* bound of the cache */
	uint64_t max_connections;     /* of this worker */
	uint64_t max_handshakes;      /* of them, whose session has not begun; 0: all */
	uint64_t address_connections; /* of one address at once; 0: no limit */
	uint64_t address_rate;   /* new ones of one address a minute; 0: no limit */
	char **limit_exceptions; /* networks without these two; NULL = none */
	uint64_t log_level;
	uint64_t generation; /* of the manager, greater with each */
	char *rendezvous;    /* path of the socket of a later manager; NULL: none */
};

struct link_listener {
	char *name;
	int fd; /* in the frame; -1 after it was taken */
	enum link_protocol protocol;
	unsigned tls;            /* index of link_tls_names */
	char *backend;           /* address text; NULL = none (http: redirect only) */
	unsigned proxy_protocol; /* index of link_proxy_names */
	unsigned unknown_sni;    /* index of link_unknown_sni_names */
	char *default_name;      /* for no SNI, and unknown ones; NULL = placeholder */
	bool acme;               /* answers acme-tls/1 */
	char **alpn;         /* protocols that are offered to clients; NULL = none */
	char *redirect_port; /* http: ":8443", "" or NULL = 443 */
	usec_t handshake_timeout_usec;
	usec_t idle_timeout_usec;
	usec_t connect_timeout_usec; /* to the backend */
	char **proxy_from; /* networks that begin with a PROXY header, all else being
			    * refused; NULL = none is expected */
};

/* NAMES_ADD, NAMES_DROP: hashes of names under names_key; wildcard patterns as
 * "*.example.org". */
struct link_names {
	const uint64_t *hash; /* unpacked: owned */
	size_t n;
};

/* What a client can do, as its hello says. */
enum {
	LINK_CLIENT_ECDSA = 1 << 0,
	LINK_CLIENT_RSA = 1 << 1,
};

struct link_lookup {
	uint64_t request; /* of this worker; never 0 */
	char *listener;
	char *name;      /* SNI, normalised */
	unsigned client; /* LINK_CLIENT_ */
	char *alpn;      /* first one offered; NULL */
};

/*
 * A context for a name. request 0: pushed — replaces whatever is cached for (name,
 * kind of key), and is acknowledged. Else the reply to a LOOKUP: certificate_id 0 means
 * that there is none (yet): the placeholder is served, and nothing cached.
 */
struct link_context {
	uint64_t request;
	uint64_t certificate_id;
	char *name; /* as looked up, or as in the certificate ("*.x" too) */
	bool is_rsa;
	char *chain_pem; /* NULL with certificate_id 0 */
	char *key_pem;   /* secret */
};

struct link_context_ack {
	uint64_t certificate_id;
	char *name;
	char *error; /* NULL = installed */
};

/* An answer to a CA. HTTP: token, content. ALPN: chain and key. */
struct link_answer {
	uint64_t id; /* chosen by the manager; comes back in the ack */
	bool is_alpn;
	char *name;
	char *token;
	char *content;
	char *chain_pem;
	char *key_pem; /* secret */
};

struct link_ticket_key {
	uint8_t key[LINK_TICKET_KEY_BYTES]; /* secret; wiped by _done */
};

struct link_hello {
	uint64_t pid;        /* for the log: who it is, the kernel says */
	uint64_t generation; /* of the manager that started it */
	uint64_t listeners;  /* sockets that it holds; 0 while it drains */
	uint64_t connections;
};

struct link_ack {
	uint64_t id;
	char *error; /* NULL = done */
};

struct link_stats {
	uint64_t connections; /* open now */
	uint64_t accepted, handshakes, resumed, failed, rejected, timeouts;
	uint64_t backend_failed, acme_answered, lookups, contexts;
	uint64_t bytes_in, bytes_out;
	uint64_t longest_turn_usec;
};

/* pack: into an initialised frame (frame_init with the type and BUF_SECRET where one is
 * inside). unpack: 0 or -EPROTO with a sentence; *ret is then empty. LISTENER packs a
 * duplicate of m->fd; with -1 the caller adds a descriptor to the frame itself. */
#define LINK_DECLARE(noun, type)                                                   \
	void noun##_pack(const struct noun *m, struct frame *frame);               \
	int noun##_unpack(                                                         \
		const struct frame_view *view, struct noun *ret, struct err *err); \
	void noun##_done(struct noun *m)
LINK_DECLARE(link_configure, LINK_CONFIGURE);
LINK_DECLARE(link_listener, LINK_LISTENER);
LINK_DECLARE(link_names, LINK_NAMES_ADD);
LINK_DECLARE(link_lookup, LINK_LOOKUP);
LINK_DECLARE(link_context, LINK_CONTEXT);
LINK_DECLARE(link_context_ack, LINK_CONTEXT_ACK);
LINK_DECLARE(link_answer, LINK_ANSWER);
LINK_DECLARE(link_ticket_key, LINK_TICKET_KEY);
LINK_DECLARE(link_hello, LINK_HELLO);
LINK_DECLARE(link_ack, LINK_ANSWER_ACK);
LINK_DECLARE(link_stats, LINK_STATS);

/* Adds the counters of one worker to a sum; of longest_turn_usec the greater. */
void link_stats_add(struct link_stats *sum, const struct link_stats *one);

/* LISTENER_DROP, CONTEXT_DROP, PROBE and HANDOVER (of the listener): just a name; DRAIN: a
 * duration. */
void link_name_pack(const char *name, struct frame *frame);
int link_name_unpack(const struct frame_view *view, char **ret, struct err *err);
void link_duration_pack(usec_t usec, struct frame *frame);
int link_duration_unpack(const struct frame_view *view, usec_t *ret, struct err *err);
