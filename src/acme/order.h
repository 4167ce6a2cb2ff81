/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One order from newOrder (or from where a crash left it) to the downloaded chain
 * (RFC 8555 7.4). Progress is the third thing that this room asks for: facts are handed
 * out before the act that depends on them.
 */
#pragma once

#include "acme/client.h"
#include "acme/solver.h"

#define ACME_NAMES_MAX 100

enum acme_order_state {
	ACME_ORDER_START,      /* the directory is looked at: nothing was sent */
	ACME_ORDER_NEW,        /* newOrder not yet answered */
	ACME_ORDER_READ,       /* URL known, status to be read */
	ACME_ORDER_PENDING,    /* authorizations are being worked on */
	ACME_ORDER_AWAIT,      /* they are valid, the order is not ready yet: polling */
	ACME_ORDER_READY,      /* all valid: finalize is next */
	ACME_ORDER_PROCESSING, /* finalized: polling */
	ACME_ORDER_VALID,      /* certificate is to be downloaded */
	ACME_ORDER_ALTERNATE,  /* downloaded; other chains are looked through */
	ACME_ORDER_INVALID,    /* given up by the CA: its authorizations say why */
	ACME_ORDER_DONE,
	ACME_ORDER_FAILED, /* of no further use; any other state can be resumed */
	_ACME_ORDER_STATE_MAX,
};

const char *acme_order_state_name(enum acme_order_state state);

struct acme_order_facts {
	enum acme_order_state state;
	const char *url;             /* NULL while NEW */
	const char *finalize_url;    /* NULL */
	const char *certificate_url; /* NULL */
	usec_t expires_usec;         /* wall; 0 = not said */
};

struct acme_authz_facts {
	const char *url;
	const char *name;
	bool is_wildcard;
	const char *state;         /* acme/authz.h */
	const char *challenge;     /* type chosen; NULL */
	const char *challenge_url; /* NULL */
	const char *token;         /* NULL */
	bool presented;            /* an answer may stand */
};

/* Each returns < 0 to stop the order: what cannot be stored is not done. */
struct acme_progress {
	/* About to send newOrder (state NEW), or the facts have changed. */
	int (*order_changed)(
		void *userdata, const struct acme_order_facts *facts, struct err *err);
	int (*authz_changed)(
		void *userdata, const struct acme_authz_facts *facts, struct err *err);
	void *userdata;
};

struct acme_order;

struct acme_order_params {
	char *const *names; /* NULL-terminated; 1..ACME_NAMES_MAX */
	const uint8_t *csr; /* DER; copied */
	size_t csr_len;
	const char *profile;  /* NULL */
	const char *replaces; /* ARI id; NULL */
	const char *
		preferred_chain; /* issuer CN of the last certificate; NULL = default chain */
	const char *resume_url; /* order URL that is known already; NULL = newOrder */
	const struct acme_solver *solver;     /* borrowed */
	const struct acme_progress *progress; /* borrowed */
	const struct log_ctx *log;
	usec_t deadline_usec; /* duration for the whole; 0 = 30 min */
};

enum acme_order_outcome {
	ACME_ORDER_ISSUED,
	ACME_ORDER_REFUSED,  /* the CA said no: problem */
	ACME_ORDER_UNSOLVED, /* no challenge is possible: err says why of each */
	ACME_ORDER_BROKEN,   /* network, nonsense, or progress could not be stored */
	ACME_ORDER_LATE, /* deadline; the order stands at the CA and can be resumed */
};

struct acme_order_result {
	enum acme_order_outcome outcome;
	const char *
		chain_pem; /* as downloaded, unchecked but capped; NULL unless ISSUED */
	size_t chain_len;
	const struct acme_problem *problem; /* NULL unless REFUSED */
	const struct err *err;              /* NULL if ISSUED */
	usec_t retry_at_usec;               /* wall; 0 = not said */
};

typedef void acme_order_done_fn(const struct acme_order_result *result, void *userdata);

/* Contract: doc/architecture.md, Operations. Before done is called with anything but
 * LATE, and on cancel, every presented answer has been handed to solver->cleanup. */
int acme_order_start(struct acme_order **ret, struct acme_client *client,
	const struct acme_order_params *params, acme_order_done_fn *done,
	void *userdata, struct err *err);
struct acme_order *acme_order_cancel(struct acme_order *op);
DEFINE_CLEANUP(struct acme_order *, acme_order_cancel)
