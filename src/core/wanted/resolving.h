/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The resolver as the configuration wants it. */
#pragma once

#include "conf/conf.h"
#include "io/dns_resolver.h"
#include "util/log.h"

/* Settings resolvers, dns_stubs, trust_anchor_file, insecure_zones. Says in
 * the log when nothing will be validated. */
int resolving_new(struct dns_resolver **ret, struct loop *loop, const struct conf *conf,
	const struct log_ctx *log, struct err *err);
/* What a row cannot tell of them: stubs that are none. */
void resolving_check(const struct conf *conf, struct conf_report *report);
