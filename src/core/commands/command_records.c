/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See command_records.h. With a check the rows wait until the looks are over, or for so
 * long that they would not be any more.
 */
#include "core/commands/command_records.h"

#include <string.h>

#include "core/process/manager.h"
#include "core/wanted/policy.h"
#include "util/mem.h"

#define LOOK_AGAIN_USEC (100 * USEC_PER_MSEC)
#define CHECK_USEC      (40 * USEC_PER_SEC)

struct answer {
	struct manager *manager;         /* borrowed */
	struct control_request *request; /* borrowed */
	struct loop_timer *timer;        /* owned */
	char *domain;                    /* owned; NULL: all */
	bool is_pending;                 /* only those that are not there */
	usec_t until_usec;               /* monotonic */
	unsigned n_missing;
};

static void answer_free(struct answer *answer)
{
	loop_timer_free(answer->timer);
	free(answer->domain);
	free(answer);
}

static void on_gone(void *userdata)
{
	answer_free(userdata);
}

static json_t *format_when(usec_t usec)
{
	char at[USEC_RFC3339_MAX];

	return usec ? json_string(usec_format_rfc3339(usec, at, sizeof(at)))
		    : json_null();
}

static json_t *format_record(const struct store_wanted_record *row)
{
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:o, s:o, s:o}",
		"domain", row->domain, "name", row->name, "challenge", row->challenge,
		"owner", row->owner, "type", row->type, "value", row->value, "why",
		row->why, "state", store_record_state_names[row->state], "detail",
		row->detail, "until", format_when(row->until_usec), "since",
		format_when(row->since_usec), "checked",
		format_when(row->checked_usec));
}

static void on_record(const struct store_wanted_record *row, void *userdata)
{
	struct answer *a = userdata;
	bool is_missing =
		row->state != STORE_RECORD_THERE && row->state != STORE_RECORD_REMOVED;

	if (a->domain && strcmp(a->domain, row->domain) != 0)
		return;
	a->n_missing += is_missing;
	if (is_missing || !a->is_pending)
		control_request_row(a->request, format_record(row));
}

static void tell(struct answer *a)
{
	struct control_request *request = a->request;

	records_each(a->manager->records, on_record, a);
	unsigned n = a->n_missing;
	control_request_on_gone(request, NULL, NULL);
	answer_free(a);
	if (n > 0)
		control_request_end(
			request, COMMAND_ATTENTION, "%u wanted record(s) not there", n);
	else
		control_request_end(request, COMMAND_OK, "%s", "");
}

static void on_look_again(struct loop_timer *timer, void *userdata)
{
	struct answer *a = userdata;

	if (records_count_open(a->manager->records) > 0 &&
		loop_now(a->manager->loop) < a->until_usec)
		loop_timer_set_after(timer, LOOK_AGAIN_USEC);
	else
		tell(a);
}

/* The first look begins a moment after it was asked for. */
static void check(struct answer *a)
{
	struct loop *loop = a->manager->loop;

	records_check(a->manager->records, a->domain);
	a->until_usec = usec_add(loop_now(loop), CHECK_USEC);
	loop_timer_set_after(a->timer, 2 * LOOK_AGAIN_USEC);
}

void command_records_run(
	struct control_request *request, const json_t *args, void *userdata)
{
	struct manager *m = userdata;
	const char *name = json_view_string(args, "name");
	_cleanup_(err_done) struct err err = ERR_INIT;
	const char *domain =
		name ? policy_find_domain(m->loaded.conf, name, &err) : NULL;

	if (name && !domain) {
		_cleanup_(freep) char *text = err_format(&err);
		control_request_end(request, COMMAND_FAILED, "%s", text);
		return;
	}
	struct answer *a = xnew(struct answer);
	a->manager = m;
	a->request = request;
	a->domain = xstrdup(domain);
	a->is_pending = json_view_bool(args, "pending", false);
	a->timer = loop_timer_new(m->loop, on_look_again, a);
	control_request_on_gone(request, on_gone, a);
	if (json_view_bool(args, "check", false))
		check(a);
	else
		tell(a);
}
