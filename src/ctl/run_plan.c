/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command plan. */
#include <inttypes.h>

#include "ctl/columns.h"
#include "ctl/daemon.h"
#include "ctl/print.h"
#include "util/mem.h"

#define DEADLINE_USEC (5 * USEC_PER_MIN)

struct plan_view {
	struct ctl *ctl;
	json_t *changes, *costs; /* owned; arrays */
	json_t *summary;         /* owned; NULL until it comes */
};

static void on_row(const json_t *row, void *userdata)
{
	struct plan_view *view = userdata;
	json_t *cost = json_object_get(row, "cost");
	json_t *summary = json_object_get(row, "summary");
	const char *report = json_view_string(row, "report");

	if (report)
		print_line(view->ctl->err, "%s", report);
	else if (cost)
		json_array_append(view->costs, cost);
	else if (summary)
		view->summary = json_incref(summary);
	else
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

static void print_plan(struct plan_view *view, bool is_json)
{
	const json_t *cost;
	size_t i;

	if (is_json) {
		_cleanup_(json_view_unrefp) json_t *all =
			json_pack("{s:O, s:O, s:O?}", "changes", view->changes, "costs",
				view->costs, "summary", view->summary);
		print_json(view->ctl->out, all);
		return;
	}
	print_changes(view);
	json_array_foreach(view->costs, i, cost) print_cost(view->ctl->out, cost);
}

int ctl_run_plan(struct ctl *ctl, const struct arguments *arguments)
{
	bool is_json = arguments_has(arguments, "json");
	struct plan_view view = {
		.ctl = ctl,
		.changes = json_array(),
		.costs = json_array(),
	};
	int code = daemon_ask(ctl, &(struct daemon_call){
					   .name = "plan",
					   .on_row = on_row,
					   .userdata = &view,
					   .deadline_usec = DEADLINE_USEC,
					   .is_quiet = is_json,
				   });

	if (code == CTL_OK || code == CTL_ATTENTION)
		print_plan(&view, is_json);
	json_decref(view.changes);
	json_decref(view.costs);
	json_decref(view.summary);
	return code;
}
