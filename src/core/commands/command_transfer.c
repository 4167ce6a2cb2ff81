/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See command_transfer.h. An import asks the CA whose the key is, by newAccount with
 * onlyReturnExisting (RFC 8555 7.3.1) signed by that key, before anything is stored: what
 * the CA does not know, or knows as another account, changes nothing. The key that was
 * there before stays in its row, which is marked as out of use.
 */
#include "core/commands/command_transfer.h"

#include <errno.h>
#include <string.h>

#include "acme/account.h"
#include "core/accounts/signer.h"
#include "core/commands/command_account.h"
#include "core/process/manager.h"
#include "util/mem.h"

#define KEY_BYTES_MAX (16 * 1024)

/* NULL: the request has been ended. */
static const struct conf_block *find_authority(
	struct manager *m, struct control_request *request, const json_t *args)
{
	const char *name = json_view_string(args, "authority");
	const struct conf_block *block =
		name ? conf_find_block(m->loaded.conf, "authority", name) : NULL;

	if (!block)
		control_request_end(request, COMMAND_FAILED,
			"no authority block is called %s", name ? name : "(nothing)");
	return block;
}

/* 0, STORE_E_NOT_FOUND: none that could be used. */
static int load_account(struct manager *m, const struct conf_block *block,
	struct store_account *ret, struct err *err)
{
	int r = store_account_load(m->store, conf_block_get_name(block),
		conf_get_string(block, "directory"), ret, err);

	if (r == 0 && ret->status == STORE_ACCOUNT_DEACTIVATED) {
		store_account_done(ret);
		return STORE_E_NOT_FOUND;
	}
	return r;
}

/* --- export ------------------------------------------------------------------------------ */

void command_transfer_export(
	struct control_request *request, const json_t *args, void *userdata)
{
	struct manager *m = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(store_account_done) struct store_account account = { 0 };
	const struct conf_block *block = find_authority(m, request, args);

	if (!block)
		return;
	int r = load_account(m, block, &account, &err);
	if (r < 0) {
		control_request_fail(request, COMMAND_FAILED, &err);
	} else if (r == STORE_E_NOT_FOUND || !account.url) {
		control_request_end(request, COMMAND_FAILED,
			"there is no account at authority %s yet",
			conf_block_get_name(block));
	} else if (account.pending_key_pem) {
		control_request_end(request, COMMAND_FAILED,
			"the key of account %s is being changed; try again when that has ended",
			account.url);
	} else {
		events_add(m->events, LOG_LEVEL_NOTICE, "account", account.authority,
			"the key of account %s was asked for by an export",
			account.url);
		control_request_row(request,
			json_pack("{s:s, s:s, s:s, s:s?, s:s}", "authority",
				account.authority, "directory", account.directory,
				"url", account.url, "contact", account.contact,
				"key_pem", account.key_pem));
		control_request_end(request, COMMAND_OK, "%s", "");
	}
}

/* --- import ------------------------------------------------------------------------------ */

struct transfer {
	struct manager *manager;         /* borrowed */
	struct control_request *request; /* borrowed */
	char *authority, *url, *key_pem; /* owned */
	struct key *key;                 /* owned until the signer has it */
	bool is_replacing;

	struct http_client *http;      /* owned */
	struct signer *signer;         /* owned */
	struct acme_client *client;    /* owned */
	struct acme_account *question; /* owned */
	struct loop_defer *defer;      /* owned; the answer is there */
	struct err err;
};

static void transfer_free(struct transfer *t)
{
	loop_defer_free(t->defer);
	acme_account_cancel(t->question);
	acme_client_free(t->client);
	signer_free(t->signer);
	http_client_free(t->http);
	key_free(t->key);
	err_done(&t->err);
	secret_free(t->key_pem);
	free(t->url);
	free(t->authority);
	free(t);
}

static void transfer_freep(struct transfer **t)
{
	if (*t)
		transfer_free(*t);
}

static void on_gone(void *userdata)
{
	transfer_free(userdata);
}

/* The configuration may have been read anew while the CA was asked. */
static int adopt(struct transfer *t, struct err *err)
{
	struct manager *m = t->manager;
	const struct conf_block *block =
		conf_find_block(m->loaded.conf, "authority", t->authority);

	if (!block)
		return err_set_kind(err, ERR_CONFIG, -ECANCELED,
			"authority %s is not configured any more", t->authority);
	struct authority *authority =
		authorities_get(m->authorities, m->loaded.conf, block, err);
	if (!authority)
		return -EIO;
	_cleanup_(freep) char *hold = authority_format_hold(authority);
	int r = authority_import_account(authority, t->key_pem, t->url,
		t->is_replacing ? AUTHORITY_REPLACE : 0, err);
	if (r >= 0 && hold)
		command_account_make_due(m, authority_get_account(authority));
	return r;
}

static void on_later(void *userdata)
{
	struct transfer *t = userdata;
	struct control_request *request = t->request;

	control_request_on_gone(request, NULL, NULL);
	if (!err_is_set(&t->err))
		adopt(t, &t->err);
	if (err_is_set(&t->err))
		control_request_fail(request, COMMAND_FAILED, &t->err);
	else
		control_request_end(request, COMMAND_OK,
			"account %s is in use at authority %s", t->url, t->authority);
	transfer_free(t);
}

static void on_answer(const struct acme_account_result *result, void *userdata)
{
	struct transfer *t = userdata;

	if (!result->url) {
		err_copy(&t->err, result->err);
		err_wrap(&t->err, t->err.code,
			"the CA was asked about the key, nothing is changed");
	} else if (!result->status || strcmp(result->status, "valid") != 0) {
		err_set_kind(&t->err, ERR_CA, -EACCES,
			"the CA says that account %s is %s; nothing is changed",
			result->url, result->status ? result->status : "in no state");
	} else if (strcmp(result->url, t->url) != 0) {
		err_set_kind(&t->err, ERR_CA, -EACCES,
			"the CA says that the key is that of account %s and not of %s; nothing is changed",
			result->url, t->url);
	}
	t->defer = loop_defer_new(t->manager->loop, on_later, t);
}

static int ask(struct transfer *t, const struct conf_block *block, struct err *err)
{
	struct loop *loop = t->manager->loop;
	const struct http_client_params http = {
		.user_agent = "postseal/" PACKAGE_VERSION,
		.ca_file = conf_get_string(block, "ca_file"),
	};
	const struct acme_account_params question = { .only_existing = true };
	int r = http_client_new(&t->http, loop, &http, err);

	if (r >= 0)
		r = signer_new(&t->signer, loop, t->key, err);
	if (r < 0)
		return r;
	TAKE_PTR(t->key);
	const struct acme_client_params client = {
		.loop = loop,
		.http = t->http,
		.directory_url = conf_get_string(block, "directory"),
		.hosts = conf_get_list(block, "hosts"),
		.signer = signer_get(t->signer),
		.log = &t->manager->log,
		.request_deadline_usec = conf_get_duration(block, "request_timeout"),
	};
	r = acme_client_new(&t->client, &client, err);
	return r < 0 ? r
		     : acme_account_start(
			       &t->question, t->client, &question, on_answer, t, err);
}

static bool is_same_key(const char *pem, const struct key *key)
{
	_cleanup_(key_freep) struct key *other = NULL;
	_cleanup_(freep) char *a = NULL, *b = NULL;

	return key_parse_pem(&other, pem, strlen(pem), NULL) >= 0 &&
	       key_format_thumbprint(other, &a, NULL) >= 0 &&
	       key_format_thumbprint(key, &b, NULL) >= 0 && strcmp(a, b) == 0;
}

/* May that account be the authority's? STORE_E_NOT_FOUND: yes; 0: it is already. */
static int check_present(
	struct transfer *t, const struct conf_block *block, struct err *err)
{
	_cleanup_(store_account_done) struct store_account present = { 0 };
	int r = load_account(t->manager, block, &present, err);

	if (r != 0)
		return r;
	if (is_same_key(present.key_pem, t->key))
		return present.status == STORE_ACCOUNT_VALID ? 0 : STORE_E_NOT_FOUND;
	if (t->is_replacing)
		return STORE_E_NOT_FOUND;
	return err_set_kind(err, ERR_CONFIG, -EEXIST,
		"authority %s has the account %s with another key; --replace --yes puts it out of use",
		t->authority, present.url ? present.url : "(without URL)");
}

static int check_arguments(
	const struct conf_block *block, const json_t *args, struct err *err)
{
	const char *directory = json_view_string(args, "directory");
	const char *pem = json_view_string(args, "key_pem");
	const char *ours = conf_get_string(block, "directory");

	if (!directory || !pem || !json_view_string(args, "url") ||
		strlen(pem) > KEY_BYTES_MAX)
		return err_set_kind(err, ERR_CONFIG, -EINVAL,
			"directory, url and key_pem are needed");
	if (strcmp(directory, ours) != 0)
		return err_set_kind(err, ERR_CONFIG, -EINVAL,
			"the account is one of the directory %s, and authority %s is %s",
			directory, conf_block_get_name(block), ours);
	return 0;
}

/* 0: it is in use already; 1: the CA is asked, *t is the request's. */
static int begin(struct transfer **ret, const struct conf_block *block,
	const json_t *args, struct err *err)
{
	struct transfer *t = *ret;
	int r = check_arguments(block, args, err);

	if (r < 0)
		return r;
	t->authority = xstrdup(conf_block_get_name(block));
	t->url = xstrdup(json_view_string(args, "url"));
	t->key_pem = xstrdup(json_view_string(args, "key_pem"));
	t->is_replacing = json_view_bool(args, "replace", false);
	r = key_parse_pem(&t->key, t->key_pem, strlen(t->key_pem), err);
	if (r < 0)
		return err_wrap(err, r, "the key to be imported");
	r = check_present(t, block, err);
	if (r <= 0)
		return r;
	r = ask(t, block, err);
	if (r < 0)
		return r;
	control_request_on_gone(t->request, on_gone, t);
	TAKE_PTR(*ret);
	return 1;
}

void command_transfer_import(
	struct control_request *request, const json_t *args, void *userdata)
{
	struct manager *m = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct conf_block *block = find_authority(m, request, args);

	if (!block)
		return;
	if (m->rescue) {
		control_request_end(
			request, COMMAND_FAILED, "%s", rescue_get_text(m->rescue));
		return;
	}
	_cleanup_(transfer_freep) struct transfer *t = xnew(struct transfer);
	t->manager = m;
	t->request = request;
	int r = store_watch_check(m->store_watch, &err);
	if (r >= 0)
		r = begin(&t, block, args, &err);
	if (r < 0)
		control_request_fail(request, COMMAND_FAILED, &err);
	else if (r == 0)
		control_request_end(request, COMMAND_OK,
			"authority %s has this account already", t->authority);
}
