/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A list that only grows. Texts may hold what a file holds: what would break a line or
 * a terminal is replaced. Past a limit entries are counted and no longer kept, so that
 * a file of nonsense does not fill the memory.
 */
#include "conf/report.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/report_priv.h"
#include "util/map.h"
#include "util/mem.h"
#include "util/text.h"

#define ENTRIES_MAX 10000

void conf_report_init(struct conf_report *report)
{
	*report = (struct conf_report){ 0 };
}

static void entry_done(struct conf_report_entry *entry)
{
	free(entry->file);
	free(entry->setting);
	free(entry->reason);
}

void conf_report_done(struct conf_report *report)
{
	for (size_t i = 0; i < report->n; i++)
		entry_done(&report->entry[i]);
	free(report->entry);
	conf_report_init(report);
}

/* A copy that no terminal and no log stumbles over. */
static char *copy_clean(const char *s)
{
	char *copy = xstrdup(s);

	if (copy)
		text_clean(copy);
	return copy;
}

static struct conf_report_entry *add_entry(struct conf_report *report)
{
	/* Doubling: room is made whenever the count is a power of two. */
	if ((report->n & (report->n - 1)) == 0) {
		size_t size = MAX(report->n * 2, (size_t)1);
		report->entry =
			xreallocarray(report->entry, size, sizeof(*report->entry));
	}
	struct conf_report_entry *entry = &report->entry[report->n++];
	*entry = (struct conf_report_entry){ 0 };
	return entry;
}

struct place {
	bool is_error;
	const char *file;
	unsigned line;
	const char *setting;
};

_printf_(3, 0) static void add(struct conf_report *report, const struct place *place,
	const char *fmt, va_list ap)
{
	if (place->is_error)
		report->n_errors++;
	if (report->n > ENTRIES_MAX)
		return;
	struct conf_report_entry *entry = add_entry(report);
	entry->is_error = place->is_error;
	entry->file = copy_clean(place->file);
	if (report->n > ENTRIES_MAX) {
		entry->reason = xstrdup("there is more; mend these first");
		return;
	}
	entry->line = place->line;
	entry->setting = copy_clean(place->setting);
	entry->reason = xvasprintf(fmt, ap);
	text_clean(entry->reason);
}

void conf_report_error(struct conf_report *report, const char *file, unsigned line,
	const char *setting, const char *fmt, ...)
{
	struct place place = { true, file, line, setting };
	va_list ap;

	va_start(ap, fmt);
	add(report, &place, fmt, ap);
	va_end(ap);
}

void conf_report_warning(struct conf_report *report, const char *file, unsigned line,
	const char *setting, const char *fmt, ...)
{
	struct place place = { false, file, line, setting };
	va_list ap;

	va_start(ap, fmt);
	add(report, &place, fmt, ap);
	va_end(ap);
}

char *conf_report_format_entry(const struct conf_report_entry *entry)
{
	_cleanup_(freep) char *line =
		entry->line > 0 ? xasprintf(" line %u", entry->line) : xstrdup("");

	return xasprintf("%s%s: %s%s%s%s", entry->file, line,
		entry->is_error ? "" : "warning: ",
		entry->setting ? entry->setting : "", entry->setting ? ": " : "",
		entry->reason);
}

struct ranked {
	struct conf_report_entry entry;
	uintptr_t file;
	size_t order; /* keeps the sort stable */
};

static int compare_ranked(const void *va, const void *vb)
{
	const struct ranked *a = va;
	const struct ranked *b = vb;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->entry.line != b->entry.line)
		return a->entry.line < b->entry.line ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

void report_sort(struct conf_report *report, size_t from, const struct map *files)
{
	if (report->n - from < 2)
		return;
	size_t n = report->n - from;
	struct conf_report_entry *entry = report->entry + from;
	_cleanup_(freep) struct ranked *ranked = xnew_array(struct ranked, n);

	for (size_t i = 0; i < n; i++) {
		/* A file's value in the map is its rank; what is no file stands last. */
		uintptr_t rank = (uintptr_t)map_find(files, entry[i].file);
		ranked[i] = (struct ranked){
			.entry = entry[i],
			.file = rank > 0 ? rank : UINTPTR_MAX,
			.order = i,
		};
	}
	qsort(ranked, n, sizeof(*ranked), compare_ranked);
	for (size_t i = 0; i < n; i++)
		entry[i] = ranked[i].entry;
}
