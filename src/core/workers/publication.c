/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See publication.h. */
#include "core/workers/publication.h"

#include <errno.h>
#include <string.h>

#include "io/tls_probe.h"
#include "pki/selfsigned.h"
#include "store/plugin_state.h"
#include "util/mem.h"

#define LOOK_DEADLINE_USEC (5 * USEC_PER_SEC)
#define ANSWER_BYTES_MAX   1024

typedef void published_fn(bool ok, const char *detail, void *userdata);

struct publication {
	struct publication_params in; /* borrowed members */
	struct plugin_backing backing;
};

struct publish_op {
	struct fleet_op *fleet_op;    /* owned; publish */
	struct http_request *request; /* owned; look at HTTP */
	struct tls_probe *probe;      /* owned; look at ALPN */
	struct loop_defer *defer;     /* owned; it cannot be answered here */
	char *name;                   /* owned */
	char *key_authorization;      /* owned; what must be seen */
	published_fn *done;
	void *userdata;
};

/* --- one operation --------------------------------------------------------------------- */

static struct publish_op *op_new(
	const struct postseal_answer *answer, published_fn *done, void *userdata)
{
	struct publish_op *op = xnew(struct publish_op);

	op->name = xstrdup(answer->name);
	op->key_authorization = xstrdup(answer->key_authorization);
	op->done = done;
	op->userdata = userdata;
	return op;
}

static void publication_cancel(void *userdata, void *data)
{
	struct publish_op *op = data;

	if (!op)
		return;
	fleet_op_cancel(op->fleet_op);
	http_request_cancel(op->request);
	tls_probe_cancel(op->probe);
	loop_defer_free(op->defer);
	free(op->key_authorization);
	free(op->name);
	free(op);
}

static void op_complete(struct publish_op *op, const char *error)
{
	published_fn *done = TAKE_PTR(op->done);

	done(error == NULL, error, op->userdata);
}

/* --- nobody could answer ---------------------------------------------------------------- */

#define NO_HTTP "there is no listener with protocol = http that could answer"
#define NO_ALPN "there is no TLS listener with acme = yes that could answer"

static char *find_listener(const struct publication *p, enum postseal_answer_kind kind)
{
	return kind == POSTSEAL_ANSWER_ALPN
		       ? listeners_format_acme_address(p->in.listeners)
		       : listeners_format_http_address(p->in.listeners);
}

static void on_no_http(void *userdata)
{
	op_complete(userdata, NO_HTTP);
}

static void on_no_alpn(void *userdata)
{
	op_complete(userdata, NO_ALPN);
}

/* That is an answer, too: the policy's next challenge is tried. */
static int complete_impossible(
	struct publication *p, struct publish_op *op, enum postseal_answer_kind kind)
{
	op->defer = loop_defer_new(
		p->in.loop, kind == POSTSEAL_ANSWER_ALPN ? on_no_alpn : on_no_http, op);
	return 0;
}

/* --- publish ------------------------------------------------------------------------------ */

static void on_published(const char *error, void *userdata)
{
	op_complete(userdata, error);
}

static int make_answer(struct publication *p, const struct postseal_answer *answer,
	struct link_answer *ret, struct err *err)
{
	*ret = (struct link_answer){
		.is_alpn = answer->kind == POSTSEAL_ANSWER_ALPN,
		.name = (char *)answer->name,
		.token = (char *)answer->token,
	};
	if (ret->is_alpn)
		return selfsigned_generate_alpn(answer->name, answer->key_authorization,
			&ret->chain_pem, &ret->key_pem, err);
	ret->content = (char *)answer->key_authorization;
	return 0;
}

static int publish_start(void *userdata, void **ret_op,
	const struct postseal_answer *answer, published_fn *done, void *done_userdata,
	struct err *err)
{
	struct publication *p = userdata;
	struct link_answer message;

	if (!*p->in.fleet)
		return err_set(err, -ENOTCONN, "there is no front to answer");
	_cleanup_(freep) char *address = find_listener(p, answer->kind);
	struct publish_op *op = op_new(answer, done, done_userdata);
	if (!address) {
		*ret_op = op;
		return complete_impossible(p, op, answer->kind);
	}
	int r = make_answer(p, answer, &message, err);
	if (r < 0) {
		publication_cancel(p, op);
		return r;
	}
	r = fleet_publish_start(
		&op->fleet_op, *p->in.fleet, &message, on_published, op, err);
	free(message.chain_pem);
	secret_free(message.key_pem);
	if (r < 0) {
		publication_cancel(p, op);
		return r;
	}
	*ret_op = op;
	return 0;
}

static void withdraw(void *userdata, const struct postseal_answer *answer)
{
	struct publication *p = userdata;

	if (*p->in.fleet)
		fleet_withdraw(*p->in.fleet, answer->kind == POSTSEAL_ANSWER_ALPN,
			answer->name, answer->token);
}

/* --- look: HTTP ------------------------------------------------------------------------------ */

static bool is_body(const struct http_result *result, const char *wanted)
{
	size_t n = strlen(wanted);

	/* White space at the end is allowed (RFC 8555 8.3). */
	if (result->body_len < n || memcmp(result->body, wanted, n) != 0)
		return false;
	for (size_t i = n; i < result->body_len; i++)
		if (!strchr(" \t\r\n", result->body[i]))
			return false;
	return true;
}

static void on_http(const struct http_result *result, void *userdata)
{
	struct publish_op *op = userdata;
	_cleanup_(freep) char *error = NULL;

	if (result->outcome != HTTP_OK)
		error = xasprintf("our own http listener: %s", result->detail);
	else if (result->status != 200)
		error = xasprintf(
			"our own http listener answers with status %u", result->status);
	else if (!is_body(result, op->key_authorization))
		error = xasprintf("our own http listener gives another answer");
	op_complete(op, error);
}

static int look_http(struct publication *p, struct publish_op *op,
	const struct postseal_answer *answer, struct err *err)
{
	_cleanup_(freep) char *address = find_listener(p, answer->kind);
	_cleanup_(freep) char *url = xasprintf(
		"http://%s/.well-known/acme-challenge/%s", answer->name, answer->token);

	if (!address)
		return complete_impossible(p, op, answer->kind);
	bool says_proxy = listeners_expects_proxy(p->in.listeners, address);
	struct http_params params = {
		.method = HTTP_GET,
		.flags = HTTP_ALLOW_PLAIN | (says_proxy ? HTTP_SAY_PROXY : 0),
		.url = url,
		.connect_to = address,
		.max_body_bytes = ANSWER_BYTES_MAX,
		.deadline_usec = LOOK_DEADLINE_USEC,
	};
	return http_request_start(&op->request, p->in.http, &params, on_http, op, err);
}

/* --- look: ALPN ------------------------------------------------------------------------------- */

static void on_probed(const struct tls_probe_result *result, void *userdata)
{
	struct publish_op *op = userdata;
	_cleanup_(freep) char *error = NULL;

	if (result->outcome != TLS_PROBE_OK)
		error = xasprintf("our own TLS listener: %s", result->detail);
	else if (!result->alpn || strcmp(result->alpn, "acme-tls/1") != 0)
		error = xasprintf("our own TLS listener does not speak acme-tls/1");
	else if (!selfsigned_is_alpn_answer(result->leaf, result->leaf_len, op->name,
			 op->key_authorization))
		error = xasprintf("our own TLS listener shows another certificate");
	op_complete(op, error);
}

static int look_alpn(struct publication *p, struct publish_op *op,
	const struct postseal_answer *answer, struct err *err)
{
	static const char *const alpn[] = { "acme-tls/1", NULL };
	_cleanup_(freep) char *address = find_listener(p, answer->kind);
	struct tls_probe_params params = {
		.sni = answer->name,
		.alpn = alpn,
		.deadline_usec = LOOK_DEADLINE_USEC,
	};

	if (!address)
		return complete_impossible(p, op, answer->kind);
	params.says_proxy = listeners_expects_proxy(p->in.listeners, address);
	int r = address_parse(address, &params.address, err);
	if (r < 0)
		return r;
	return tls_probe_start(&op->probe, p->in.loop, &params, on_probed, op, err);
}

static int look_start(void *userdata, void **ret_op,
	const struct postseal_answer *answer, published_fn *done, void *done_userdata,
	struct err *err)
{
	struct publication *p = userdata;
	struct publish_op *op = op_new(answer, done, done_userdata);
	int r = answer->kind == POSTSEAL_ANSWER_ALPN ? look_alpn(p, op, answer, err)
						     : look_http(p, op, answer, err);

	if (r < 0)
		publication_cancel(p, op);
	else
		*ret_op = op;
	return r;
}

/* --- saved state -------------------------------------------------------------------------------- */

static int load_state(void *userdata, const char *plugin, const char *name, char **ret,
	struct err *err)
{
	struct publication *p = userdata;

	*ret = NULL;
	if (!*p->in.store)
		return 0;
	int r = store_plugin_state_load(*p->in.store, plugin, name, ret, err);
	return r < 0 ? r : 0;
}

static int save_state(void *userdata, const char *plugin, const char *name,
	const char *text, struct err *err)
{
	struct publication *p = userdata;

	if (!*p->in.store)
		return err_set(err, -EROFS, "nothing can be kept without the database");
	return store_plugin_state_save(*p->in.store, plugin, name, text, err);
}

/* --- the object ------------------------------------------------------------------------------------ */

struct publication *publication_new(const struct publication_params *params)
{
	struct publication *p = xnew(struct publication);

	p->in = *params;
	p->backing = (struct plugin_backing){
		.load_state = load_state,
		.save_state = save_state,
		.publish_start = publish_start,
		.look_start = look_start,
		.publication_cancel = publication_cancel,
		.withdraw = withdraw,
		.userdata = p,
	};
	return p;
}

struct publication *publication_free(struct publication *p)
{
	free(p);
	return NULL;
}

const struct plugin_backing *publication_get(const struct publication *p)
{
	return &p->backing;
}
