/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A CA behind tests/lib/fake_http.h that does everything right unless it is told
 * otherwise: directory, nonces, account, orders, authorizations with http-01, real
 * certificates, revocation, ARI. It counts.
 */
#pragma once

#include "io/http.h"
#include "tests/lib/fake_ca_accounts.h"

#define FAKE_CA_DIRECTORY "https://ca.test/dir"

struct fake_ca;

struct fake_ca *fake_ca_new(struct loop *loop);
/* Its client must have been freed before. */
struct fake_ca *fake_ca_free(struct fake_ca *ca);
/* A client of it; http_client_free() it. The CA lives over any number of them. */
struct http_client *fake_ca_new_client(struct fake_ca *ca);

enum fake_ca_trouble {
	FAKE_CA_WELL,
	FAKE_CA_UNREACHABLE,     /* every request */
	FAKE_CA_MUTE,            /* none is answered */
	FAKE_CA_BUSY,            /* to each: 503, and in an hour again */
	FAKE_CA_BROKEN,          /* to each: 500 and a page for people */
	FAKE_CA_INVALID,         /* each challenge is found wrong */
	FAKE_CA_RATE_LIMITED,    /* newOrder: 429 with Retry-After of two hours */
	FAKE_CA_NO_ACCOUNT,      /* newOrder: accountDoesNotExist */
	FAKE_CA_WRONG_KEY,       /* the certificate is for another key */
	FAKE_CA_NUL,             /* the certificate has a NUL in it */
	FAKE_CA_MUTE_FINALIZE,   /* finalize is not answered, but obeyed */
	FAKE_CA_REPLACED,        /* newOrder with `replaces`: alreadyReplaced */
	FAKE_CA_NO_KEY_CHANGE,   /* keyChange is refused */
	FAKE_CA_MUTE_KEY_CHANGE, /* keyChange is not answered, but obeyed */
	FAKE_CA_DEAF_KEY_CHANGE, /* keyChange is neither answered nor obeyed */
	FAKE_CA_MUTE_REVOCATION, /* revokeCert is not answered, but obeyed */
	/* of renewal information alone; all else goes well */
	FAKE_CA_ARI_DOWN,      /* 500 */
	FAKE_CA_ARI_MUTE,      /* never answered */
	FAKE_CA_ARI_NONSENSE,  /* not even JSON */
	FAKE_CA_ARI_BACKWARDS, /* the window ends before it starts */
	FAKE_CA_ARI_ANCIENT,   /* a window decades ago */
	FAKE_CA_ARI_DISTANT,   /* a window in decades */
	FAKE_CA_ARI_ENDLESS,   /* a window from 1971 to 9999 */
	FAKE_CA_ARI_LATE,      /* a window in a certificate's last hours */
	FAKE_CA_ARI_AT_ONCE,   /* any certificate: an hour ago */
};

void fake_ca_set_trouble(struct fake_ca *ca, enum fake_ca_trouble trouble);
void fake_ca_set_lifetime(struct fake_ca *ca, usec_t lifetime_usec);
/* ARI: the window of the certificate in force (or of the first); later ones have one in
 * sixty days. start 0 = not offered. */
void fake_ca_set_window(struct fake_ca *ca, usec_t start_usec, usec_t end_usec);

/* ARI: what its answers say in Retry-After; "" = nothing. Borrowed. */
void fake_ca_set_retry_after(struct fake_ca *ca, const char *text);

/* Its Date and its certificates go by the fake loop's monotonic clock: setting the wall
 * clock makes ours wrong. By this its Date is off by so much. */
void fake_ca_set_date(struct fake_ca *ca, int64_t off_sec);

unsigned fake_ca_count_accounts(const struct fake_ca *ca);
struct fake_ca_accounts *fake_ca_get_accounts(struct fake_ca *ca);
/* What FAKE_CA_DEAF_KEY_CHANGE did not do, it does now. */
void fake_ca_obey_late(struct fake_ca *ca);
/* Certificates; requests that were signed by the certificate's own key. */
unsigned fake_ca_count_revoked(const struct fake_ca *ca);
unsigned fake_ca_count_by_certificate(const struct fake_ca *ca);
unsigned fake_ca_count_orders(const struct fake_ca *ca);
unsigned fake_ca_count_certificates(const struct fake_ca *ca);
unsigned fake_ca_count_ari(const struct fake_ca *ca);
/* Any request, answered or not. */
unsigned fake_ca_count_requests(const struct fake_ca *ca);
/* The first name of the nth order, from 0; "" = there is none. */
const char *fake_ca_get_order_name(const struct fake_ca *ca, unsigned n);
/* What the last newOrder said it replaces; "" = nothing. */
const char *fake_ca_get_replaces(const struct fake_ca *ca);
