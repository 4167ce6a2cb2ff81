/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See listener_message.h. */
#include "core/workers/listener_message.h"

#include "core/wanted/policy.h"
#include "util/mem.h"

static char **copy_list(char *const *list)
{
	char **copy = NULL;

	for (size_t i = 0; list[i]; i++)
		strv_append(&copy, list[i]);
	return copy;
}

/* The name that clients without SNI get when nothing is said. */
static const char *first_name(const struct conf *conf)
{
	const struct conf_block *domain = conf_get_block(conf, "domain", 0);
	char *const *names = domain ? conf_get_list(domain, "names") : NULL;

	return names ? names[0] : NULL;
}

struct link_listener listener_message_make(
	const struct conf *conf, const struct conf_block *block, size_t index)
{
	const char *name = conf_block_get_name(block);
	const char *default_name = conf_get_string(block, "default_name");
	enum link_protocol protocol =
		(enum link_protocol)conf_get_int(block, "protocol");
	bool is_http = protocol == LINK_PROTOCOL_HTTP;

	return (struct link_listener){
		.name = index == 0 ? xstrdup(name)
				   : xasprintf("%s#%zu", name, index + 1),
		.fd = -1,
		.protocol = protocol,
		.tls = is_http ? 1 : (unsigned)conf_get_int(block, "tls"),
		.backend = xstrdup(conf_get_string(block, "backend")),
		.proxy_protocol = (unsigned)conf_get_int(block, "proxy_protocol"),
		.unknown_sni = (unsigned)conf_get_int(block, "unknown_sni"),
		.default_name = xstrdup(default_name ? default_name : first_name(conf)),
		.acme = policy_has_acme(block),
		.alpn = copy_list(conf_get_list(block, "alpn")),
		.proxy_from = copy_list(conf_get_list(block, "proxy_from")),
		.redirect_port = conf_get_int(block, "redirect_port") == 443
					 ? NULL
					 : xasprintf(":%d", (int)conf_get_int(block,
								    "redirect_port")),
		.handshake_timeout_usec = conf_get_duration(block, "handshake_timeout"),
		.idle_timeout_usec = conf_get_duration(block, "idle_timeout"),
		.connect_timeout_usec = conf_get_duration(block, "connect_timeout"),
	};
}
