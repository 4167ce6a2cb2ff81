/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See intake.h. */
#include "front/intake.h"

#include <errno.h>

#include "util/mem.h"

int intake_pushed(struct front *front, const struct link_context *m, struct err *err)
{
	_cleanup_(tls_context_unrefp) struct tls_context *context = NULL;

	if (m->certificate_id == 0)
		return err_set(err, -EINVAL, "a push without a certificate");
	int r = tls_context_new(&context, m->chain_pem, m->key_pem, err);
	/* The manager has rehearsed the other version, with the same octets. */
	if (r == 0)
		r = tls_context_rehearse(context, TLS_VERSION_13, m->name, err);
	if (r == 0)
		cache_put(front->cache, m->name, context, 0);
	return r;
}

int intake_found(struct front *front, const struct link_context *m, struct err *err)
{
	_cleanup_(tls_context_unrefp) struct tls_context *context = NULL;
	char resolved[DNAME_MAX + 1];
	const char *key = NULL;
	unsigned client = 0;

	bool is_asked = lookups_get_question(front->lookups, m->request, &key, &client);
	if (m->certificate_id == 0) {
		lookups_complete(front->lookups, m->request, LOOKUP_NONE, NULL);
		return 0;
	}
	int r = tls_context_new(&context, m->chain_pem, m->key_pem, err);
	if (r < 0) {
		lookups_complete(front->lookups, m->request, LOOKUP_FAILED, NULL);
		return err_wrap(err, r, "context of %s", m->name);
	}
	if (!is_asked)
		key = names_resolve(&front->names, m->name, resolved) ? resolved : NULL;
	if (key)
		cache_put(front->cache, key, context, client);
	lookups_complete(front->lookups, m->request, LOOKUP_FOUND, context);
	return 0;
}

int intake_answer(struct front *front, const struct link_answer *m, struct err *err)
{
	_cleanup_(tls_context_unrefp) struct tls_context *context = NULL;
	struct answers *answers = front->answers;

	if (!m->is_alpn) {
		if (!m->content || !answers_is_token(m->token))
			return err_set(err, -EPROTO, "no content, or not a token");
		answers_put_http(answers, m->name, m->token, m->content);
		return 0;
	}
	if (!m->chain_pem || !m->key_pem)
		return err_set(err, -EPROTO, "no chain or no key");
	int r = tls_context_new(&context, m->chain_pem, m->key_pem, err);
	if (r == 0)
		answers_put_alpn(answers, m->name, context);
	return r;
}
