/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rate is kept as one moment an address: when all that it has made would have been
 * made at the allowed pace (the "virtual scheduling" of a leaky bucket). An address
 * without a connection stands in a list, oldest first, from which the memory is bounded.
 */
#include "front/clients.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "util/list.h"
#include "util/map.h"
#include "util/mem.h"

/* Addresses without a connection that are remembered for their rate. */
#define IDLE_MAX 65536
#define KEY_MAX  17

struct client {
	struct list idle;  /* in clients->idle while n is 0 */
	char key[KEY_MAX]; /* the octets that count, in hexadecimal */
	uint64_t n;        /* connections */
	usec_t paced_usec; /* monotonic */
};

struct clients {
	struct clients_limits limits;
	struct network *exceptions; /* owned */
	struct map *by_key;         /* owned, with the clients in it */
	struct list idle;
	size_t n_idle;
};

struct clients *clients_new(const struct clients_limits *limits)
{
	struct clients *clients = xnew(struct clients);

	clients->limits = *limits;
	clients->exceptions = xnew_array(struct network, limits->n_exceptions + 1);
	for (size_t i = 0; i < limits->n_exceptions; i++)
		clients->exceptions[i] = limits->exceptions[i];
	clients->limits.exceptions = clients->exceptions;
	clients->by_key = map_new();
	list_init(&clients->idle);
	return clients;
}

static void forget(struct clients *clients, struct client *client)
{
	list_remove(&client->idle);
	clients->n_idle--;
	map_remove(clients->by_key, client->key);
	free(client);
}

struct clients *clients_free(struct clients *clients)
{
	struct client *client, *tmp;

	if (!clients)
		return NULL;
	list_foreach_safe(client, tmp, &clients->idle, idle)
		forget(clients, client);
	map_free(clients->by_key);
	free(clients->exceptions);
	free(clients);
	return NULL;
}

static void format_key(const uint8_t *octets, size_t n, char key[KEY_MAX])
{
	for (size_t i = 0; i < n; i++)
		snprintf(key + 2 * i, KEY_MAX - 2 * i, "%02x", octets[i]);
}

/* False: it has none. */
static bool get_key(const struct address *address, char key[KEY_MAX])
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->sa;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->sa;

	if (address->len == 0)
		return false;
	if (address->sa.ss_family == AF_INET)
		format_key((const uint8_t *)&v4->sin_addr, 4, key);
	else if (address->sa.ss_family != AF_INET6)
		return false;
	else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		format_key(v6->sin6_addr.s6_addr + 12, 4, key);
	else
		format_key(v6->sin6_addr.s6_addr, 8, key);
	return true;
}

static struct client *find_or_add(struct clients *clients, const char *key)
{
	struct client *client = map_find(clients->by_key, key);

	if (client)
		return client;
	client = xnew(struct client);
	memcpy(client->key, key, KEY_MAX);
	list_append(&clients->idle, &client->idle);
	clients->n_idle++;
	map_set(clients->by_key, key, client);
	return client;
}

/* The one at the end of the list may be in use by the caller. */
static void forget_oldest(struct clients *clients)
{
	while (clients->n_idle > IDLE_MAX)
		forget(clients, list_entry(clients->idle.next, struct client, idle));
}

/* Takes one from what it may make; false: nothing is left. */
static bool pace(const struct clients *clients, struct client *client, usec_t now_usec)
{
	if (clients->limits.rate == 0)
		return true;
	usec_t step = MAX(USEC_PER_MIN / clients->limits.rate, (usec_t)1);
	usec_t paced = usec_add(MAX(client->paced_usec, now_usec), step);

	if (usec_sub(paced, now_usec) > USEC_PER_MIN)
		return false;
	client->paced_usec = paced;
	return true;
}

static bool has_limits(const struct clients *clients, const struct address *address)
{
	const struct clients_limits *limits = &clients->limits;

	return (limits->connections > 0 || limits->rate > 0) &&
	       !network_list_has(
		       limits->exceptions, limits->n_exceptions, &address->sa);
}

enum clients_outcome clients_enter(struct clients *clients,
	const struct address *address, usec_t now_usec, struct client **ret)
{
	char key[KEY_MAX] = "";

	*ret = NULL;
	if (!has_limits(clients, address) || !get_key(address, key))
		return CLIENTS_WELCOME;
	struct client *client = find_or_add(clients, key);
	forget_oldest(clients);
	if (clients->limits.connections > 0 && client->n >= clients->limits.connections)
		return CLIENTS_MANY;
	if (!pace(clients, client, now_usec))
		return CLIENTS_FAST;
	if (client->n++ == 0) {
		list_remove(&client->idle);
		clients->n_idle--;
	}
	*ret = client;
	return CLIENTS_WELCOME;
}

struct client *clients_leave(struct clients *clients, struct client *client)
{
	if (!client || --client->n > 0)
		return NULL;
	list_append(&clients->idle, &client->idle);
	clients->n_idle++;
	forget_oldest(clients);
	return NULL;
}

size_t clients_count(const struct clients *clients)
{
	return map_count(clients->by_key);
}
