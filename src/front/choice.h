/* SPDX-License-Identifier: GPL-3.0-or-later */
/* With what is this hello answered? Decided locally; only a name that is served and not
 * cached leads to the manager. */
#pragma once

#include "front/hello.h"
#include "front/listener.h"

enum choice_outcome {
	CHOICE_CONTEXT, /* with this context */
	CHOICE_LOOKUP,  /* the manager must be asked */
	CHOICE_ACME,    /* with this answer to a challenge, and then closed */
	CHOICE_UNKNOWN_NAME,
	CHOICE_NO_PROTOCOL,
};

struct choice {
	enum choice_outcome outcome;
	struct tls_context *context; /* borrowed; CONTEXT and ACME */
	const char *name;            /* of hello or settings; NULL: the placeholder's */
	char key[DNAME_MAX + 1];     /* how cache and manager call it; "" with NULL */
};

void choice_make(
	const struct listener *listener, const struct hello *hello, struct choice *ret);
