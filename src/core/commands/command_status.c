/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See command_status.h. It waits for a peer that reads slower than we write. */
#include "core/commands/command_status.h"

#include "core/base/slot_walk.h"
#include "core/commands/status.h"
#include "core/process/manager.h"
#include "core/wanted/policy.h"
#include "util/mem.h"

struct answer {
	struct manager *manager;         /* borrowed */
	struct control_request *request; /* borrowed */
	struct slot_walk *walk;          /* owned */
	unsigned n, n_attention;
};

static void answer_free(struct answer *answer)
{
	slot_walk_cancel(answer->walk);
	free(answer);
}

static void on_gone(void *userdata)
{
	answer_free(userdata);
}

static void on_slot(const struct store_slot *slot, void *userdata)
{
	struct answer *answer = userdata;

	if (slot->removed)
		return;
	json_t *row = status_format_slot(answer->manager, slot);
	answer->n++;
	answer->n_attention += status_needs_attention(row);
	control_request_row(answer->request, row);
}

static bool is_busy(void *userdata)
{
	const struct answer *answer = userdata;

	return control_request_is_busy(answer->request);
}

/* What can be read has been shown, whatever cannot. */
static void on_done(const struct err *err, void *userdata)
{
	struct answer *answer = userdata;
	struct control_request *request = answer->request;
	_cleanup_(freep) char *trouble = err ? err_format(err) : NULL;
	const bool wants_person =
		answer->n_attention > 0 || err || status_has_alarm(answer->manager);
	const unsigned n = answer->n, n_attention = answer->n_attention;

	control_request_row(
		request, status_format_summary(answer->manager, n_attention, trouble));
	control_request_on_gone(request, NULL, NULL);
	answer_free(answer);
	control_request_end(request, wants_person ? COMMAND_ATTENTION : COMMAND_OK,
		"%u certificates, %u want attention", n, n_attention);
}

static void start(
	struct control_request *request, const char *domain, struct manager *manager)
{
	struct answer *answer = xnew(struct answer);
	const struct slot_walk_params params = {
		.loop = manager->loop,
		.store = manager->store,
		.domain = domain,
		.on_slot = on_slot,
		.is_busy = is_busy,
		.done = on_done,
		.userdata = answer,
	};

	answer->manager = manager;
	answer->request = request;
	answer->walk = slot_walk_start(&params);
	control_request_on_gone(request, on_gone, answer);
}

void command_status_run(
	struct control_request *request, const json_t *args, void *userdata)
{
	struct manager *m = userdata;
	const char *name = json_view_string(args, "name");
	_cleanup_(err_done) struct err err = ERR_INIT;
	const char *domain =
		name ? policy_find_domain(m->loaded.conf, name, &err) : NULL;

	if (name && !domain)
		control_request_fail(request, COMMAND_FAILED, &err);
	else
		start(request, domain, m);
}
