/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command plan. */
#include <inttypes.h>
#include <string.h>

#include "ctl/columns.h"
#include "ctl/daemon.h"
#include "ctl/print.h"
#include "util/buf.h"
#include "util/mem.h"

#define DEADLINE_USEC (5 * USEC_PER_MIN)
#define NAMES_SHOWN   10
#define LIMITS_SHOWN  5

struct plan_view {
	struct ctl *ctl;
	json_t *changes; /* owned; array */
	json_t *parts;   /* owned; object: what comes by kind, arrays */
	json_t *summary; /* owned; NULL until it comes */
};

/* Kinds of rows besides changes, and what they are called in the whole. */
static const struct {
	const char *row, *part;
} parts[] = {
	{ "cost", "costs" },
	{ "domain_cost", "domain_costs" },
	{ "same_names_cost", "same_names_costs" },
	{ "publish_listener", "listeners" },
	{ "publish_answer", "answers" },
};

/* Names come some at a time. */
static void add_names(struct plan_view *view, const json_t *row)
{
	const char *action = json_view_string(row, "action");
	bool is_added = action && strcmp(action, "add") == 0;

	json_array_extend(json_object_get(view->parts,
				  is_added ? "names_added" : "names_removed"),
		json_object_get(row, "names"));
}

static bool add_part(struct plan_view *view, const json_t *row)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		json_t *item = json_object_get(row, parts[i].row);

		if (!item)
			continue;
		json_array_append(json_object_get(view->parts, parts[i].part), item);
		return true;
	}
	return false;
}

static void on_row(const json_t *row, void *userdata)
{
	struct plan_view *view = userdata;
	json_t *names = json_object_get(row, "publish_names");
	json_t *summary = json_object_get(row, "summary");
	const char *report = json_view_string(row, "report");

	if (report)
		print_line(view->ctl->err, "%s", report);
	else if (names)
		add_names(view, names);
	else if (summary)
		view->summary = json_incref(summary);
	else if (!add_part(view, row))
		json_array_append(view->changes, (json_t *)row);
}

static void print_changes(struct plan_view *view)
{
	static const char *const headings[] = { "ACTION", "DOMAIN", "KEY TYPE", "ORDER",
		"WHY", NULL };
	_cleanup_(columns_freep) struct columns *columns = columns_new(headings);
	const json_t *row;
	size_t i;

	json_array_foreach(view->changes, i, row)
	{
		columns_add(columns, json_view_string(row, "action"));
		columns_add(columns, json_view_string(row, "domain"));
		columns_add(columns, json_view_string(row, "key_type"));
		columns_add(columns, json_view_bool(row, "order", false)
					     ? json_view_string(row, "authority")
					     : "none");
		columns_add(columns, json_view_string(row, "why"));
	}
	if (json_array_size(view->changes) > 0)
		columns_print(columns, view->ctl->out);
}

static void print_cost(FILE *out, const json_t *cost)
{
	const char *name = json_view_string(cost, "authority");
	const char *window = json_view_string(cost, "window");
	int64_t orders = json_view_int(cost, "orders", 0);
	int64_t counted = json_view_int(cost, "counted", 0);
	int64_t limit = json_view_int(cost, "limit", 0);

	if (limit == 0)
		print_line(out,
			"authority %s: %" PRId64 " orders, and %" PRId64
			" in the last %s; order_limit is not set",
			name ? name : "-", orders, counted, window ? window : "-");
	else
		print_line(out,
			"authority %s: %" PRId64 " orders, and %" PRId64
			" in the last %s, of %" PRId64 "%s",
			name ? name : "-", orders, counted, window ? window : "-",
			limit,
			orders + counted > limit
				? ": more than the CA takes at once, it will take longer"
				: "");
}

/* --- what a CA counts besides orders ------------------------------------------------------ */

struct limit {
	const json_t *cost; /* the authority's; borrowed, as all here */
	const char *kind;   /* of rows */
	const char *key;    /* of the limit in the cost */
	const char *what;   /* is counted, after the number */
	bool has_renewals;  /* that count, too */
};

static bool is_of(const json_t *row, const struct limit *limit)
{
	const char *a = json_view_string(row, "authority");
	const char *b = json_view_string(limit->cost, "authority");

	return a && b && strcmp(a, b) == 0;
}

static void print_limit(
	struct plan_view *view, const struct limit *limit, const json_t *row)
{
	int64_t max = json_view_int(limit->cost, limit->key, 0);
	int64_t n_new = json_view_int(row, "new", 0);
	int64_t n_renewals = json_view_int(row, "renewals", 0);
	int64_t n_counted = json_view_int(row, "counted", 0);
	int64_t n = limit->has_renewals ? n_new + n_renewals : n_new;
	const char *name = json_view_string(row, "name");
	const char *window = json_view_string(limit->cost, "certificate_window");
	_cleanup_(freep) char *of =
		max > 0 ? xasprintf(", of %" PRId64 "%s", max,
				  n + n_counted > max ? ": more than the CA takes at "
							"once, it will take longer"
						      : "")
			: xstrdup("");
	_cleanup_(freep) char *renewals =
		n_renewals > 0 && !limit->has_renewals
			? xasprintf(" and %" PRId64 " renewal%s", n_renewals,
				  n_renewals == 1 ? "" : "s")
			: xstrdup("");

	print_line(view->ctl->out,
		"  %s: %" PRId64 " %s%s, and %" PRId64 " in the last %s%s",
		name ? name : "-", n, limit->what, renewals, n_counted,
		window ? window : "-", of);
}

/* The fullest come first: some of them, and a word of the rest. */
static void print_limits(struct plan_view *view, const struct limit *limit)
{
	const json_t *rows = json_object_get(view->parts, limit->kind);
	const json_t *row;
	size_t i, n = 0;

	json_array_foreach(rows, i, row)
	{
		if (!is_of(row, limit))
			continue;
		if (n++ < LIMITS_SHOWN)
			print_limit(view, limit, row);
	}
	if (n > LIMITS_SHOWN)
		print_line(view->ctl->out,
			"  and %zu more with less, which --json shows",
			n - LIMITS_SHOWN);
}

static void print_costs(struct plan_view *view)
{
	const json_t *cost;
	size_t i;

	json_array_foreach(json_object_get(view->parts, "costs"), i, cost)
	{
		const struct limit domains = { cost, "domain_costs",
			"certificate_limit", "new", false };
		const struct limit names = { cost, "same_names_costs",
			"duplicate_limit", "for the same names", true };

		print_cost(view->ctl->out, cost);
		print_limits(view, &domains);
		print_limits(view, &names);
	}
}

/* --- what is published -------------------------------------------------------------------- */

static void print_names(struct plan_view *view, const char *part, const char *what)
{
	const json_t *names = json_object_get(view->parts, part);
	size_t n = json_array_size(names);
	struct buf text = BUF_INIT(8192);

	if (n == 0)
		return;
	for (size_t i = 0; i < MIN(n, (size_t)NAMES_SHOWN); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		(void)buf_printf(&text, " %s", name ? name : "?");
	}
	_cleanup_(freep) char *list = buf_steal(&text);
	if (n > NAMES_SHOWN)
		print_line(view->ctl->out, "%s at every worker:%s and %zu more", what,
			list, n - NAMES_SHOWN);
	else
		print_line(view->ctl->out, "%s at every worker:%s", what, list);
}

static void print_listeners(struct plan_view *view)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(view->parts, "listeners"), i, row)
	{
		const char *action = json_view_string(row, "action");
		const char *name = json_view_string(row, "name");
		const char *address = json_view_string(row, "address");

		print_line(view->ctl->out, "listener %s: %s, at %s", name ? name : "?",
			action ? action : "?", address ? address : "?");
	}
}

static void print_answers(struct plan_view *view)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(view->parts, "answers"), i, row)
	{
		const char *challenge = json_view_string(row, "challenge");
		const char *name = json_view_string(row, "name");

		if (name)
			print_line(view->ctl->out,
				"answer taken back: %s for %s, whose order is given up",
				challenge ? challenge : "?", name);
		else
			print_line(view->ctl->out,
				"answers to be given: by %s, for names: %" PRId64,
				challenge ? challenge : "?",
				json_view_int(row, "names", 0));
	}
}

/* --- the whole ------------------------------------------------------------------------------ */

static void print_plan(struct plan_view *view, bool is_json)
{
	if (is_json) {
		_cleanup_(json_view_unrefp) json_t *all = json_pack("{s:O, s:O?}",
			"changes", view->changes, "summary", view->summary);
		json_object_update(all, view->parts);
		print_json(view->ctl->out, all);
		return;
	}
	print_changes(view);
	print_names(view, "names_added", "names added");
	print_names(view, "names_removed", "names removed");
	print_listeners(view);
	print_answers(view);
	print_costs(view);
}

static json_t *new_parts(void)
{
	json_t *all = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		json_object_set_new(all, parts[i].part, json_array());
	json_object_set_new(all, "names_added", json_array());
	json_object_set_new(all, "names_removed", json_array());
	return all;
}

int ctl_run_plan(struct ctl *ctl, const struct arguments *arguments)
{
	bool is_json = arguments_has(arguments, "json");
	struct plan_view view = {
		.ctl = ctl,
		.changes = json_array(),
		.parts = new_parts(),
	};
	int code = daemon_ask(ctl, &(struct daemon_call){
					   .name = "plan",
					   .on_row = on_row,
					   .userdata = &view,
					   .deadline_usec = DEADLINE_USEC,
					   .is_quiet = is_json,
				   });

	if (code == COMMAND_OK || code == COMMAND_ATTENTION)
		print_plan(&view, is_json);
	json_decref(view.changes);
	json_decref(view.parts);
	json_decref(view.summary);
	return code;
}
