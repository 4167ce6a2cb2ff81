/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See resolving.h. libunbound writes an address with its port as ADDRESS@PORT. */
#include "core/wanted/resolving.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io/address.h"
#include "util/dname.h"
#include "util/mem.h"

#define STUBS_MAX 64

struct made {
	struct dns_stub stubs[STUBS_MAX]; /* owned strings */
	size_t n_stubs;
	char **forwarders;
};

static void made_done(struct made *made)
{
	for (size_t i = 0; i < made->n_stubs; i++) {
		free((char *)made->stubs[i].zone);
		free((char *)made->stubs[i].server);
	}
	strv_free(made->forwarders);
}

/* "[::1]:53" as "::1@53". NULL: no numeric address. */
static char *format_server(const char *text)
{
	struct address address;
	const char *port = strrchr(text, ':');

	if (!port || address_parse(text, &address, NULL) < 0 ||
		(address.sa.ss_family != AF_INET && address.sa.ss_family != AF_INET6))
		return NULL;
	size_t n = (size_t)(port - text);
	if (text[0] == '[')
		return xasprintf("%.*s@%s", (int)n - 2, text + 1, port + 1);
	return xasprintf("%.*s@%s", (int)n, text, port + 1);
}

static bool parse_stub(const char *text, struct dns_stub *ret)
{
	const char *equal = strchr(text, '=');
	char zone[DNAME_MAX + 1];

	if (!equal || !dname_normalise(text, (size_t)(equal - text), DNAME_UNDERSCORE,
			      zone, sizeof(zone)))
		return false;
	char *server = format_server(equal + 1);
	if (!server)
		return false;
	*ret = (struct dns_stub){ xstrdup(zone), server };
	return true;
}

void resolving_check(const struct conf *conf, struct conf_report *report)
{
	const struct conf_block *root = conf_get_root(conf);
	char *const *list = conf_get_list(root, "dns_stubs");
	const char *file = NULL;
	unsigned line = 0;

	conf_get_place(root, "dns_stubs", &file, &line);
	for (size_t i = 0; list[i]; i++) {
		struct dns_stub stub = { NULL, NULL };
		if (!parse_stub(list[i], &stub) || i >= STUBS_MAX)
			conf_report_error(report, file ? file : "postseal.conf", line,
				"dns_stubs",
				"%s is not ZONE=ADDRESS:PORT, such as example.org=192.0.2.1:53",
				list[i]);
		free((char *)stub.zone);
		free((char *)stub.server);
	}
}

static void make(const struct conf_block *root, struct made *ret)
{
	char *const *stubs = conf_get_list(root, "dns_stubs");
	char *const *resolvers = conf_get_list(root, "resolvers");

	for (size_t i = 0; stubs[i] && ret->n_stubs < STUBS_MAX; i++)
		ret->n_stubs += parse_stub(stubs[i], &ret->stubs[ret->n_stubs]);
	for (size_t i = 0; resolvers[i]; i++) {
		_cleanup_(freep) char *server = format_server(resolvers[i]);
		if (server)
			strv_append(&ret->forwarders, server);
	}
}

static const char *find_anchors(
	const struct conf_block *root, const struct log_ctx *log)
{
	const char *file = conf_get_string(root, "trust_anchor_file");

	if (!file || access(file, R_OK) == 0)
		return file;
	log_warning(log,
		"trust_anchor_file %s cannot be read (%s): answers of the DNS are not validated",
		file, strerror(errno));
	return NULL;
}

int resolving_new(struct dns_resolver **ret, struct loop *loop, const struct conf *conf,
	const struct log_ctx *log, struct err *err)
{
	const struct conf_block *root = conf_get_root(conf);
	_cleanup_(made_done) struct made made = { .n_stubs = 0 };

	make(root, &made);
	const struct dns_resolver_params params = {
		.forwarders = (const char *const *)made.forwarders,
		.stubs = made.stubs,
		.n_stubs = made.n_stubs,
		.trust_anchor_file = find_anchors(root, log),
		.insecure_zones =
			(const char *const *)conf_get_list(root, "insecure_zones"),
	};
	return dns_resolver_new(ret, loop, &params, err);
}
