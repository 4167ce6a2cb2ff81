/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See command_renew.h. */
#include "core/commands/command_renew.h"

#include <errno.h>

#include "core/commands/slot_ids.h"
#include "core/process/manager.h"
#include "core/wanted/policy.h"
#include "util/mem.h"

struct renewal {
	struct control_request *request;
	struct schedule_watch *watch[_KEY_TYPE_MAX];
	unsigned n_open, n_failed;
};

static void renewal_free(struct renewal *r)
{
	for (unsigned i = 0; i < ARRAY_SIZE(r->watch); i++)
		schedule_unwatch(r->watch[i]);
	free(r);
}

static void on_renewal_gone(void *userdata)
{
	renewal_free(userdata);
}

static void on_renewed(bool ok, void *userdata)
{
	struct renewal *r = userdata;

	r->n_failed += !ok;
	if (--r->n_open > 0)
		return;
	struct control_request *request = r->request;
	unsigned n_failed = r->n_failed;
	control_request_on_gone(request, NULL, NULL);
	renewal_free(r);
	if (n_failed)
		control_request_end(request, COMMAND_FAILED,
			"not renewed; postsealctl status tells why");
	else
		control_request_end(request, COMMAND_OK, "renewed and served");
}

/* Is there anything to do without --force? */
static bool is_renewal_due(
	struct manager *m, const struct slot_ids *slots, char **ret_when)
{
	for (unsigned i = 0; i < slots->n; i++) {
		struct store_slot slot = { 0 };
		char date[USEC_RFC3339_MAX];

		if (store_slot_load(m->store, slots->id[i], &slot, NULL) != 0)
			continue;
		bool due = slot.certificate_id == 0 || slot.attempts > 0 ||
			   slot.due_usec <= loop_wall_now(m->loop);
		xstrset(ret_when,
			usec_format_rfc3339(slot.due_usec, date, sizeof(date)));
		store_slot_done(&slot);
		if (due)
			return true;
	}
	return false;
}

static void watch_renewal(struct manager *m, struct control_request *request,
	const struct slot_ids *slots)
{
	struct renewal *r = xnew(struct renewal);

	r->request = request;
	r->n_open = slots->n;
	for (unsigned i = 0; i < slots->n; i++)
		r->watch[i] = schedule_watch(m->schedule, slots->id[i], on_renewed, r);
	control_request_on_gone(request, on_renewal_gone, r);
}

static int start_renewals(struct manager *m, const struct slot_ids *slots,
	unsigned flags, struct err *err)
{
	for (unsigned i = 0; i < slots->n; i++) {
		_cleanup_(err_done) struct err why = ERR_INIT;
		int r = schedule_start(m->schedule, slots->id[i], flags, &why);

		if (r < 0 && r != -EBUSY) {
			err_move(err, &why);
			return r;
		}
	}
	return 0;
}

void command_renew_run(
	struct control_request *request, const json_t *args, void *userdata)
{
	struct manager *m = userdata;
	bool force = json_view_bool(args, "force", false);
	struct slot_ids slots = { .n = 0 };
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) char *when = NULL;
	const char *domain = policy_find_domain(
		m->loaded.conf, json_view_string(args, "name"), &err);

	if (!domain || slot_ids_load(&slots, m->store, domain, &err) < 0) {
		control_request_fail(request, COMMAND_FAILED, &err);
		return;
	}
	if (!force && !is_renewal_due(m, &slots, &when)) {
		control_request_end(request, COMMAND_FAILED,
			"%s is not due before %s; --force orders all the same", domain,
			when ? when : "(never)");
		return;
	}
	if (start_renewals(m, &slots, force ? JOB_FORCED : 0, &err) < 0) {
		control_request_fail(request, COMMAND_FAILED, &err);
		return;
	}
	if (json_view_bool(args, "wait", false) && slots.n > 0)
		watch_renewal(m, request, &slots);
	else
		control_request_end(
			request, COMMAND_OK, "renewal of %s has begun", domain);
}
