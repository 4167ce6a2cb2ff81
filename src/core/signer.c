/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See signer.h. Signing in memory takes 60 µs, so it is done at once; only the answer
 * comes later, as the contract of an operation demands.
 */
#include "core/signer.h"

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
	struct loop_defer *defer; /* owned */
	uint8_t *data;            /* owned; NULL: err */
	size_t len;
	struct err err;
	acme_signed_fn *done;
	void *userdata;
};

static void signature_free(struct signature *op)
{
	loop_defer_free(op->defer);
	free(op->data);
	err_done(&op->err);
	free(op);
}

/* Who asked drops the operation in done or later. */
static void on_signed(void *userdata)
{
	struct signature *op = userdata;

	op->done(op->data, op->len, op->data ? NULL : &op->err, op->userdata);
}

static int sign_start(void *userdata, void **ret_op, const char *data,
	acme_signed_fn *done, void *done_userdata, struct err *err)
{
	struct signer *signer = userdata;
	struct signature *op = xnew(struct signature);

	op->done = done;
	op->userdata = done_userdata;
	key_sign_jws(signer->key, data, strlen(data), &op->data, &op->len, &op->err);
	op->defer = loop_defer_new(signer->loop, on_signed, op);
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
