/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * postsealctl: a table of subcommands, each one function that gets what its words and
 * options say, prints, and returns an enum command_exit.
 */
#pragma once

#include <stdio.h>

#include "conf/conf.h"
#include "ctl/arguments.h"
#include "io/loop.h"
#include "link/command.h"

struct ctl {
	FILE *out; /* borrowed: stdout, stderr, or a test's */
	FILE *err;
	struct loop *loop; /* borrowed; NULL: a command makes one if it needs one */

	/* What the options for all commands say; borrowed from the command line. */
	struct conf_params conf;
	const char *socket; /* NULL = where the configuration says */
};

typedef int ctl_run_fn(struct ctl *ctl, const struct arguments *arguments);

struct ctl_command {
	const char *name;  /* one word or two: "account show"; NULL ends the table */
	const char *words; /* for the help: "[NAME]"; NULL = none */
	unsigned min_words, max_words;
	const struct arguments_option *options; /* NULL = none */
	const char *text;                       /* one sentence for the list, no dot */
	const char *more;                       /* for its own help; NULL */
	ctl_run_fn *run;
};

extern const struct ctl_command ctl_commands[];
extern const struct arguments_option ctl_options[]; /* for all commands */

/* The whole program: argv[0] is its name, NULL stands behind the last. */
int ctl_main(struct ctl *ctl, char *const *argv);

/* For commands that work without the daemon: reads the configuration, or says what is
 * wrong with it. */
struct loaded;
typedef int ctl_loaded_fn(struct ctl *ctl, const struct loaded *loaded,
	const struct arguments *arguments);
int ctl_with_loaded(
	struct ctl *ctl, const struct arguments *arguments, ctl_loaded_fn *fn);

/* Each a command of the table. */
int ctl_run_status(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_renew(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_plan(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_revoke(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_upgrade(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_records(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_reload(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_events(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_plugins(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_plugins_enable(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_account_show(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_account_create(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_account_rollover(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_account_deactivate(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_account_export(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_account_import(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_check(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_conf(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_backup(struct ctl *ctl, const struct arguments *arguments);
int ctl_run_restore(struct ctl *ctl, const struct arguments *arguments);
