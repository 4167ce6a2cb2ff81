/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Renewal information (RFC 9773 section 4).
 *
 *     DIRECTORY --has renewalInfo--> GET renewalInfo/ID --> done
 *         |                                                  ^
 *         +--has none: not known, and that is no error ------+
 *
 * A window that cannot be used counts as no answer. When to ask again is always said.
 */
#include "acme/ari.h"

#include <errno.h>
#include <string.h>

#include "acme/syntax.h"
#include "util/json_view.h"
#include "util/mem.h"

#define ASK_AGAIN_MIN_USEC    USEC_PER_MIN
#define ASK_AGAIN_MAX_USEC    USEC_PER_DAY
#define ASK_AGAIN_FAILED_USEC (6 * USEC_PER_HOUR)
#define ID_BYTES_MAX          256
#define EXPLANATION_BYTES_MAX 1024

struct acme_ari {
	/* inputs */
	struct acme_client *client; /* borrowed */
	char *id;                   /* owned */
	acme_ari_done_fn *done;
	void *userdata;

	/* owned operations */
	struct acme_request *request;
};

static void on_directory_done(const struct acme_request_result *result, void *userdata);
static void on_answered(const struct acme_request_result *result, void *userdata);

static usec_t wall_now(const struct acme_ari *op)
{
	return loop_wall_now(acme_client_get_loop(op->client));
}

static void complete(struct acme_ari *op, const struct acme_ari_result *result)
{
	acme_ari_done_fn *done = TAKE_PTR(op->done);

	done(result, TAKE_PTR(op->userdata));
}

/* A CA in trouble may ask for more patience than we have by ourselves. */
static void complete_failed(struct acme_ari *op, struct err *err)
{
	const usec_t now = wall_now(op);
	const usec_t most = usec_add(now, ASK_AGAIN_MAX_USEC);
	const struct acme_ari_result result = {
		.ask_again_usec = MAX(MIN(err->retry_at_usec, most),
			usec_add(now, ASK_AGAIN_FAILED_USEC)),
		.err = err,
	};

	err_wrap(err, err->code, "renewal information");
	complete(op, &result);
}

static void complete_by_request(
	struct acme_ari *op, const struct acme_request_result *result)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	err_copy(&err, result->err);
	err.retry_at_usec = MAX(err.retry_at_usec, result->retry_at_usec);
	complete_failed(op, &err);
}

static void complete_without(struct acme_ari *op)
{
	const struct acme_ari_result result = {
		.ask_again_usec = usec_add(wall_now(op), ASK_AGAIN_MAX_USEC),
	};

	complete(op, &result);
}

/* --- is there any (3) --------------------------------------------------------------- */

static int start_directory(struct acme_ari *op, struct err *err)
{
	const struct acme_request_params params = { .resource = ACME_DIRECTORY };

	return acme_request_start(
		&op->request, op->client, &params, on_directory_done, op, err);
}

static int start_get(struct acme_ari *op, const char *renewal_info, struct err *err)
{
	const size_t len = strlen(renewal_info);
	_cleanup_(freep) char *url = xasprintf("%s%s%s", renewal_info,
		len > 0 && renewal_info[len - 1] == '/' ? "" : "/", op->id);
	const struct acme_request_params params = {
		.resource = ACME_URL,
		.url = url,
		.flags = ACME_PLAIN_GET,
	};

	op->request = acme_request_cancel(op->request);
	return acme_request_start(
		&op->request, op->client, &params, on_answered, op, err);
}

static void on_directory_done(const struct acme_request_result *result, void *userdata)
{
	struct acme_ari *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (result->outcome != ACME_REQUEST_OK) {
		complete_by_request(op, result);
		return;
	}
	const char *renewal_info = acme_client_get_directory(op->client)->renewal_info;
	if (!renewal_info) {
		complete_without(op);
		return;
	}
	if (start_get(op, renewal_info, &err) < 0)
		complete_failed(op, &err);
}

/* --- what it says (4.2, 4.3) ------------------------------------------------------------ */

static int read_time(
	const json_t *window, const char *member, usec_t *ret, struct err *err)
{
	const char *text = window ? json_view_string(window, member) : NULL;

	if (text && usec_parse_rfc3339(text, ret))
		return 0;
	return err_set_kind(
		err, ERR_CA, -EPROTO, "the suggested window has no usable %s", member);
}

static int read_window(struct acme_ari_result *ret, const json_t *json, struct err *err)
{
	const json_t *window = json ? json_view_object(json, "suggestedWindow") : NULL;

	int r = read_time(window, "start", &ret->start_usec, err);
	if (r == 0)
		r = read_time(window, "end", &ret->end_usec, err);
	if (r == 0 && ret->start_usec >= ret->end_usec)
		r = err_set_kind(err, ERR_CA, -EPROTO,
			"the suggested window ends before it starts");
	return r;
}

static usec_t clamp_ask_again(usec_t now, usec_t retry_at_usec)
{
	const usec_t wait = retry_at_usec == 0 ? ASK_AGAIN_FAILED_USEC
					       : usec_sub(retry_at_usec, now);

	return usec_add(now, MAX(MIN(wait, ASK_AGAIN_MAX_USEC), ASK_AGAIN_MIN_USEC));
}

static void on_answered(const struct acme_request_result *answer, void *userdata)
{
	struct acme_ari *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct acme_ari_result result = { .is_known = true };

	if (answer->outcome != ACME_REQUEST_OK) {
		complete_by_request(op, answer);
		return;
	}
	if (read_window(&result, answer->json, &err) < 0) {
		complete_failed(op, &err);
		return;
	}
	const char *explanation = json_view_string(answer->json, "explanationURL");
	if (syntax_is_graphic(explanation, EXPLANATION_BYTES_MAX))
		result.explanation_url = explanation;
	result.ask_again_usec = clamp_ask_again(wall_now(op), answer->retry_at_usec);
	complete(op, &result);
}

/* --- start, cancel ------------------------------------------------------------------------ */

/* Two parts of base64url with a dot between (RFC 9773 4.1). */
static bool is_id(const char *id)
{
	const char *dot = id ? strchr(id, '.') : NULL;

	if (!dot || !syntax_is_base64url(dot + 1, ID_BYTES_MAX))
		return false;
	_cleanup_(freep) char *first = xstrndup(id, (size_t)(dot - id));
	return syntax_is_base64url(first, ID_BYTES_MAX);
}

int acme_ari_start(struct acme_ari **ret, struct acme_client *client,
	const char *ari_id, acme_ari_done_fn *done, void *userdata, struct err *err)
{
	_cleanup_(acme_ari_cancelp) struct acme_ari *op = xnew(struct acme_ari);

	if (!is_id(ari_id))
		return err_set(
			err, -EINVAL, "renewal information: no certificate identifier");
	op->client = client;
	op->id = xstrdup(ari_id);
	op->done = done;
	op->userdata = userdata;
	int r = start_directory(op, err);
	if (r < 0)
		return err_wrap(err, r, "renewal information");
	*ret = TAKE_PTR(op);
	return 0;
}

struct acme_ari *acme_ari_cancel(struct acme_ari *op)
{
	if (!op)
		return NULL;
	acme_request_cancel(op->request);
	free(op->id);
	free(op);
	return NULL;
}
