/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The side of the CA in a replay: it hands out nonces and looks at every signed request
 * as a strict CA would (RFC 8555 6.2 to 6.5). And the account's key, with its signer. */
#pragma once

#include "acme/signer.h"
#include "io/loop.h"
#include "tests/replay/replay_http.h"

#define REPLAY_ACCOUNT "https://ca.test/acct/1"

struct replay_ca;

struct replay_ca *replay_ca_new(struct loop *loop);
struct replay_ca *replay_ca_free(struct replay_ca *ca);

/* Signatures by the account key, each on a later turn. */
const struct acme_signer *replay_ca_get_signer(const struct replay_ca *ca);

enum replay_signing {
	REPLAY_SIGNS,
	REPLAY_SIGNS_NOT, /* starts, then says that it failed */
	REPLAY_SIGNS_NEVER,
	REPLAY_SIGNS_NO_START,
};

void replay_ca_set_signing(struct replay_ca *ca, enum replay_signing signing);

/* A new nonce; owned by the caller. */
char *replay_ca_new_nonce(struct replay_ca *ca);
/* One that the script made up. */
void replay_ca_add_nonce(struct replay_ca *ca, const char *nonce);

struct replay_signed {
	bool is_kid;
	char *payload; /* owned */
};

/* Checks form, algorithm, url, nonce (known, used once), key and signature. False: *ret
 * is untouched and why says what is wrong; owned by the caller. */
bool replay_ca_check(struct replay_ca *ca, const struct replay_request *request,
	struct replay_signed *ret, char **ret_why);

/* Is that what the key of `next` has to say of a key change at url (RFC 8555 7.3.5)?
 * NULL: yes; else why not, owned by the caller. */
char *replay_ca_check_key_change(const struct replay_ca *ca,
	const struct replay_ca *next, const char *url, const char *text);

/* A chain of one certificate whose issuer has this common name; owned by the caller. */
char *replay_ca_new_chain(const char *issuer_cn);
