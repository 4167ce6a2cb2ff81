/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See command_revoke.h. Which certificates are meant: what a domain serves now, or one by
 * its serial number, which may have been replaced long ago. */
#include "core/commands/command_revoke.h"

#include <errno.h>

#include "core/process/manager.h"
#include "core/revocations.h"
#include "core/wanted/policy.h"
#include "store/certificate.h"
#include "util/mem.h"

struct wish {
	int64_t ids[_KEY_TYPE_MAX];
	unsigned n;
};

static int on_slot(const struct store_slot *slot, void *userdata)
{
	struct wish *wish = userdata;

	if (!slot->removed && slot->certificate_id > 0 &&
		wish->n < ARRAY_SIZE(wish->ids))
		wish->ids[wish->n++] = slot->certificate_id;
	return 0;
}

static int find_by_serial(
	struct manager *m, const char *serial, struct wish *wish, struct err *err)
{
	int r = store_certificate_find(m->store, serial, &wish->ids[0], err);

	if (r == STORE_E_NOT_FOUND)
		return err_set(err, -ENOENT,
			"no certificate with the serial number %s is known here",
			serial);
	wish->n = 1;
	return r;
}

static int find_by_name(
	struct manager *m, const char *name, struct wish *wish, struct err *err)
{
	const char *domain = policy_find_domain(m->loaded.conf, name, err);

	if (!domain)
		return err->code;
	int r = store_slot_each(m->store, domain, on_slot, wish, err);
	if (r >= 0 && wish->n == 0)
		return err_set(err, -ENOENT, "%s has no certificate yet", domain);
	return r;
}

static int ask(struct manager *m, const struct wish *wish,
	enum acme_revocation_reason reason, unsigned *ret_n_served, struct err *err)
{
	for (unsigned i = 0; i < wish->n; i++) {
		bool serves = false;
		int r = revocations_ask(
			m->revocations, wish->ids[i], reason, &serves, err);

		if (r < 0)
			return r;
		*ret_n_served += serves;
	}
	schedule_run(m->schedule);
	return 0;
}

static int find(
	struct manager *m, const json_t *args, struct wish *wish, struct err *err)
{
	const char *name = json_view_string(args, "name");
	const char *serial = json_view_string(args, "serial");

	if (m->rescue)
		return err_set(err, -EROFS, "%s", rescue_get_text(m->rescue));
	if (!name == !serial)
		return err_set(
			err, -EINVAL, "either a name is wanted, or a serial number");
	return serial ? find_by_serial(m, serial, wish, err)
		      : find_by_name(m, name, wish, err);
}

void command_revoke_run(
	struct control_request *request, const json_t *args, void *userdata)
{
	struct manager *m = userdata;
	const char *text = json_view_string(args, "reason");
	int reason =
		text ? acme_revocation_reason_parse(text) : ACME_REVOCATION_UNSPECIFIED;
	struct wish wish = { .n = 0 };
	unsigned n_served = 0;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (reason < 0) {
		control_request_end(request, COMMAND_FAILED,
			"no reason is called %s: unspecified, key-compromise, "
			"affiliation-changed, superseded, cessation",
			text);
		return;
	}
	int r = find(m, args, &wish, &err);
	if (r >= 0)
		r = ask(m, &wish, (enum acme_revocation_reason)reason, &n_served, &err);
	if (r < 0) {
		control_request_fail(request, COMMAND_FAILED, &err);
		return;
	}
	control_request_end(request, COMMAND_OK,
		n_served > 0 ? "%u to be revoked as soon as another one is served; "
			       "postsealctl status tells how it goes"
			     : "%u to be revoked; postsealctl status tells how it goes",
		wish.n);
}
