/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See replay_run.h. Each operation is dropped inside its own done, before the result is
 * read: the hardest case that the contract of operations allows.
 */
#include "tests/replay/replay_run.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "acme/account.h"
#include "acme/ari.h"
#include "acme/authz.h"
#include "acme/deactivation.h"
#include "acme/key_change.h"
#include "acme/order.h"
#include "acme/revocation.h"
#include "util/mem.h"

#define DIRECTORY_URL "https://ca.test/directory"
/* 2026-11-01T00:00:00Z */
#define WALL_USEC (1793491200 * USEC_PER_SEC)

struct replay_run *replay_run_new(void)
{
	struct replay_run *run = xnew(struct replay_run);

	run->loop = fake_loop_new();
	fake_loop_set_wall(run->loop, WALL_USEC);
	run->http = replay_http_new(run->loop);
	run->ca = replay_ca_new(run->loop);
	run->next = replay_ca_new(run->loop);
	run->solver = replay_solver_new(run->loop);
	return run;
}

static void forget_result(struct replay_run *run)
{
	free(TAKE_PTR(run->sentence));
	free(TAKE_PTR(run->kind));
	free(TAKE_PTR(run->problem));
	free(TAKE_PTR(run->urn));
	free(TAKE_PTR(run->data));
	run->is_done = run->has_started = false;
	run->outcome = NULL;
	run->retry_at_usec = 0;
}

struct replay_run *replay_run_free(struct replay_run *run)
{
	if (!run)
		return NULL;
	replay_run_cancel(run);
	forget_result(run);
	acme_client_free(run->client);
	replay_solver_free(run->solver);
	replay_ca_free(run->next);
	replay_ca_free(run->ca);
	http_client_free(run->http);
	loop_free(run->loop);
	for (size_t i = 0; i < run->n_settings; i++) {
		free(run->settings[i][0]);
		free(run->settings[i][1]);
	}
	strv_free(run->contact);
	strv_free(run->hosts);
	strv_free(run->names);
	free(run);
	return NULL;
}

void replay_run_set(struct replay_run *run, const char *name, const char *value)
{
	if (strcmp(name, "name") == 0) {
		strv_append(&run->names, value);
	} else if (strcmp(name, "host") == 0) {
		strv_append(&run->hosts, value);
	} else if (strcmp(name, "contact") == 0) {
		strv_append(&run->contact, value);
	} else {
		assert(run->n_settings < ARRAY_SIZE(run->settings));
		run->settings[run->n_settings][0] = xstrdup(name);
		run->settings[run->n_settings++][1] = xstrdup(value);
	}
}

const char *replay_run_get(const struct replay_run *run, const char *name)
{
	for (size_t i = run->n_settings; i > 0; i--) {
		if (strcmp(run->settings[i - 1][0], name) == 0)
			return run->settings[i - 1][1];
	}
	return NULL;
}

void replay_run_cancel(struct replay_run *run)
{
	if (run->op)
		run->op_cancel(TAKE_PTR(run->op));
}

/* --- results ------------------------------------------------------------------------ */

static void end(struct replay_run *run, const char *outcome, const struct err *err,
	const struct acme_problem *problem)
{
	assert(run->has_started && !run->is_done);
	replay_run_cancel(run);
	run->is_done = true;
	run->outcome = outcome;
	run->sentence = err ? err_format(err) : xstrdup("");
	run->kind = xstrdup(err ? err_kind_name(err->kind) : "");
	run->problem = problem ? acme_problem_format(problem) : xstrdup("");
	run->urn = xstrdup(problem ? problem->urn : "");
}

static void on_order_done(const struct acme_order_result *result, void *userdata)
{
	static const char *const outcomes[] = {
		[ACME_ORDER_ISSUED] = "issued",
		[ACME_ORDER_REFUSED] = "refused",
		[ACME_ORDER_UNSOLVED] = "unsolved",
		[ACME_ORDER_BROKEN] = "broken",
		[ACME_ORDER_LATE] = "late",
	};
	struct replay_run *run = userdata;

	assert((result->outcome == ACME_ORDER_ISSUED) == !result->err);
	assert((result->outcome == ACME_ORDER_ISSUED) == !!result->chain_pem);
	assert((result->outcome == ACME_ORDER_REFUSED) == !!result->problem);
	end(run, outcomes[result->outcome], result->err, result->problem);
	if (result->chain_pem) {
		assert(strlen(result->chain_pem) == result->chain_len);
		run->data = xstrdup(result->chain_pem);
	}
	run->retry_at_usec = result->retry_at_usec;
}

static void on_authz_done(const struct acme_authz_result *result, void *userdata)
{
	static const char *const outcomes[] = {
		[ACME_AUTHZ_IS_VALID] = "valid",
		[ACME_AUTHZ_REFUSED] = "refused",
		[ACME_AUTHZ_UNSOLVED] = "unsolved",
		[ACME_AUTHZ_BROKEN] = "broken",
	};
	struct replay_run *run = userdata;

	assert((result->outcome == ACME_AUTHZ_IS_VALID) == !result->err);
	assert((result->outcome == ACME_AUTHZ_REFUSED) == !!result->problem);
	end(run, outcomes[result->outcome], result->err, result->problem);
	run->data = xstrdup(result->name);
	run->retry_at_usec = result->retry_at_usec;
}

static void on_request_done(const struct acme_request_result *result, void *userdata)
{
	static const char *const outcomes[] = {
		[ACME_REQUEST_OK] = "ok",
		[ACME_REQUEST_REFUSED] = "refused",
		[ACME_REQUEST_FAILED] = "failed",
	};
	struct replay_run *run = userdata;

	assert((result->outcome == ACME_REQUEST_OK) == !result->err);
	assert((result->outcome == ACME_REQUEST_REFUSED) == !!result->problem);
	end(run, outcomes[result->outcome], result->err, result->problem);
	run->data = xstrdup(result->location);
	run->retry_at_usec = result->retry_at_usec;
}

static void on_account_done(const struct acme_account_result *result, void *userdata)
{
	struct replay_run *run = userdata;

	assert(!result->url == !!result->err);
	end(run, result->url ? "known" : "unknown", result->err, result->problem);
	run->data = xasprintf("%s %s %s", result->url ? result->url : "-",
		result->status ? result->status : "-",
		result->created ? "created" : "found");
	run->retry_at_usec = result->err ? result->err->retry_at_usec : 0;
}

static void on_ari_done(const struct acme_ari_result *result, void *userdata)
{
	struct replay_run *run = userdata;
	char start[USEC_RFC3339_MAX], stop[USEC_RFC3339_MAX];

	end(run, result->is_known ? "known" : "unknown", result->err, NULL);
	if (result->is_known)
		run->data = xasprintf("%s %s %s",
			usec_format_rfc3339(result->start_usec, start, sizeof(start)),
			usec_format_rfc3339(result->end_usec, stop, sizeof(stop)),
			result->explanation_url ? result->explanation_url : "-");
	run->retry_at_usec = result->ask_again_usec;
}

static void on_key_change_done(
	const struct acme_key_change_result *result, void *userdata)
{
	static const char *const outcomes[] = {
		[ACME_KEY_CHANGED] = "changed",
		[ACME_KEY_REFUSED] = "refused",
		[ACME_KEY_UNSURE] = "unsure",
	};
	struct replay_run *run = userdata;

	assert((result->outcome == ACME_KEY_CHANGED) == !result->err);
	assert(result->outcome != ACME_KEY_REFUSED || result->problem);
	end(run, outcomes[result->outcome], result->err, result->problem);
}

static void on_deactivation_done(
	const struct acme_deactivation_result *result, void *userdata)
{
	assert(result->is_deactivated == !result->err);
	end(userdata, result->is_deactivated ? "deactivated" : "kept", result->err,
		result->problem);
}

static void on_revocation_done(
	const struct acme_revocation_result *result, void *userdata)
{
	struct replay_run *run = userdata;

	assert(result->is_revoked == !result->err);
	assert(result->is_revoked || !result->was_revoked);
	end(run, result->is_revoked ? "revoked" : "kept", result->err, result->problem);
	run->data = xstrdup(result->was_revoked ? "before" : "now");
}

/* --- starts -------------------------------------------------------------------------- */

static void cancel_order(void *op)
{
	acme_order_cancel(op);
}

static void cancel_account(void *op)
{
	acme_account_cancel(op);
}

static void cancel_ari(void *op)
{
	acme_ari_cancel(op);
}

static void cancel_authz(void *op)
{
	acme_authz_cancel(op);
}

static void cancel_deactivation(void *op)
{
	acme_deactivation_cancel(op);
}

static void cancel_key_change(void *op)
{
	acme_key_change_cancel(op);
}

static void cancel_request(void *op)
{
	acme_request_cancel(op);
}

static void cancel_revocation(void *op)
{
	acme_revocation_cancel(op);
}

static usec_t get_duration(const struct replay_run *run, const char *name)
{
	const char *text = replay_run_get(run, name);
	usec_t usec = 0;

	assert(!text || usec_parse_duration(text, &usec));
	return usec;
}

static int start_order(struct replay_run *run, struct err *err)
{
	static const uint8_t csr[] = "a certificate signing request";
	struct acme_order *op = NULL;
	const struct acme_order_params params = {
		.names = run->names,
		.csr = csr,
		.csr_len = sizeof(csr) - 1,
		.profile = replay_run_get(run, "profile"),
		.replaces = replay_run_get(run, "replaces"),
		.preferred_chain = replay_run_get(run, "preferred_chain"),
		.resume_url = replay_run_get(run, "resume"),
		.solver = replay_solver_get(run->solver),
		.progress = replay_solver_get_progress(run->solver),
		.deadline_usec = get_duration(run, "deadline"),
	};

	if (!replay_run_get(run, "no_account"))
		acme_client_set_account(run->client, REPLAY_ACCOUNT);
	int r = acme_order_start(&op, run->client, &params, on_order_done, run, err);
	run->op = op;
	run->op_cancel = cancel_order;
	return r;
}

static int start_account(struct replay_run *run, struct err *err)
{
	struct acme_account *op = NULL;
	const struct acme_account_params params = {
		.contact = run->contact,
		.agree_to_terms = replay_run_get(run, "agree_to_terms"),
		.only_existing = replay_run_get(run, "only_existing"),
		.eab_kid = replay_run_get(run, "eab_kid"),
		.eab_hmac_key = replay_run_get(run, "eab_hmac_key"),
	};

	int r = acme_account_start(
		&op, run->client, &params, on_account_done, run, err);
	run->op = op;
	run->op_cancel = cancel_account;
	return r;
}

static int start_ari(struct replay_run *run, struct err *err)
{
	struct acme_ari *op = NULL;
	const char *id = replay_run_get(run, "ari_id");

	int r = acme_ari_start(&op, run->client,
		id ? id : "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", on_ari_done, run, err);
	run->op = op;
	run->op_cancel = cancel_ari;
	return r;
}

static int start_authz(struct replay_run *run, struct err *err)
{
	struct acme_authz *op = NULL;
	const char *url = replay_run_get(run, "url");
	const struct acme_authz_params params = {
		.url = url ? url : "https://ca.test/authz/1",
		.names = run->names,
		.solver = replay_solver_get(run->solver),
		.progress = replay_solver_get_progress(run->solver),
		.deadline_usec = get_duration(run, "deadline"),
	};

	acme_client_set_account(run->client, REPLAY_ACCOUNT);
	int r = acme_authz_start(&op, run->client, &params, on_authz_done, run, err);
	run->op = op;
	run->op_cancel = cancel_authz;
	return r;
}

static void set_account(struct replay_run *run)
{
	acme_client_set_account(
		run->client, replay_run_get(run, "no_account") ? NULL : REPLAY_ACCOUNT);
}

static int start_key_change(struct replay_run *run, struct err *err)
{
	struct acme_key_change *op = NULL;

	set_account(run);
	int r = acme_key_change_start(&op, run->client, replay_ca_get_signer(run->next),
		on_key_change_done, run, err);
	run->op = op;
	run->op_cancel = cancel_key_change;
	return r;
}

static int start_deactivation(struct replay_run *run, struct err *err)
{
	struct acme_deactivation *op = NULL;

	set_account(run);
	int r = acme_deactivation_start(
		&op, run->client, on_deactivation_done, run, err);
	run->op = op;
	run->op_cancel = cancel_deactivation;
	return r;
}

static int start_revocation(struct replay_run *run, struct err *err)
{
	struct acme_revocation *op = NULL;
	const char *text = replay_run_get(run, "certificate");
	const char *reason = replay_run_get(run, "reason");
	const struct acme_revocation_params params = {
		.certificate = (const uint8_t *)(text ? text : "a certificate"),
		.certificate_len = strlen(text ? text : "a certificate"),
		.reason = reason ? (enum acme_revocation_reason)
					   acme_revocation_reason_parse(reason)
				 : ACME_REVOCATION_UNSPECIFIED,
	};

	set_account(run);
	int r = acme_revocation_start(
		&op, run->client, &params, on_revocation_done, run, err);
	run->op = op;
	run->op_cancel = cancel_revocation;
	return r;
}

static int start_request(struct replay_run *run, struct err *err)
{
	struct acme_request *op = NULL;
	const char *url = replay_run_get(run, "url");
	const struct acme_request_params params = {
		.resource = url ? ACME_URL : ACME_NEW_ACCOUNT,
		.url = url,
		.payload = "{}",
	};

	int r = acme_request_start(
		&op, run->client, &params, on_request_done, run, err);
	run->op = op;
	run->op_cancel = cancel_request;
	return r;
}

static int start_client(struct replay_run *run, struct err *err)
{
	const char *url = replay_run_get(run, "directory");
	const char *max_signed = replay_run_get(run, "max_signed");
	const struct acme_client_params params = {
		.loop = run->loop,
		.http = run->http,
		.directory_url = url ? url : DIRECTORY_URL,
		.hosts = run->hosts,
		.signer = replay_ca_get_signer(run->ca),
		.max_signed = max_signed ? (unsigned)strtoul(max_signed, NULL, 10) : 0,
	};

	return run->client ? 0 : acme_client_new(&run->client, &params, err);
}

static int start_named(struct replay_run *run, const char *what, struct err *err)
{
	static const struct {
		const char *name;
		int (*start)(struct replay_run *run, struct err *err);
	} starts[] = {
		{ "order", start_order },
		{ "authz", start_authz },
		{ "account", start_account },
		{ "ari", start_ari },
		{ "key_change", start_key_change },
		{ "deactivation", start_deactivation },
		{ "revocation", start_revocation },
		{ "request", start_request },
	};

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		if (strcmp(starts[i].name, what) == 0)
			return starts[i].start(run, err);
	}
	return err_set(err, -EINVAL, "no such operation: %s", what);
}

char *replay_run_start(struct replay_run *run, const char *what)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	assert(!run->op);
	forget_result(run);
	int r = start_client(run, &err);
	if (r == 0)
		r = start_named(run, what, &err);
	if (r < 0) {
		assert(!run->op && !run->is_done);
		return err_format(&err);
	}
	run->has_started = true;
	return NULL;
}
