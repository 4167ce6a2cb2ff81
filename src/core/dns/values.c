/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See values.h. An operation is one of
 *
 *   WHERE   place
 *   PUT     place ──► (turn) ──► write down ──► provider: add
 *   LOOK    find ──► sight ──► delay
 *   REMOVE  find ──► (turn) ──► provider: remove ──► forget
 *
 * "turn": until no other one is at the same place.
 */
#include "core/dns/values.h"

#include <errno.h>
#include <string.h>

#include "core/dns/lookups.h"
#include "core/dns/placing.h"
#include "core/dns/sighting.h"
#include "plugin/dns.h"
#include "store/txt_value.h"
#include "util/fault.h"
#include "util/list.h"
#include "util/mem.h"

struct values {
	struct values_params in; /* borrowed members */
	struct plugin_dns_backing backing;
	struct list ops; /* txt_op.entry, in the order of their start */
};

struct txt_op {
	struct list entry;
	struct values *values; /* borrowed */
	enum postseal_txt_act act;
	char *domain, *name, *value; /* owned */
	plugin_txt_done_fn *done;
	void *userdata;

	/* owned operations */
	struct placing *placing;
	struct sighting *sighting;
	struct plugin_call *call;
	struct loop_defer *defer;

	/* where it stands */
	struct store_txt_value row;
	bool has_turn; /* nobody else may work at row.place */
	bool waits;    /* for its turn */
};

static void take_turn(struct txt_op *op);

/* --- turns ------------------------------------------------------------------------------ */

static bool is_taken(const struct values *values, const char *place)
{
	struct txt_op *op;

	list_foreach(op, &values->ops, entry)
		if (op->has_turn && strcmp(op->row.place, place) == 0)
			return true;
	return false;
}

static void on_turn(void *userdata)
{
	struct txt_op *op = userdata;

	op->defer = loop_defer_free(op->defer);
	take_turn(op);
}

/* The oldest that waits for that place. */
static void wake_next(struct values *values, const char *place)
{
	struct txt_op *op;

	list_foreach(op, &values->ops, entry) {
		if (!op->waits || strcmp(op->row.place, place) != 0)
			continue;
		op->waits = false;
		op->defer = loop_defer_new(values->in.loop, on_turn, op);
		return;
	}
}

/* --- the end ----------------------------------------------------------------------------- */

static void txt_op_free(struct txt_op *op)
{
	list_remove(&op->entry);
	placing_cancel(op->placing);
	sighting_cancel(op->sighting);
	plugin_call_cancel(op->call);
	loop_defer_free(op->defer);
	if (op->has_turn)
		wake_next(op->values, op->row.place);
	store_txt_value_done(&op->row);
	free(op->value);
	free(op->name);
	free(op->domain);
	free(op);
}

static void complete(struct txt_op *op, const struct postseal_txt_result *result)
{
	plugin_txt_done_fn *done = op->done;

	/* The asker frees the operation, in done or later. */
	op->done = NULL;
	done(result, op->userdata);
}

static void end(struct txt_op *op, enum postseal_outcome outcome, const char *detail)
{
	const struct postseal_txt_result result = {
		.size = sizeof(result),
		.outcome = outcome,
		.detail = outcome == POSTSEAL_OK ? NULL : detail,
	};

	complete(op, &result);
}

static void end_by_error(struct txt_op *op, const struct err *err)
{
	_cleanup_(freep) char *text = err_format(err);

	end(op, POSTSEAL_FAILED, text);
}

/* --- the provider ------------------------------------------------------------------------ */

static void on_added(const struct plugin_result *result, void *userdata)
{
	struct txt_op *op = userdata;

	FAULT("value-added");
	op->call = plugin_call_cancel(op->call);
	end(op, result->outcome, result->detail);
}

static void on_removed(const struct plugin_result *result, void *userdata)
{
	struct txt_op *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	FAULT("value-removed");
	op->call = plugin_call_cancel(op->call);
	if (result->outcome == POSTSEAL_OK &&
		store_txt_value_remove(*op->values->in.store, op->row.id, &err) < 0)
		end_by_error(op, &err);
	else
		end(op, result->outcome, result->detail);
}

static void call_provider(struct txt_op *op)
{
	bool is_put = op->act == POSTSEAL_TXT_PUT;
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct plugin_instance *instance = instances_find(
		*op->values->in.instances, POSTSEAL_KIND_DNS, op->row.provider);
	const struct plugin_dns_ask ask = {
		.method = is_put ? PLUGIN_DNS_ADD : PLUGIN_DNS_REMOVE,
		.value = {
			.domain = op->row.domain,
			.name = op->row.place,
			.value = op->row.value,
			.is_delegated = strcmp(op->row.name, op->row.place) != 0,
		},
	};
	int r = instance
			? plugin_dns_start(&op->call, instance, &ask,
				  is_put ? on_added : on_removed, op, &err)
			: err_set_kind(&err, ERR_CONFIG, -ENOENT,
				  "the provider %s, which has put the value there, is not configured",
				  op->row.provider);

	if (r < 0)
		end_by_error(op, &err);
}

/* Known before it stands. */
static int write_down(struct txt_op *op, struct err *err)
{
	op->row.put_usec = loop_wall_now(op->values->in.loop);
	op->row.seen_usec = 0;
	int r = store_txt_value_save(*op->values->in.store, &op->row, err);
	FAULT("value-written-down");
	return r;
}

static void take_turn(struct txt_op *op)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (is_taken(op->values, op->row.place)) {
		op->waits = true;
		return;
	}
	op->has_turn = true;
	if (op->act == POSTSEAL_TXT_PUT && write_down(op, &err) < 0)
		end_by_error(op, &err);
	else
		call_provider(op);
}

/* --- WHERE, PUT --------------------------------------------------------------------------- */

static void tell_place(struct txt_op *op, const struct placed *placed)
{
	const struct postseal_txt_result result = {
		.size = sizeof(result),
		.outcome = POSTSEAL_OK,
		.wanted = placed->wanted,
		.n_wanted = placed->n_wanted,
	};

	complete(op, &result);
}

/* What stands elsewhere from before, with a provider that is not asked any more, would be
 * forgotten: it is taken away by its row, which comes first. */
static bool has_moved(struct txt_op *op, const struct placed *placed)
{
	return op->row.id != 0 &&
	       (strcmp(op->row.place, placed->place) != 0 ||
		       strcmp(op->row.provider, placed->provider) != 0);
}

static void take_place(struct txt_op *op, const struct placed *placed)
{
	xstrset(&op->row.domain, op->domain);
	xstrset(&op->row.name, op->name);
	xstrset(&op->row.value, op->value);
	xstrset(&op->row.provider, placed->provider);
	xstrset(&op->row.place, placed->place);
	take_turn(op);
}

static void on_placed(const struct placed *placed, void *userdata)
{
	struct txt_op *op = userdata;

	op->placing = placing_cancel(op->placing);
	if (placed->outcome != POSTSEAL_OK)
		end(op, placed->outcome, placed->detail);
	else if (op->act == POSTSEAL_TXT_WHERE)
		tell_place(op, placed);
	else if (has_moved(op, placed))
		end(op, POSTSEAL_FAILED,
			"the value stands at another name already, and has to be removed there first");
	else
		take_place(op, placed);
}

static void find_place(struct txt_op *op)
{
	const struct values_params *in = &op->values->in;
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct placing_params params = {
		.loop = in->loop,
		.instances = *in->instances,
		.resolver = *in->resolver,
		.domain = conf_match_block(
			instances_get_conf(*in->instances), "domain", op->domain),
		.domain_name = op->domain,
		.name = op->name,
		.log = in->log,
	};
	int r = params.domain
			? placing_start(&op->placing, &params, on_placed, op, &err)
			: err_set_kind(&err, ERR_CONFIG, -ENOENT,
				  "the domain %s is not configured", op->domain);

	if (r < 0)
		end_by_error(op, &err);
}

/* --- LOOK --------------------------------------------------------------------------------- */

static const struct conf_block *find_domain(const struct txt_op *op)
{
	return conf_match_block(
		instances_get_conf(*op->values->in.instances), "domain", op->domain);
}

static void not_yet(struct txt_op *op, const char *detail, usec_t retry_usec)
{
	const struct postseal_txt_result result = {
		.size = sizeof(result),
		.outcome = POSTSEAL_NOT_YET,
		.detail = detail,
		.retry_usec = retry_usec,
	};

	complete(op, &result);
}

/* Seen: from then on `propagation_delay` runs, also across a restart. */
static void wait_delay(struct txt_op *op, const struct conf_block *domain)
{
	usec_t now = loop_wall_now(op->values->in.loop);
	usec_t delay = conf_get_duration(domain, "propagation_delay");
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (op->row.id != 0 && op->row.seen_usec == 0) {
		op->row.seen_usec = now;
		if (store_txt_value_save(*op->values->in.store, &op->row, &err) < 0) {
			end_by_error(op, &err);
			return;
		}
	}
	usec_t over = usec_add(op->row.id != 0 ? op->row.seen_usec : now, delay);
	if (op->row.id == 0 || now >= over)
		end(op, POSTSEAL_OK, NULL);
	else
		not_yet(op, "it is seen, and propagation_delay is not over",
			over - now);
}

static void on_sighted(const char *detail, void *userdata)
{
	struct txt_op *op = userdata;
	const struct conf_block *domain = find_domain(op);

	op->sighting = sighting_cancel(op->sighting);
	if (!domain)
		end(op, POSTSEAL_FAILED, "its domain is not configured any more");
	else if (detail)
		not_yet(op, detail, conf_get_duration(domain, "propagation_interval"));
	else
		wait_delay(op, domain);
}

static void look(struct txt_op *op)
{
	const struct values_params *in = &op->values->in;
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct sighting_params params = {
		.loop = in->loop,
		.resolver = *in->resolver,
		.domain = find_domain(op),
		.name = op->name,
		.value = op->value,
	};
	int r = params.domain
			? sighting_start(&op->sighting, &params, on_sighted, op, &err)
			: err_set_kind(&err, ERR_CONFIG, -ENOENT,
				  "the domain %s is not configured", op->domain);

	if (r < 0)
		end_by_error(op, &err);
}

/* --- the beginning ------------------------------------------------------------------------- */

static void begin(struct txt_op *op)
{
	switch (op->act) {
	case POSTSEAL_TXT_LOOK:
		look(op);
		break;
	case POSTSEAL_TXT_REMOVE:
		if (op->row.id == 0)
			end(op, POSTSEAL_OK, NULL); /* it is not there */
		else
			take_turn(op);
		break;
	default:
		find_place(op);
		break;
	}
}

static void on_begin(void *userdata)
{
	struct txt_op *op = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = 0;

	op->defer = loop_defer_free(op->defer);
	if (op->act != POSTSEAL_TXT_WHERE)
		r = store_txt_value_find(
			*op->values->in.store, op->name, op->value, &op->row, &err);
	if (r < 0)
		end_by_error(op, &err);
	else
		begin(op);
}

static int txt_start(void *userdata, void **ret_op,
	const struct plugin_txt_params *params, plugin_txt_done_fn *done,
	void *done_userdata, struct err *err)
{
	struct values *values = userdata;
	struct txt_op *op = xnew(struct txt_op);

	op->values = values;
	op->act = params->act;
	op->domain = xstrdup(params->txt->domain);
	op->name = xstrdup(params->txt->name);
	op->value = xstrdup(params->txt->value);
	op->done = done;
	op->userdata = done_userdata;
	op->defer = loop_defer_new(values->in.loop, on_begin, op);
	list_append(&values->ops, &op->entry);
	*ret_op = op;
	return 0;
}

static void txt_cancel(void *userdata, void *op)
{
	txt_op_free(op);
}

static int lookup_start(void *userdata, void **ret_op,
	const struct plugin_lookup_params *params, plugin_lookup_done_fn *done,
	void *done_userdata, struct err *err)
{
	struct values *values = userdata;

	return lookups_start(values->in.resolver ? *values->in.resolver : NULL, ret_op,
		params, done, done_userdata, err);
}

static void lookup_cancel(void *userdata, void *op)
{
	lookups_cancel(op);
}

/* --- the object ------------------------------------------------------------------------------ */

struct values *values_new(const struct values_params *params)
{
	struct values *values = xnew(struct values);

	values->in = *params;
	list_init(&values->ops);
	values->backing = (struct plugin_dns_backing){
		.txt_start = txt_start,
		.txt_cancel = txt_cancel,
		.lookup_start = lookup_start,
		.lookup_cancel = lookup_cancel,
		.userdata = values,
	};
	return values;
}

struct values *values_free(struct values *values)
{
	free(values);
	return NULL;
}

const struct plugin_dns_backing *values_get(const struct values *values)
{
	return &values->backing;
}
