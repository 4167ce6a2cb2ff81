/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See command_account.h. */
#include "core/commands/command_account.h"

#include <errno.h>
#include <string.h>

#include "core/accounts/account_change.h"
#include "core/process/manager.h"
#include "pki/key.h"
#include "store/slot.h"
#include "util/mem.h"

#define KEY_BYTES_MAX (16 * 1024)

/* --- show ---------------------------------------------------------------------------------- */

struct account_walk {
	struct control_request *request;
	const char *authority; /* NULL = all */
	unsigned n;
};

/* RFC 7638, of the stored key. */
static char *format_thumbprint(const char *key_pem)
{
	_cleanup_(key_freep) struct key *key = NULL;
	char *text = NULL;

	if (key_parse_pem(&key, key_pem, strlen(key_pem), NULL) < 0 ||
		key_format_thumbprint(key, &text, NULL) < 0)
		return NULL;
	return text;
}

static int on_account(const struct store_account *account, void *userdata)
{
	struct account_walk *walk = userdata;
	char created[USEC_RFC3339_MAX], pending[USEC_RFC3339_MAX];

	if (walk->authority && strcmp(walk->authority, account->authority) != 0)
		return 0;
	_cleanup_(freep) char *thumbprint = format_thumbprint(account->key_pem);
	walk->n++;
	control_request_row(walk->request,
		json_pack("{s:s, s:s, s:s?, s:s, s:s?, s:s?, s:s?, s:s, s:s?}",
			"authority", account->authority, "directory",
			account->directory, "url", account->url, "status",
			store_account_status_names[account->status], "contact",
			account->contact, "reason", account->reason, "thumbprint",
			thumbprint, "created",
			usec_format_rfc3339(
				account->created_usec, created, sizeof(created)),
			"pending",
			account->pending_key_pem
				? usec_format_rfc3339(account->pending_usec, pending,
					  sizeof(pending))
				: NULL));
	return 0;
}

void command_account_show(
	struct control_request *request, const json_t *args, void *userdata)
{
	struct manager *m = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct account_walk walk = {
		.request = request,
		.authority = json_view_string(args, "authority"),
	};

	if (store_account_each(m->store, on_account, &walk, &err) < 0)
		control_request_fail(request, COMMAND_FAILED, &err);
	else if (walk.n == 0)
		control_request_end(request, COMMAND_FAILED,
			"no account yet; postsealctl account create makes one");
	else
		control_request_end(request, COMMAND_OK, "%s", "");
}

/* --- create -------------------------------------------------------------------------------- */

struct creation {
	struct control_request *request;
	struct manager *manager;     /* borrowed */
	struct authority *authority; /* borrowed */
	struct authority_ensure *ensure;
	bool was_ended; /* and so nothing was ordered */
};

/* What could not be ordered is tried now. */
void command_account_make_due(struct manager *m, const struct store_account *account)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (store_slot_hasten(
		    m->store, account->directory, loop_wall_now(m->loop), &err) < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		log_error(&m->log, "domains that were held: %s", text);
	}
	schedule_run(m->schedule);
}

static void on_creation_gone(void *userdata)
{
	struct creation *c = userdata;

	authority_ensure_cancel(c->ensure);
	free(c);
}

static void on_created(const struct err *err, void *userdata)
{
	struct creation *c = userdata;
	struct control_request *request = c->request;
	struct account_walk walk = { .request = request };

	control_request_on_gone(request, NULL, NULL);
	if (!err) {
		on_account(authority_get_account(c->authority), &walk);
		if (c->was_ended)
			command_account_make_due(
				c->manager, authority_get_account(c->authority));
	}
	authority_ensure_cancel(c->ensure);
	free(c);
	if (err)
		control_request_fail(request, COMMAND_FAILED, err);
	else
		control_request_end(request, COMMAND_OK, "account is ready");
}

/* The block that is named, or the only one. NULL: the request has been ended. */
static const struct conf_block *find_authority(
	struct manager *m, struct control_request *request, const char *name)
{
	const struct conf_block *block =
		name ? conf_find_block(m->loaded.conf, "authority", name)
		     : conf_get_block(m->loaded.conf, "authority", 0);

	if (!block)
		control_request_end(request, COMMAND_FAILED, "%s%s",
			name ? "no authority block is called "
			     : "there is no authority block",
			name ? name : "");
	else if (!name && conf_count_blocks(m->loaded.conf, "authority") > 1)
		control_request_end(request, COMMAND_USAGE,
			"there are several authorities: say which");
	else
		return block;
	return NULL;
}

static int begin_creation(struct manager *m, struct control_request *request,
	const struct conf_block *block, const json_t *args, struct err *err)
{
	const char *key_pem = json_view_string(args, "key_pem");
	const bool yes = key_pem || json_view_bool(args, "yes", false);
	struct authority *authority =
		authorities_get(m->authorities, m->loaded.conf, block, err);

	if (!authority)
		return -EIO;
	_cleanup_(freep) char *hold = authority_format_hold(authority);
	int r = key_pem ? authority_import_key(authority, key_pem, strlen(key_pem), err)
			: 0;
	if (r < 0)
		return r;
	struct creation *c = xnew(struct creation);
	c->manager = m;
	c->request = request;
	c->authority = authority;
	c->was_ended = hold;
	r = authority_ensure_start(
		&c->ensure, authority, yes ? AUTHORITY_CREATE : 0, on_created, c, err);
	if (r < 0)
		free(c);
	else
		control_request_on_gone(request, on_creation_gone, c);
	return r;
}

/* Is this the time to speak to a CA? False: the request has been ended. */
static bool is_fit(struct manager *m, struct control_request *request)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (m->rescue)
		control_request_end(
			request, COMMAND_FAILED, "%s", rescue_get_text(m->rescue));
	else if (store_watch_check(m->store_watch, &err) < 0)
		control_request_fail(request, COMMAND_FAILED, &err);
	else
		return true;
	return false;
}

void command_account_create(
	struct control_request *request, const json_t *args, void *userdata)
{
	struct manager *m = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	const char *key_pem = json_view_string(args, "key_pem");
	const struct conf_block *block =
		find_authority(m, request, json_view_string(args, "authority"));

	if (!block || !is_fit(m, request))
		return;
	if (key_pem && strlen(key_pem) > KEY_BYTES_MAX)
		control_request_end(
			request, COMMAND_USAGE, "that is too long for a key");
	else if (begin_creation(m, request, block, args, &err) < 0)
		control_request_fail(request, COMMAND_FAILED, &err);
}

/* --- rollover, deactivate ------------------------------------------------------------------ */

struct change {
	struct control_request *request;
	struct authority *authority; /* borrowed; not after it has gone */
	struct account_change *op;
	const char *said; /* when all has gone well */
};

static void on_change_gone(void *userdata)
{
	struct change *c = userdata;

	account_change_cancel(c->op);
	free(c);
}

static void on_changed(const struct err *err, void *userdata)
{
	struct change *c = userdata;
	struct control_request *request = c->request;
	const char *said = c->said;
	struct account_walk walk = { .request = request };

	control_request_on_gone(request, NULL, NULL);
	if (!err)
		on_account(authority_get_account(c->authority), &walk);
	account_change_cancel(c->op);
	free(c);
	if (err)
		control_request_fail(request, COMMAND_FAILED, err);
	else
		control_request_end(request, COMMAND_OK, "%s", said);
}

static int begin_change(struct manager *m, struct control_request *request,
	const struct conf_block *block, enum account_change_kind kind, struct err *err)
{
	struct authority *authority =
		authorities_get(m->authorities, m->loaded.conf, block, err);

	if (!authority)
		return -EIO;
	struct change *c = xnew(struct change);
	c->request = request;
	c->authority = authority;
	c->said = kind == ACCOUNT_CHANGE_KEY ? "the account has a new key"
					     : "the account is deactivated";
	int r = account_change_start(&c->op, authority, kind, on_changed, c, err);
	if (r < 0)
		free(c);
	else
		control_request_on_gone(request, on_change_gone, c);
	return r;
}

static void run_change(struct manager *m, struct control_request *request,
	const json_t *args, enum account_change_kind kind)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	const char *name = json_view_string(args, "authority");

	if (!name) {
		control_request_end(request, COMMAND_USAGE, "say which authority");
		return;
	}
	const struct conf_block *block = find_authority(m, request, name);
	if (!block || !is_fit(m, request))
		return;
	if (begin_change(m, request, block, kind, &err) < 0)
		control_request_fail(request, COMMAND_FAILED, &err);
}

void command_account_rollover(
	struct control_request *request, const json_t *args, void *userdata)
{
	run_change(userdata, request, args, ACCOUNT_CHANGE_KEY);
}

void command_account_deactivate(
	struct control_request *request, const json_t *args, void *userdata)
{
	if (json_view_bool(args, "yes", false))
		run_change(userdata, request, args, ACCOUNT_CHANGE_END);
	else
		control_request_end(request, COMMAND_USAGE,
			"nothing undoes a deactivation, and nothing is ordered with the account afterwards: say --yes");
}
