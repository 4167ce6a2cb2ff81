/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See commands.h. A command is a row of the table at the end and one function; what it
 * says goes to the peer as rows, and an end with an exit code of DESIGN section 6.
 */
#include "core/commands/commands.h"

#include <errno.h>
#include <string.h>

#include "core/commands/account_commands.h"
#include "core/commands/account_transfer.h"
#include "core/commands/command_events.h"
#include "core/commands/command_plan.h"
#include "core/commands/command_revoke.h"
#include "core/commands/command_status.h"
#include "core/commands/plugin_commands.h"
#include "core/commands/status.h"
#include "core/process/manager.h"
#include "core/wanted/policy.h"
#include "pki/key.h"
#include "store/slot.h"
#include "util/mem.h"

/* --- status ---------------------------------------------------------------------------- */

static void run_status(
	struct control_request *request, const json_t *args, void *userdata)
{
	const char *name = json_view_string(args, "name");
	const char *domain =
		name ? policy_find_domain(
			       ((struct manager *)userdata)->loaded.conf, name)
		     : NULL;

	if (name && !domain) {
		control_request_end(request, COMMAND_FAILED,
			"%s is no domain of the configuration and no name of one",
			name);
		return;
	}
	command_status_start(request, domain, userdata);
}

/* --- renew ------------------------------------------------------------------------------ */

struct renewal {
	struct control_request *request;
	struct schedule_watch *watch[_KEY_TYPE_MAX];
	unsigned n_open, n_failed;
};

struct renew_walk {
	int64_t ids[_KEY_TYPE_MAX];
	unsigned n;
};

static int on_renew_slot(const struct store_slot *slot, void *userdata)
{
	struct renew_walk *walk = userdata;

	if (!slot->removed && walk->n < ARRAY_SIZE(walk->ids))
		walk->ids[walk->n++] = slot->id;
	return 0;
}

static void renewal_free(struct renewal *r)
{
	for (unsigned i = 0; i < ARRAY_SIZE(r->watch); i++)
		schedule_unwatch(r->watch[i]);
	free(r);
}

static void on_renewal_gone(void *userdata)
{
	renewal_free(userdata);
}

static void on_renewed(bool ok, void *userdata)
{
	struct renewal *r = userdata;

	r->n_failed += !ok;
	if (--r->n_open > 0)
		return;
	struct control_request *request = r->request;
	unsigned n_failed = r->n_failed;
	control_request_on_gone(request, NULL, NULL);
	renewal_free(r);
	if (n_failed)
		control_request_end(request, COMMAND_FAILED,
			"not renewed; postsealctl status tells why");
	else
		control_request_end(request, COMMAND_OK, "renewed and served");
}

/* Is there anything to do without --force? */
static bool is_renewal_due(
	struct manager *m, const int64_t *ids, unsigned n, char **ret_when)
{
	for (unsigned i = 0; i < n; i++) {
		struct store_slot slot = { 0 };
		char date[USEC_RFC3339_MAX];

		if (store_slot_load(m->store, ids[i], &slot, NULL) != 0)
			continue;
		bool due = slot.certificate_id == 0 || slot.attempts > 0 ||
			   slot.due_usec <= loop_wall_now(m->loop);
		xstrset(ret_when,
			usec_format_rfc3339(slot.due_usec, date, sizeof(date)));
		store_slot_done(&slot);
		if (due)
			return true;
	}
	return false;
}

static void watch_renewal(struct manager *m, struct control_request *request,
	const struct renew_walk *walk)
{
	struct renewal *r = xnew(struct renewal);

	r->request = request;
	r->n_open = walk->n;
	for (unsigned i = 0; i < walk->n; i++)
		r->watch[i] = schedule_watch(m->schedule, walk->ids[i], on_renewed, r);
	control_request_on_gone(request, on_renewal_gone, r);
}

static int start_renewals(struct manager *m, const struct renew_walk *walk,
	unsigned flags, struct err *err)
{
	for (unsigned i = 0; i < walk->n; i++) {
		_cleanup_(err_done) struct err why = ERR_INIT;
		int r = schedule_start(m->schedule, walk->ids[i], flags, &why);

		if (r < 0 && r != -EBUSY) {
			err_move(err, &why);
			return r;
		}
	}
	return 0;
}

static void run_renew(
	struct control_request *request, const json_t *args, void *userdata)
{
	struct manager *m = userdata;
	const char *name = json_view_string(args, "name");
	const char *domain = name ? policy_find_domain(m->loaded.conf, name) : NULL;
	bool force = json_view_bool(args, "force", false);
	struct renew_walk walk = { .n = 0 };
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) char *when = NULL;

	if (!domain) {
		control_request_end(request, COMMAND_FAILED,
			"%s is no domain of the configuration and no name of one",
			name ? name : "(nothing)");
		return;
	}
	if (store_slot_each(m->store, domain, on_renew_slot, &walk, &err) < 0) {
		control_request_fail(request, COMMAND_FAILED, &err);
		return;
	}
	if (!force && !is_renewal_due(m, walk.ids, walk.n, &when)) {
		control_request_end(request, COMMAND_FAILED,
			"%s is not due before %s; --force orders all the same", domain,
			when ? when : "(never)");
		return;
	}
	if (start_renewals(m, &walk, force ? JOB_FORCED : 0, &err) < 0) {
		control_request_fail(request, COMMAND_FAILED, &err);
		return;
	}
	if (json_view_bool(args, "wait", false) && walk.n > 0)
		watch_renewal(m, request, &walk);
	else
		control_request_end(
			request, COMMAND_OK, "renewal of %s has begun", domain);
}

/* --- reload ----------------------------------------------------------------------------- */

struct reload_request {
	struct control_request *request;
	struct manager *manager;
	struct reload *reload;
};

static void reload_request_free(struct reload_request *r)
{
	manager_forget_reload(r->reload);
	free(r);
}

static void on_reload_gone(void *userdata)
{
	reload_request_free(userdata);
}

static void on_reloaded(
	int r, const struct conf_report *report, const struct err *err, void *userdata)
{
	struct reload_request *reload = userdata;
	struct control_request *request = reload->request;

	control_request_on_gone(request, NULL, NULL);
	command_plan_report(request, report);
	if (r == MANAGER_E_HELD)
		control_request_end(request, COMMAND_ATTENTION,
			"held, the configuration in force stays: %s",
			reload->manager->held_text);
	else if (r >= 0)
		control_request_end(request, COMMAND_OK, "configuration in force");
	else if (report->n_errors)
		control_request_end(request, COMMAND_CONFIG,
			"%zu error%s: the configuration in force stays",
			report->n_errors, report->n_errors == 1 ? "" : "s");
	else
		control_request_fail(request, COMMAND_FAILED, err);
	reload_request_free(reload);
}

static void run_reload(
	struct control_request *request, const json_t *args, void *userdata)
{
	struct reload_request *r = xnew(struct reload_request);
	bool yes = json_view_bool(args, "yes", false);

	r->request = request;
	r->manager = userdata;
	control_request_on_gone(request, on_reload_gone, r);
	r->reload = manager_reload(r->manager, yes ? MANAGER_YES : 0, on_reloaded, r);
}

/* --- upgrade ---------------------------------------------------------------------------- */

static json_t *format_generation(const struct manager *m)
{
	return json_pack("{s:I, s:s, s:b}", "generation", (json_int_t)m->started_usec,
		"version", PACKAGE_VERSION, "ready", (int)m->is_ready);
}

struct upgrade_request {
	struct control_request *request;
	struct manager *manager;
};

static void on_upgrade_gone(void *userdata)
{
	struct upgrade_request *u = userdata;

	manager_cancel_upgrade(u->manager);
	free(u);
}

/* A good end is not for us to tell: the new image is asked for it. */
static void on_upgrade_checked(const char *error, void *userdata)
{
	struct upgrade_request *u = userdata;

	control_request_on_gone(u->request, NULL, NULL);
	if (error)
		control_request_end(
			u->request, COMMAND_FAILED, "%s; what runs goes on", error);
	else
		control_request_end(u->request, COMMAND_OK, "the new build takes over");
	free(u);
}

static void run_upgrade(
	struct control_request *request, const json_t *args, void *userdata)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	control_request_row(request, format_generation(userdata));
	if (json_view_bool(args, "ask", false)) {
		control_request_end(
			request, COMMAND_OK, "postseal %s", PACKAGE_VERSION);
		return;
	}
	struct upgrade_request *u = xnew(struct upgrade_request);
	u->request = request;
	u->manager = userdata;
	if (manager_upgrade(u->manager, on_upgrade_checked, u, &err) < 0) {
		free(u);
		control_request_fail(request, COMMAND_FAILED, &err);
		return;
	}
	control_request_on_gone(request, on_upgrade_gone, u);
}

/* --- the table ---------------------------------------------------------------------------- */

/* clang-format off */

static const struct control_argument no_arguments[] = { { NULL, NULL } };

static const struct control_argument status_arguments[] = {
	{ "name", "a domain, or a name of one; all when it is left out" },
	{ NULL, NULL },
};

static const struct control_argument renew_arguments[] = {
	{ "name",  "a domain, or a name of one" },
	{ "force", "true: order although it is not due" },
	{ "wait",  "true: end when it is served, or has failed" },
	{ NULL, NULL },
};

static const struct control_argument revoke_arguments[] = {
	{ "name",   "a domain, or a name of one: what is served of it" },
	{ "serial", "or the serial number of one, in hexadecimal" },
	{ "reason", "unspecified (the default), key-compromise, affiliation-changed, superseded, cessation" },
	{ NULL, NULL },
};

static const struct control_argument reload_arguments[] = {
	{ "yes", "true: also what change_brake would hold" },
	{ NULL, NULL },
};

static const struct control_argument upgrade_arguments[] = {
	{ "ask", "true: only tell which image runs, and whether it is ready" },
	{ NULL, NULL },
};

static const struct control_argument events_arguments[] = {
	{ "after",  "only those with a greater id; left out: the last ones" },
	{ "count",  "how many at most" },
	{ "name",   "only those of this subject" },
	{ "follow", "true: go on with new ones" },
	{ NULL, NULL },
};

static const struct control_argument plugins_enable_arguments[] = {
	{ "name", "the plugin's" },
	{ NULL, NULL },
};

static const struct control_argument account_show_arguments[] = {
	{ "authority", "name of an authority block; all when it is left out" },
	{ NULL, NULL },
};

static const struct control_argument account_export_arguments[] = {
	{ "authority", "name of an authority block" },
	{ NULL, NULL },
};

static const struct control_argument account_import_arguments[] = {
	{ "authority", "name of an authority block" },
	{ "directory", "the directory that the account is one of" },
	{ "url",       "the account's" },
	{ "key_pem",   "the account's key in PEM" },
	{ "replace",   "true: also in the place of another account" },
	{ NULL, NULL },
};

static const struct control_argument account_create_arguments[] = {
	{ "authority", "name of an authority block; may be left out when there is one" },
	{ "key_pem",   "the account's key in PEM; left out: a new one is made" },
	{ "yes",       "true: also in the place of one that is stopped or deactivated" },
	{ NULL, NULL },
};

static const struct control_argument account_rollover_arguments[] = {
	{ "authority", "name of an authority block" },
	{ NULL, NULL },
};

static const struct control_argument account_deactivate_arguments[] = {
	{ "authority", "name of an authority block" },
	{ "yes",       "true: for good" },
	{ NULL, NULL },
};

const struct control_command commands_table[] = {
	{ "status", CONTROL_READ, status_arguments,
	  "{domain, names, key_type, state, activity, authority, directory, challenge, not_before, not_after, serial, fingerprint, issuer, due, attempts, error, served}, last {summary}",
	  "What is served, and what is not", run_status },
	{ "renew", CONTROL_ADMIN, renew_arguments, "none", "Renew a domain's certificates now", run_renew },
	{ "revoke", CONTROL_ADMIN, revoke_arguments, "none", "Have certificates revoked, once others are served", command_revoke_run },
	{ "upgrade", CONTROL_ADMIN, upgrade_arguments, "{generation, version, ready}", "Execute what is installed anew", run_upgrade },
	{ "reload", CONTROL_ADMIN, reload_arguments, "{report, error}", "Read the configuration anew", run_reload },
	{ "plan", CONTROL_ADMIN, no_arguments,
	  "{report, error}, {action, domain, key_type, names, authority, directory, order, why}, last {cost {authority, directory, orders, counted, limit, window}}, {summary}",
	  "What a reload would change", command_plan_run },
	{ "events", CONTROL_READ, events_arguments, "{id, at, kind, subject, text}", "What has happened", command_events_run },
	{ "plugins", CONTROL_READ, no_arguments,
	  "{kind, name, version, summary, path, disabled, deaths}", "Plugins that are loaded", plugin_commands_list },
	{ "plugins-enable", CONTROL_ADMIN, plugins_enable_arguments, "none",
	  "Enable a plugin that was disabled", plugin_commands_enable },
	{ "account-show", CONTROL_READ, account_show_arguments,
	  "{authority, directory, url, status, contact, reason, thumbprint, created, pending}", "Accounts at authorities", account_commands_show },
	{ "account-create", CONTROL_ADMIN, account_create_arguments, "as account-show",
	  "Register an account ahead of any order", account_commands_create },
	{ "account-rollover", CONTROL_ADMIN, account_rollover_arguments, "as account-show",
	  "Put a new key in the place of an account's", account_commands_rollover },
	{ "account-deactivate", CONTROL_ADMIN, account_deactivate_arguments, "as account-show",
	  "Give an account up for good", account_commands_deactivate },
	{ "account-export", CONTROL_ADMIN, account_export_arguments,
	  "{authority, directory, url, contact, key_pem}", "Give the account's key away", account_transfer_export },
	{ "account-import", CONTROL_ADMIN, account_import_arguments, "none",
	  "Use an account that was exported", account_transfer_import },
	{ NULL, CONTROL_READ, NULL, NULL, NULL, NULL },
};

/* clang-format on */
