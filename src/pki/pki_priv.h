/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this room share: cleanups for GnuTLS's types, and its errors. */
#pragma once

#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#include "util/err.h"

/* "what: GnuTLS's own words" */
#define pki_err_set(err, code, r, what) \
	err_set((err), (code), "%s: %s", (what), gnutls_strerror(r))

/* For _cleanup_(): frees what GnuTLS allocated in a datum. */
static inline _unused_ void datum_done(gnutls_datum_t *datum)
{
	gnutls_free(datum->data);
	datum->size = 0;
}

/* The same for a secret, which is overwritten first. */
static inline _unused_ void datum_done_secret(gnutls_datum_t *datum)
{
	if (datum->data)
		gnutls_memset(datum->data, 0, datum->size);
	datum_done(datum);
}

static inline _unused_ void x509_crt_deinitp(gnutls_x509_crt_t *crt)
{
	if (*crt)
		gnutls_x509_crt_deinit(*crt);
}
