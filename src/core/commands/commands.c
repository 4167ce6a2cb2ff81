/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See commands.h. A command is a row here and a function in command_<noun>.c, which sends rows
 * and ends the request with an exit code of link/command.h.
 */
#include "core/commands/commands.h"

#include <stddef.h>

#include "core/commands/command_account.h"
#include "core/commands/command_events.h"
#include "core/commands/command_plan.h"
#include "core/commands/command_plugins.h"
#include "core/commands/command_records.h"
#include "core/commands/command_reload.h"
#include "core/commands/command_renew.h"
#include "core/commands/command_revoke.h"
#include "core/commands/command_status.h"
#include "core/commands/command_transfer.h"
#include "core/commands/command_upgrade.h"

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

static const struct control_argument records_arguments[] = {
	{ "name",    "a domain, or a name of one; all when it is left out" },
	{ "pending", "true: only those that are not there" },
	{ "check",   "true: look for them first" },
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
	  "What is served, and what is not", command_status_run },
	{ "renew", CONTROL_ADMIN, renew_arguments, "none", "Renew a domain's certificates now", command_renew_run },
	{ "revoke", CONTROL_ADMIN, revoke_arguments, "none", "Have certificates revoked, once others are served", command_revoke_run },
	{ "records", CONTROL_READ, records_arguments,
	  "{domain, name, challenge, owner, type, value, why, state, detail, until, since, checked}",
	  "Records that have to stand in the DNS", command_records_run },
	{ "upgrade", CONTROL_ADMIN, upgrade_arguments, "{generation, version, ready}", "Execute what is installed anew", command_upgrade_run },
	{ "reload", CONTROL_ADMIN, reload_arguments, "{report, error}", "Read the configuration anew", command_reload_run },
	{ "plan", CONTROL_ADMIN, no_arguments,
	  "{report, error}, {action, domain, key_type, names, authority, directory, order, why}, last {cost {authority, directory, orders, counted, limit, window}}, {summary}",
	  "What a reload would change", command_plan_run },
	{ "events", CONTROL_READ, events_arguments, "{id, at, kind, subject, text}", "What has happened", command_events_run },
	{ "plugins", CONTROL_READ, no_arguments,
	  "{kind, name, version, summary, path, disabled, deaths}", "Plugins that are loaded", command_plugins_list },
	{ "plugins-enable", CONTROL_ADMIN, plugins_enable_arguments, "none",
	  "Enable a plugin that was disabled", command_plugins_enable },
	{ "account-show", CONTROL_READ, account_show_arguments,
	  "{authority, directory, url, status, contact, reason, thumbprint, created, pending}", "Accounts at authorities", command_account_show },
	{ "account-create", CONTROL_ADMIN, account_create_arguments, "as account-show",
	  "Register an account ahead of any order", command_account_create },
	{ "account-rollover", CONTROL_ADMIN, account_rollover_arguments, "as account-show",
	  "Put a new key in the place of an account's", command_account_rollover },
	{ "account-deactivate", CONTROL_ADMIN, account_deactivate_arguments, "as account-show",
	  "Give an account up for good", command_account_deactivate },
	{ "account-export", CONTROL_ADMIN, account_export_arguments,
	  "{authority, directory, url, contact, key_pem}", "Give the account's key away", command_transfer_export },
	{ "account-import", CONTROL_ADMIN, account_import_arguments, "none",
	  "Use an account that was exported", command_transfer_import },
	{ NULL, CONTROL_READ, NULL, NULL, NULL, NULL },
};

/* clang-format on */
