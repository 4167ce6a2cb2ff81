/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of postsealctl's commands. */
#include <stddef.h>

#include "ctl/ctl.h"

/* clang-format off */

static const struct arguments_option json_options[] = {
	{ "json", 0, NULL, "print JSON" },
	{ NULL,   0, NULL, NULL },
};

static const struct arguments_option renew_options[] = {
	{ "force", 0, NULL, "order a new certificate although none is due" },
	{ "wait",  0, NULL, "end when the new certificate is served, or has failed" },
	{ NULL,    0, NULL, NULL },
};

static const struct arguments_option revoke_options[] = {
	{ "reason", 0, "REASON", "unspecified (the default), key-compromise, affiliation-changed, superseded, cessation" },
	{ "serial", 0, "HEX",    "the one with this serial number, be it served or not" },
	{ "yes",    0, NULL,     "it cannot be taken back, and is meant" },
	{ NULL,     0, NULL,     NULL },
};

static const struct arguments_option records_options[] = {
	{ "pending", 0, NULL,     "only those that are not there" },
	{ "check",   0, NULL,     "look for them first, at once" },
	{ "format",  0, "FORMAT", "table (the default), zone, json, nsupdate, terraform" },
	{ NULL,      0, NULL,     NULL },
};

static const struct arguments_option reload_options[] = {
	{ "yes", 0, NULL, "also when it re-issues or removes more than change_brake allows" },
	{ NULL,  0, NULL, NULL },
};

static const struct arguments_option events_options[] = {
	{ "follow", 'f', NULL, "go on with new events as they happen" },
	{ "number", 'n', "N",  "so many of the last events (default 50)" },
	{ "json",    0,  NULL, "print one JSON object a line" },
	{ NULL,      0,  NULL, NULL },
};

static const struct arguments_option account_create_options[] = {
	{ "key",  0, "FILE", "use the private key in this PEM file" },
	{ "yes",  0, NULL,   "also in the place of one that is stopped or deactivated" },
	{ "json", 0, NULL,   "print JSON" },
	{ NULL,   0, NULL,   NULL },
};

static const struct arguments_option account_deactivate_options[] = {
	{ "yes",  0, NULL, "for good" },
	{ "json", 0, NULL, "print JSON" },
	{ NULL,   0, NULL, NULL },
};

static const struct arguments_option account_export_options[] = {
	{ "output",          0, "FILE", "write there instead of to standard output" },
	{ "force",           0, NULL,   "also over a file that is there" },
	{ "passphrase-file", 0, "FILE", "the passphrase is the content of this file" },
	{ NULL,              0, NULL,   NULL },
};

static const struct arguments_option account_import_options[] = {
	{ "replace",         0, NULL,   "put the account that is there out of use" },
	{ "yes",             0, NULL,   "this is meant" },
	{ "passphrase-file", 0, "FILE", "the passphrase is the content of this file" },
	{ NULL,              0, NULL,   NULL },
};

static const struct arguments_option check_options[] = {
	{ "verbose", 'v', NULL, "print what was understood, too" },
	{ NULL,       0,  NULL, NULL },
};

static const struct arguments_option conf_options[] = {
	{ "changed",  'n', NULL, "only what is not left at its default" },
	{ "defaults", 'd', NULL, "the defaults instead" },
	{ "expanded", 'x', NULL, "with $names and inherited settings resolved" },
	{ "values",   'h', NULL, "values without names" },
	{ "secrets",  'P', NULL, "show secrets, too" },
	{ NULL,        0,  NULL, NULL },
};

const struct ctl_command ctl_commands[] = {
	{ "status", "[NAME]", 0, 1, json_options,
	  "Show what is served, and what is not",
	  "NAME is a domain or a name in its certificate, which is then shown in full.\n"
	  "Exits with 2 when something needs attention.", ctl_run_status },
	{ "renew", "NAME", 1, 1, renew_options,
	  "Renew the certificates of a domain now",
	  "Without --force nothing is ordered before the certificate is due.", ctl_run_renew },
	{ "revoke", "[NAME]", 0, 1, revoke_options,
	  "Have the certificates of a domain revoked",
	  "What is served is replaced first, by one with another key.", ctl_run_revoke },
	{ "records", "[NAME]", 0, 1, records_options,
	  "Show which records have to stand in the DNS, and whether they do",
	  "NAME is a domain or a name in its certificate; all are shown when it is left out.\n"
	  "Exits with 2 when one is not there.", ctl_run_records },
	{ "plan", NULL, 0, 0, json_options,
	  "Show what a reload would change, and what that costs",
	  "Nothing is changed. Exits with 2 when change_brake would hold it.", ctl_run_plan },
	{ "reload", NULL, 0, 0, reload_options,
	  "Read the configuration anew",
	  "If anything in it is wrong the configuration in force stays, and all errors are listed.\n"
	  "Exits with 2 when it is held: it changes more than change_brake allows, see plan.",
	  ctl_run_reload },
	{ "upgrade", NULL, 0, 0, NULL,
	  "Run what is installed now, without an interruption",
	  "If the new program cannot read the configuration or the database, nothing changes.",
	  ctl_run_upgrade },
	{ "events", "[NAME]", 0, 1, events_options,
	  "Show what has happened",
	  "NAME is a domain or an authority; all are shown when it is left out.", ctl_run_events },
	{ "plugins enable", "NAME", 1, 1, NULL,
	  "Enable a plugin that was disabled",
	  "A plugin in which postseald has died twice, or that broke its contract, is disabled.",
	  ctl_run_plugins_enable },
	{ "plugins", NULL, 0, 0, json_options,
	  "List the plugins that are loaded",
	  "Exits with 2 when one of them is disabled.", ctl_run_plugins },
	{ "account show", "[AUTHORITY]", 0, 1, json_options,
	  "Show the accounts at the authorities", NULL, ctl_run_account_show },
	{ "account create", "[AUTHORITY]", 0, 1, account_create_options,
	  "Register an account ahead of any order",
	  "AUTHORITY may be left out when the configuration has only one.", ctl_run_account_create },
	{ "account rollover", "AUTHORITY", 1, 1, json_options,
	  "Put a new key in the place of an account's",
	  "Orders under way end first. The account and its URL stay.", ctl_run_account_rollover },
	{ "account deactivate", "AUTHORITY", 1, 1, account_deactivate_options,
	  "Give an account up for good",
	  "Nothing undoes it, and nothing is ordered with the account afterwards.",
	  ctl_run_account_deactivate },
	{ "account export", "AUTHORITY", 1, 1, account_export_options,
	  "Write an account and its key, sealed by a passphrase",
	  "The passphrase is asked for at the terminal, unless a file has it.", ctl_run_account_export },
	{ "account import", "AUTHORITY FILE", 2, 2, account_import_options,
	  "Use an account that was exported",
	  "The CA is asked about the key first. Without --replace another account stays.",
	  ctl_run_account_import },
	{ "check", NULL, 0, 0, check_options,
	  "Check the configuration, without the daemon", NULL, ctl_run_check },
	{ "conf", "[NAME]", 0, 3, conf_options,
	  "Print the configuration, without the daemon",
	  "NAME is a setting, a block (listener imaps), or a setting in one (listener imaps/backend).",
	  ctl_run_conf },
	{ "backup", "FILE", 1, 1, NULL,
	  "Copy the state database, without the daemon or beside it",
	  "FILE must not exist; it will hold all keys, so keep it as you keep them.",
	  ctl_run_backup },
	{ "restore", "FILE", 1, 1, NULL,
	  "Put a backup in the place of the state database",
	  "Not while the daemon has the database open. What was there is kept under another name.",
	  ctl_run_restore },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL, NULL },
};

/* clang-format on */
