/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One handshake, to see whether one certificate is served under one name (promise 2).
 */
#pragma once

#include "io/tls_probe.h"
#include "store/certificate.h"

struct sight;

struct sight_params {
	struct loop *loop;
	struct address address;
	int fd; /* > 0: connected already, and taken over; address is not used */
	bool says_proxy;  /* the address expects a PROXY header */
	const char *name; /* of the certificate; one below it stands for a wildcard */
	const char *fingerprint;
	bool is_rsa; /* ask for this kind of certificate alone */
};

/* reason NULL: it was seen. Else in words why not. */
typedef void sight_done_fn(const char *reason, void *userdata);

int sight_start(struct sight **ret, const struct sight_params *params,
	sight_done_fn *done, void *userdata, struct err *err);
struct sight *sight_cancel(struct sight *op);
DEFINE_CLEANUP(struct sight *, sight_cancel)
