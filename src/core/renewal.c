/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See renewal.h.
 *
 *   start ──known, or not to be asked yet──────────────────────► decide ──► done
 *     └──► account ──► renewal information (acme/ari) ──answer──────┘
 *              └──────── cannot be asked ──────────────────────────┘
 *
 * What the CA has said is stored with the moment that was chosen in its window. A window
 * that does not overlap the certificate's life is nonsense and counts as no answer. A CA
 * that wants each new certificate renewed at once is obeyed, but every time after twice
 * the wait: revocation is in earnest, a loop of orders is not.
 */
#include "core/renewal.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "acme/ari.h"
#include "core/wanted/policy.h"
#include "pki/cert.h"
#include "store/renewal.h"
#include "util/mem.h"

/* The soonest that a new certificate is renewed again because its CA says so. */
#define EARLY_USEC  (6 * USEC_PER_HOUR)
#define FAILED_USEC (6 * USEC_PER_HOUR)
/* acme/ari.h: no CA may have us wait longer; a stored time beyond that comes from a
 * clock that was wrong. */
#define ASK_AGAIN_MAX_USEC USEC_PER_DAY

struct renewal {
	/* inputs */
	struct renewal_params params;
	renewal_done_fn *done;
	void *userdata;

	/* owned operations */
	struct loop_defer *defer;
	struct authority_ensure *ensure;
	struct acme_ari *ari;

	/* facts, as they stand in the store */
	struct store_renewal said;
};

static usec_t wall_now(const struct renewal *op)
{
	return loop_wall_now(op->params.loop);
}

static usec_t lifetime(const struct renewal *op)
{
	const struct store_certificate *c = op->params.certificate;

	return usec_sub(c->not_after_usec, c->not_before_usec);
}

usec_t renewal_get_by_lifetime(
	const struct store_certificate *certificate, usec_t renew_before_usec)
{
	return policy_renew_at(certificate->not_before_usec,
		certificate->not_after_usec, certificate->fingerprint,
		renew_before_usec);
}

char *renewal_format_id(const struct store_certificate *certificate)
{
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;
	const char *pem = certificate->chain_pem;
	char *id = NULL;

	if (!pem || cert_chain_parse_pem(&chain, pem, strlen(pem), NULL) < 0)
		return NULL;
	return cert_chain_format_ari_id(chain, &id, NULL) < 0 ? NULL : id;
}

/* --- the decision ------------------------------------------------------------------- */

static usec_t get_latest(const struct renewal *op)
{
	const struct store_certificate *c = op->params.certificate;

	return policy_renew_latest(c->not_before_usec, c->not_after_usec);
}

static usec_t get_earliest(const struct renewal *op)
{
	usec_t wait = MIN(lifetime(op) / 8, EARLY_USEC) << MIN(op->said.n_early, 16U);

	return usec_add(
		op->params.certificate->issued_usec, MIN(wait, lifetime(op) / 3));
}

static bool has_window(const struct renewal *op)
{
	return op->said.window_end_usec > 0;
}

static usec_t decide(const struct renewal *op)
{
	if (op->params.renew_before_usec > 0 || !has_window(op))
		return renewal_get_by_lifetime(
			op->params.certificate, op->params.renew_before_usec);
	return MIN(MAX(op->said.moment_usec, get_earliest(op)), get_latest(op));
}

/* Once for each certificate, however often the decision is taken. */
static void count_early(struct renewal *op)
{
	const struct store_certificate *c = op->params.certificate;
	usec_t half = usec_add(c->not_before_usec, lifetime(op) / 2);

	if (op->said.early_id == c->id)
		return;
	op->said.n_early = wall_now(op) < half ? op->said.n_early + 1 : 0;
	op->said.early_id = c->id;
}

/* What cannot be stored is asked again; the job will meet the store's trouble itself. */
static void save(struct renewal *op)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (store_renewal_save(op->params.store, &op->said, &err) >= 0)
		return;
	_cleanup_(freep) char *text = err_format(&err);
	log_debug(op->params.log, "renewal information not stored: %s", text);
}

static void complete(struct renewal *op, const char *explanation_url)
{
	renewal_done_fn *done = TAKE_PTR(op->done);
	usec_t at = decide(op), now = wall_now(op);
	struct renewal_result result = {
		.at_usec = at,
		.wake_usec = at,
		.explanation_url = explanation_url,
	};

	if (op->params.renew_before_usec == 0 && op->said.ask_again_usec > 0)
		result.wake_usec = MIN(at, op->said.ask_again_usec);
	if (at <= now && has_window(op))
		count_early(op);
	if (op->params.renew_before_usec == 0)
		save(op);
	done(&result, TAKE_PTR(op->userdata));
}

static void complete_unasked(struct renewal *op)
{
	op->said.ask_again_usec = usec_add(wall_now(op), FAILED_USEC);
	complete(op, NULL);
}

/* --- what the CA says ----------------------------------------------------------------- */

/* Does the window overlap the certificate's life, or the day before it? (A CA says "now"
 * by a window in the past, and certificates may be dated back less than that.) */
static bool is_usable(const struct renewal *op, const struct acme_ari_result *answer)
{
	const struct store_certificate *c = op->params.certificate;

	return answer->start_usec < answer->end_usec &&
	       usec_add(answer->end_usec, USEC_PER_DAY) > c->not_before_usec &&
	       answer->start_usec < c->not_after_usec;
}

static uint64_t random_number(void)
{
	uint64_t v = 0;

	if (getrandom(&v, sizeof(v), GRND_NONBLOCK) < 0)
		return 0;
	return v;
}

/* Uniform in what of the window lies in the certificate's life. */
static usec_t choose_moment(const struct renewal *op, usec_t start, usec_t end)
{
	const struct store_certificate *c = op->params.certificate;

	start = MAX(start, c->not_before_usec);
	end = MIN(end, c->not_after_usec);
	return end > start ? start + random_number() % (end - start) : start;
}

static void take_window(struct renewal *op, const struct acme_ari_result *answer)
{
	struct store_renewal *said = &op->said;

	if (said->window_start_usec == answer->start_usec &&
		said->window_end_usec == answer->end_usec)
		return;
	said->window_start_usec = answer->start_usec;
	said->window_end_usec = answer->end_usec;
	said->moment_usec = choose_moment(op, answer->start_usec, answer->end_usec);
	log_debug(op->params.log, "the CA suggests a window; ours is in %llu s",
		(unsigned long long)(usec_sub(said->moment_usec, wall_now(op)) /
				     USEC_PER_SEC));
}

static void on_answered(const struct acme_ari_result *answer, void *userdata)
{
	struct renewal *op = userdata;
	usec_t failed = usec_add(wall_now(op), FAILED_USEC);

	op->said.ask_again_usec = answer->ask_again_usec;
	if (answer->is_known && is_usable(op, answer)) {
		take_window(op, answer);
	} else if (answer->is_known) {
		log_info(op->params.log,
			"the CA suggests a window outside of the certificate's life: "
			"passed over");
		op->said.ask_again_usec = MAX(answer->ask_again_usec, failed);
	} else if (answer->err) {
		_cleanup_(freep) char *text = err_format(answer->err);
		log_info(op->params.log, "%s", text);
	} else { /* no such thing here, perhaps no more */
		op->said.window_start_usec = op->said.window_end_usec = 0;
		op->said.ask_again_usec = 0;
	}
	complete(op, answer->explanation_url);
}

static int ask(struct renewal *op, struct err *err)
{
	_cleanup_(freep) char *id = renewal_format_id(op->params.certificate);
	struct acme_client *client = authority_get_client(op->params.authority);

	if (!client || !id)
		return err_set(err, -ENODATA, "the CA cannot be asked when to renew");
	return acme_ari_start(&op->ari, client, id, on_answered, op, err);
}

static void on_ensured(const struct err *ensure_err, void *userdata)
{
	struct renewal *op = userdata;

	op->ensure = authority_ensure_cancel(op->ensure);
	if (ensure_err || ask(op, NULL) < 0)
		complete_unasked(op);
}

/* --- start, cancel ----------------------------------------------------------------------- */

static bool wants_answer(const struct renewal *op)
{
	usec_t now = wall_now(op), ask_again = op->said.ask_again_usec;

	if (op->params.renew_before_usec > 0 || now >= get_latest(op))
		return false;
	return ask_again <= now || ask_again > usec_add(now, ASK_AGAIN_MAX_USEC);
}

static void on_settled(void *userdata)
{
	complete(userdata, NULL);
}

static void on_not_ensured(void *userdata)
{
	complete_unasked(userdata);
}

/* What was said of another certificate is over; how often it came early is not. What
 * cannot be read is asked anew. */
static void load(struct renewal *op)
{
	int64_t id = op->params.certificate->id;
	int r = store_renewal_load(
		op->params.store, op->params.slot_id, &op->said, NULL);

	if (r != 0 || op->said.certificate_id != id)
		op->said = (struct store_renewal){
			.n_early = op->said.n_early,
			.early_id = op->said.early_id,
		};
	op->said.slot_id = op->params.slot_id;
	op->said.certificate_id = id;
}

struct renewal *renewal_start(
	const struct renewal_params *params, renewal_done_fn *done, void *userdata)
{
	struct renewal *op = xnew(struct renewal);

	op->params = *params;
	op->done = done;
	op->userdata = userdata;
	load(op);
	if (!wants_answer(op))
		op->defer = loop_defer_new(params->loop, on_settled, op);
	else if (authority_ensure_start(
			 &op->ensure, params->authority, 0, on_ensured, op, NULL) < 0)
		op->defer = loop_defer_new(params->loop, on_not_ensured, op);
	return op;
}

struct renewal *renewal_cancel(struct renewal *op)
{
	if (!op)
		return NULL;
	acme_ari_cancel(op->ari);
	authority_ensure_cancel(op->ensure);
	loop_defer_free(op->defer);
	free(op);
	return NULL;
}
