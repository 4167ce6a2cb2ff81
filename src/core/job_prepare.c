/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What has to stand outside before an order makes sense: the job's account is known, and
 * the challenges say which records they want. While one of them is missing nothing has
 * failed, and nothing is ordered.
 */
#include <errno.h>

#include "core/job_priv.h"
#include "core/preparation.h"
#include "util/mem.h"

static void on_prepared(const struct preparation_result *result, void *userdata)
{
	struct job *job = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	job->preparation = preparation_cancel(job->preparation);
	switch (result->outcome) {
	case PREPARATION_READY:
		job_set_state(job, JOB_PLACE);
		job_step(job);
		break;
	case PREPARATION_WAITING:
		job_wait_for_records(job, result->text);
		break;
	case PREPARATION_IMPOSSIBLE:
		err_set_kind(&err, ERR_CONFIG, -ENOTSUP, "%s", result->text);
		job_fail(job, &err);
		break;
	}
}

void job_step_prepare(struct job *job)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct acme_client *client = authority_get_client(job->authority);
	const struct acme_directory *directory =
		client ? acme_client_get_directory(client) : NULL;
	const struct preparation_account account = {
		.authority = authority_get_name(job->authority),
		.directory_url = conf_get_string(
			authority_get_block(job->authority), "directory"),
		.directory_json = directory ? directory->meta : NULL,
		.account_url = client ? acme_client_get_account(client) : NULL,
		.thumbprint = authority_get_thumbprint(job->authority),
	};
	const struct preparation_params params = {
		.loop = job->env->loop,
		.domain = job->domain,
		.instances = job->env->instances,
		.records = job->env->records,
		.account = &account,
		.names = job->slot.names,
		.log = &job->log,
	};

	if (preparation_start(&job->preparation, &params, on_prepared, job, &err) < 0)
		job_fail(job, &err);
}
