/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command records: what has to stand in the DNS, as people and programs want it. What
 * goes into a file for another program is quoted by that program's rules: values may have
 * come from a CA.
 */
#include <inttypes.h>
#include <string.h>

#include "ctl/columns.h"
#include "ctl/daemon.h"
#include "ctl/print.h"
#include "util/mem.h"

#define DEADLINE_USEC (90 * USEC_PER_SEC)
#define TTL           "3600"
#define STRING_MAX    255 /* octets of one string of a TXT record (RFC 1035) */

typedef void format_fn(FILE *out, const json_t *rows);

static const char *get(const json_t *row, const char *member)
{
	const char *text = json_view_string(row, member);

	return text ? text : "";
}

static bool is_text(const json_t *row)
{
	return strcmp(get(row, "type"), "TXT") == 0;
}

/* --- quoting ---------------------------------------------------------------------------- */

/* Within quotes of a zone file; printable ASCII is all that a value has. */
static void put_escaped(FILE *out, const char *text, size_t len, const char *special)
{
	for (size_t i = 0; i < len; i++) {
		if (strchr(special, text[i]))
			putc('\\', out);
		putc(text[i], out);
	}
}

/* "one" "two": strings of 255 octets at most. */
static void put_strings(FILE *out, const char *text)
{
	size_t len = strlen(text);

	for (size_t at = 0; at < len; at += STRING_MAX) {
		fputs(at > 0 ? " \"" : "\"", out);
		put_escaped(out, text + at, MIN(len - at, (size_t)STRING_MAX), "\"\\");
		putc('"', out);
	}
}

static void put_data(FILE *out, const json_t *row)
{
	const char *type = get(row, "type"), *value = get(row, "value");

	if (is_text(row))
		put_strings(out, value);
	else if (strcmp(type, "CNAME") == 0 || strcmp(type, "NS") == 0)
		fprintf(out, "%s.", value);
	else
		fputs(value, out);
}

/* --- formats ----------------------------------------------------------------------------- */

static void print_table_row(FILE *out, const json_t *row)
{
	const char *detail = json_view_string(row, "detail");
	const char *until = json_view_string(row, "until");

	print_line(out, "%s (%s, %s): %s", get(row, "name"), get(row, "domain"),
		get(row, "challenge"), get(row, "state"));
	fprintf(out, "    %s. %s ", get(row, "owner"), get(row, "type"));
	put_data(out, row);
	putc('\n', out);
	print_line(out, "    It %s.", get(row, "why"));
	if (detail)
		print_line(out, "    %s", detail);
	if (until)
		print_line(out, "    It ends at %s.", until);
}

static void print_table(FILE *out, const json_t *rows)
{
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row) print_table_row(out, row);
	if (json_array_size(rows) == 0)
		print_line(out, "no record is wanted");
}

static void print_zone(FILE *out, const json_t *rows)
{
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row)
	{
		print_line(out, "; %s: %s", get(row, "state"), get(row, "why"));
		fprintf(out, "%s. " TTL " IN %s ", get(row, "owner"), get(row, "type"));
		put_data(out, row);
		putc('\n', out);
	}
}

static bool is_removed(const json_t *row)
{
	return strcmp(get(row, "state"), "removed") == 0;
}

static void print_nsupdate(FILE *out, const json_t *rows)
{
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row)
	{
		if (is_removed(row))
			fprintf(out, "update delete %s. %s ", get(row, "owner"),
				get(row, "type"));
		else
			fprintf(out, "update add %s. " TTL " %s ", get(row, "owner"),
				get(row, "type"));
		put_data(out, row);
		putc('\n', out);
	}
	if (json_array_size(rows) > 0)
		fputs("send\n", out);
}

/* HashiCorp's DNS provider; a template begins with "${" or "%{". */
static void put_terraform_string(FILE *out, const char *text)
{
	putc('"', out);
	for (const char *p = text; *p; p++) {
		if ((*p == '$' || *p == '%') && p[1] == '{')
			putc(*p, out);
		put_escaped(out, p, 1, "\"\\");
	}
	putc('"', out);
}

/* A name of its own for each: what a name of the language may not have becomes "_". */
static void put_terraform_label(FILE *out, const char *owner, size_t i)
{
	fputs("postseal_", out);
	for (const char *p = owner; *p; p++)
		putc(*p == '.' || *p == '-' ? '_' : *p, out);
	fprintf(out, "_%zu", i);
}

/* The dot before the zone: the domain, or else the name above. */
static const char *find_cut(const char *owner, const char *domain)
{
	size_t n = strlen(owner), d = strlen(domain);

	if (n > d + 1 && owner[n - d - 1] == '.' && strcmp(owner + n - d, domain) == 0)
		return owner + n - d - 1;
	return strchr(owner, '.');
}

static void print_terraform_row(FILE *out, const json_t *row, size_t i)
{
	const char *owner = get(row, "owner");
	const char *dot = find_cut(owner, get(row, "domain"));
	bool is_cname = strcmp(get(row, "type"), "CNAME") == 0;

	if (!dot || (!is_cname && !is_text(row))) {
		print_line(out, "# %s %s %s: the provider dns has no such resource",
			owner, get(row, "type"), get(row, "value"));
		return;
	}
	fprintf(out, "resource \"dns_%s\" \"",
		is_cname ? "cname_record" : "txt_record_set");
	put_terraform_label(out, owner, i);
	fprintf(out, "\" {\n  zone = \"%s.\"\n  name = \"%.*s\"\n  ttl  = " TTL "\n",
		dot + 1, (int)(dot - owner), owner);
	fputs(is_cname ? "  cname = " : "  txt  = [", out);
	_cleanup_(freep) char *value =
		xasprintf("%s%s", get(row, "value"), is_cname ? "." : "");
	put_terraform_string(out, value);
	fputs(is_cname ? "\n}\n" : "]\n}\n", out);
}

static void print_terraform(FILE *out, const json_t *rows)
{
	size_t i;
	json_t *row;

	fputs("# the zones are guessed from the domains; correct those that are none\n",
		out);
	json_array_foreach(rows, i, row)
	{
		if (!is_removed(row))
			print_terraform_row(out, row, i);
	}
}

static void print_rows_json(FILE *out, const json_t *rows)
{
	print_json(out, rows);
}

static const struct {
	const char *name;
	format_fn *print;
} formats[] = {
	{ "table", print_table },
	{ "zone", print_zone },
	{ "json", print_rows_json },
	{ "nsupdate", print_nsupdate },
	{ "terraform", print_terraform },
};

/* --- the command -------------------------------------------------------------------------- */

static format_fn *find_format(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (strcmp(formats[i].name, name ? name : "table") == 0)
			return formats[i].print;
	}
	return NULL;
}

static void on_row(const json_t *row, void *userdata)
{
	json_array_append(userdata, (json_t *)row);
}

int ctl_run_records(struct ctl *ctl, const struct arguments *arguments)
{
	_cleanup_(json_view_unrefp) json_t *rows = json_array();
	format_fn *print = find_format(arguments_get(arguments, "format"));

	if (!print) {
		print_problem(ctl->err,
			"--format: is one of table, zone, json, nsupdate, terraform");
		return COMMAND_USAGE;
	}
	json_t *args = daemon_args("name", arguments_word(arguments, 0));
	json_object_set_new(
		args, "pending", json_boolean(arguments_has(arguments, "pending")));
	json_object_set_new(
		args, "check", json_boolean(arguments_has(arguments, "check")));
	int code = daemon_ask(ctl, &(struct daemon_call){
					   .name = "records",
					   .args = args,
					   .on_row = on_row,
					   .userdata = rows,
					   .deadline_usec = DEADLINE_USEC,
					   .is_quiet = true,
				   });

	if (code == COMMAND_OK || code == COMMAND_ATTENTION)
		print(ctl->out, rows);
	return code;
}
