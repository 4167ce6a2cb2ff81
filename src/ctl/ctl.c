/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See ctl.h. A command line is read in two goes: options for all commands up to the
 * command, then the rest by the command's own table as well.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <string.h>

#include "core/wanted/settings.h"
#include "ctl/help.h"
#include "ctl/print.h"
#include "util/mem.h"
#include "util/strtab.h"

#define COMMANDS_MAX 64

/* clang-format off */
const struct arguments_option ctl_options[] = {
	{ "config",  'c', "DIR",        "folder of the configuration" },
	{ "option",  'o', "NAME=VALUE", "a setting that goes before the files'; may be repeated" },
	{ "socket",  's', "PATH",       "control socket of the daemon" },
	{ "help",     0,  NULL,         "print this and do nothing" },
	{ "version",  0,  NULL,         "print the version and do nothing" },
	{ NULL,       0,  NULL,         NULL },
};

/* clang-format on */

/* --- finding the command ------------------------------------------------------------------ */

/* How many words of argv are this command's name; 0 = it is another one. */
static int match(const struct ctl_command *command, char *const *argv)
{
	const char *space = strchr(command->name, ' ');
	size_t len = space ? (size_t)(space - command->name) : strlen(command->name);

	if (!argv[0] || strlen(argv[0]) != len ||
		strncmp(argv[0], command->name, len) != 0)
		return 0;
	if (!space)
		return 1;
	return argv[1] && strcmp(argv[1], space + 1) == 0 ? 2 : 0;
}

static const struct ctl_command *find_command(char *const *argv, int *ret_n)
{
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		*ret_n = match(c, argv);
		if (*ret_n > 0)
			return c;
	}
	return NULL;
}

/* "account" alone: the commands that begin with it. */
static char *format_second_words(const char *first)
{
	size_t len = strlen(first);
	char *list = NULL;

	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		if (strncmp(c->name, first, len) != 0 || c->name[len] != ' ')
			continue;
		char *longer = xasprintf("%s%s%s", list ? list : "", list ? " or " : "",
			c->name + len + 1);
		free(list);
		list = longer;
	}
	return list;
}

static int refuse_command(struct ctl *ctl, const char *word)
{
	_cleanup_(freep) char *second = format_second_words(word);
	const char *names[COMMANDS_MAX + 1] = { NULL };

	if (second) {
		print_problem(ctl->err, "%s what? %s", word, second);
		return COMMAND_USAGE;
	}
	for (size_t i = 0; i < COMMANDS_MAX && ctl_commands[i].name; i++)
		names[i] = ctl_commands[i].name;
	const char *nearest = strtab_nearest(names, word);
	print_problem(ctl->err, "there is no command %s%s%s%s", word,
		nearest ? "; did you mean " : "", nearest ? nearest : "",
		nearest ? "?" : "");
	return COMMAND_USAGE;
}

static int refuse(struct ctl *ctl, const struct err *err)
{
	print_err(ctl->err, err);
	print_problem(ctl->err, "--help tells what there is");
	return COMMAND_USAGE;
}

/* --- help and version ------------------------------------------------------------------------ */

static int run_help(struct ctl *ctl, char *const *argv)
{
	int n;

	if (!argv[0]) {
		help_print(ctl->out);
		return COMMAND_OK;
	}
	const struct ctl_command *command = find_command(argv, &n);
	if (!command)
		return refuse_command(ctl, argv[0]);
	help_print_command(ctl->out, command);
	return COMMAND_OK;
}

static int run_version(struct ctl *ctl)
{
	print_line(ctl->out, "postsealctl %s", PACKAGE_VERSION);
	return COMMAND_OK;
}

/* --- running a command ------------------------------------------------------------------------ */

static int check_words(const struct ctl_command *command,
	const struct arguments *arguments, struct err *err)
{
	size_t n = strv_length(arguments->words);

	if (n < command->min_words)
		return err_set_kind(err, ERR_CONFIG, -EINVAL, "%s needs %s",
			command->name, command->words);
	if (n > command->max_words)
		return err_set_kind(err, ERR_CONFIG, -EINVAL,
			"%s: \"%s\" is one word too many", command->name,
			arguments->words[command->max_words]);
	return 0;
}

static void set_options(
	struct ctl *ctl, const struct arguments *arguments, char *const *overrides)
{
	const char *directory = arguments_get(arguments, "config");

	ctl->conf = (struct conf_params){
		.directory = directory ? directory : settings_conf_directory,
		.overrides = (const char *const *)overrides,
	};
	ctl->socket = arguments_get(arguments, "socket");
}

static int run(struct ctl *ctl, const struct ctl_command *command,
	const struct arguments *arguments)
{
	_cleanup_(strv_freep) char **overrides =
		arguments_copy_all(arguments, "option");
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (arguments_has(arguments, "help")) {
		help_print_command(ctl->out, command);
		return COMMAND_OK;
	}
	if (arguments_has(arguments, "version"))
		return run_version(ctl);
	if (check_words(command, arguments, &err) < 0)
		return refuse(ctl, &err);
	set_options(ctl, arguments, overrides);
	return command->run(ctl, arguments);
}

/* What stands before the command has been read. */
static int dispatch(
	struct ctl *ctl, struct arguments *arguments, char *const *argv, int pos)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	int n;

	if (arguments_has(arguments, "version"))
		return run_version(ctl);
	if (arguments_has(arguments, "help"))
		return run_help(ctl, argv + pos);
	if (!argv[pos]) {
		help_print(ctl->err);
		return COMMAND_USAGE;
	}
	if (strcmp(argv[pos], "help") == 0)
		return run_help(ctl, argv + pos + 1);
	const struct ctl_command *command = find_command(argv + pos, &n);
	if (!command)
		return refuse_command(ctl, argv[pos]);
	pos += n;
	arguments->table[1] = command->options;
	if (arguments_parse(arguments, argv, &pos, 0, &err) < 0)
		return refuse(ctl, &err);
	return run(ctl, command, arguments);
}

int ctl_main(struct ctl *ctl, char *const *argv)
{
	_cleanup_(arguments_done) struct arguments arguments = {
		.table = { ctl_options },
	};
	_cleanup_(err_done) struct err err = ERR_INIT;
	int pos = argv[0] ? 1 : 0;

	if (arguments_parse(&arguments, argv, &pos, ARGUMENTS_STOP_AT_WORD, &err) < 0)
		return refuse(ctl, &err);
	int code = dispatch(ctl, &arguments, argv, pos);
	/* A full disk behind a redirection must not look like success. */
	if (fflush(ctl->out) != 0 && code == COMMAND_OK)
		code = COMMAND_FAILED;
	return code;
}
