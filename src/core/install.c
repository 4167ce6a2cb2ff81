/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See install.h. "front" is built in (core/workers/swap). Everything else is a deploy plugin.
 */
#include "core/install.h"

#include <errno.h>
#include <string.h>

#include "core/wanted/deployed.h"
#include "core/workers/swap.h"
#include "pki/key.h"
#include "plugin/deploy.h"
#include "util/fault.h"
#include "util/mem.h"

struct install {
	/* inputs */
	struct install_params in; /* borrowed members */
	char **names;             /* owned; of the certificate */
	struct deployed_conf targets;
	install_done_fn *done;
	void *userdata;

	/* owned operations */
	struct swap *swap;
	struct plugin_call *call;
	struct loop_defer *defer;

	/* where it stands, results */
	size_t next; /* of the domain's deploy list */
	const char *target;
	struct err err; /* the first failure */
};

static void install_step(struct install *op);

/* --- records ------------------------------------------------------------------------------ */

static bool is_target_done(struct install *op, const char *target)
{
	_cleanup_(deployed_done) struct deployed deployed = { 0 };

	if (deployed_load(&deployed, op->in.store, op->in.certificate->id, NULL) < 0)
		return false;
	return deployed_is_done(
		&deployed, target, deployed_conf_get(&op->targets, target));
}

/* The row says done, or why not. A target without addresses has one row with "". */
static int save_row(
	struct install *op, const char *address, const char *error, struct err *err)
{
	struct store_install row = {
		.certificate_id = op->in.certificate->id,
		.target = (char *)op->target,
		.address = (char *)address,
		.done_usec = error ? 0 : loop_wall_now(op->in.loop),
		.error = (char *)error,
		.settings = (char *)deployed_conf_get(&op->targets, op->target),
	};

	if (!error && !*address)
		row.proven_usec = row.done_usec; /* nobody to ask */
	return store_install_save(op->in.store, &row, err);
}

static void save_rows(struct install *op, char *const *addresses)
{
	static char *const none[] = { (char *)"", NULL };
	char *const *list = addresses && addresses[0] ? addresses : none;
	int r = store_begin(op->in.store, &op->err);

	if (r < 0)
		return;
	r = store_install_keep(
		op->in.store, op->in.certificate->id, op->target, list, &op->err);
	for (size_t i = 0; r >= 0 && list[i]; i++)
		r = save_row(op, list[i], NULL, &op->err);
	if (r < 0)
		store_rollback(op->in.store);
	else
		store_commit(op->in.store, &op->err);
}

static void fail_target(struct install *op, enum err_kind kind, const char *text)
{
	save_row(op, "", text, NULL);
	if (!err_is_set(&op->err))
		err_set_kind(&op->err, kind, -EIO, "%s: %s", op->target, text);
}

/* --- the end -------------------------------------------------------------------------------- */

static void install_complete(struct install *op)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	install_done_fn *done = op->done;
	void *userdata = op->userdata;

	err_move(&err, &op->err);
	op->done = NULL;
	done(err_is_set(&err) ? &err : NULL, userdata);
}

/* --- the front ------------------------------------------------------------------------------ */

static void on_swapped(const struct err *err, void *userdata)
{
	struct install *op = userdata;
	bool is_rsa = key_type_is_rsa(key_type_parse(op->in.key_type));

	FAULT("front-switched");
	if (err) {
		_cleanup_(freep) char *text = err_format(err);
		fail_target(op, err->kind, text);
	} else {
		_cleanup_(strv_freep) char **addresses =
			listeners_format_tls_addresses(op->in.listeners);
		served_set(op->in.served, op->names, is_rsa, op->in.certificate->id);
		if (served_has_old(op->in.served, op->names))
			swap_take_back(
				op->in.fleet, op->names); /* of another key type */
		save_rows(op, addresses);
	}
	op->swap = swap_cancel(op->swap);
	install_step(op);
}

static int install_front(struct install *op, struct err *err)
{
	struct swap_params swap = {
		.loop = op->in.loop,
		.fleet = op->in.fleet,
		.listeners = op->in.listeners,
		.certificate = op->in.certificate,
		.names = op->names,
		.is_rsa = key_type_is_rsa(key_type_parse(op->in.key_type)),
	};

	return swap_start(&op->swap, &swap, on_swapped, op, err);
}

/* --- the front's way back ------------------------------------------------------------------- */

struct unproven {
	struct store_install *rows; /* owned; address and error too */
	size_t n;
};

static int on_front_row(const struct store_install *row, void *userdata)
{
	struct unproven *list = userdata;

	if (strcmp(row->target, SERVED_TARGET) != 0 || row->proven_usec > 0 ||
		row->done_usec == 0)
		return 0;
	list->rows = xreallocarray(list->rows, list->n + 1, sizeof(*list->rows));
	list->rows[list->n++] = (struct store_install){
		.certificate_id = row->certificate_id,
		.target = (char *)SERVED_TARGET,
		.address = xstrdup(row->address),
		.error = xstrdup(row->error),
	};
	return 0;
}

static int save_unproven(struct store *store, struct unproven *list, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < list->n; i++)
		r = store_install_save(store, &list->rows[i], err);
	return r;
}

static void unproven_done(struct unproven *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->rows[i].address);
		free(list->rows[i].error);
	}
	free(list->rows);
}

static char **list_common(const char *a, const char *b)
{
	_cleanup_(strv_freep) char **left = strv_split(a);
	_cleanup_(strv_freep) char **right = strv_split(b);
	char **common = NULL;

	for (size_t i = 0; left && right && left[i]; i++)
		if (strv_contains(right, left[i]))
			strv_append(&common, left[i]);
	return common;
}

int install_roll_back(const struct install_params *params,
	const struct store_certificate *old, struct err *err)
{
	_cleanup_(strv_freep) char **names =
		old ? list_common(params->certificate->names, old->names)
		    : strv_split(params->certificate->names);
	_cleanup_(unproven_done) struct unproven list = { 0 };
	int r = store_install_each(
		params->store, params->certificate->id, on_front_row, &list, err);

	if (r < 0 || list.n == 0 || !names)
		return r;
	r = save_unproven(params->store, &list, err);
	/* What is served does not wait for the store. */
	served_set(params->served, names,
		key_type_is_rsa(key_type_parse(params->key_type)), old ? old->id : 0);
	if (params->fleet)
		swap_take_back(params->fleet, names);
	return r < 0 ? r : 1;
}

/* --- deployers ------------------------------------------------------------------------------- */

static void on_deployed(const struct plugin_result *result, void *userdata)
{
	struct install *op = userdata;
	_cleanup_(strv_freep) char **addresses = NULL;

	FAULT("deployed");
	if (result->outcome != POSTSEAL_OK)
		fail_target(op, ERR_PLUGIN, result->detail);
	for (size_t i = 0; i < result->n_addresses; i++) {
		const struct postseal_address *a = &result->addresses[i];
		_cleanup_(freep) char *text = xasprintf(
			"%s%s%s", a->address, a->sni ? "/" : "", a->sni ? a->sni : "");
		strv_append(&addresses, text);
	}
	if (result->outcome == POSTSEAL_OK)
		save_rows(op, addresses);
	op->call = plugin_call_cancel(op->call);
	install_step(op);
}

static int install_deployer(struct install *op, struct err *err)
{
	const struct store_certificate *c = op->in.certificate;
	struct plugin_instance *instance =
		instances_find(op->in.instances, POSTSEAL_KIND_DEPLOY, op->target);

	if (!instance)
		return err_set_kind(
			err, ERR_PLUGIN, -ENOENT, "its plugin could not be opened");
	struct postseal_bundle bundle = {
		.size = sizeof(bundle),
		.domain = conf_block_get_name(op->in.domain),
		.names = (const char *const *)op->names,
		.key_type = op->in.key_type,
		.chain_pem = c->chain_pem,
		.key_pem = c->key_pem,
		.fingerprint = c->fingerprint,
		.not_after_sec = c->not_after_usec / USEC_PER_SEC,
	};
	return plugin_deploy_start(&op->call, instance, &bundle, on_deployed, op, err);
}

/* --- target by target --------------------------------------------------------------------------- */

/* True: an operation was started. */
static bool begin_target(struct install *op)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r;

	if (is_target_done(op, op->target))
		return false;
	if (strcmp(op->target, SERVED_TARGET) == 0) {
		if (!op->in.fleet)
			return false;
		r = install_front(op, &err);
	} else {
		r = install_deployer(op, &err);
	}
	if (r >= 0)
		return true;
	_cleanup_(freep) char *text = err_format(&err);
	fail_target(op, err.kind, text);
	return false;
}

static void install_step(struct install *op)
{
	char *const *targets = conf_get_list(op->in.domain, "deploy");

	while (targets[op->next]) {
		op->target = targets[op->next++];
		if (begin_target(op))
			return;
	}
	install_complete(op);
}

static void on_begin(void *userdata)
{
	struct install *op = userdata;

	op->defer = loop_defer_free(op->defer);
	install_step(op);
}

int install_start(struct install **ret, const struct install_params *params,
	install_done_fn *done, void *userdata, struct err *err)
{
	struct install *op = xnew(struct install);

	op->in = *params;
	op->names = strv_split(params->certificate->names);
	op->targets.conf = params->conf;
	op->done = done;
	op->userdata = userdata;
	op->defer = loop_defer_new(params->loop, on_begin, op);
	*ret = op;
	return 0;
}

struct install *install_cancel(struct install *op)
{
	if (!op)
		return NULL;
	swap_cancel(op->swap);
	plugin_call_cancel(op->call);
	loop_defer_free(op->defer);
	err_done(&op->err);
	deployed_conf_done(&op->targets);
	strv_free(op->names);
	free(op);
	return NULL;
}
