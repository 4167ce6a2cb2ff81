/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by the files that make up a connection. */
#pragma once

#include "front/conn.h"
#include "front/held.h"
#include "front/hello.h"

enum conn_state {
	CONN_PROXY,     /* reading the PROXY header of a balancer before us */
	CONN_REQUEST,   /* http: reading the head of a request */
	CONN_REPLY,     /* http: sending our own answer */
	CONN_HELLO,     /* reading the ClientHello */
	CONN_LOOKUP,    /* waiting for the manager */
	CONN_HANDSHAKE, /* GnuTLS at work */
	CONN_CONNECT,   /* on the way to the backend */
	CONN_RELAY,     /* both directions */
	CONN_LINGER,    /* all said: until the client has closed, for a short while */
	_CONN_STATE_MAX,
};

enum conn_step {
	STEP_WAIT, /* for an event; `want` of both ends says which */
	STEP_NEXT, /* the state has changed: go on */
	STEP_DONE, /* close it */
};

/* One of the two sockets. */
struct conn_end {
	int fd; /* owned; -1: none */
	struct loop_io
		*io;   /* owned; NULL while nothing is wanted of a hung-up socket */
	unsigned want; /* LOOP_IN, LOOP_OUT */
	bool is_hung_up;
	bool is_readable; /* the loop said so, and no receive has emptied it since */
	bool has_ended;   /* it will send nothing more */
	bool is_shut;     /* we shall send nothing more */
};

/* What is needed until the relay begins, and no longer. */
struct conn_start {
	size_t n_tls; /* octets that GnuTLS has taken */
	struct hello hello;
	struct address peer;  /* the client, as the socket or a PROXY header says */
	struct address local; /* where it connected to; len 0: as the socket says */
	struct lookup_waiter waiter;
	char ticket_name[DNAME_MAX + 1]; /* "": the placeholder */
	bool is_acme;
	bool is_probe; /* ends with the handshake */
};

struct conn {
	struct list entry;         /* in the front's list */
	struct front *front;       /* borrowed */
	struct listener *listener; /* a reference */
	enum conn_state state;
	bool is_end_known;
	enum link_end end; /* how it ends: the first cause, if is_end_known */
	struct conn_end client;
	struct conn_end backend;
	struct loop_timer *timer;      /* owned; the one deadline of the state */
	struct conn_start *start;      /* owned; NULL once the relay has begun */
	struct client *client_address; /* to be given back to the front's clients */
	gnutls_session_t session;      /* owned; NULL: plain text */
	struct tls_context *context;   /* a reference, until the session is gone */
	struct input input;            /* from the client, as it came */
	struct held to_backend;        /* not yet taken by the backend */
	struct held to_client;         /* not yet taken; of TLS: GnuTLS has its start */
	bool is_record_pending;        /* GnuTLS holds a record not yet taken */
	bool is_tls_stuck_out;         /* GnuTLS must send before it can receive */
};

void conn_set_state(struct conn *conn, enum conn_state state);
/* The session has begun: what was needed for that is gone. */
void conn_end_start(struct conn *conn);
/* The state's whole time again, from now (cheap: done for every event of a relay). */
void conn_restart_deadline(struct conn *conn);
/* Runs steps until one waits or the connection has ended: do not touch it afterwards. */
void conn_run(struct conn *conn);
/* This is how it ends, unless that is known already. Whoever says nothing before the
 * connection is over has it end as it does in its state when the client leaves. */
void conn_note_end(struct conn *conn, enum link_end end);
/* Into LINGER: nothing more is sent. */
enum conn_step conn_linger(struct conn *conn);
/* The same, after a fatal TLS alert in plain text (before a session exists). */
enum conn_step conn_refuse(struct conn *conn, enum link_end end, unsigned alert);

/* What comes first at this listener, but for a PROXY header. */
enum conn_state conn_first_state(const struct listener *listener);
/* Counts the connection as one of its address; false: that has too many. */
bool conn_enter_address(struct conn *conn);

/* conn_proxy.c. May it come to a listener that expects a PROXY header? */
bool conn_proxy_is_welcome(const struct conn *conn);
enum conn_step step_proxy(struct conn *conn);
/* handshake.c: opens the session over what was read, with conn->context. */
int handshake_open(struct conn *conn);
enum conn_step step_handshake(struct conn *conn);
/* backend.c */
enum conn_step step_connect(struct conn *conn);
/* relay.c */
enum conn_step step_relay(struct conn *conn);
/* conn_http.c */
enum conn_step step_request(struct conn *conn);
enum conn_step step_reply(struct conn *conn);
