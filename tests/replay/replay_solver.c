/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See replay_solver.h. */
#include "tests/replay/replay_solver.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "util/list.h"
#include "util/mem.h"

struct replay_solver {
	struct loop *loop; /* borrowed */
	struct acme_solver solver;
	struct acme_progress progress;
	struct list solving;
	bool is_willing;
	bool refuses_next;
	char *failing_save;
	char **cleanups;
	char **saves;
	char **standing; /* "NAME TYPE" */
};

struct solving {
	struct list link; /* linked until done was called */
	struct replay_solver *owner;
	const struct acme_offer *offer;
	acme_solved_fn *done;
	void *userdata;
	struct loop_defer *defer;
};

static char *format_challenge(const struct acme_offer *offer, size_t index)
{
	assert(index < offer->n_challenges);
	return xasprintf("%s%s %s", offer->is_wildcard ? "*." : "", offer->name,
		offer->challenge[index].type);
}

static void finish(struct solving *op, int index, const struct err *err)
{
	const struct acme_solved solved = { .index = index, .err = err };

	list_remove(&op->link);
	op->done(&solved, op->userdata);
}

static void take_down(struct replay_solver *solver, const char *text)
{
	char **left = NULL;

	for (char **s = solver->standing; s && *s; s++) {
		if (strcmp(*s, text) != 0)
			strv_append(&left, *s);
	}
	strv_free(solver->standing);
	solver->standing = left;
}

/* Only the chosen one stands once the solver has said which. */
static void choose(
	struct replay_solver *solver, const struct acme_offer *offer, size_t index)
{
	for (size_t i = 0; i < offer->n_challenges; i++) {
		_cleanup_(freep) char *text = format_challenge(offer, i);

		if (i != index)
			take_down(solver, text);
	}
}

static void on_willing(void *userdata)
{
	struct solving *op = userdata;

	choose(op->owner, op->offer, 0);
	finish(op, 0, NULL);
}

static int solve_start(void *userdata, void **ret_op, const struct acme_offer *offer,
	acme_solved_fn *done, void *done_userdata, struct err *err)
{
	struct replay_solver *solver = userdata;

	if (solver->refuses_next) {
		solver->refuses_next = false;
		return err_set_kind(err, ERR_PLUGIN, -ENOENT, "no plugin is there");
	}
	struct solving *op = xnew(struct solving);
	op->owner = solver;
	op->offer = offer;
	op->done = done;
	op->userdata = done_userdata;
	list_append(&solver->solving, &op->link);
	if (solver->is_willing)
		op->defer = loop_defer_new(solver->loop, on_willing, op);
	/* From now on any of them may stand. */
	for (size_t i = 0; i < offer->n_challenges; i++) {
		_cleanup_(freep) char *text = format_challenge(offer, i);

		strv_append(&solver->standing, text);
	}
	*ret_op = op;
	return 0;
}

static void solve_cancel(void *userdata, void *handle)
{
	struct solving *op = handle;

	list_remove(&op->link);
	loop_defer_free(op->defer);
	free(op);
}

static void cleanup(void *userdata, const struct acme_offer *offer, size_t index)
{
	struct replay_solver *solver = userdata;
	_cleanup_(freep) char *text = format_challenge(offer, index);

	strv_append(&solver->cleanups, text);
	take_down(solver, text);
}

/* --- progress ------------------------------------------------------------------------ */

static int save(struct replay_solver *solver, const char *text, struct err *err)
{
	strv_append(&solver->saves, text);
	if (solver->failing_save && strstr(text, solver->failing_save))
		return err_set(err, -ENOSPC, "the disk is full");
	return 0;
}

static int order_changed(
	void *userdata, const struct acme_order_facts *facts, struct err *err)
{
	_cleanup_(freep) char *text = xasprintf(
		"order %s %s finalize=%s certificate=%s",
		acme_order_state_name(facts->state), facts->url ? facts->url : "-",
		facts->finalize_url ? facts->finalize_url : "-",
		facts->certificate_url ? facts->certificate_url : "-");

	return save(userdata, text, err);
}

static int authz_changed(
	void *userdata, const struct acme_authz_facts *facts, struct err *err)
{
	_cleanup_(freep) char *text = xasprintf("authz %s%s %s%s %s %s",
		facts->is_wildcard ? "*." : "", facts->name ? facts->name : "-",
		facts->state, facts->presented ? " presented" : "",
		facts->challenge ? facts->challenge : "-",
		facts->token ? facts->token : "-");

	return save(userdata, text, err);
}

/* --- what the replay says to it --------------------------------------------------------- */

struct replay_solver *replay_solver_new(struct loop *loop)
{
	struct replay_solver *solver = xnew(struct replay_solver);

	solver->loop = loop;
	list_init(&solver->solving);
	solver->solver = (struct acme_solver){
		.solve_start = solve_start,
		.solve_cancel = solve_cancel,
		.cleanup = cleanup,
		.userdata = solver,
	};
	solver->progress = (struct acme_progress){
		.order_changed = order_changed,
		.authz_changed = authz_changed,
		.userdata = solver,
	};
	return solver;
}

struct replay_solver *replay_solver_free(struct replay_solver *solver)
{
	if (!solver)
		return NULL;
	assert(list_is_empty(&solver->solving));
	strv_free(solver->standing);
	strv_free(solver->saves);
	strv_free(solver->cleanups);
	free(solver->failing_save);
	free(solver);
	return NULL;
}

const struct acme_solver *replay_solver_get(const struct replay_solver *solver)
{
	return &solver->solver;
}

const struct acme_progress *replay_solver_get_progress(
	const struct replay_solver *solver)
{
	return &solver->progress;
}

void replay_solver_set_willing(struct replay_solver *solver)
{
	solver->is_willing = true;
}

void replay_solver_refuse_next(struct replay_solver *solver)
{
	solver->refuses_next = true;
}

static struct solving *find_oldest(const struct replay_solver *solver)
{
	if (list_is_empty(&solver->solving))
		return NULL;
	return list_entry(solver->solving.next, struct solving, link);
}

char *replay_solver_format_offer(const struct replay_solver *solver)
{
	const struct solving *op = find_oldest(solver);

	if (!op)
		return NULL;
	char *text = xasprintf(
		"%s%s", op->offer->name, op->offer->is_wildcard ? " wildcard" : "");
	for (size_t i = 0; i < op->offer->n_challenges; i++) {
		const struct acme_challenge *challenge = &op->offer->challenge[i];
		char *more = xasprintf("%s %s:%s", text, challenge->type,
			challenge->token ? challenge->token : "-");

		free(text);
		text = more;
	}
	return text;
}

bool replay_solver_succeed(struct replay_solver *solver, const char *type)
{
	struct solving *op = find_oldest(solver);
	size_t index = 0;

	if (!op)
		return false;
	while (type && strcmp(op->offer->challenge[index].type, type) != 0) {
		if (++index == op->offer->n_challenges)
			return false;
	}
	choose(solver, op->offer, index);
	finish(op, (int)index, NULL);
	return true;
}

bool replay_solver_fail(struct replay_solver *solver, const char *why)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct solving *op = find_oldest(solver);

	if (!op)
		return false;
	err_set_kind(&err, ERR_PLUGIN, -ENOENT, "%s", why);
	finish(op, -1, &err);
	return true;
}

char *const *replay_solver_get_cleanups(const struct replay_solver *solver)
{
	return solver->cleanups;
}

char *const *replay_solver_get_saves(const struct replay_solver *solver)
{
	return solver->saves;
}

size_t replay_solver_count_standing(const struct replay_solver *solver)
{
	return strv_length(solver->standing);
}

void replay_solver_fail_save(struct replay_solver *solver, const char *text)
{
	xstrset(&solver->failing_save, text);
}
