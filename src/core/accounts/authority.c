/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See authority.h. The account's key is committed before the CA hears of it (invariant
 * I1); an account that the CA does not know is stopped, never registered anew in
 * silence, since CAA and persist records may name its URL.
 */
#include <errno.h>
#include <string.h>

#include "core/accounts/authority_priv.h"
#include "util/fault.h"
#include "util/mem.h"

/* A CA may refuse every other nonce, as Pebble does when it is told to: a request costs
 * it little, an order that is begun anew much. */
#define BAD_NONCE_MAX 16

struct authority_ensure {
	struct list entry;
	struct authority *authority; /* borrowed */
	struct loop_defer *defer;    /* owned; set when the result is known */
	struct err err;
	authority_ensured_fn *done;
	void *userdata;
};

/* --- the object ---------------------------------------------------------------------- */

int authority_new(
	struct authority **ret, const struct authority_params *params, struct err *err)
{
	_cleanup_(authority_freep) struct authority *a = xnew(struct authority);
	int r;

	list_init(&a->ensures);
	list_init(&a->waiting);
	list_init(&a->retired);
	a->loop = params->loop;
	a->store = params->store;
	a->events = params->events;
	a->clock = params->clock;
	a->conf = conf_ref(params->conf);
	a->block = params->block;
	a->name = xstrdup(conf_block_get_name(params->block));
	a->log = (struct log_ctx){ params->log, "AUTHORITY", a->name };
	a->http = params->http;
	if (!a->http) {
		struct http_client_params http = {
			.user_agent = "postseal/" PACKAGE_VERSION,
			.ca_file = conf_get_string(a->block, "ca_file"),
		};
		r = http_client_new(&a->own_http, a->loop, &http, err);
		if (r < 0)
			return err_wrap(err, r, "authority %s", a->name);
		a->http = a->own_http;
	}
	*ret = TAKE_PTR(a);
	return 0;
}

void authority_retire_client(struct authority *a)
{
	struct retired *retired = xnew(struct retired);

	a->key_maker = key_maker_cancel(a->key_maker);
	a->registration = acme_account_cancel(a->registration);
	a->is_ensured = false;
	retired->client = TAKE_PTR(a->client);
	retired->signer = TAKE_PTR(a->signer);
	list_append(&a->retired, &retired->entry);
}

static void free_retired(struct authority *a)
{
	struct retired *retired, *next;

	list_foreach_safe(retired, next, &a->retired, entry) {
		acme_client_free(retired->client);
		signer_free(retired->signer);
		free(retired);
	}
}

static void orphan_all(struct authority *a);

struct authority *authority_free(struct authority *a)
{
	if (!a)
		return NULL;
	account_change_orphan(a->change);
	orphan_all(a);
	authority_settle_cancel(a);
	loop_timer_free(a->settle_timer);
	authority_retire_client(a);
	free_retired(a);
	http_client_free(a->own_http);
	store_account_done(&a->account);
	conf_unref(a->conf);
	free(a->name);
	free(a);
	return NULL;
}

const char *authority_get_name(const struct authority *a)
{
	return a->name;
}

const struct conf_block *authority_get_block(const struct authority *a)
{
	return a->block;
}

bool authority_is_current(const struct authority *a, const struct conf_block *block)
{
	return conf_block_is_equal(a->block, block);
}

struct acme_client *authority_get_client(const struct authority *a)
{
	return a->is_ensured ? a->client : NULL;
}

const struct store_account *authority_get_account(const struct authority *a)
{
	return a->account.id > 0 ? &a->account : NULL;
}

const char *authority_get_thumbprint(const struct authority *a)
{
	return a->signer ? signer_get(a->signer)->thumbprint : NULL;
}

/* --- key and client ------------------------------------------------------------------- */

static void on_date(usec_t date_usec, void *userdata)
{
	struct authority *a = userdata;

	if (a->clock)
		clock_watch_observe(a->clock, a->name, date_usec);
}

int authority_make_client(struct authority *a, const char *key_pem,
	struct signer **ret_signer, struct acme_client **ret_client, struct err *err)
{
	_cleanup_(key_freep) struct key *key = NULL;
	_cleanup_(signer_freep) struct signer *signer = NULL;
	int r;

	r = key_parse_pem(&key, key_pem, strlen(key_pem), err);
	if (r < 0)
		return err_wrap(err, r, "stored account key of authority %s", a->name);
	r = signer_new(&signer, a->loop, key, err);
	if (r < 0)
		return r;
	TAKE_PTR(key);
	struct acme_client_params params = {
		.loop = a->loop,
		.http = a->http,
		.directory_url = conf_get_string(a->block, "directory"),
		.hosts = conf_get_list(a->block, "hosts"),
		.signer = signer_get(signer),
		.log = &a->log,
		.max_bad_nonce = BAD_NONCE_MAX,
		.request_deadline_usec = conf_get_duration(a->block, "request_timeout"),
		.on_date = on_date,
		.userdata = a,
	};
	r = acme_client_new(ret_client, &params, err);
	if (r < 0)
		return r;
	acme_client_set_account(*ret_client, a->account.url);
	*ret_signer = TAKE_PTR(signer);
	return 0;
}

void authority_forget_account(struct authority *a)
{
	store_account_done(&a->account);
	a->account = (struct store_account){ 0 };
}

int authority_add_account(struct authority *a, const struct key *key, struct err *err)
{
	authority_forget_account(a);
	a->account = (struct store_account){
		.authority = xstrdup(a->name),
		.directory = xstrdup(conf_get_string(a->block, "directory")),
		.status = STORE_ACCOUNT_NEW,
		.created_usec = loop_wall_now(a->loop),
	};
	int r = key_format_pem(key, &a->account.key_pem, err);

	if (r >= 0)
		r = store_account_add(a->store, &a->account, err);
	if (r < 0)
		authority_forget_account(a);
	return r;
}

int authority_load_account(struct authority *a, struct err *err)
{
	if (a->account.id > 0)
		return 0;
	return store_account_load(a->store, a->name,
		conf_get_string(a->block, "directory"), &a->account, err);
}

/* --- making sure of the account --------------------------------------------------------- */

static void on_ensure_later(void *userdata)
{
	struct authority_ensure *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	authority_ensured_fn *done = op->done;
	void *done_userdata = op->userdata;

	err_move(&err, &op->err);
	op->done = NULL;
	done(err_is_set(&err) ? &err : NULL, done_userdata);
}

static void ensure_complete(struct authority_ensure *op, const struct err *err)
{
	if (op->defer)
		return;
	if (err)
		err_copy(&op->err, err);
	op->defer = loop_defer_new(op->authority->loop, on_ensure_later, op);
}

/* The authority goes: whoever waits for it hears that, and keeps the handle. */
static void orphan_all(struct authority *a)
{
	struct authority_ensure *op, *next;

	list_foreach_safe(op, next, &a->ensures, entry) {
		ensure_complete(op, NULL);
		err_done(&op->err);
		err_set_kind(&op->err, ERR_CONFIG, -ECANCELED,
			"the configuration of authority %s has changed", a->name);
		list_remove(&op->entry);
	}
}

void authority_complete_ensures(struct authority *a, const struct err *err)
{
	struct authority_ensure *op;

	list_foreach(op, &a->ensures, entry)
		ensure_complete(op, err);
}

static void save_registered(
	struct authority *a, const struct acme_account_result *result, struct err *err)
{
	xstrset(&a->account.url, result->url);
	xstrset(&a->account.reason, NULL);
	a->account.status = STORE_ACCOUNT_VALID;
	FAULT("account-not-stored");
	if (store_account_save(a->store, &a->account, err) < 0) {
		authority_forget_account(a);
		return;
	}
	FAULT("account-stored");
	acme_client_set_account(a->client, a->account.url);
	a->is_ensured = true;
	events_add(a->events, LOG_LEVEL_NOTICE, "account", a->name, "%s account %s",
		result->created ? "registered" : "found", a->account.url);
}

static void on_account_done(const struct acme_account_result *result, void *userdata)
{
	struct authority *a = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (result->url && result->status && strcmp(result->status, "valid") == 0)
		save_registered(a, result, &err);
	else if (result->url)
		err_set_kind(&err, ERR_CA, -EACCES, "the CA says that account %s is %s",
			result->url, result->status ? result->status : "in no state");
	else
		err_copy(&err, result->err);
	if (account_probe_is_ended(result) && a->account.url)
		authority_end_account(
			a, STORE_ACCOUNT_DEACTIVATED, "it is deactivated at the CA");
	a->registration = acme_account_cancel(a->registration);
	authority_complete_ensures(a, err_is_set(&err) ? &err : NULL);
}

static int register_start(struct authority *a, struct err *err)
{
	const struct conf_block *root = conf_get_root(a->conf);
	const char *contact = conf_get_string(a->block, "contact");

	if (!contact)
		contact = conf_get_string(root, "admin_contact");
	_cleanup_(freep) char *mailto =
		contact ? xasprintf("mailto:%s", contact) : NULL;
	char *contacts[] = { mailto, NULL };
	struct acme_account_params params = {
		.contact = contacts,
		.agree_to_terms = conf_get_bool(a->block, "agree_to_terms"),
		.eab_kid = conf_get_string(a->block, "eab_kid"),
		.eab_hmac_key = conf_get_string(a->block, "eab_hmac_key"),
	};
	xstrset(&a->account.contact, mailto);
	return acme_account_start(
		&a->registration, a->client, &params, on_account_done, a, err);
}

static bool is_ended(const struct authority *a)
{
	return a->account.status == STORE_ACCOUNT_STOPPED ||
	       a->account.status == STORE_ACCOUNT_DEACTIVATED;
}

char *authority_format_hold(struct authority *a)
{
	if (authority_load_account(a, NULL) != 0 || !is_ended(a))
		return NULL;
	return xasprintf(
		"the account %s at authority %s is %s: %s; nothing is ordered with it, register anew by: postsealctl account create %s --yes",
		a->account.url ? a->account.url : "(without URL)", a->name,
		store_account_status_names[a->account.status],
		a->account.reason ? a->account.reason : "the CA does not know it",
		a->name);
}

/* An account that has come to its end stays there without the operator's word. */
static int check_ended(struct authority *a, unsigned flags, struct err *err)
{
	_cleanup_(freep) char *hold = authority_format_hold(a);

	if (!hold || (flags & AUTHORITY_CREATE))
		return 0;
	return err_set_kind(err, ERR_CA, -EACCES, "%s", hold);
}

/* There is an account of ours, maybe one that the CA has not heard of. 0: under way, or
 * done already (is_ensured). */
static int ensure_registered(struct authority *a, struct err *err)
{
	int r = a->client ? 0
			  : authority_make_client(
				    a, a->account.key_pem, &a->signer, &a->client, err);

	if (r < 0)
		return r;
	if (a->account.status != STORE_ACCOUNT_VALID)
		return a->registration ? 0 : register_start(a, err);
	if (a->account.pending_key_pem || a->is_doubted)
		return a->probe ? 0 : authority_settle_start(a, err);
	a->is_ensured = true;
	return 0;
}

static void on_key_made(const struct key_maker_result *result, void *userdata)
{
	struct authority *a = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = 0;

	if (result->key) {
		FAULT("account-key-made");
		r = authority_add_account(a, result->key, &err);
		FAULT("account-key-stored");
	} else {
		err_copy(&err, result->err);
		r = err.code;
	}
	a->key_maker = key_maker_cancel(a->key_maker);
	if (r >= 0)
		r = ensure_registered(a, &err);
	if (r < 0) {
		err_wrap(&err, r, "authority %s", a->name);
		authority_complete_ensures(a, &err);
	}
}

static int make_key(struct authority *a, struct err *err)
{
	const struct key_maker_params params = {
		.loop = a->loop,
		.type = key_type_parse(conf_get_string(a->block, "account_key_type")),
	};

	if (a->key_maker)
		return 0;
	return key_maker_start(&a->key_maker, &params, on_key_made, a, err);
}

/* 0: under way, or done already (is_ensured). */
static int ensure(struct authority *a, unsigned flags, struct err *err)
{
	int r = authority_load_account(a, err);

	if (r == 0)
		r = check_ended(a, flags, err);
	if (r < 0 || a->key_maker)
		return r;
	if (r == STORE_E_NOT_FOUND)
		return make_key(a, err);
	if (a->account.status != STORE_ACCOUNT_DEACTIVATED)
		return ensure_registered(a, err);
	/* Its key is worth nothing any more. */
	authority_retire_client(a);
	return make_key(a, err);
}

int authority_ensure_start(struct authority_ensure **ret, struct authority *a,
	unsigned flags, authority_ensured_fn *done, void *userdata, struct err *err)
{
	int r = a->is_ensured ? 0 : ensure(a, flags, err);

	if (r < 0)
		return err_wrap(err, r, "authority %s", a->name);
	struct authority_ensure *op = xnew(struct authority_ensure);
	op->authority = a;
	op->done = done;
	op->userdata = userdata;
	list_append(&a->ensures, &op->entry);
	if (a->is_ensured)
		ensure_complete(op, NULL);
	*ret = op;
	return 0;
}

struct authority_ensure *authority_ensure_cancel(struct authority_ensure *op)
{
	if (!op)
		return NULL;
	list_remove(&op->entry);
	loop_defer_free(op->defer);
	err_done(&op->err);
	free(op);
	return NULL;
}

void authority_end_account(
	struct authority *a, enum store_account_status status, const char *reason)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (a->account.id == 0 || a->account.status == status)
		return;
	a->is_ensured = a->is_doubted = false;
	a->account.status = status;
	xstrset(&a->account.reason, reason);
	if (store_account_save(a->store, &a->account, &err) < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		log_error(&a->log, "account not stored as %s: %s",
			store_account_status_names[status], text);
	}
	events_add(a->events, LOG_LEVEL_ERROR, "account", a->name,
		"account %s is %s: %s; nothing is ordered with it. CAA and persist records that name it would name a stranger after postsealctl account create %s --yes",
		a->account.url ? a->account.url : "(without URL)",
		store_account_status_names[status], reason, a->name);
}

void authority_stop_account(struct authority *a, const char *reason)
{
	authority_end_account(a, STORE_ACCOUNT_STOPPED, reason);
}
