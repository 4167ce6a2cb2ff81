/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "front/front.h"

#include <errno.h>
#include <string.h>

#include "front/conn.h"
#include "util/mem.h"

int front_init(
	struct front *front, struct loop *loop, const char *priority, struct err *err)
{
	front->loop = loop;
	list_init(&front->conns);
	front->answers = answers_new();
	front->tally = link_tally_new();
	front->rx = xnew_array(uint8_t, FRONT_RX_BYTES);
	front->plain = xnew_array(uint8_t, FRONT_PLAIN_BYTES);
	int r = gnutls_priority_init(
		&front->priority, priority ? priority : TLS_CONTEXT_PRIORITY, NULL);
	if (r < 0)
		return err_set(err, -EINVAL, "priorities: %s", gnutls_strerror(r));
	return tls_context_new_credentials(&front->credentials, err);
}

void front_done(struct front *front)
{
	front->on_empty = NULL;
	conn_close_all(front);
	lookups_free(front->lookups);
	answers_free(front->answers);
	cache_free(front->cache);
	names_done(&front->names);
	clients_free(front->clients);
	link_tally_free(front->tally);
	tls_context_unref(front->placeholder);
	if (front->credentials)
		gnutls_certificate_free_credentials(front->credentials);
	if (front->priority)
		gnutls_priority_deinit(front->priority);
	explicit_bzero(front->ticket_key, sizeof(front->ticket_key));
	free(front->rx);
	free(front->plain);
}
