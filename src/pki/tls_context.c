/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a handshake is made with. Everything is parsed once, when the context is made;
 * a handshake only borrows the lists (retrieve function 3 with flags 0), which live
 * until the last reference is gone.
 *
 * A front worker links this file: nothing here needs jansson.
 */
#include "pki/tls_context.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "pki/cert.h"
#include "pki/cert_priv.h"
#include "pki/pki_priv.h"
#include "util/mem.h"

struct tls_context {
	unsigned refs;
	gnutls_pcert_st *pcerts; /* owned */
	unsigned n_pcerts;
	struct key *key; /* owned */
	usec_t not_after_usec;
	uint8_t fingerprint[CERT_FINGERPRINT_BYTES];
};

static struct tls_context *tls_context_free(struct tls_context *context)
{
	key_free(context->key);
	while (context->n_pcerts > 0)
		gnutls_pcert_deinit(&context->pcerts[--context->n_pcerts]);
	free(context->pcerts);
	free(context);
	return NULL;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
	assert(context->refs > 0);
	context->refs++;
	return context;
}

struct tls_context *tls_context_unref(struct tls_context *context)
{
	if (!context)
		return NULL;
	assert(context->refs > 0);
	if (--context->refs > 0)
		return NULL;
	return tls_context_free(context);
}

static int load_chain(
	struct tls_context *context, const struct cert_chain *chain, struct err *err)
{
	unsigned n = cert_chain_get_length(chain);

	context->pcerts = xnew_array(gnutls_pcert_st, n);
	for (; context->n_pcerts < n; context->n_pcerts++) {
		int r = gnutls_pcert_import_x509(&context->pcerts[context->n_pcerts],
			cert_chain_get_crt(chain, context->n_pcerts), 0);
		if (r < 0)
			return pki_err_set(err, -EBADMSG, r, "load certificate");
	}
	context->not_after_usec = cert_chain_get_not_after(chain);
	memcpy(context->fingerprint, cert_chain_get_fingerprint(chain),
		sizeof(context->fingerprint));
	return 0;
}

int tls_context_new(struct tls_context **ret, const char *chain_pem,
	const char *key_pem, struct err *err)
{
	_cleanup_(tls_context_unrefp) struct tls_context *context =
		xnew(struct tls_context);
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;

	context->refs = 1;
	int r = cert_chain_parse_pem(&chain, chain_pem, strlen(chain_pem), err);
	if (r < 0)
		return r;
	r = key_parse_pem(&context->key, key_pem, strlen(key_pem), err);
	if (r < 0)
		return r;
	if (!cert_is_for_key(cert_chain_get_crt(chain, 0), key_get_x509(context->key)))
		return err_set(err, -EBADMSG, "the certificate is for another key");
	r = load_chain(context, chain, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(context);
	return 0;
}

bool tls_context_is_rsa(const struct tls_context *context)
{
	return key_type_is_rsa(key_get_type(context->key));
}

const uint8_t *tls_context_get_fingerprint(const struct tls_context *context)
{
	return context->fingerprint;
}

usec_t tls_context_get_not_after(const struct tls_context *context)
{
	return context->not_after_usec;
}

void tls_context_get_lists(const struct tls_context *context,
	gnutls_pcert_st **ret_pcert, unsigned *ret_n, gnutls_privkey_t *ret_key)
{
	*ret_pcert = context->pcerts;
	*ret_n = context->n_pcerts;
	*ret_key = key_get_privkey(context->key);
}

/* A gnutls_certificate_retrieve_function3. */
static int on_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
	gnutls_pcert_st **certs, unsigned *n_certs, gnutls_ocsp_data_st **ocsp,
	unsigned *n_ocsp, gnutls_privkey_t *key, unsigned *flags)
{
	struct tls_context *const *context = gnutls_session_get_ptr(session);

	if (!context || !*context)
		return -1;
	tls_context_get_lists(*context, certs, n_certs, key);
	*ocsp = NULL;
	*n_ocsp = 0;
	*flags = 0;
	return 0;
}

int tls_context_new_credentials(gnutls_certificate_credentials_t *ret, struct err *err)
{
	gnutls_certificate_credentials_t credentials = NULL;
	int r = gnutls_certificate_allocate_credentials(&credentials);

	if (r < 0)
		return pki_err_set(err, -ENOMEM, r, "new credentials");
	gnutls_certificate_set_retrieve_function3(credentials, on_retrieve);
	*ret = credentials;
	return 0;
}
