/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Services: answers to a CA that the front gives. They are core's to publish. */
#include <errno.h>
#include <string.h>

#include "plugin/entry.h"
#include "plugin/service_priv.h"
#include "util/dname.h"
#include "util/mem.h"

#define TOKEN_BYTES_MAX  255
#define ANSWER_BYTES_MAX 1024
#define ANSWER_MIN       service_end_of(struct postseal_answer, key_authorization)

typedef int backing_start_fn(void *userdata, void **ret_op,
	const struct postseal_answer *answer,
	void (*done)(bool ok, const char *detail, void *done_userdata),
	void *done_userdata, struct err *err);

struct publication {
	struct service_op op;
	void *backing_op; /* owned, by way of the backing */
	postseal_publication_fn *fn;
	void *userdata;
};

static const struct plugin_backing *backing_of(const struct plugin_instance *instance)
{
	return instance->host->params.backing;
}

static void publication_free(struct service_op *op)
{
	struct publication *p = container_of(op, struct publication, op);
	const struct plugin_backing *backing = backing_of(op->instance);

	if (p->backing_op)
		backing->publication_cancel(backing->userdata, p->backing_op);
	free(p);
}

static void on_done(bool ok, const char *detail, void *userdata)
{
	struct publication *p = userdata;
	postseal_publication_fn *fn = p->fn;
	void *fn_userdata = p->userdata;
	struct plugin_entry entry;

	/* What the detail points to lives until we return. */
	plugin_enter(&entry, p->op.instance, "callback of an answer", NULL);
	service_op_free(&p->op);
	fn(ok, ok ? NULL : detail, fn_userdata);
	plugin_leave(&entry);
}

/* RFC 8555 section 8.3: a token has no characters but those of base64url. It becomes
 * part of a path that somebody asks for. */
static bool is_token(const char *s, const char *others, size_t max_bytes)
{
	size_t len = s ? strnlen(s, max_bytes + 1) : 0;

	if (len == 0 || len > max_bytes)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool is_letter =
			(s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z');
		bool is_digit = s[i] >= '0' && s[i] <= '9';
		if (!is_letter && !is_digit && !strchr(others, s[i]))
			return false;
	}
	return true;
}

static int check(const struct postseal_answer *answer, struct err *err)
{
	if (answer->kind != POSTSEAL_ANSWER_HTTP &&
		answer->kind != POSTSEAL_ANSWER_ALPN)
		return err_set(err, -EINVAL, "an answer of no known kind");
	if (!answer->name || !dname_is_valid(answer->name, 0))
		return err_set(err, -EINVAL, "an answer for what is no name");
	if (answer->kind == POSTSEAL_ANSWER_HTTP &&
		!is_token(answer->token, "-_", TOKEN_BYTES_MAX))
		return err_set(err, -EINVAL, "an answer with a token that is none");
	if (!is_token(answer->key_authorization, "-_.", ANSWER_BYTES_MAX))
		return err_set(err, -EINVAL,
			"an answer with a key authorization that is none");
	return 0;
}

static struct postseal_publication *start(struct plugin_instance *instance,
	struct publication *p, backing_start_fn *backing_start,
	const struct postseal_answer *from)
{
	struct postseal_answer answer;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (!service_op_init(&p->op, instance, HANDLE_PUBLICATION, publication_free)) {
		free(p);
		return NULL;
	}
	if (!service_take(instance, &answer, sizeof(answer), from, ANSWER_MIN)) {
		service_op_free(&p->op);
		return NULL;
	}
	int r = check(&answer, &err);
	if (r == 0)
		r = backing_start(backing_of(instance)->userdata, &p->backing_op,
			&answer, on_done, p, &err);
	if (r < 0) {
		service_op_free(&p->op);
		return service_refuse(instance, "answer", &err);
	}
	return p->op.handle;
}

static struct publication *publication_new(postseal_publication_fn *fn, void *userdata)
{
	struct publication *p = xnew(struct publication);

	p->fn = fn;
	p->userdata = userdata;
	return p;
}

struct postseal_publication *service_publish_start(struct postseal_host *host,
	const struct postseal_answer *answer, postseal_publication_fn *fn,
	void *userdata)
{
	struct plugin_instance *instance = plugin_instance_of(host);

	if (!instance || !fn)
		return NULL;
	return start(instance, publication_new(fn, userdata),
		backing_of(instance)->publish_start, answer);
}

struct postseal_publication *service_look_start(struct postseal_host *host,
	const struct postseal_answer *answer, postseal_publication_fn *fn,
	void *userdata)
{
	struct plugin_instance *instance = plugin_instance_of(host);

	if (!instance || !fn)
		return NULL;
	return start(instance, publication_new(fn, userdata),
		backing_of(instance)->look_start, answer);
}

void service_publication_cancel(struct postseal_publication *op)
{
	service_op_cancel(HANDLE_PUBLICATION, op);
}

void service_withdraw(struct postseal_host *host, const struct postseal_answer *from)
{
	struct plugin_instance *instance = plugin_instance_of(host);
	struct postseal_answer answer;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (!instance ||
		!service_take(instance, &answer, sizeof(answer), from, ANSWER_MIN))
		return;
	if (check(&answer, &err) < 0)
		service_refuse(instance, "withdrawal", &err);
	else
		backing_of(instance)->withdraw(backing_of(instance)->userdata, &answer);
}
