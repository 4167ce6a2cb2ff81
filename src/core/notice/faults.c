/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See faults.h. What stands against a plugin is a JSON text in the store, among the
 * states of plugins, under a name that no plugin can have:
 * {"deaths": {"install": 1}, "reason": "…"}.
 */
#include "core/notice/faults.h"

#include <errno.h>
#include <string.h>

#include "store/call_note.h"
#include "store/plugin_state.h"
#include "util/json_view.h"
#include "util/mem.h"

#define STATE_OWNER "(host)"
#define DEATHS_MAX  2 /* in the same method */
#define ENABLE_HINT "; postsealctl plugins enable %s lifts that"

struct fault {
	struct fault *next; /* owned */
	enum postseal_kind kind;
	char *plugin;   /* owned */
	json_t *deaths; /* owned; object, method to number */
	char *reason;   /* owned; NULL = it is not disabled */
};

struct faults {
	/* inputs */
	const struct log_ctx *log; /* borrowed, as all here */
	struct store *store;       /* NULL until open */
	const struct plugin_host *host;
	struct events *events; /* NULL until it may be told */
	struct plugin_noter noter;
	/* owned */
	struct call_note *note;
	struct fault *first;
	char *untold;         /* what was found at the start; NULL = nothing */
	char *untold_subject; /* the plugin */
	bool is_grave;        /* of untold: it was disabled */
};

/* --- what stands against a plugin ------------------------------------------------------- */

static struct fault *find(
	const struct faults *faults, enum postseal_kind kind, const char *plugin)
{
	for (struct fault *f = faults->first; f; f = f->next)
		if (f->kind == kind && strcmp(f->plugin, plugin) == 0)
			return f;
	return NULL;
}

static struct fault *get(
	struct faults *faults, enum postseal_kind kind, const char *plugin)
{
	struct fault *f = find(faults, kind, plugin);

	if (f)
		return f;
	f = xnew(struct fault);
	f->kind = kind;
	f->plugin = xstrdup(plugin);
	f->deaths = json_object();
	f->next = faults->first;
	faults->first = f;
	return f;
}

static char *format_name(enum postseal_kind kind, const char *plugin)
{
	return xasprintf("%s %s", plugin_kind_name(kind), plugin);
}

static int save(struct faults *faults, const struct fault *f, struct err *err)
{
	_cleanup_(freep) char *name = format_name(f->kind, f->plugin);
	_cleanup_(json_view_unrefp) json_t *json =
		json_pack("{s:O, s:s?}", "deaths", f->deaths, "reason", f->reason);
	_cleanup_(freep) char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	bool is_clean = !f->reason && json_object_size(f->deaths) == 0;

	if (!faults->store || (!text && !is_clean))
		return 0;
	return store_plugin_state_save(
		faults->store, STATE_OWNER, name, is_clean ? NULL : text, err);
}

/* What is not stored is still true for this process. */
static void save_or_log(struct faults *faults, const struct fault *f)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (save(faults, f, &err) >= 0)
		return;
	_cleanup_(freep) char *why = err_format(&err);
	log_error(faults->log, "the fault of plugin %s is not stored: %s", f->plugin,
		why);
}

/* A text that is damaged stands against nobody. */
static int load(struct faults *faults, const struct plugin *plugin, struct err *err)
{
	enum postseal_kind kind = plugin_get_kind(plugin);
	_cleanup_(freep) char *name = format_name(kind, plugin_get_name(plugin));
	_cleanup_(freep) char *text = NULL;
	int r = store_plugin_state_load(faults->store, STATE_OWNER, name, &text, err);

	if (r != 0)
		return r < 0 ? r : 0;
	_cleanup_(json_view_unrefp) json_t *json = json_loads(text, 0, NULL);
	json_t *deaths = json_view_object(json, "deaths");
	struct fault *f = get(faults, kind, plugin_get_name(plugin));
	if (deaths) {
		json_decref(f->deaths);
		f->deaths = json_incref(deaths);
	}
	xstrset(&f->reason, json_view_string(json, "reason"));
	return 0;
}

/* --- disabling ------------------------------------------------------------------------- */

static void tell(struct faults *faults, const struct fault *f, const char *text)
{
	if (faults->events)
		events_add(faults->events,
			f->reason ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "plugin",
			f->plugin, "%s", text);
}

static void disable(struct faults *faults, struct fault *f, char *reason)
{
	free(f->reason);
	f->reason = reason;
	save_or_log(faults, f);
}

static char *format_place(const struct call_place *place)
{
	return xasprintf("%s of plugin %s %s%s%s", place->method, place->kind,
		place->name, *place->subject ? ", for " : "", place->subject);
}

static char *format_cause(int signo)
{
	return signo < 0 ? xstrdup("it ended the process")
			 : xasprintf("signal %d (%s)", signo, strsignal(signo));
}

static int parse_kind(const char *text)
{
	for (int kind = POSTSEAL_KIND_CHALLENGE; kind <= POSTSEAL_KIND_NOTIFY; kind++)
		if (strcmp(plugin_kind_name((enum postseal_kind)kind), text) == 0)
			return kind;
	return -EINVAL;
}

static void count_death(struct faults *faults, const struct call_death *death)
{
	const struct call_place *place = &death->place;
	_cleanup_(freep) char *where = format_place(place);
	_cleanup_(freep) char *cause = format_cause(death->signo);
	int kind = parse_kind(place->kind);

	if (kind < 0 ||
		!plugin_host_find(faults->host, (enum postseal_kind)kind, place->name))
		return;
	struct fault *f = get(faults, (enum postseal_kind)kind, place->name);
	int64_t n = json_view_int(f->deaths, place->method, 0) + 1;
	json_object_set_new(f->deaths, place->method, json_integer(n));
	bool is_last = n >= DEATHS_MAX && !f->reason;
	if (is_last)
		disable(faults, f,
			xasprintf(
				"it is disabled: postseald has died in its %s twice%s%s: %s",
				place->method, *place->subject ? ", last for " : "",
				place->subject, cause));
	else
		save_or_log(faults, f);
	xstrset(&faults->untold_subject, f->plugin);
	faults->is_grave = is_last;
	free(faults->untold);
	faults->untold =
		is_last ? xasprintf("plugin %s %s: %s" ENABLE_HINT, place->kind,
				  place->name, f->reason, place->name)
			: xasprintf(
				  "postseald has died in %s: %s; after another time the plugin is disabled",
				  where, cause);
}

static void take_death(struct faults *faults, const struct call_death *death)
{
	if (!*death->place.kind)
		return;
	if (death->signo != 0) {
		count_death(faults, death);
		return;
	}
	_cleanup_(freep) char *where = format_place(&death->place);
	log_notice(faults->log,
		"postseald was killed while it was in %s; that is not held against it",
		where);
}

/* --- what the host tells ----------------------------------------------------------------- */

static void on_enter(void *userdata, const struct plugin_place *place)
{
	struct faults *faults = userdata;

	if (faults->note)
		call_note_set(faults->note, plugin_kind_name(place->kind),
			place->plugin, place->method, place->subject);
}

static void on_leave(void *userdata)
{
	struct faults *faults = userdata;

	if (faults->note)
		call_note_clear(faults->note);
}

static void on_breach(
	void *userdata, const struct plugin_place *place, const char *what)
{
	struct faults *faults = userdata;
	struct fault *f = get(faults, place->kind, place->plugin);

	if (f->reason)
		return;
	disable(faults, f,
		xasprintf("it is disabled: %s (in its %s%s%s)", what, place->method,
			place->subject ? ", for " : "",
			place->subject ? place->subject : ""));
	_cleanup_(freep) char *text = xasprintf("plugin %s %s: %s" ENABLE_HINT,
		plugin_kind_name(place->kind), place->plugin, f->reason, place->plugin);
	tell(faults, f, text);
}

static const char *on_refusal(
	void *userdata, enum postseal_kind kind, const char *plugin)
{
	return faults_get_reason(userdata, kind, plugin);
}

/* --- the object ---------------------------------------------------------------------------- */

struct faults *faults_new(const struct log_ctx *log)
{
	struct faults *faults = xnew(struct faults);

	faults->log = log;
	faults->noter = (struct plugin_noter){
		.enter = on_enter,
		.leave = on_leave,
		.breach = on_breach,
		.refusal = on_refusal,
		.userdata = faults,
	};
	return faults;
}

static void fault_free(struct fault *f)
{
	json_decref(f->deaths);
	free(f->reason);
	free(f->plugin);
	free(f);
}

struct faults *faults_free(struct faults *faults)
{
	if (!faults)
		return NULL;
	call_note_close(faults->note);
	while (faults->first) {
		struct fault *f = faults->first;
		faults->first = f->next;
		fault_free(f);
	}
	free(faults->untold_subject);
	free(faults->untold);
	free(faults);
	return NULL;
}

const struct plugin_noter *faults_get_noter(struct faults *faults)
{
	return &faults->noter;
}

int faults_open(struct faults *faults, struct store *store,
	const struct plugin_host *host, const char *path, struct err *err)
{
	_cleanup_(err_done) struct err note_err = ERR_INIT;
	struct call_death death = { .signo = 0 };
	const struct plugin *plugin;

	faults->store = store;
	faults->host = host;
	for (size_t i = 0; (plugin = plugin_host_get(host, i)); i++) {
		int r = load(faults, plugin, err);
		if (r < 0)
			return err_wrap(err, r, "faults of plugins");
	}
	if (call_note_open(&faults->note, path, &death, &note_err) < 0) {
		_cleanup_(freep) char *why = err_format(&note_err);
		log_warning(faults->log,
			"calls of plugins are not noted, and one that crashes is not found out: %s",
			why);
	}
	take_death(faults, &death);
	return 0;
}

void faults_tell(struct faults *faults, struct events *events)
{
	faults->events = events;
	if (faults->untold)
		events_add(events,
			faults->is_grave ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
			"plugin", faults->untold_subject, "%s", faults->untold);
	xstrset(&faults->untold, NULL);
}

/* --- questions and the operator -------------------------------------------------------------- */

const char *faults_get_reason(
	const struct faults *faults, enum postseal_kind kind, const char *plugin)
{
	const struct fault *f = find(faults, kind, plugin);

	return f ? f->reason : NULL;
}

unsigned faults_count_deaths(
	const struct faults *faults, enum postseal_kind kind, const char *plugin)
{
	const struct fault *f = find(faults, kind, plugin);
	int64_t worst = 0;
	const char *method;
	json_t *n;

	if (!f)
		return 0;
	json_object_foreach(f->deaths, method, n) worst =
		MAX(worst, (int64_t)json_integer_value(n));
	return (unsigned)worst;
}

int faults_enable(struct faults *faults, const char *plugin, struct err *err)
{
	int n = 0;

	for (struct fault *f = faults->first; f; f = f->next) {
		if (strcmp(f->plugin, plugin) != 0 ||
			(!f->reason && json_object_size(f->deaths) == 0))
			continue;
		xstrset(&f->reason, NULL);
		json_object_clear(f->deaths);
		int r = save(faults, f, err);
		if (r < 0)
			return r;
		n++;
	}
	return n;
}

/* --- domains ---------------------------------------------------------------------------------- */

/* What the configuration calls `name` may be a block of another plugin's. */
static const char *find_reason(const struct faults *faults, struct conf *conf,
	enum postseal_kind kind, const char *name, const char **ret_plugin)
{
	const struct conf_block *block =
		conf_find_block(conf, plugin_kind_name(kind), name);

	*ret_plugin = block ? conf_block_get_plugin(block) : name;
	return faults_get_reason(faults, kind, *ret_plugin);
}

static char *format_reason(
	enum postseal_kind kind, const char *plugin, const char *reason)
{
	return xasprintf("plugin %s %s: %s" ENABLE_HINT, plugin_kind_name(kind), plugin,
		reason, plugin);
}

static char *hold_by_deploy(
	const struct faults *faults, struct conf *conf, const struct conf_block *domain)
{
	char *const *list = conf_get_list(domain, "deploy");
	const char *plugin;

	for (size_t i = 0; list[i]; i++) {
		const char *reason = find_reason(
			faults, conf, POSTSEAL_KIND_DEPLOY, list[i], &plugin);
		if (reason)
			return format_reason(POSTSEAL_KIND_DEPLOY, plugin, reason);
	}
	return NULL;
}

/* One that works is enough. Without a list the solver takes whatever there is. */
static char *hold_by_challenge(
	const struct faults *faults, struct conf *conf, const struct conf_block *domain)
{
	char *const *list = conf_get_list(domain, "challenge");
	const char *plugin = NULL;
	const char *reason = NULL;

	if (!conf_is_set(domain, "challenge"))
		return NULL;
	for (size_t i = 0; list[i]; i++) {
		reason = find_reason(
			faults, conf, POSTSEAL_KIND_CHALLENGE, list[i], &plugin);
		if (!reason)
			return NULL;
	}
	return reason ? format_reason(POSTSEAL_KIND_CHALLENGE, plugin, reason) : NULL;
}

char *faults_format_hold(
	const struct faults *faults, struct conf *conf, const struct conf_block *domain)
{
	if (!faults || !faults->first)
		return NULL;
	char *hold = hold_by_deploy(faults, conf, domain);
	return hold ? hold : hold_by_challenge(faults, conf, domain);
}
