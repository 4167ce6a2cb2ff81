/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See command_plan.h. The plan is the one that a reload would carry out. */
#include "core/command_plan.h"

#include "core/manager.h"
#include "core/publish.h"
#include "core/quota.h"
#include "store/ledger.h"
#include "util/mem.h"

void command_plan_report(
	struct control_request *request, const struct conf_report *report)
{
	for (size_t i = 0; i < report->n; i++) {
		_cleanup_(freep) char *text =
			conf_report_format_entry(&report->entry[i]);
		control_request_row(
			request, json_pack("{s:s, s:b}", "report", text, "error",
					 (int)report->entry[i].is_error));
	}
}

static json_t *format_words(const char *text)
{
	_cleanup_(strv_freep) char **words = strv_split(text ? text : "");
	json_t *list = json_array();

	for (size_t i = 0; words && words[i]; i++)
		json_array_append_new(list, json_string(words[i]));
	return list;
}

static void tell_entry(struct control_request *request, const struct plan_entry *e)
{
	control_request_row(request,
		json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s, s:b, s:s, s:o, s:o}",
			"action", plan_action_names[e->action], "domain",
			e->slot.domain, "key_type", e->slot.key_type, "names",
			e->slot.names, "authority", e->authority, "directory",
			e->slot.authority, "order", (int)e->needs_order, "why", e->why,
			"install", format_words(e->install), "leave",
			format_words(e->leave)));
}

/* --- what it costs -------------------------------------------------------------------------- */

static size_t count_orders(const struct plan *plan, const char *authority)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n; i++)
		n += plan->entry[i].needs_order &&
		     strcmp(plan->entry[i].authority, authority) == 0;
	return n;
}

static void tell_rows(struct control_request *request, const char *kind,
	const struct conf_block *authority, const struct quota_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct quota_row *row = &rows->row[i];

		control_request_row(request,
			json_pack("{s:{s:s, s:s, s:I, s:I, s:I}}", kind, "authority",
				conf_block_get_name(authority), "name", row->name,
				"new", (json_int_t)row->n_new, "renewals",
				(json_int_t)row->n_renewals, "counted",
				(json_int_t)row->n_counted));
	}
}

/* What the orders take of the limits for registered domains and for the same names. */
static int tell_quota(struct manager *m, struct control_request *request,
	const struct conf_block *authority, const struct plan *plan, struct err *err)
{
	usec_t window = conf_get_duration(authority, "certificate_limit_window");
	const struct quota_params params = {
		.store = m->store,
		.plan = plan,
		.authority = conf_block_get_name(authority),
		.directory = conf_get_string(authority, "directory"),
		.since_usec = usec_sub(loop_wall_now(m->loop), window),
	};
	struct quota quota;
	int r = quota_load(&quota, &params, err);

	if (r < 0)
		return r;
	tell_rows(request, "domain_cost", authority, &quota.domains);
	tell_rows(request, "same_names_cost", authority, &quota.sets);
	quota_done(&quota);
	return 0;
}

static void set_limit(json_t *cost, const struct conf_block *authority,
	const char *setting, const char *key)
{
	if (conf_is_set(authority, setting))
		json_object_set_new(
			cost, key, json_integer(conf_get_int(authority, setting)));
}

static int tell_cost(struct manager *m, struct control_request *request,
	const struct conf_block *authority, size_t n_orders, struct err *err)
{
	const char *directory = conf_get_string(authority, "directory");
	usec_t window = conf_get_duration(authority, "order_limit_window");
	char text[USEC_DURATION_MAX];
	int64_t counted = store_ledger_get_count(m->store, directory, LEDGER_ORDER, "",
		usec_sub(loop_wall_now(m->loop), window), err);

	if (counted < 0)
		return (int)counted;
	json_t *cost = json_pack("{s:s, s:s, s:I, s:I, s:s}", "authority",
		conf_block_get_name(authority), "directory", directory, "orders",
		(json_int_t)n_orders, "counted", (json_int_t)counted, "window",
		usec_format_duration(window, text, sizeof(text)));
	json_object_set_new(cost, "certificate_window",
		json_string(usec_format_duration(
			conf_get_duration(authority, "certificate_limit_window"), text,
			sizeof(text))));
	set_limit(cost, authority, "order_limit", "limit");
	set_limit(cost, authority, "certificate_limit", "certificate_limit");
	set_limit(cost, authority, "duplicate_limit", "duplicate_limit");
	control_request_row(request, json_pack("{s:o}", "cost", cost));
	return 0;
}

static int tell_costs(struct manager *m, struct control_request *request,
	const struct conf *conf, const struct plan *plan, struct err *err)
{
	const struct conf_block *authority;
	int r = 0;

	for (size_t i = 0; r >= 0 && (authority = conf_get_block(conf, "authority", i));
		i++) {
		size_t n = count_orders(plan, conf_block_get_name(authority));
		if (n > 0)
			r = tell_cost(m, request, authority, n, err);
		if (n > 0 && r >= 0)
			r = tell_quota(m, request, authority, plan, err);
	}
	return r;
}

/* --- the whole ------------------------------------------------------------------------------ */

static void tell_plan(struct control_request *request, const struct plan *plan,
	const struct conf *conf)
{
	int64_t percent = conf_get_int(conf_get_root(conf), "change_brake");
	bool is_braked = plan_is_braked(plan, percent);

	control_request_row(request,
		json_pack("{s:{s:I, s:I, s:I, s:I, s:b}}", "summary", "slots",
			(json_int_t)plan->n_slots, "orders", (json_int_t)plan->n_orders,
			"removed", (json_int_t)plan->count[PLAN_REMOVE], "upset",
			(json_int_t)plan->n_upset, "held", (int)is_braked));
	if (is_braked) {
		_cleanup_(freep) char *text = plan_format_brake(plan, percent);
		control_request_end(request, COMMAND_ATTENTION, "%s", text);
		return;
	}
	control_request_end(request, COMMAND_OK,
		"%zu changes: %zu orders, %zu certificates no longer served", plan->n,
		plan->n_orders, plan->count[PLAN_REMOVE]);
}

static void end_in_trouble(struct control_request *request,
	const struct conf_report *report, const struct err *err)
{
	_cleanup_(freep) char *text = err_format(err);

	if (report->n_errors)
		control_request_end(request, COMMAND_CONFIG,
			"%zu error%s: a reload would change nothing", report->n_errors,
			report->n_errors == 1 ? "" : "s");
	else
		control_request_end(request, COMMAND_FAILED, "%s", text);
}

void command_plan_run(
	struct control_request *request, const json_t *args, void *userdata)
{
	_cleanup_(conf_report_done) struct conf_report report;
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(conf_unrefp) struct conf *conf = NULL;
	_cleanup_(plan_freep) struct plan *plan = NULL;
	struct manager *m = userdata;

	conf_report_init(&report);
	int r = manager_plan(m, &conf, &plan, &report, &err);
	command_plan_report(request, &report);
	for (size_t i = 0; r >= 0 && i < plan->n; i++)
		tell_entry(request, &plan->entry[i]);
	if (r >= 0)
		r = publish_tell(m, request, conf, plan, &err);
	if (r >= 0)
		r = tell_costs(m, request, conf, plan, &err);
	if (r < 0)
		end_in_trouble(request, &report, &err);
	else
		tell_plan(request, plan, conf);
}
