/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What job.c, which tells the life of a certificate, shares with its details: job_want.c,
 * job_order.c and job_end.c. */
#pragma once

#include "core/install.h"
#include "core/job.h"
#include "store/certificate.h"
#include "store/slot.h"

enum job_state {
	JOB_DUE,          /* deciding what has to be done */
	JOB_RENEWAL_INFO, /* asking the CA whether it is time */
	JOB_PREFLIGHT,    /* looking for what stands against it */
	JOB_ACCOUNT,      /* making sure of the account */
	JOB_PREPARE,      /* asking what its challenges want */
	JOB_PLACE,        /* waiting for a place among max_orders */
	JOB_INTENT,       /* finding the open one, or making a key for a new one */
	JOB_ORDER,        /* the order is under way */
	JOB_ISSUED,       /* checking what came */
	JOB_TAKE,         /* storing it */
	JOB_INSTALL,      /* handing it to each target */
	JOB_PROVE,        /* shaking hands with each address */
	JOB_SERVED,       /* seen everywhere */
	JOB_HELD,         /* the clock is wrong: no order is made */
	JOB_FAILED,       /* the reason is stored */
	_JOB_STATE_MAX,
};

struct job {
	/* inputs */
	const struct job_env *env;       /* borrowed */
	struct conf *conf;               /* referenced */
	const struct conf_block *domain; /* points into conf */
	char *subject;                   /* owned; the domain's name */
	struct log_ctx log;
	unsigned flags;
	job_done_fn *done;
	void *userdata;

	/* owned operations */
	struct loop_defer *defer;
	struct renewal *renewal;
	struct authority_ensure *ensure;
	struct preparation *preparation;
	struct authority_ticket *ticket;
	struct intent_open *intent_open;
	struct acme_order *acme_order;
	struct install *install;
	struct prove *prove;
	struct solver *solver;

	/* facts, as they stand in the store */
	enum job_state state;
	struct store_slot slot;
	char *error_before; /* owned; that the slot's row had at the start */
	struct store_certificate current; /* id 0: none */
	struct store_certificate issued;  /* the pending one; id 0: none */
	struct intent *intent;            /* owned; of the order under way */
	struct authority *authority;      /* borrowed */

	/* results */
	char *chain_pem; /* owned; as downloaded: may hold anything, NUL too */
	size_t chain_len;
};

/* --- job.c --- */

void job_set_state(struct job *job, enum job_state state);
/* Does what the state says. May end the job. */
void job_step(struct job *job);
/* The same on a turn of its own. */
void job_step_later(struct job *job);

struct install_params job_get_install_params(const struct job *job);

/* --- job_want.c --- */

/* What waits to be installed is the current certificate: core/wanted/plan wants it at another
 * target. */
bool job_is_current_again(const struct job *job);
/* It is to be revoked: until another one is served it is not. */
bool job_is_unwanted(
	const struct job *job, const struct store_certificate *certificate);
bool job_needs_order(const struct job *job);
/* An issued certificate waits for its targets, unless something else is wanted now. */
bool job_needs_install(const struct job *job);
/* The certificate's identifier for "replaces" (RFC 9773 5); owned by the caller, NULL:
 * this order replaces nothing. */
char *job_format_predecessor(const struct job *job);

/* --- job_prepare.c --- */

void job_step_prepare(struct job *job);

/* --- job_order.c --- */

/* May this clock be trusted with an order? flags: CLOCK_WATCH_. */
int job_check_clock(const struct job *job, unsigned flags, struct err *err);
void job_step_intent(struct job *job);
void job_step_order(struct job *job);
/* Checks what was issued; checks the rest and stores it, in one transaction: job->issued. */
int job_check_chain(struct job *job, struct err *err);
int job_take_chain(struct job *job, struct err *err);

/* --- job_end.c --- */

/* What is written before anything is asked of a CA: this try counts as failed until it
 * has succeeded. */
int job_charge(struct job *job, struct err *err);
/* Where it is not seen: what was proven before is served again, if that is valid. */
void job_roll_back(struct job *job);
/* Each ends the job: the caller returns. */
void job_complete(struct job *job, bool ok);
void job_fail(struct job *job, const struct err *cause);
void job_hold_for_clock(struct job *job, const struct err *cause);
void job_hold_for_operator(struct job *job, const char *reason);
void job_wait_for_records(struct job *job, const char *reason);
/* False: its account can be used, for all that we know. */
bool job_hold_for_account(struct job *job);
