/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmocka's teardown is the judge, since an assertion in the capture would jump out of
 * the code under test. */
#include "tests/lib/test_log.h"

#include <string.h>

#include "util/mem.h"

struct message {
	enum log_level level;
	char *text; /* owned */
};

struct messages {
	struct message *items; /* owned */
	size_t n;
};

static struct {
	struct messages seen;
	struct messages expected; /* and not seen yet */
	unsigned n_unexpected;
	enum log_level level_before;
} state;

static void messages_add(struct messages *m, enum log_level level, const char *text)
{
	m->items = xreallocarray(m->items, m->n + 1, sizeof(*m->items));
	m->items[m->n++] = (struct message){ .level = level, .text = xstrdup(text) };
}

static void messages_remove(struct messages *m, size_t i)
{
	free(m->items[i].text);
	m->n--;
	memmove(&m->items[i], &m->items[i + 1], (m->n - i) * sizeof(*m->items));
}

static void messages_done(struct messages *m)
{
	while (m->n > 0)
		messages_remove(m, m->n - 1);
	free(TAKE_PTR(m->items));
}

static void on_message(enum log_level level, const char *text, void *userdata)
{
	messages_add(&state.seen, level, text);
	for (size_t i = 0; i < state.expected.n; i++) {
		const struct message *e = &state.expected.items[i];
		if (e->level == level && strstr(text, e->text)) {
			messages_remove(&state.expected, i);
			return;
		}
	}
	if (level > LOG_LEVEL_WARNING)
		return;
	print_error("unexpected %s: %s\n", log_level_name(level), text);
	state.n_unexpected++;
}

int test_log_setup(void **unused)
{
	state.level_before = log_get_level();
	log_set_level(LOG_LEVEL_DEBUG);
	log_capture(on_message, NULL);
	return 0;
}

int test_log_teardown(void **unused)
{
	bool failed = state.n_unexpected > 0 || state.expected.n > 0;

	log_capture(NULL, NULL);
	log_set_level(state.level_before);
	for (size_t i = 0; i < state.expected.n; i++)
		print_error("expected %s, which did not come: %s\n",
			log_level_name(state.expected.items[i].level),
			state.expected.items[i].text);
	messages_done(&state.expected);
	messages_done(&state.seen);
	state.n_unexpected = 0;
	return failed ? -1 : 0;
}

void test_log_expect(enum log_level level, const char *substring)
{
	messages_add(&state.expected, level, substring);
}

bool test_log_has(enum log_level level, const char *substring)
{
	for (size_t i = 0; i < state.seen.n; i++) {
		const struct message *m = &state.seen.items[i];
		if (m->level == level && strstr(m->text, substring))
			return true;
	}
	return false;
}
