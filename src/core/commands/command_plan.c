/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See command_plan.h. The plan is the one that a reload would carry out. */
#include "core/commands/command_plan.h"

#include "core/base/steps.h"
#include "core/commands/publish.h"
#include "core/process/manager.h"
#include "core/wanted/draft.h"
#include "core/wanted/quota.h"
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

static void tell_row(struct control_request *request, const char *kind,
	const struct conf_block *authority, const struct quota_row *row)
{
	control_request_row(request,
		json_pack("{s:{s:s, s:s, s:I, s:I, s:I}}", kind, "authority",
			conf_block_get_name(authority), "name", row->name, "new",
			(json_int_t)row->n_new, "renewals", (json_int_t)row->n_renewals,
			"counted", (json_int_t)row->n_counted));
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
	if (report->n_errors)
		control_request_end(request, COMMAND_CONFIG,
			"%zu error%s: a reload would change nothing", report->n_errors,
			report->n_errors == 1 ? "" : "s");
	else
		control_request_fail(request, COMMAND_FAILED, err);
}

struct planned {
	struct manager *manager;         /* borrowed */
	struct control_request *request; /* borrowed */
	struct conf_report report;
	bool is_reported;
	struct draft *draft;     /* owned */
	struct steps *steps;     /* owned */
	size_t i_entry;          /* the next to be told */
	struct publish *publish; /* owned; NULL: not begun */
	size_t i_authority;
	struct quota *quota; /* owned; of that authority; NULL: not begun */
	size_t i_row;        /* of the quota's, the next to be told */
};

static int draft_some(void *userdata, struct err *err)
{
	struct planned *p = userdata;

	return draft_step(p->draft, err);
}

static int tell_report(void *userdata, struct err *err)
{
	struct planned *p = userdata;

	if (!p->is_reported)
		command_plan_report(p->request, &p->report);
	p->is_reported = true;
	return 0;
}

static int tell_some_entry(void *userdata, struct err *err)
{
	struct planned *p = userdata;
	const struct plan *plan = draft_get_plan(p->draft);

	if (p->i_entry == plan->n)
		return 0;
	tell_entry(p->request, &plan->entry[p->i_entry++]);
	return 1;
}

static int tell_some_published(void *userdata, struct err *err)
{
	struct planned *p = userdata;

	if (!p->publish) {
		const struct publish_params params = { p->manager, p->request,
			draft_get_conf(p->draft), draft_get_plan(p->draft) };
		p->publish = publish_new(&params);
	}
	return publish_step(p->publish, err);
}

static void begin_quota(struct planned *p, const struct conf_block *authority)
{
	usec_t window = conf_get_duration(authority, "certificate_limit_window");
	const struct quota_params params = {
		.store = p->manager->store,
		.plan = draft_get_plan(p->draft),
		.authority = conf_block_get_name(authority),
		.directory = conf_get_string(authority, "directory"),
		.since_usec = usec_sub(loop_wall_now(p->manager->loop), window),
	};

	p->quota = quota_new(&params);
}

/* One row; false: there is none left. */
static bool tell_quota_row(struct planned *p, const struct conf_block *authority)
{
	const struct quota_rows *domains = quota_get_domains(p->quota);
	const struct quota_rows *sets = quota_get_sets(p->quota);
	size_t i = p->i_row++;

	if (i < domains->n)
		tell_row(p->request, "domain_cost", authority, &domains->row[i]);
	else if (i - domains->n < sets->n)
		tell_row(p->request, "same_names_cost", authority,
			&sets->row[i - domains->n]);
	else
		return false;
	return true;
}

/* What the orders take of the limits for registered domains and for the same names. */
static int tell_quota(
	struct planned *p, const struct conf_block *authority, struct err *err)
{
	int r = quota_step(p->quota, err);

	if (r != 0 || tell_quota_row(p, authority))
		return r < 0 ? r : 1;
	p->quota = quota_free(p->quota);
	p->i_row = 0;
	p->i_authority++;
	return 1;
}

static int tell_some_cost(void *userdata, struct err *err)
{
	struct planned *p = userdata;
	const struct conf_block *authority =
		conf_get_block(draft_get_conf(p->draft), "authority", p->i_authority);

	if (!authority)
		return 0;
	if (p->quota)
		return tell_quota(p, authority, err);
	size_t n =
		count_orders(draft_get_plan(p->draft), conf_block_get_name(authority));
	if (n == 0) {
		p->i_authority++;
		return 1;
	}
	begin_quota(p, authority);
	int r = tell_cost(p->manager, p->request, authority, n, err);
	return r < 0 ? r : 1;
}

static steps_part_fn *const plan_parts[] = {
	draft_some,
	tell_report,
	tell_some_entry,
	tell_some_published,
	tell_some_cost,
	NULL,
};

static void planned_free(struct planned *p)
{
	steps_cancel(p->steps);
	quota_free(p->quota);
	publish_free(p->publish);
	draft_free(p->draft);
	conf_report_done(&p->report);
	free(p);
}

static void on_plan_gone(void *userdata)
{
	planned_free(userdata);
}

static bool is_plan_busy(void *userdata)
{
	const struct planned *p = userdata;

	return control_request_is_busy(p->request);
}

static void on_plan_told(int r, const struct err *err, void *userdata)
{
	struct planned *p = userdata;

	control_request_on_gone(p->request, NULL, NULL);
	tell_report(p, NULL);
	if (r < 0)
		end_in_trouble(p->request, &p->report, err);
	else
		tell_plan(
			p->request, draft_get_plan(p->draft), draft_get_conf(p->draft));
	planned_free(p);
}

void command_plan_run(
	struct control_request *request, const json_t *args, void *userdata)
{
	struct planned *p = xnew(struct planned);
	struct manager *m = userdata;
	const struct draft_params draft = { m->loop, &m->loaded, &m->load, m->store,
		&p->report };
	const struct steps_params steps = {
		.loop = m->loop,
		.parts = plan_parts,
		.is_busy = is_plan_busy,
		.done = on_plan_told,
		.userdata = p,
	};

	p->manager = m;
	p->request = request;
	conf_report_init(&p->report);
	p->draft = draft_new(&draft);
	p->steps = steps_start(&steps);
	control_request_on_gone(request, on_plan_gone, p);
}
