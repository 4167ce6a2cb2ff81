/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is answered to a CA while a challenge is pending: http-01 contents by host and
 * token, and the contexts of acme-tls/1 by name. */
#pragma once

#include "pki/tls_context.h"

struct answers;

struct answers *answers_new(void);
struct answers *answers_free(struct answers *answers);
DEFINE_CLEANUP(struct answers *, answers_free)

/* Each replaces what is there. */
void answers_put_http(struct answers *answers, const char *name, const char *token,
	const char *content);
void answers_put_alpn(
	struct answers *answers, const char *name, struct tls_context *context);
void answers_drop_http(struct answers *answers, const char *name, const char *token);
void answers_drop_alpn(struct answers *answers, const char *name);

/* Borrowed; NULL: nothing is pending. */
const char *answers_find_http(
	const struct answers *answers, const char *name, const char *token);
struct tls_context *answers_find_alpn(const struct answers *answers, const char *name);

/* A token as RFC 8555 8.3 allows it: base64url, not empty, not too long. */
bool answers_is_token(const char *token);
