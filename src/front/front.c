/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "front/front.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "front/conn.h"
#include "util/mem.h"

#define MAX_CONTEXTS_DEFAULT 10000
/* Descriptors that are no connections. */
#define DESCRIPTORS_SPARE 64

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

static uint64_t limit_connections(uint64_t wanted)
{
	struct rlimit limit = { .rlim_cur = 1024 };

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur == RLIM_INFINITY)
		return wanted ? wanted : UINT64_MAX;
	/* A connection has two descriptors. */
	uint64_t most = limit.rlim_cur > 2 * DESCRIPTORS_SPARE
				? (limit.rlim_cur - DESCRIPTORS_SPARE) / 2
				: 1;
	return wanted ? MIN(wanted, most) : most;
}

static int make_clients(
	struct front *front, const struct link_configure *m, struct err *err)
{
	struct network exceptions[LINK_NETWORKS_MAX];
	struct clients_limits limits = {
		.connections = m->address_connections,
		.rate = m->address_rate,
		.exceptions = exceptions,
	};

	for (char **p = m->limit_exceptions; p && *p; p++)
		if (network_parse(*p, &exceptions[limits.n_exceptions++]))
			return err_set(err, -EPROTO, "not a network: %s", *p);
	front->clients = clients_new(&limits);
	return 0;
}

int front_configure(
	struct front *front, const struct link_configure *m, struct err *err)
{
	int r = make_clients(front, m, err);

	if (r < 0)
		return r;
	r = tls_context_new(&front->placeholder, m->placeholder_chain_pem,
		m->placeholder_key_pem, err);
	if (r < 0)
		return err_wrap(err, r, "placeholder");
	names_init(&front->names, &m->names_key);
	memcpy(front->ticket_key, m->ticket_key, sizeof(front->ticket_key));
	front->cache =
		cache_new(m->max_contexts ? m->max_contexts : MAX_CONTEXTS_DEFAULT);
	front->max_connections = limit_connections(m->max_connections);
	front->max_handshakes =
		m->max_handshakes ? m->max_handshakes : front->max_connections;
	return 0;
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
