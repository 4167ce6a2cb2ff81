/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands check and conf: what the manager would do with the files, without it. */
#include <errno.h>

#include "core/wanted/load.h"
#include "ctl/columns.h"
#include "ctl/ctl.h"
#include "ctl/print.h"
#include "util/mem.h"

#define OUTPUT_BYTES_MAX (1024 * 1024 * 1024)

static void print_report(FILE *err, const struct conf_report *report)
{
	for (size_t i = 0; i < report->n; i++) {
		_cleanup_(freep) char *text =
			conf_report_format_entry(&report->entry[i]);
		print_line(err, "%s", text);
	}
}

static int load(struct ctl *ctl, struct loop *loop, struct loaded *ret)
{
	const struct load_params params = { .conf = ctl->conf, .loop = loop };
	struct conf_report report;

	conf_report_init(&report);
	int r = load_configuration(ret, &params, &report);
	print_report(ctl->err, &report);
	if (r < 0)
		print_problem(ctl->err, "configuration not usable: %zu %s",
			report.n_errors, report.n_errors == 1 ? "error" : "errors");
	conf_report_done(&report);
	return r < 0 ? COMMAND_CONFIG : COMMAND_OK;
}

/* The host of plugins wants a loop, which never runs here. */
int ctl_with_loaded(
	struct ctl *ctl, const struct arguments *arguments, ctl_loaded_fn *fn)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(loop_freep) struct loop *own = NULL;
	_cleanup_(loaded_done) struct loaded loaded = { 0 };

	if (!ctl->loop && loop_new_epoll(&own, &err) < 0) {
		print_err(ctl->err, &err);
		return COMMAND_FAILED;
	}
	int code = load(ctl, ctl->loop ? ctl->loop : own, &loaded);
	return code == COMMAND_OK ? fn(ctl, &loaded, arguments) : code;
}

/* --- check ------------------------------------------------------------------------------- */

static void print_domain(struct columns *columns, const struct conf_block *domain)
{
	columns_add(columns, conf_block_get_name(domain));
	columns_add(columns, conf_get_text(domain, "names"));
	columns_add(columns, conf_get_text(domain, "authority"));
	columns_add(columns, conf_get_text(domain, "challenge"));
	columns_add(columns, conf_get_text(domain, "deploy"));
}

static void print_understood(FILE *out, const struct loaded *loaded)
{
	static const char *const headings[] = { "DOMAIN", "NAMES", "AUTHORITY",
		"CHALLENGE", "DEPLOY", NULL };
	_cleanup_(columns_freep) struct columns *columns = columns_new(headings);
	const struct conf_block *block;
	const struct plugin *plugin;

	for (size_t i = 0; (block = conf_get_block(loaded->conf, "domain", i)); i++)
		print_domain(columns, block);
	if (conf_count_blocks(loaded->conf, "domain") > 0)
		columns_print(columns, out);
	for (size_t i = 0; (block = conf_get_block(loaded->conf, "listener", i)); i++)
		print_line(out, "listener %s on %s", conf_block_get_name(block),
			conf_get_text(block, "address"));
	for (size_t i = 0; (plugin = plugin_host_get(loaded->host, i)); i++)
		print_line(out, "plugin %s %s %s",
			plugin_kind_name(plugin_get_kind(plugin)),
			plugin_get_name(plugin), plugin_get_version(plugin));
}

static int check(
	struct ctl *ctl, const struct loaded *loaded, const struct arguments *arguments)
{
	size_t n_domains = conf_count_blocks(loaded->conf, "domain");
	size_t n_listeners = conf_count_blocks(loaded->conf, "listener");

	if (arguments_has(arguments, "verbose"))
		print_understood(ctl->out, loaded);
	print_line(ctl->out, "configuration ok: %zu domain%s, %zu listener%s",
		n_domains, n_domains == 1 ? "" : "s", n_listeners,
		n_listeners == 1 ? "" : "s");
	return COMMAND_OK;
}

int ctl_run_check(struct ctl *ctl, const struct arguments *arguments)
{
	return ctl_with_loaded(ctl, arguments, check);
}

/* --- conf -------------------------------------------------------------------------------- */

static unsigned print_flags(const struct arguments *arguments)
{
	static const struct {
		const char *option;
		unsigned flag;
	} rows[] = {
		{ "changed", CONF_PRINT_CHANGED },
		{ "defaults", CONF_PRINT_DEFAULTS },
		{ "expanded", CONF_PRINT_EXPANDED },
		{ "values", CONF_PRINT_VALUES },
		{ "secrets", CONF_PRINT_SECRETS },
	};

	unsigned flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (arguments_has(arguments, rows[i].option))
			flags |= rows[i].flag;
	}
	return flags;
}

/* "listener imaps" may come as two words or as one; NULL = no name. */
static char *join_words(const struct arguments *arguments)
{
	char *name = NULL;
	const char *word;

	for (size_t i = 0; (word = arguments_word(arguments, i)); i++) {
		char *longer =
			xasprintf("%s%s%s", name ? name : "", name ? " " : "", word);
		free(name);
		name = longer;
	}
	return name;
}

static int print_conf(
	struct ctl *ctl, const struct loaded *loaded, const struct arguments *arguments)
{
	_cleanup_(freep) char *name = join_words(arguments);
	_cleanup_(buf_done) struct buf text = BUF_INIT_SECRET(OUTPUT_BYTES_MAX);

	int r = conf_print(loaded->conf, print_flags(arguments), name, &text);
	if (r == -ENOENT)
		print_problem(ctl->err, "there is no setting and no block %s", name);
	else if (r < 0)
		print_problem(ctl->err, "the configuration is too large to print");
	if (r < 0)
		return COMMAND_FAILED;
	fwrite(buf_str(&text), 1, text.len, ctl->out);
	return COMMAND_OK;
}

int ctl_run_conf(struct ctl *ctl, const struct arguments *arguments)
{
	return ctl_with_loaded(ctl, arguments, print_conf);
}
