/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See signer.h. Signing in memory takes 60 µs with a key that we make by default, and up to
 * 15 ms with RSA 4096: it has a turn of its own.
 */
#include "core/accounts/signer.h"

#include <string.h>

#include "util/mem.h"

struct signer {
	struct loop *loop;         /* borrowed */
	struct key *key;           /* owned */
	char *jwk;                 /* owned */
	char *thumbprint;          /* owned */
	struct acme_signer signer; /* what the protocol sees; points into this */
};

struct signature {
	const struct key *key;    /* points into the signer */
	char *data;               /* owned; what is signed */
	struct loop_defer *defer; /* owned */
	acme_signed_fn *done;
	void *userdata;
};

static void signature_free(struct signature *op)
{
	loop_defer_free(op->defer);
	free(op->data);
	free(op);
}

/* Who asked drops the operation in done or later. */
static void on_turn(void *userdata)
{
	struct signature *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) uint8_t *signature = NULL;
	size_t len = 0;
	int r = key_sign_jws(
		op->key, op->data, strlen(op->data), &signature, &len, &err);

	op->done(signature, len, r < 0 ? &err : NULL, op->userdata);
}

static int sign_start(void *userdata, void **ret_op, const char *data,
	acme_signed_fn *done, void *done_userdata, struct err *err)
{
	struct signer *signer = userdata;
	struct signature *op = xnew(struct signature);

	op->done = done;
	op->userdata = done_userdata;
	op->key = signer->key;
	op->data = xstrdup(data);
	op->defer = loop_defer_new(signer->loop, on_turn, op);
	*ret_op = op;
	return 0;
}

static void sign_cancel(void *userdata, void *op)
{
	signature_free(op);
}

int signer_new(struct signer **ret, struct loop *loop, struct key *key, struct err *err)
{
	_cleanup_(signer_freep) struct signer *signer = xnew(struct signer);
	int r;

	signer->loop = loop;
	r = key_format_jwk(key, &signer->jwk, err);
	if (r < 0)
		return r;
	r = key_format_thumbprint(key, &signer->thumbprint, err);
	if (r < 0)
		return r;
	signer->signer = (struct acme_signer){
		.sign_start = sign_start,
		.sign_cancel = sign_cancel,
		.userdata = signer,
		.alg = key_get_jws_alg(key),
		.jwk = signer->jwk,
		.thumbprint = signer->thumbprint,
	};
	signer->key = key;
	*ret = TAKE_PTR(signer);
	return 0;
}

struct signer *signer_free(struct signer *signer)
{
	if (!signer)
		return NULL;
	key_free(signer->key);
	free(signer->thumbprint);
	free(signer->jwk);
	free(signer);
	return NULL;
}

const struct acme_signer *signer_get(const struct signer *signer)
{
	return &signer->signer;
}
