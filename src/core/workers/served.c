/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See served.h. */
#include "core/workers/served.h"

#include <errno.h>
#include <string.h>

#include "core/workers/last_good.h"
#include "link/message.h"
#include "pki/cert.h"
#include "pki/key.h"
#include "store/certificate.h"
#include "util/log.h"
#include "util/map.h"
#include "util/mem.h"

#define PAGE 16 /* slots in a step */

struct served_name {
	int64_t ecdsa_id; /* certificate with another than an RSA key; 0 = none */
	int64_t rsa_id;
	/* Of slots that were removed: they stand in while there is none of the above. */
	int64_t old_ecdsa_id, old_rsa_id;
	int64_t was_ecdsa_id, was_rsa_id; /* before the last load */
	bool is_wanted;
	/* Of the index that is being read: newer than what the store will say. */
	bool is_ecdsa_set, is_rsa_set, is_settled;
};

/* An index that is being read from the store. */
struct loading {
	struct map *names; /* owned, as struct served.names */
	struct store_served_cursor retired, served;
	bool is_retired_done;
};

struct served {
	struct store *store; /* borrowed */
	struct map *names;   /* name → struct served_name, owned */
	size_t n_wanted;
	struct loading *loading; /* owned; NULL: none is read */
	struct last_good *copy;  /* borrowed; NULL */
};

struct served *served_new(struct store *store)
{
	struct served *served = xnew(struct served);

	served->store = store;
	served->names = map_new();
	return served;
}

static void free_names(struct map *names)
{
	const char *key;
	struct served_name *name;
	size_t pos;

	map_foreach(names, pos, key, name)
		free(name);
	map_free(names);
}

void served_load_cancel(struct served *served)
{
	if (!served->loading)
		return;
	free_names(served->loading->names);
	free(TAKE_PTR(served->loading));
}

struct served *served_free(struct served *served)
{
	if (!served)
		return NULL;
	served_load_cancel(served);
	free_names(served->names);
	free(served);
	return NULL;
}

static struct served_name *get_name(struct map *names, const char *name)
{
	struct served_name *n = map_find(names, name);

	if (!n) {
		n = xnew(struct served_name);
		map_set(names, name, n);
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

static bool has_own(const struct served_name *name)
{
	return name->ecdsa_id || name->rsa_id;
}

static bool has_old(const struct served_name *name)
{
	return name->old_ecdsa_id || name->old_rsa_id;
}

/* What its clients get now. */
static int64_t get_ecdsa_id(const struct served_name *name)
{
	return has_own(name) ? name->ecdsa_id : name->old_ecdsa_id;
}

static int64_t get_rsa_id(const struct served_name *name)
{
	return has_own(name) ? name->rsa_id : name->old_rsa_id;
}

/* --- reading ------------------------------------------------------------------------------- */

static int on_served(
	const char *name, int64_t certificate_id, const char *key_type, void *userdata)
{
	enum key_type type = key_type_parse(key_type);
	struct served_name *n = get_name(userdata, name);
	bool is_rsa = type >= 0 && key_type_is_rsa(type);

	if (is_rsa ? !n->is_rsa_set : !n->is_ecdsa_set)
		set_id(n, is_rsa, certificate_id);
	return 0;
}

static int on_retired(
	const char *name, int64_t certificate_id, const char *key_type, void *userdata)
{
	enum key_type type = key_type_parse(key_type);
	struct served_name *n = get_name(userdata, name);

	if (n->is_settled)
		return 0;
	if (type >= 0 && key_type_is_rsa(type))
		n->old_rsa_id = certificate_id;
	else
		n->old_ecdsa_id = certificate_id;
	return 0;
}

/* A bad row stays one, as long as the walk gets on. */
static int forgive(int r, const struct store_served_cursor *before,
	const struct store_served_cursor *now, struct err *err)
{
	if (r != -EUCLEAN)
		return r;
	_cleanup_(freep) char *text = err_format(err);
	log_error(NULL, "%s", text);
	if (err)
		err_done(err);
	return before->slot_id != now->slot_id || before->due_usec != now->due_usec;
}

static int read_page(struct served *served, struct err *err)
{
	struct loading *l = served->loading;
	const struct store_served_cursor retired = l->retired, before = l->served;
	int r;

	if (!l->is_retired_done) {
		r = store_certificate_page_retired(
			served->store, &l->retired, on_retired, l->names, err);
		r = forgive(r, &retired, &l->retired, err);
		l->is_retired_done = r == 0;
		return r < 0 ? r : 1;
	}
	r = store_certificate_page_served(
		served->store, &l->served, on_served, l->names, err);
	return forgive(r, &before, &l->served, err);
}

/* What was before is remembered in what is new. */
static void swap_names(struct served *served)
{
	struct map *before = served->names;
	const char *key;
	struct served_name *was;
	size_t pos;

	served->names = served->loading->names;
	served->loading->names = before;
	map_foreach(before, pos, key, was) {
		int64_t was_ecdsa_id = get_ecdsa_id(was), was_rsa_id = get_rsa_id(was);

		if (!was->is_wanted && !was_ecdsa_id && !was_rsa_id)
			continue;
		struct served_name *now = get_name(served->names, key);
		now->was_ecdsa_id = was_ecdsa_id;
		now->was_rsa_id = was_rsa_id;
		now->is_wanted = was->is_wanted;
	}
}

int served_load_step(struct served *served, struct err *err)
{
	if (!served->loading) {
		served->loading = xnew(struct loading);
		served->loading->names = map_new();
		served->loading->retired.n = PAGE;
		served->loading->served.n = PAGE;
		served->loading->served.target = SERVED_TARGET;
	}
	int r = read_page(served, err);
	if (r == 0)
		swap_names(served);
	if (r <= 0)
		served_load_cancel(served);
	return r;
}

int served_load(struct served *served, struct err *err)
{
	int r;

	served_load_cancel(served);
	do
		r = served_load_step(served, err);
	while (r > 0);
	return r;
}

/* --- what is wanted ------------------------------------------------------------------------ */

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
			name = get_name(served->names, list[k]);
			served->n_wanted += name->is_wanted ? 0 : 1;
			name->is_wanted = true;
		}
	}
}

void served_keep(struct served *served)
{
	const char *key;
	struct served_name *name;
	size_t pos;

	map_foreach(served->names, pos, key, name) {
		if (name->is_wanted || !has_own(name))
			continue;
		name->is_wanted = true;
		served->n_wanted++;
	}
}

void served_set(
	struct served *served, char *const *names, bool is_rsa, int64_t certificate_id)
{
	for (size_t i = 0; names[i]; i++) {
		set_id(get_name(served->names, names[i]), is_rsa, certificate_id);
		if (!served->loading)
			continue;
		struct served_name *n = get_name(served->loading->names, names[i]);
		set_id(n, is_rsa, certificate_id);
		*(is_rsa ? &n->is_rsa_set : &n->is_ecdsa_set) = true;
	}
}

bool served_has_old(const struct served *served, char *const *names)
{
	const struct served_name *n;

	for (size_t i = 0; names[i]; i++) {
		n = map_find(served->names, names[i]);
		if (n && has_old(n))
			return true;
	}
	return false;
}

static void settle(struct served_name *name)
{
	name->old_ecdsa_id = name->old_rsa_id = 0;
}

void served_settle(struct served *served, char *const *names)
{
	for (size_t i = 0; names[i]; i++) {
		struct served_name *n = map_find(served->names, names[i]);

		if (n)
			settle(n);
		if (!served->loading)
			continue;
		n = get_name(served->loading->names, names[i]);
		settle(n);
		n->is_settled = true;
	}
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

/* The name itself, else the wildcard that covers it. One that is no longer wanted helps
 * out as long as what is wanted instead has no certificate yet. */
static const struct served_name *find_covering(
	const struct served *served, const char *name)
{
	const struct served_name *exact = map_find(served->names, name);
	const char *dot = strchr(name, '.');
	_cleanup_(freep) char *pattern = dot ? xasprintf("*%s", dot) : NULL;
	const struct served_name *wild =
		pattern ? map_find(served->names, pattern) : NULL;
	const struct served_name *order[] = { exact, wild };
	bool is_wanted = false;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (!order[i] || !order[i]->is_wanted)
			continue;
		is_wanted = true;
		if (has_own(order[i]) || has_old(order[i]))
			return order[i];
	}
	for (size_t i = 0; is_wanted && i < ARRAY_SIZE(order); i++)
		if (order[i] && (has_own(order[i]) || has_old(order[i])))
			return order[i];
	return NULL;
}

static int64_t choose(int64_t ecdsa_id, int64_t rsa_id, unsigned client)
{
	if ((client & LINK_CLIENT_ECDSA) && ecdsa_id)
		return ecdsa_id;
	if ((client & LINK_CLIENT_RSA) && rsa_id)
		return rsa_id;
	return ecdsa_id ? ecdsa_id : rsa_id;
}

static int64_t choose_of(const struct served_name *n, unsigned client)
{
	return choose(get_ecdsa_id(n), get_rsa_id(n), client);
}

int64_t served_choose(const struct served *served, const char *name, unsigned client)
{
	const struct served_name *n = find_covering(served, name);

	return n ? choose_of(n, client) : 0;
}

/* Is it what was stored? Time does not matter here. */
static bool is_whole(const struct store_certificate *c)
{
	static char *const no_names[] = { NULL };
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;
	_cleanup_(key_freep) struct key *key = NULL;
	char fingerprint[CERT_FINGERPRINT_TEXT];

	if (c->is_damaged)
		return false;
	if (cert_chain_parse_pem(&chain, c->chain_pem, strlen(c->chain_pem), NULL) <
			0 ||
		key_parse_pem(&key, c->key_pem, strlen(c->key_pem), NULL) < 0)
		return false;
	cert_chain_format_fingerprint(chain, fingerprint);
	const struct cert_check check = {
		.key = key,
		.names = no_names,
		.wall_now_usec = c->not_after_usec - 1,
		.lone_leaf_allowed = true,
	};
	return strcmp(fingerprint, c->fingerprint) == 0 &&
	       cert_chain_check(chain, &check, NULL) >= 0;
}

/* A row that is damaged costs its own certificate, and not even that where there is a copy
 * of it. */
static int load_certificate(struct served *served, int64_t id,
	struct store_certificate *ret, struct err *err)
{
	char *chain_pem, *key_pem;
	int r = store_certificate_load(served->store, id, ret, err);

	if (!served->copy || r == STORE_E_NOT_FOUND || (r == 0 && is_whole(ret)))
		return r;
	if (last_good_read(served->copy, id, &chain_pem, &key_pem) != 0)
		return r;
	if (err)
		err_done(err);
	store_certificate_done(ret);
	*ret = (struct store_certificate){
		.id = id,
		.chain_pem = chain_pem,
		.key_pem = key_pem,
	};
	return 0;
}

void served_set_copy(struct served *served, struct last_good *copy)
{
	served->copy = copy;
}

int served_lookup(const char *name, unsigned client, struct fleet_found *ret,
	void *userdata, struct err *err)
{
	struct served *served = userdata;
	struct store_certificate certificate = { 0 };
	const struct served_name *n = find_covering(served, name);
	int64_t id = n ? choose_of(n, client) : 0;

	*ret = (struct fleet_found){ 0 };
	if (id == 0)
		return 0;
	int r = load_certificate(served, id, &certificate, err);
	if (r < 0)
		return r;
	if (r == STORE_E_NOT_FOUND)
		return 0;
	*ret = (struct fleet_found){
		.certificate_id = (uint64_t)id,
		.is_rsa = id == get_rsa_id(n),
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

void served_each_changed(const struct served *served,
	void (*fn)(const char *name, void *fn_userdata), void *fn_userdata)
{
	const char *key;
	struct served_name *name;
	size_t pos;

	map_foreach(served->names, pos, key, name)
		if ((name->was_ecdsa_id && name->was_ecdsa_id != get_ecdsa_id(name)) ||
			(name->was_rsa_id && name->was_rsa_id != get_rsa_id(name)))
			fn(key, fn_userdata);
}
