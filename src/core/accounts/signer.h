/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The signer of acme/signer.h by a key in memory. */
#pragma once

#include "acme/signer.h"
#include "io/loop.h"
#include "pki/key.h"

struct signer;

/* Takes the key over on success. */
int signer_new(
	struct signer **ret, struct loop *loop, struct key *key, struct err *err);
/* No operation may be under way. */
struct signer *signer_free(struct signer *signer);
DEFINE_CLEANUP(struct signer *, signer_free)
/* Borrowed. */
const struct acme_signer *signer_get(const struct signer *signer);
