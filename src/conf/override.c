/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the command line says in place of the files. */
#include "conf/override.h"

#include <string.h>

#include "conf/block.h"
#include "conf/lexer.h"
#include "conf/snapshot.h"
#include "util/mem.h"

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " ");
}

static void override_in(
	struct loader *l, const char *where, const char *name, const char *value)
{
	struct conf_block *block = &l->conf->root;

	if (where) {
		_cleanup_(freep) char *reason = NULL;
		block = block_find_override(l, where, &reason);
		if (!block) {
			conf_report_error(l->report, "-o", 0, where, "%s", reason);
			return;
		}
	}
	block_say(l, block,
		&(struct block_line){ .name = name, .value = value, .file = "-o" });
}

void override_apply(struct loader *l, const char *text)
{
	const char *equal = strchr(text, '=');
	struct lexer lexer;
	struct lexer_line line = { 0 };

	if (!equal || equal == text) {
		conf_report_error(l->report, "-o", 0, NULL,
			"\"%s\": write name=value or \"kind name/setting=value\"",
			text);
		return;
	}
	_cleanup_(freep) char *left = xstrndup(text, (size_t)(equal - text));
	while (left[0] && left[strlen(left) - 1] == ' ')
		left[strlen(left) - 1] = '\0';
	char *slash = strrchr(left, '/');
	const char *name = slash ? skip_blanks(slash + 1) : skip_blanks(left);
	if (slash)
		*slash = '\0';
	/* The same rules as in a file, for quotes, comments and characters. */
	lexer_init(&lexer, equal, strlen(equal));
	if (strchr(equal, '\n'))
		line.problem = "holds more than one line";
	else
		lexer_next(&lexer, &line);
	if (line.problem)
		conf_report_error(l->report, "-o", 0, left, "%s", line.problem);
	else
		override_in(l, slash ? left : NULL, name, skip_blanks(line.text + 1));
	lexer_done(&lexer);
}
