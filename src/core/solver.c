/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See solver.h. One solve answers one authorization:
 *
 *   CHOOSE ──► OFFERS ──► WANT ──► PRESENT ──► READY ──► solved
 *     ▲           │         │         │          │ not seen: again, until self_check_timeout
 *     └───────────┴─────────┴─────────┴──────────┘ not possible: reason kept, next one
 *
 * When the policy's list is at its end, the reasons are the error.
 */
#include "core/solver.h"

#include <errno.h>
#include <string.h>

#include "core/records/records.h"
#include "core/wanted/policy.h"
#include "plugin/challenge.h"
#include "util/buf.h"
#include "util/fault.h"
#include "util/list.h"
#include "util/mem.h"

#define LOOK_AGAIN_USEC (250 * USEC_PER_MSEC)
#define NOTE_BYTES_MAX  2048

enum solve_state {
	SOLVE_CHOOSE,  /* next challenge of the policy */
	SOLVE_OFFERS,  /* the plugin is asked whether it can do this name */
	SOLVE_WANT,    /* what must stand outside stands */
	SOLVE_PRESENT, /* the answer is being given */
	SOLVE_READY,   /* we look at it ourselves */
	_SOLVE_STATE_MAX,
};

struct solver {
	struct loop *loop;                 /* borrowed */
	const struct conf_block *domain;   /* borrowed */
	const struct instances *instances; /* borrowed */
	struct records *records;           /* borrowed */
	struct authority *authority;       /* borrowed */
	const struct log_ctx *log;         /* borrowed */
	struct solver_record record;       /* borrowed userdata */
	struct acme_solver solver;         /* what the protocol sees */
	struct list solves;                /* solve.entry */
	struct list cleanups;              /* cleanup.entry */
	struct buf note;
};

struct solve {
	/* inputs */
	struct list entry;
	struct solver *solver;          /* borrowed */
	const struct acme_offer *offer; /* borrowed until the end */
	acme_solved_fn *done;
	void *userdata;

	/* owned operations */
	struct plugin_call *call;
	struct loop_timer *timer;
	struct loop_defer *defer;

	/* where it stands */
	enum solve_state state;
	size_t next;                      /* of the policy's list */
	const char *name;                 /* of the policy's list: what is tried */
	struct plugin_instance *instance; /* borrowed */
	int index;                        /* into the offer */
	char *saved;                      /* owned; from want */
	char *key_authorization;          /* owned */
	char *json;                       /* owned; the challenge object */
	usec_t look_until_usec;           /* monotonic */

	/* result */
	struct buf reasons;
};

struct cleanup {
	struct list entry;
	struct solver *solver;    /* borrowed */
	char *url, *type;         /* owned */
	struct plugin_call *call; /* owned */
};

static void solve_step(struct solve *s);

/* --- what a plugin is told ------------------------------------------------------------- */

static const char *directory_url(const struct solver *solver)
{
	return solver->authority
		       ? conf_get_string(
				 authority_get_block(solver->authority), "directory")
		       : NULL;
}

static const char *directory_json(const struct solver *solver)
{
	const struct acme_client *client =
		solver->authority ? authority_get_client(solver->authority) : NULL;
	const struct acme_directory *directory =
		client ? acme_client_get_directory(client) : NULL;

	return directory ? directory->meta : NULL;
}

static bool has_wildcard(const struct solver *solver, const char *name)
{
	_cleanup_(freep) char *wildcard = xasprintf("*.%s", name);

	return strv_contains(conf_get_list(solver->domain, "names"), wildcard);
}

static struct postseal_task make_task(const struct solver *solver,
	const struct acme_offer *offer, const struct acme_challenge *challenge)
{
	return (struct postseal_task){
		.size = sizeof(struct postseal_task),
		.domain = conf_block_get_name(solver->domain),
		.name = offer->name,
		.is_wildcard = offer->is_wildcard,
		.account_url = offer->account_url,
		.thumbprint = offer->thumbprint,
		.token = challenge ? challenge->token : NULL,
		.authority = solver->authority ? authority_get_name(solver->authority)
					       : NULL,
		.directory_url = directory_url(solver),
		.directory_json = directory_json(solver),
		.has_wildcard = has_wildcard(solver, offer->name),
	};
}

static char *format_key_authorization(
	const struct acme_offer *offer, const struct acme_challenge *challenge)
{
	return challenge->token
		       ? xasprintf("%s.%s", challenge->token, offer->thumbprint)
		       : NULL;
}

static int find_offered(const struct acme_offer *offer, const char *type)
{
	for (size_t i = 0; i < offer->n_challenges; i++)
		if (strcmp(offer->challenge[i].type, type) == 0)
			return (int)i;
	return -ENOENT;
}

static const char *instance_type(const struct plugin_instance *instance)
{
	return plugin_get_challenge_type(plugin_instance_get_plugin(instance));
}

/* --- the end ------------------------------------------------------------------------------ */

static struct solve *solve_free(struct solve *s)
{
	list_remove(&s->entry);
	plugin_call_cancel(s->call);
	loop_timer_free(s->timer);
	loop_defer_free(s->defer);
	free(s->saved);
	free(s->key_authorization);
	free(s->json);
	buf_done(&s->reasons);
	free(s);
	return NULL;
}

static void set_note(struct solve *s, const char *used)
{
	struct buf *note = &s->solver->note;
	const char *reasons = buf_str(&s->reasons);

	buf_reset(note);
	if (used && *reasons)
		buf_printf(note, "%s (%s)", used, reasons);
	else
		buf_printf(note, "%s", used ? used : reasons);
}

static void solve_complete(struct solve *s, int index)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	acme_solved_fn *done = s->done;
	void *userdata = s->userdata;
	struct acme_solved solved = { .index = index };

	set_note(s, index >= 0 ? s->name : NULL);
	if (index < 0) {
		err_set_kind(&err, ERR_CONFIG, -ENOTSUP,
			"no challenge is possible for %s%s: %s",
			s->offer->is_wildcard ? "*." : "", s->offer->name,
			buf_str(&s->reasons));
		solved.err = &err;
	}
	/* The protocol drops it by solve_cancel, in done or later. */
	done(&solved, userdata);
}

/* --- passing one over ----------------------------------------------------------------------- */

static void pass_over(struct solve *s, const char *reason)
{
	log_debug(s->solver->log, "%s: %s passed over: %s", s->offer->name, s->name,
		reason);
	buf_printf(
		&s->reasons, "%s%s: %s", s->reasons.len ? "; " : "", s->name, reason);
	s->state = SOLVE_CHOOSE;
}

/* --- the steps, in the order of the diagram ---------------------------------------------------- */

/* True: a candidate is set up. */
static bool take_candidate(struct solve *s, const char *name)
{
	s->name = name;
	s->instance =
		instances_find(s->solver->instances, POSTSEAL_KIND_CHALLENGE, name);
	if (!s->instance) {
		pass_over(s, "its plugin could not be opened");
		return false;
	}
	const struct plugin *plugin = plugin_instance_get_plugin(s->instance);
	if (s->offer->is_wildcard &&
		!(plugin_get_challenge_flags(plugin) & POSTSEAL_CHALLENGE_WILDCARD)) {
		pass_over(s, "cannot validate a wildcard name");
		return false;
	}
	s->index = find_offered(s->offer, instance_type(s->instance));
	if (s->index < 0) {
		pass_over(s, "not offered by the CA");
		return false;
	}
	return true;
}

/* The next of the policy's list, or of all that are installed; NULL at the end. */
static const char *next_name(struct solve *s)
{
	const struct solver *solver = s->solver;
	const char *name = NULL;

	if (conf_is_set(solver->domain, "challenge"))
		name = conf_get_list(solver->domain, "challenge")[s->next];
	else if (!instances_get(
			 solver->instances, POSTSEAL_KIND_CHALLENGE, s->next, &name))
		return NULL;
	s->next++;
	return name;
}

static void prepare_candidate(struct solve *s)
{
	const struct acme_challenge *c = &s->offer->challenge[s->index];

	free(s->key_authorization);
	s->key_authorization = format_key_authorization(s->offer, c);
	free(s->json);
	s->json = json_dumps(c->json, JSON_COMPACT);
	xstrset(&s->saved, NULL);
}

static void step_choose(struct solve *s)
{
	const char *name;

	while ((name = next_name(s)))
		if (take_candidate(s, name)) {
			prepare_candidate(s);
			s->state = SOLVE_OFFERS;
			solve_step(s);
			return;
		}
	solve_complete(s, -1);
}

/* Half of an answer may stand already while it is being given. */
static void withdraw(struct solve *s)
{
	if (s->state >= SOLVE_PRESENT)
		s->solver->solver.cleanup(s->solver, s->offer, (size_t)s->index);
}

static void on_call_done(const struct plugin_result *result, void *userdata);

static void call_plugin(struct solve *s, enum plugin_challenge_method method)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	struct postseal_task task =
		make_task(s->solver, s->offer, &s->offer->challenge[s->index]);

	task.key_authorization = s->key_authorization;
	task.challenge_json = s->json;
	task.saved = s->saved;
	if (plugin_challenge_start(
		    &s->call, s->instance, method, &task, on_call_done, s, &err) < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		withdraw(s);
		pass_over(s, text);
		solve_step(s);
	}
}

static void on_look_again(struct loop_timer *timer, void *userdata)
{
	solve_step(userdata);
}

static void look_again(struct solve *s, const struct plugin_result *result)
{
	usec_t now = loop_now(s->solver->loop);

	if (now < s->look_until_usec) {
		usec_t wait = result->retry_usec ? result->retry_usec : LOOK_AGAIN_USEC;
		loop_timer_set(s->timer, MIN(usec_add(now, wait), s->look_until_usec));
		return;
	}
	if (policy_get_self_check(s->solver->domain) == POLICY_SELF_CHECK_ADVISE) {
		log_warning(s->solver->log,
			"%s: own look at the %s answer failed, asking the CA all the same: %s",
			s->offer->name, s->name, result->detail);
		solve_complete(s, s->index);
		return;
	}
	withdraw(s);
	pass_over(s, result->detail);
	solve_step(s);
}

/* Is all there that has to stand before? False: passed over. */
static bool take_wanted(struct solve *s, const struct plugin_result *result)
{
	_cleanup_(freep) char *missing = NULL;
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct records_wish wish = {
		.domain = conf_block_get_name(s->solver->domain),
		.name = s->offer->name,
		.challenge = s->name,
		.wanted = result->wanted,
		.n_wanted = result->n_wanted,
	};
	int r = s->solver->records
			? records_want(s->solver->records, &wish, &missing, &err)
			: 1;

	if (r > 0)
		return true;
	if (r < 0)
		missing = err_format(&err);
	pass_over(s, missing);
	solve_step(s);
	return false;
}

/* What stands in the DNS takes its time. */
static const char *look_setting(const struct solve *s)
{
	unsigned flags =
		plugin_get_challenge_flags(plugin_instance_get_plugin(s->instance));

	return flags & POSTSEAL_CHALLENGE_DNS ? "propagation_timeout"
					      : "self_check_timeout";
}

static void go_on(struct solve *s, const struct plugin_result *result)
{
	switch (s->state) {
	case SOLVE_OFFERS:
		s->state = SOLVE_WANT;
		break;
	case SOLVE_WANT:
		if (!take_wanted(s, result))
			return;
		xstrset(&s->saved, result->saved);
		s->state = SOLVE_PRESENT;
		break;
	case SOLVE_PRESENT:
		FAULT("answer-presented");
		s->state = SOLVE_READY;
		s->look_until_usec = usec_add(loop_now(s->solver->loop),
			conf_get_duration(s->solver->domain, look_setting(s)));
		break;
	default:
		solve_complete(s, s->index);
		return;
	}
	solve_step(s);
}

static void on_call_done(const struct plugin_result *result, void *userdata)
{
	struct solve *s = userdata;

	/* What it said lives until this returns, whatever becomes of the call. */
	s->call = plugin_call_cancel(s->call);
	if (result->outcome == POSTSEAL_OK) {
		go_on(s, result);
		return;
	}
	if (s->state == SOLVE_READY) {
		look_again(s, result);
		return;
	}
	/* Also where something must stand outside and does not yet (want): the next
	 * challenge may be quicker. */
	withdraw(s);
	pass_over(s, result->detail);
	solve_step(s);
}

/* After a crash somebody has to know what may stand. */
static void step_present(struct solve *s)
{
	const struct solver_record *record = &s->solver->record;
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (record->present && record->present(record->userdata, s->offer,
				       (size_t)s->index, &err) < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		pass_over(s, text);
		solve_step(s);
		return;
	}
	FAULT("answer-not-presented");
	call_plugin(s, PLUGIN_CHALLENGE_PRESENT);
}

static void step_ready(struct solve *s)
{
	if (policy_get_self_check(s->solver->domain) == POLICY_SELF_CHECK_OFF)
		solve_complete(s, s->index);
	else
		call_plugin(s, PLUGIN_CHALLENGE_READY);
}

static void solve_step(struct solve *s)
{
	switch (s->state) {
	case SOLVE_CHOOSE:
		step_choose(s);
		break;
	case SOLVE_OFFERS:
		call_plugin(s, PLUGIN_CHALLENGE_OFFERS);
		break;
	case SOLVE_WANT:
		call_plugin(s, PLUGIN_CHALLENGE_WANT);
		break;
	case SOLVE_PRESENT:
		step_present(s);
		break;
	case SOLVE_READY:
		step_ready(s);
		break;
	default:
		break;
	}
}

/* --- acme/solver.h --------------------------------------------------------------------------- */

static void on_begin(void *userdata)
{
	struct solve *s = userdata;

	s->defer = loop_defer_free(s->defer);
	solve_step(s);
}

static int solve_start(void *userdata, void **ret_op, const struct acme_offer *offer,
	acme_solved_fn *done, void *done_userdata, struct err *err)
{
	struct solver *solver = userdata;
	struct solve *s = xnew(struct solve);

	s->solver = solver;
	s->offer = offer;
	s->done = done;
	s->userdata = done_userdata;
	s->index = -1;
	s->reasons = (struct buf)BUF_INIT(NOTE_BYTES_MAX);
	s->timer = loop_timer_new(solver->loop, on_look_again, s);
	s->defer = loop_defer_new(solver->loop, on_begin, s);
	list_append(&solver->solves, &s->entry);
	*ret_op = s;
	return 0;
}

static void solve_cancel(void *userdata, void *op)
{
	solve_free(op);
}

static void cleanup_free(struct cleanup *c)
{
	list_remove(&c->entry);
	plugin_call_cancel(c->call);
	free(c->type);
	free(c->url);
	free(c);
}

static void on_cleanup_done(const struct plugin_result *result, void *userdata)
{
	struct cleanup *c = userdata;
	const struct solver_record *record = &c->solver->record;

	FAULT("answer-cleaned-up");
	if (record->withdraw && result->outcome == POSTSEAL_OK)
		record->withdraw(record->userdata, c->url, c->type);
	cleanup_free(c);
}

/* Whoever presents that type. */
static struct plugin_instance *find_solver(
	const struct solver *solver, const char *type)
{
	struct plugin_instance *instance;
	const char *name;

	for (size_t i = 0; (instance = instances_get(solver->instances,
				    POSTSEAL_KIND_CHALLENGE, i, &name));
		i++)
		if (strcmp(instance_type(instance), type) == 0)
			return instance;
	return NULL;
}

static void cleanup(void *userdata, const struct acme_offer *offer, size_t index)
{
	struct solver *solver = userdata;
	const struct acme_challenge *challenge = &offer->challenge[index];
	struct plugin_instance *instance = find_solver(solver, challenge->type);

	if (!instance)
		return;
	_cleanup_(freep) char *key_authorization =
		format_key_authorization(offer, challenge);
	struct postseal_task task = make_task(solver, offer, challenge);
	struct cleanup *c = xnew(struct cleanup);
	c->solver = solver;
	c->url = xstrdup(offer->url);
	c->type = xstrdup(challenge->type);
	list_append(&solver->cleanups, &c->entry);
	task.key_authorization = key_authorization;
	if (plugin_challenge_start(&c->call, instance, PLUGIN_CHALLENGE_CLEANUP, &task,
		    on_cleanup_done, c, NULL) < 0)
		cleanup_free(c);
}

/* --- the object --------------------------------------------------------------------------------- */

struct solver *solver_new(const struct solver_params *params)
{
	struct solver *solver = xnew(struct solver);

	solver->loop = params->loop;
	solver->domain = params->domain;
	solver->instances = params->instances;
	solver->records = params->records;
	solver->authority = params->authority;
	solver->log = params->log;
	solver->record = params->record;
	solver->note = (struct buf)BUF_INIT(NOTE_BYTES_MAX * 2);
	list_init(&solver->solves);
	list_init(&solver->cleanups);
	solver->solver = (struct acme_solver){
		.solve_start = solve_start,
		.solve_cancel = solve_cancel,
		.cleanup = cleanup,
		.userdata = solver,
	};
	return solver;
}

void solver_follow(struct solver *solver, const struct conf_block *domain)
{
	solver->domain = domain;
}

struct solver *solver_free(struct solver *solver)
{
	struct solve *s, *next_solve;
	struct cleanup *c, *next_cleanup;

	if (!solver)
		return NULL;
	list_foreach_safe(s, next_solve, &solver->solves, entry)
		solve_free(s);
	list_foreach_safe(c, next_cleanup, &solver->cleanups, entry)
		cleanup_free(c);
	buf_done(&solver->note);
	free(solver);
	return NULL;
}

const struct acme_solver *solver_get(const struct solver *solver)
{
	return &solver->solver;
}

const char *solver_get_note(const struct solver *solver)
{
	return buf_str(&solver->note);
}

bool solver_is_idle(const struct solver *solver)
{
	return list_is_empty(&solver->cleanups);
}
