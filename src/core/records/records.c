/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See records.h. All records are in memory; the store has them for the next start. One
 * timer for the one that is due first, and so many looks at once.
 */
#include "core/records/records.h"

#include <errno.h>
#include <string.h>

#include "core/records/judgement.h"
#include "util/buf.h"
#include "util/list.h"
#include "util/mem.h"

#define LOOKS_MAX     16
#define MISSING_USEC  USEC_PER_MIN
#define THERE_USEC    USEC_PER_HOUR
#define GRAIN_USEC    (100 * USEC_PER_MSEC)
#define MISSING_BYTES 2048
#define FORGET_USEC   (90 * USEC_PER_DAY) /* a removed one that stands for ever */

/* Days ahead at which the end of one is told. */
static const unsigned warnings[] = { 1, 7, 14, 30 };

struct record {
	struct list entry; /* of records.all */
	struct records *records;
	struct store_wanted_record row;
	struct dns_survey *survey; /* owned; NULL: nobody looks */
	usec_t due_usec;           /* monotonic; of the next look */
	bool is_wished;            /* while a wish is compared */
	char *foreign;             /* owned; that was told last */
};

struct records {
	struct records_params in; /* borrowed members */
	struct list all;          /* record.entry, in the order of their ids */
	struct loop_timer *timer; /* owned */
	unsigned n_looks;
};

static void set_timer(struct records *records);

/* --- one of them -------------------------------------------------------------------------- */

static void complain(const struct records *records, const struct err *err)
{
	_cleanup_(freep) char *text = err_format(err);

	log_error(records->in.log, "wanted records: %s", text);
}

static void record_free(struct record *record)
{
	list_remove(&record->entry);
	record->records->n_looks -= record->survey != NULL;
	dns_survey_cancel(record->survey);
	store_wanted_record_done(&record->row);
	free(record->foreign);
	free(record);
}

static struct record *record_new(struct records *records)
{
	struct record *record = xnew(struct record);

	record->records = records;
	record->due_usec = loop_now(records->in.loop);
	list_append(&records->all, &record->entry);
	return record;
}

static void copy_row(
	struct store_wanted_record *ret, const struct store_wanted_record *row)
{
	*ret = *row;
	ret->domain = xstrdup(row->domain);
	ret->name = xstrdup(row->name);
	ret->challenge = xstrdup(row->challenge);
	ret->owner = xstrdup(row->owner);
	ret->type = xstrdup(row->type);
	ret->value = xstrdup(row->value);
	ret->why = xstrdup(row->why);
	ret->detail = xstrdup(row->detail);
}

static void save(struct record *record)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (store_wanted_record_save(record->records->in.store, &record->row, &err) < 0)
		complain(record->records, &err);
}

static void forget(struct record *record)
{
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (store_wanted_record_remove(
		    record->records->in.store, record->row.id, &err) < 0)
		complain(record->records, &err);
	record_free(record);
}

static void tell(
	struct record *record, enum log_level level, const char *kind, const char *what)
{
	const struct store_wanted_record *row = &record->row;

	events_add(record->records->in.events, level, kind, row->domain, "%s %s %s: %s",
		row->owner, row->type, row->value, what);
}

static void set_state(struct record *record, enum store_record_state state)
{
	if (record->row.state == state)
		return;
	record->row.state = state;
	record->row.since_usec = loop_wall_now(record->records->in.loop);
}

/* --- what a look has come to -------------------------------------------------------------- */

static void become_there(struct record *record)
{
	bool is_news = record->row.state != STORE_RECORD_THERE;

	set_state(record, STORE_RECORD_THERE);
	xstrset(&record->row.detail, NULL);
	if (!is_news)
		return;
	tell(record, LOG_LEVEL_NOTICE, "record-seen",
		"it is seen on every server that answers");
}

static void become_different(struct record *record, const char *detail)
{
	bool is_news = record->row.state != STORE_RECORD_DIFFERS ||
		       !str_is_same(record->row.detail, detail);

	set_state(record, STORE_RECORD_DIFFERS);
	xstrset(&record->row.detail, detail);
	if (is_news)
		tell(record, LOG_LEVEL_WARNING, "record-differs", detail);
}

/* One that some servers have is on its way, or was. */
static void become_missing(struct record *record, const char *detail)
{
	bool was_there = record->row.state == STORE_RECORD_THERE;

	if (was_there || record->row.state == STORE_RECORD_DIFFERS)
		set_state(record,
			was_there ? STORE_RECORD_VANISHED : STORE_RECORD_PENDING);
	xstrset(&record->row.detail, detail);
	if (was_there)
		tell(record, LOG_LEVEL_ERROR, "record-vanished", detail);
}

static void hear_foreign(struct record *record, const char *foreign)
{
	if (str_is_same(record->foreign, foreign))
		return;
	xstrset(&record->foreign, foreign);
	if (foreign)
		tell(record, LOG_LEVEL_ERROR, "record-foreign", foreign);
}

/* The least warning that its end is nearer than; 0: it is far. */
static unsigned get_warning(const struct record *record)
{
	usec_t now = loop_wall_now(record->records->in.loop);

	for (size_t i = 0; record->row.until_usec > 0 && i < ARRAY_SIZE(warnings);
		i++) {
		if (usec_sub(record->row.until_usec, now) <= warnings[i] * USEC_PER_DAY)
			return warnings[i];
	}
	return 0;
}

static void warn_of_end(struct record *record)
{
	unsigned days = get_warning(record);
	char date[USEC_RFC3339_MAX];

	if (days == 0 || record->row.state != STORE_RECORD_THERE ||
		(record->row.warned_days > 0 && record->row.warned_days <= days))
		return;
	record->row.warned_days = days;
	_cleanup_(freep) char *text = xasprintf("it ends at %s",
		usec_format_rfc3339(record->row.until_usec, date, sizeof(date)));
	tell(record, LOG_LEVEL_WARNING, "record-expires", text);
}

static void judge_wanted(struct record *record, const struct judgement *judgement)
{
	switch (judgement->verdict) {
	case JUDGEMENT_THERE:
		become_there(record);
		break;
	case JUDGEMENT_DIFFERS:
		become_different(record, judgement->detail);
		break;
	case JUDGEMENT_UNKNOWN:
		xstrset(&record->row.detail, judgement->detail);
		break;
	default:
		become_missing(record, judgement->detail);
		break;
	}
	hear_foreign(record, judgement->foreign);
	warn_of_end(record);
}

/* True: it has been forgotten. */
static bool judge_removed(struct record *record, const struct judgement *judgement)
{
	usec_t now = loop_wall_now(record->records->in.loop);
	bool is_gone = judgement->verdict == JUDGEMENT_NOWHERE ||
		       judgement->verdict == JUDGEMENT_DIFFERS;

	if (!is_gone && usec_sub(now, record->row.since_usec) < FORGET_USEC)
		return false;
	forget(record);
	return true;
}

static bool is_settled(const struct record *record)
{
	return record->row.state == STORE_RECORD_THERE ||
	       record->row.state == STORE_RECORD_REMOVED;
}

static void plan_next(struct record *record)
{
	record->due_usec = usec_add(loop_now(record->records->in.loop),
		is_settled(record) ? THERE_USEC : MISSING_USEC);
}

static void judgement_donep(struct judgement *judgement)
{
	judgement_done(judgement);
}

static void on_looked(const struct dns_survey_result *result, void *userdata)
{
	struct record *record = userdata;
	struct records *records = record->records;
	bool was_there = record->row.state == STORE_RECORD_THERE;
	_cleanup_(judgement_donep) struct judgement judgement = { 0 };

	judgement_make(&judgement, records->in.instances, &record->row, result);
	record->survey = dns_survey_cancel(record->survey);
	records->n_looks--;
	record->row.checked_usec = loop_wall_now(records->in.loop);
	if (record->row.state == STORE_RECORD_REMOVED) {
		if (!judge_removed(record, &judgement))
			plan_next(record);
		set_timer(records);
		return;
	}
	judge_wanted(record, &judgement);
	save(record);
	plan_next(record);
	set_timer(records);
	if (!was_there && record->row.state == STORE_RECORD_THERE)
		records->in.on_seen(record->row.domain, records->in.userdata);
}

/* --- looking --------------------------------------------------------------------------------- */

static void look(struct record *record)
{
	struct records *records = record->records;
	_cleanup_(err_done) struct err err = ERR_INIT;
	const struct dns_survey_params params = {
		.loop = records->in.loop,
		.resolver = records->in.resolver,
		.name = record->row.owner,
		.type = dns_type_parse(record->row.type),
	};

	if (dns_survey_start(&record->survey, &params, on_looked, record, &err) < 0) {
		complain(records, &err);
		plan_next(record);
		return;
	}
	records->n_looks++;
}

static void on_timer(struct loop_timer *timer, void *userdata)
{
	struct records *records = userdata;
	usec_t now = loop_now(records->in.loop);
	struct record *record;

	list_foreach(record, &records->all, entry) {
		if (records->n_looks >= LOOKS_MAX)
			return; /* each that ends sets the timer */
		if (!record->survey && record->due_usec <= now)
			look(record);
	}
	set_timer(records);
}

static void set_timer(struct records *records)
{
	usec_t at = USEC_NEVER;
	struct record *record;

	if (!records->in.resolver || records->n_looks >= LOOKS_MAX)
		return;
	list_foreach(record, &records->all, entry)
		if (!record->survey)
			at = MIN(at, record->due_usec);
	if (at == USEC_NEVER)
		loop_timer_disarm(records->timer);
	else
		loop_timer_set(records->timer,
			MAX(at, usec_add(loop_now(records->in.loop), GRAIN_USEC)));
}

unsigned records_check(struct records *records, const char *domain)
{
	usec_t now = loop_now(records->in.loop);
	struct record *record;
	unsigned n = 0;

	list_foreach(record, &records->all, entry) {
		if (domain && strcmp(record->row.domain, domain) != 0)
			continue;
		record->due_usec = MIN(record->due_usec, now);
		n++;
	}
	set_timer(records);
	return n;
}

unsigned records_count_open(const struct records *records)
{
	return records->n_looks;
}

/* --- wishes -------------------------------------------------------------------------------------- */

static bool is_of(const struct record *record, const struct records_wish *wish)
{
	return strcmp(record->row.domain, wish->domain) == 0 &&
	       strcmp(record->row.name, wish->name) == 0 &&
	       strcmp(record->row.challenge, wish->challenge) == 0;
}

static struct record *find(struct records *records, const struct records_wish *wish,
	const struct postseal_wanted *wanted)
{
	struct record *record;

	list_foreach(record, &records->all, entry)
		if (is_of(record, wish) &&
			strcmp(record->row.owner, wanted->owner) == 0 &&
			strcmp(record->row.type, wanted->type) == 0 &&
			strcmp(record->row.value, wanted->value) == 0)
			return record;
	return NULL;
}

static struct record *add(struct records *records, const struct records_wish *wish,
	const struct postseal_wanted *wanted, struct err *err)
{
	struct record *record = record_new(records);
	const struct store_wanted_record row = {
		.domain = (char *)wish->domain,
		.name = (char *)wish->name,
		.challenge = (char *)wish->challenge,
		.owner = (char *)wanted->owner,
		.type = (char *)wanted->type,
		.value = (char *)wanted->value,
		.why = (char *)wanted->why,
		.until_usec = wanted->until_sec * USEC_PER_SEC,
		.since_usec = loop_wall_now(records->in.loop),
	};

	copy_row(&record->row, &row);
	if (store_wanted_record_add(records->in.store, &record->row, err) < 0) {
		record_free(record);
		return NULL;
	}
	tell(record, LOG_LEVEL_NOTICE, "record-wanted", record->row.why);
	return record;
}

/* What was to be removed is wanted again: it is looked for before it counts. */
static void want_again(struct record *record, const struct postseal_wanted *wanted)
{
	bool is_changed = !str_is_same(record->row.why, wanted->why);

	xstrset(&record->row.why, wanted->why);
	record->row.until_usec = wanted->until_sec * USEC_PER_SEC;
	if (record->row.state == STORE_RECORD_REMOVED) {
		set_state(record, STORE_RECORD_PENDING);
		record->due_usec = loop_now(record->records->in.loop);
		is_changed = true;
	}
	if (is_changed)
		save(record);
}

/* One that was never seen leaves nothing behind. */
static void want_no_more(struct record *record)
{
	if (record->row.state == STORE_RECORD_REMOVED)
		return;
	if (record->row.state == STORE_RECORD_PENDING) {
		forget(record);
		return;
	}
	set_state(record, STORE_RECORD_REMOVED);
	xstrset(&record->row.detail, "nobody wants it any more: take it away");
	save(record);
	tell(record, LOG_LEVEL_NOTICE, "record-removable",
		"nobody wants it any more: take it away");
}

static void drop_unwished(struct records *records, const struct records_wish *wish)
{
	struct record *record, *next;

	list_foreach_safe(record, next, &records->all, entry) {
		if (is_of(record, wish) && !record->is_wished)
			want_no_more(record);
		else
			record->is_wished = false;
	}
}

static void note_missing(struct buf *missing, const struct record *record)
{
	const struct store_wanted_record *row = &record->row;

	if (row->state == STORE_RECORD_THERE)
		return;
	buf_printf(missing, "%s%s %s %s is not there%s%s", missing->len ? "; " : "",
		row->owner, row->type, row->value, row->detail ? ": " : "",
		row->detail ? row->detail : "");
}

int records_want(struct records *records, const struct records_wish *wish,
	char **ret_missing, struct err *err)
{
	struct buf missing = BUF_INIT(MISSING_BYTES);
	int r = 0;

	for (size_t i = 0; r == 0 && i < wish->n_wanted; i++) {
		struct record *record = find(records, wish, &wish->wanted[i]);
		if (record)
			want_again(record, &wish->wanted[i]);
		else
			record = add(records, wish, &wish->wanted[i], err);
		if (record) {
			record->is_wished = true;
			note_missing(&missing, record);
		} else {
			r = err ? err->code : -EIO;
		}
	}
	if (r == 0)
		drop_unwished(records, wish);
	bool is_there = missing.len == 0;
	if (ret_missing)
		*ret_missing = r == 0 && !is_there ? buf_steal(&missing) : NULL;
	buf_done(&missing);
	set_timer(records);
	return r < 0 ? r : is_there;
}

static bool is_configured(
	const struct store_wanted_record *row, const struct conf *conf)
{
	const struct conf_block *domain = conf_find_block(conf, "domain", row->domain);

	if (!domain || (conf_is_set(domain, "challenge") &&
			       !strv_contains(conf_get_list(domain, "challenge"),
				       row->challenge)))
		return false;
	_cleanup_(freep) char *wildcard = xasprintf("*.%s", row->name);
	char *const *names = conf_get_list(domain, "names");
	return strv_contains(names, row->name) || strv_contains(names, wildcard);
}

void records_follow(struct records *records, const struct conf *conf)
{
	struct record *record, *next;

	list_foreach_safe(record, next, &records->all, entry)
		if (!is_configured(&record->row, conf))
			want_no_more(record);
	set_timer(records);
}

/* --- the object --------------------------------------------------------------------------------- */

void records_each(const struct records *records, records_fn *fn, void *userdata)
{
	struct record *record;

	list_foreach(record, &records->all, entry)
		fn(&record->row, userdata);
}

unsigned records_count_missing(const struct records *records)
{
	struct record *record;
	unsigned n = 0;

	list_foreach(record, &records->all, entry)
		n += !is_settled(record);
	return n;
}

bool records_is_waited_for(const struct records *records, const char *domain)
{
	struct record *record;

	list_foreach(record, &records->all, entry)
		if (!is_settled(record) && strcmp(record->row.domain, domain) == 0)
			return true;
	return false;
}

static int on_row(const struct store_wanted_record *row, void *userdata)
{
	copy_row(&record_new(userdata)->row, row);
	return 0;
}

int records_new(
	struct records **ret, const struct records_params *params, struct err *err)
{
	_cleanup_(records_freep) struct records *records = xnew(struct records);

	records->in = *params;
	list_init(&records->all);
	records->timer = loop_timer_new(params->loop, on_timer, records);
	int r = store_wanted_record_each(params->store, on_row, records, err);
	if (r < 0)
		return r;
	set_timer(records);
	*ret = TAKE_PTR(records);
	return 0;
}

struct records *records_free(struct records *records)
{
	struct record *record, *next;

	if (!records)
		return NULL;
	list_foreach_safe(record, next, &records->all, entry)
		record_free(record);
	loop_timer_free(records->timer);
	free(records);
	return NULL;
}
