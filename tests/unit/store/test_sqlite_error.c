/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "store/store_priv.h"
#include "tests/unit/store/store_fixture.h"
#include "util/mem.h"

static const struct {
	int rc, code;
	const char *words; /* %s is the path */
} cases[] = {
	{ SQLITE_FULL, -ENOSPC, "disk full at %s" },
	{ SQLITE_READONLY_DBMOVED, -EROFS, "cannot write %s: opened read-only" },
	{ SQLITE_CORRUPT_INDEX, -EUCLEAN, "%s is damaged: restore it from a backup" },
	{ SQLITE_NOTADB, -EUCLEAN, "%s is damaged or not a database: restore" },
	{ SQLITE_BUSY_SNAPSHOT, -EAGAIN, "%s is locked by another program" },
	{ SQLITE_NOMEM, -ENOMEM, "out of memory while using %s" },
	{ SQLITE_TOOBIG, -E2BIG, "a value is too large for %s" },
	{ SQLITE_IOERR_FSYNC, -EIO, "cannot read or write %s: input or output error" },
	{ SQLITE_CANTOPEN_ISDIR, -EIO, "cannot open %s: " },
	{ SQLITE_CONSTRAINT_UNIQUE, -EEXIST, "refused by %s: " },
	{ SQLITE_CONSTRAINT_PRIMARYKEY, -EEXIST, "refused by %s: " },
	{ SQLITE_CONSTRAINT_CHECK, -EINVAL, "refused by %s: " },
	{ SQLITE_MISUSE, -EIO, "(SQLite 21)" },
};

static void test_words(void **state)
{
	struct store_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = ERR_INIT;
		test_case(cases[i].words);
		assert_int_equal(
			store_fail(f->store, cases[i].rc, &err), cases[i].code);
		const char *mark = strstr(cases[i].words, "%s");
		const char *rest = mark ? mark + 2 : cases[i].words;
		_cleanup_(freep) char *words =
			xasprintf("%.*s%s%s", mark ? (int)(mark - cases[i].words) : 0,
				cases[i].words, mark ? f->path : "", rest);
		store_fixture_expect_error(&err, words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_store(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
