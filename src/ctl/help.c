/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See help.h. */
#include "ctl/help.h"

#include "ctl/columns.h"
#include "util/mem.h"

static char *format_letters(const struct arguments_option *option)
{
	const char *value = option->value ? option->value : "";
	const char *gap = option->value ? " " : "";

	if (!option->letter)
		return xasprintf("      --%s%s%s", option->name, gap, value);
	return xasprintf("  -%c, --%s%s%s", option->letter, option->name, gap, value);
}

static void print_options(FILE *out, const struct arguments_option *options)
{
	_cleanup_(columns_freep) struct columns *columns = columns_new(NULL);

	for (; options && options->name; options++) {
		_cleanup_(freep) char *letters = format_letters(options);
		columns_add(columns, letters);
		columns_add(columns, options->text);
	}
	columns_print(columns, out);
}

static void print_commands(FILE *out)
{
	_cleanup_(columns_freep) struct columns *columns = columns_new(NULL);

	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		columns_printf(columns, "  %s%s%s", c->name, c->words ? " " : "",
			c->words ? c->words : "");
		columns_add(columns, c->text);
	}
	columns_print(columns, out);
}

void help_print(FILE *out)
{
	fputs("Usage: postsealctl [OPTION]... COMMAND [ARGUMENT]...\n"
	      "Looks after Postseal, which keeps a mail server's certificates right.\n"
	      "\nCommands:\n",
		out);
	print_commands(out);
	fputs("\nOptions for all commands:\n", out);
	print_options(out, ctl_options);
	fputs("\nExit codes: 0 ok, 1 failed, 2 something needs attention, 64 usage,\n"
	      "69 the daemon is not reachable, 78 the configuration is wrong.\n"
	      "postsealctl help COMMAND tells more; so does postsealctl(1).\n",
		out);
}

void help_print_command(FILE *out, const struct ctl_command *command)
{
	fprintf(out, "Usage: postsealctl %s%s%s%s\n%s.\n", command->name,
		command->options ? " [OPTION]..." : "", command->words ? " " : "",
		command->words ? command->words : "", command->text);
	if (command->more)
		fprintf(out, "\n%s\n", command->more);
	if (command->options)
		fputs("\nOptions:\n", out);
	print_options(out, command->options);
	fputs("\nOptions for all commands:\n", out);
	print_options(out, ctl_options);
}
