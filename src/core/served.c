/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See served.h. */
#include "core/served.h"

#include <string.h>

#include "link/message.h"
#include "pki/key.h"
#include "store/certificate.h"
#include "util/map.h"
#include "util/mem.h"

struct served_name {
	int64_t ecdsa_id; /* certificate with another than an RSA key; 0 = none */
	int64_t rsa_id;
	bool is_wanted;
};

struct served {
	struct store *store; /* borrowed */
	struct map *names;   /* name → struct served_name, owned */
	size_t n_wanted;
};

struct served *served_new(struct store *store)
{
	struct served *served = xnew(struct served);

	served->store = store;
	served->names = map_new();
	return served;
}

struct served *served_free(struct served *served)
{
	const char *key;
	struct served_name *name;
	size_t pos;

	if (!served)
		return NULL;
	map_foreach(served->names, pos, key, name)
		free(name);
	map_free(served->names);
	free(served);
	return NULL;
}

static struct served_name *get_name(struct served *served, const char *name)
{
	struct served_name *n = map_find(served->names, name);

	if (!n) {
		n = xnew(struct served_name);
		map_set(served->names, name, n);
	}
	return n;
}

static void set_id(struct served_name *name, bool is_rsa, int64_t id)
{
	if (is_rsa)
		name->rsa_id = id;
	else
		name->ecdsa_id = id;
}

static int on_served(
	const char *name, int64_t certificate_id, const char *key_type, void *userdata)
{
	enum key_type type = key_type_parse(key_type);

	set_id(get_name(userdata, name), type >= 0 && key_type_is_rsa(type),
		certificate_id);
	return 0;
}

int served_load(struct served *served, struct err *err)
{
	return store_certificate_each_served(
		served->store, SERVED_TARGET, on_served, served, err);
}

void served_follow(struct served *served, const struct conf *conf)
{
	const struct conf_block *domain;
	const char *key;
	struct served_name *name;
	size_t pos;

	map_foreach(served->names, pos, key, name)
		name->is_wanted = false;
	served->n_wanted = 0;
	for (size_t i = 0; (domain = conf_get_block(conf, "domain", i)); i++) {
		char *const *list = conf_get_list(domain, "names");

		for (size_t k = 0; list[k]; k++) {
			name = get_name(served, list[k]);
			served->n_wanted += name->is_wanted ? 0 : 1;
			name->is_wanted = true;
		}
	}
}

void served_set(
	struct served *served, char *const *names, bool is_rsa, int64_t certificate_id)
{
	for (size_t i = 0; names[i]; i++)
		set_id(get_name(served, names[i]), is_rsa, certificate_id);
}

int64_t served_find(const struct served *served, const char *name, bool is_rsa)
{
	const struct served_name *n = map_find(served->names, name);

	if (!n || !n->is_wanted)
		return 0;
	return is_rsa ? n->rsa_id : n->ecdsa_id;
}

size_t served_count(const struct served *served)
{
	return served->n_wanted;
}

/* --- for the fleet ------------------------------------------------------------------------- */

/* The name itself, else the wildcard that covers it. */
static const struct served_name *find_covering(
	const struct served *served, const char *name)
{
	const struct served_name *n = map_find(served->names, name);
	const char *dot = strchr(name, '.');

	if (n && n->is_wanted)
		return n;
	if (!dot)
		return NULL;
	_cleanup_(freep) char *pattern = xasprintf("*%s", dot);
	n = map_find(served->names, pattern);
	return n && n->is_wanted ? n : NULL;
}

static int64_t choose(const struct served_name *name, unsigned client)
{
	if ((client & LINK_CLIENT_ECDSA) && name->ecdsa_id)
		return name->ecdsa_id;
	if ((client & LINK_CLIENT_RSA) && name->rsa_id)
		return name->rsa_id;
	return name->ecdsa_id ? name->ecdsa_id : name->rsa_id;
}

int64_t served_choose(const struct served *served, const char *name, unsigned client)
{
	const struct served_name *n = find_covering(served, name);

	return n ? choose(n, client) : 0;
}

int served_lookup(const char *name, unsigned client, struct fleet_found *ret,
	void *userdata, struct err *err)
{
	struct served *served = userdata;
	struct store_certificate certificate = { 0 };
	int64_t id = served_choose(served, name, client);

	*ret = (struct fleet_found){ 0 };
	if (id == 0)
		return 0;
	int r = store_certificate_load(served->store, id, &certificate, err);
	if (r < 0)
		return r;
	if (r == STORE_E_NOT_FOUND)
		return 0;
	*ret = (struct fleet_found){
		.certificate_id = (uint64_t)id,
		.is_rsa = id == find_covering(served, name)->rsa_id,
		.chain_pem = TAKE_PTR(certificate.chain_pem),
		.key_pem = TAKE_PTR(certificate.key_pem),
	};
	store_certificate_done(&certificate);
	return 0;
}

void served_each_name(void (*add)(const char *name, void *add_userdata),
	void *add_userdata, void *userdata)
{
	struct served *served = userdata;
	const char *key;
	struct served_name *name;
	size_t pos;

	map_foreach(served->names, pos, key, name)
		if (name->is_wanted)
			add(key, add_userdata);
}
