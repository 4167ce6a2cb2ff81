/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A CA for tests: a root and an intermediate, and leaves right or wrong on request. It
 * is made with GnuTLS alone, so that it shares no fault with src/pki. What fails aborts.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "util/macro.h"

struct test_ca;

struct test_ca *test_ca_new(void);
struct test_ca *test_ca_free(struct test_ca *ca);
DEFINE_CLEANUP(struct test_ca *, test_ca_free)

/* What is made wrong, or otherwise. */
enum {
	TEST_CA_WRONG_KEY = 1 << 0, /* the key handed out is not the leaf's */
	TEST_CA_LEAF_IS_CA = 1 << 1,
	TEST_CA_LEAF_ONLY = 1 << 2,         /* the chain is the leaf alone */
	TEST_CA_NO_INTERMEDIATE = 1 << 3,   /* the chain is leaf and root */
	TEST_CA_SWAPPED = 1 << 4,           /* the intermediate comes first */
	TEST_CA_WITH_ROOT = 1 << 5,         /* the root comes last */
	TEST_CA_NO_AKI = 1 << 6,            /* no authority key identifier */
	TEST_CA_SHA1 = 1 << 7,              /* signed with SHA-1 */
	TEST_CA_CLIENT_ONLY = 1 << 8,       /* extended key usage: clients */
	TEST_CA_RSA = 1 << 9,               /* an RSA 2048 key, else ECDSA P-256 */
	TEST_CA_SELF_SIGNED = 1 << 10,      /* by itself; the chain is the leaf alone */
	TEST_CA_OLD_INTERMEDIATE = 1 << 11, /* one that expired an hour ago */
	TEST_CA_FALSE_INTERMEDIATE = 1 << 12, /* its name, another key */
	TEST_CA_NO_NAMES = 1 << 13,
	TEST_CA_STRANGE_NAMES = 1 << 14, /* more SANs: an address, a mail address, … */
};

struct test_ca_leaf {
	char *const *names;    /* NULL-terminated; NULL: mail.example.org */
	time_t not_before;     /* 0: an hour ago */
	time_t not_after;      /* 0: in 90 days */
	const char *key_pem;   /* the leaf's key; NULL: a new one */
	const uint8_t *serial; /* NULL: a random one of 16 octets */
	size_t serial_len;
	unsigned flags;
};

/* Both texts are owned by the caller; ret_key_pem may be NULL. */
void test_ca_issue(struct test_ca *ca, const struct test_ca_leaf *leaf,
	char **ret_chain_pem, char **ret_key_pem);
/* The same for a certificate request: key and names are the request's. NULL if its
 * signature is wrong. Of `leaf`, which may be NULL, names and key are not looked at. */
char *test_ca_issue_csr(struct test_ca *ca, const uint8_t *csr_der, size_t len,
	const struct test_ca_leaf *leaf);
/* The root alone. Owned by the caller. */
char *test_ca_format_root_pem(const struct test_ca *ca);
