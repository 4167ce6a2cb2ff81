/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See sight.h. */
#include "core/workers/sight.h"

#include <string.h>

#include "util/dname.h"
#include "util/mem.h"

/* TLS 1.2 and 1.3 with one kind of certificate only. */
#define PRIORITY_ECDSA                                                        \
	"NORMAL:-ECDHE-RSA:-RSA:-DHE-RSA:-SIGN-ALL:+SIGN-ECDSA-SHA256"        \
	":+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SHA512:+SIGN-ECDSA-SECP256R1-SHA256" \
	":+SIGN-ECDSA-SECP384R1-SHA384:+SIGN-ECDSA-SECP521R1-SHA512"          \
	":+SIGN-EDDSA-ED25519"
#define PRIORITY_RSA                                                      \
	"NORMAL:-ECDHE-ECDSA:-SIGN-ALL:+SIGN-RSA-SHA256:+SIGN-RSA-SHA384" \
	":+SIGN-RSA-SHA512:+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384"

struct sight {
	char *fingerprint; /* owned */
	struct tls_probe *probe;
	sight_done_fn *done;
	void *userdata;
};

static void format_hex(const uint8_t *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[data[i] >> 4];
		out[2 * i + 1] = digits[data[i] & 0xf];
	}
	out[2 * len] = '\0';
}

static void on_probed(const struct tls_probe_result *result, void *userdata)
{
	struct sight *op = userdata;
	sight_done_fn *done = op->done;
	char seen[2 * sizeof(result->fingerprint) + 1];
	const char *reason = NULL;

	format_hex(result->fingerprint, sizeof(result->fingerprint), seen);
	if (result->outcome != TLS_PROBE_OK)
		reason = result->detail;
	else if (strcmp(seen, op->fingerprint) != 0)
		reason = "another certificate is served than the one installed";
	op->done = NULL;
	done(reason, op->userdata);
}

int sight_start(struct sight **ret, const struct sight_params *params,
	sight_done_fn *done, void *userdata, struct err *err)
{
	_cleanup_(sight_cancelp) struct sight *op = xnew(struct sight);
	_cleanup_(freep) char *sni =
		dname_is_wildcard(params->name)
			? xasprintf("postseal-proof%s", params->name + 1)
			: xstrdup(params->name);
	const struct tls_probe_params probe = {
		.address = params->address,
		.fd = params->fd,
		.says_proxy = params->says_proxy,
		.sni = sni,
		.priority = params->is_rsa ? PRIORITY_RSA : PRIORITY_ECDSA,
	};

	op->fingerprint = xstrdup(params->fingerprint);
	op->done = done;
	op->userdata = userdata;
	int r = tls_probe_start(&op->probe, params->loop, &probe, on_probed, op, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(op);
	return 0;
}

struct sight *sight_cancel(struct sight *op)
{
	if (!op)
		return NULL;
	tls_probe_cancel(op->probe);
	free(op->fingerprint);
	free(op);
	return NULL;
}
