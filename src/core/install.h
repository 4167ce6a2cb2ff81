/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Installing an issued certificate: hands it to the front workers and to each deployer
 * of the domain, target by target, and records each in the store (promise 2). Targets
 * that are done already, with the settings of today, are left alone, so it is repeated
 * for what failed and for what is new.
 */
#pragma once

#include "conf/conf.h"
#include "core/notice/instances.h"
#include "core/workers/fleet.h"
#include "core/workers/served.h"
#include "store/certificate.h"
#include "store/install.h"

struct install;

struct install_params {
	struct loop *loop;
	struct store *store;
	struct fleet *fleet; /* NULL: no front (postsealctl, tests) */
	struct served *served;
	const struct listeners *listeners; /* whose addresses are to be proven */
	const struct instances *instances;
	const struct conf *conf; /* that the domain is of */
	const struct conf_block *domain;
	const struct store_certificate *certificate; /* all borrowed */
	const char *key_type;
};

/* err NULL: every target has it. Else the first failure; the others were tried. */
typedef void install_done_fn(const struct err *err, void *userdata);

int install_start(struct install **ret, const struct install_params *params,
	install_done_fn *done, void *userdata, struct err *err);
/* After a failed proof: where the front was not seen to serve the new certificate, it
 * serves `old` again under the names that both have, also after a restart; the next
 * install_start tries the new one again. old NULL: what stands in (core/workers/served).
 * 1: taken back, 0: there was nothing to. */
int install_roll_back(const struct install_params *params,
	const struct store_certificate *old, struct err *err);

struct install *install_cancel(struct install *op);
DEFINE_CLEANUP(struct install *, install_cancel)
