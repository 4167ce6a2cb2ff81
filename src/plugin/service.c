/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the services share: operations of an instance, and distrust of parameters. */
#include <string.h>

#include "plugin/service_priv.h"
#include "util/mem.h"

bool service_op_init(struct service_op *op, struct plugin_instance *instance,
	enum handle_kind kind, void (*free)(struct service_op *op))
{
	list_init(&op->link);
	op->instance = instance;
	op->free = free;
	op->handle = handle_new(kind, op);
	if (!op->handle) {
		log_warning(&instance->log, "plugins hold too many handles");
		return false;
	}
	list_append(&instance->ops, &op->link);
	return true;
}

void service_op_free(struct service_op *op)
{
	list_remove(&op->link);
	op->handle = handle_free(op->handle);
	op->free(op);
}

void service_op_cancel(enum handle_kind kind, void *handle)
{
	struct service_op *op = handle_find(kind, handle);

	if (op)
		service_op_free(op);
}

void service_ops_cancel(struct list *ops)
{
	while (!list_is_empty(ops))
		service_op_free(list_entry(ops->next, struct service_op, link));
}

void *service_refuse(
	struct plugin_instance *instance, const char *what, const struct err *err)
{
	_cleanup_(freep) char *text = err_format(err);

	log_warning(&instance->log, "%s not started: %s", what, text);
	return NULL;
}

bool service_take(struct plugin_instance *instance, void *to, size_t to_size,
	const void *from, size_t min_bytes)
{
	size_t size = 0;

	memset(to, 0, to_size);
	if (from)
		memcpy(&size, from, sizeof(size));
	if (size < min_bytes) {
		log_warning(
			&instance->log, "not started: parameters without their size");
		return false;
	}
	memcpy(to, from, MIN(size, to_size));
	return true;
}
