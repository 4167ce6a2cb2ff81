/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Host services: the table that plugins are given, and what its files share. */
#pragma once

#include "plugin/handle.h"
#include "plugin/instance_priv.h"

extern const struct postseal_services plugin_services;

/* Something that a plugin has started; embedded first. It is freed before the plugin is
 * called back, so that its handle is gone by then. */
struct service_op {
	struct list link;                 /* in the instance's ops */
	struct plugin_instance *instance; /* borrowed */
	void *handle;
	void (*free)(struct service_op *op);
};

/* False (and said): plugins hold too many handles. The op is then not linked. */
bool service_op_init(struct service_op *op, struct plugin_instance *instance,
	enum handle_kind kind, void (*free)(struct service_op *op));
void service_op_free(struct service_op *op);
/* What is gone is ok. */
void service_op_cancel(enum handle_kind kind, void *handle);
void service_ops_cancel(struct list *ops);

/* Says why nothing was started; returns NULL. */
void *service_refuse(
	struct plugin_instance *instance, const char *what, const struct err *err);
/* Copies what the other side has of a struct that begins with its size; the rest is
 * zero. False (and said): it has less than min octets. */
bool service_take(struct plugin_instance *instance, void *to, size_t to_size,
	const void *from, size_t min_bytes);
#define service_end_of(type, member) \
	(offsetof(type, member) + sizeof(((type *)0)->member))

/* The services themselves. */
struct postseal_timer *service_timer_start(struct postseal_host *host, uint64_t usec,
	postseal_timer_fn *fn, void *userdata);
void service_timer_cancel(struct postseal_timer *timer);
struct postseal_watch *service_watch_start(struct postseal_host *host, int fd,
	unsigned events, postseal_watch_fn *fn, void *userdata);
void service_watch_cancel(struct postseal_watch *watch);
struct postseal_http *service_http_start(struct postseal_host *host,
	const struct postseal_http_params *params, postseal_http_fn *fn,
	void *userdata);
void service_http_cancel(struct postseal_http *op);
struct postseal_exec *service_exec_start(struct postseal_host *host,
	const struct postseal_exec_params *params, postseal_exec_fn *fn,
	void *userdata);
void service_exec_cancel(struct postseal_exec *op);
struct postseal_publication *service_publish_start(struct postseal_host *host,
	const struct postseal_answer *answer, postseal_publication_fn *fn,
	void *userdata);
struct postseal_publication *service_look_start(struct postseal_host *host,
	const struct postseal_answer *answer, postseal_publication_fn *fn,
	void *userdata);
void service_publication_cancel(struct postseal_publication *op);
void service_withdraw(struct postseal_host *host, const struct postseal_answer *answer);
struct postseal_txt_op *service_txt_start(struct postseal_host *host,
	enum postseal_txt_act act, const struct postseal_txt *txt, postseal_txt_fn *fn,
	void *userdata);
void service_txt_cancel(struct postseal_txt_op *op);
struct postseal_lookup *service_lookup_start(struct postseal_host *host,
	const char *name, const char *type, postseal_lookup_fn *fn, void *userdata);
void service_lookup_cancel(struct postseal_lookup *op);
