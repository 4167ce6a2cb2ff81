/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A worker with all that is around it, in one process on one loop: the test plays the
 * manager, the clients and the backend. Whatever has to wait turns the loop meanwhile.
 */
#pragma once

#include <gnutls/gnutls.h>

#include "front/worker.h"
#include "io/frame.h"
#include "link/ends.h"
#include "link/message.h"
#include "tests/lib/test.h"
#include "tests/lib/test_ca.h"
#include "tests/lib/test_log.h"
#include "util/mem.h"

/* A chain and a key, and what a client sees of it. */
struct rig_certificate {
	uint64_t id;
	char *chain_pem;
	char *key_pem;
	bool is_rsa;
	uint8_t fingerprint[32];
};

#define RIG_LOOKUPS_MAX 16

struct rig {
	struct loop *loop;
	struct loop_timer *turn;
	struct worker *worker;
	struct frame_stream *link; /* the manager's side; NULL: gone */
	struct hash_key names_key;
	struct test_ca *ca;
	struct rig_certificate placeholder;
	int backend_fd; /* listening */
	char backend[64];
	bool has_ended;
	int ended_code;
	/* what the worker has said */
	unsigned n_ready, n_drained, n_context_acks, n_answer_acks, n_stats;
	char *last_error; /* of the last acknowledgement; NULL: none */
	struct link_lookup lookups[RIG_LOOKUPS_MAX];
	unsigned n_lookups;
	struct link_stats stats;
	struct link_tally *ends;
};

/* Configured, not started. priority: NULL = the worker's own. */
struct rig *rig_new(const char *priority, uint64_t max_connections);
/* Of `limits` only those are looked at: connections, handshakes, address_*. */
struct rig *rig_new_limited(const char *priority, const struct link_configure *limits);
struct rig *rig_free(struct rig *rig);

void rig_turn(struct rig *rig); /* about a millisecond */
/* Turns until it is true, or fails after some seconds. */
#define rig_until(rig, condition)                                  \
	do {                                                       \
		for (int _i = 0; _i < 30000 && !(condition); _i++) \
			rig_turn(rig);                             \
		assert_true(condition);                            \
	} while (0)

void rig_certify(struct rig *rig, struct rig_certificate *ret, uint64_t id,
	const char *name, unsigned ca_flags);
void rig_certificate_done(struct rig_certificate *certificate);

/* Messages to the worker. */
/* Binds to a free port of loopback, which is returned; m->fd is not looked at. */
unsigned rig_add_listener(struct rig *rig, const struct link_listener *m);
void rig_add_name(struct rig *rig, const char *name);
void rig_send_empty(struct rig *rig, enum link_type type);
void rig_start(struct rig *rig); /* and waits for READY */
/* request 0: and waits for the acknowledgement. certificate NULL: there is none. */
void rig_send_context(struct rig *rig, uint64_t request, const char *name,
	const struct rig_certificate *certificate);
void rig_send_answer(struct rig *rig, const struct link_answer *m);
void rig_drop_answer(struct rig *rig, const struct link_answer *m);
void rig_drain(struct rig *rig, usec_t usec);
/* Hands one end of a socket to the worker as a client of that listener; the other. */
int rig_probe(struct rig *rig, const char *listener);
const struct link_stats *rig_get_stats(struct rig *rig);
/* How many connections of that listener have ended so. */
uint64_t rig_count_ends(struct rig *rig, const char *listener, enum link_end end);
void rig_drop_link(struct rig *rig);

/* The backend's side of the next connection. */
int rig_accept(struct rig *rig);
/* Plain sockets of either side: all of it, or until the end (returns what came). */
void rig_write(struct rig *rig, int fd, const void *data, size_t len);
void rig_read(struct rig *rig, int fd, void *data, size_t len);
bool rig_is_closed(struct rig *rig, int fd);
int rig_connect(struct rig *rig, unsigned port);

/* A TLS client. */
struct rig_client {
	struct rig *rig;
	int fd;
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
};

struct rig_client_params {
	unsigned port;
	int fd;               /* > 0: connected already, taken over */
	const char *name;     /* NULL: no SNI */
	const char *priority; /* NULL: NORMAL */
	const char *alpn[3];
	const gnutls_datum_t *resume; /* NULL: none */
	unsigned init_flags;
};

/* Connects and sends the hello, no more. */
struct rig_client *rig_client_new(
	struct rig *rig, const struct rig_client_params *params);
struct rig_client *rig_client_free(struct rig_client *client);
/* To its end: 0 or GnuTLS's error. */
int rig_client_handshake(struct rig_client *client);
/* new, and a handshake that must succeed. */
struct rig_client *rig_client_open(
	struct rig *rig, const struct rig_client_params *params);
bool rig_client_sees(
	struct rig_client *client, const struct rig_certificate *certificate);
void rig_client_write(struct rig_client *client, const void *data, size_t len);
void rig_client_read(struct rig_client *client, void *data, size_t len);
/* 0 at a close_notify, else GnuTLS's error; octets must not come. */
int rig_client_read_end(struct rig_client *client);
