/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files that are open are a stack: the innermost is read line by line, those that
 * include it wait. So whoever reads can pause behind every line.
 *
 * A line is a setting, the start or the end of a block, or a directive. What is wrong
 * is reported and reading goes on as the operator may have meant it: a block whose kind
 * is unknown is read to its end, a missing brace is put where it was most likely lost.
 */
#include "conf/parser.h"

#include <errno.h>
#include <string.h>

#include "conf/block.h"
#include "conf/file.h"
#include "conf/include.h"
#include "conf/lexer.h"
#include "conf/snapshot.h"
#include "conf/value.h"
#include "util/map.h"
#include "util/mem.h"
#include "util/strtab.h"

#define VERSIONS "1" /* of the language, that this program reads */

/* A block that is open, innermost first. In the scratch arena. */
struct scope {
	struct conf_block *block;
	const char *label; /* as written, for messages */
	unsigned line;
	struct scope *outer;
};

struct parser {
	struct loader *l;
	struct parser *includer; /* owned; waits for this one. NULL = the main file */
	struct buf data;         /* the file's octets; empty when a text is read */
	struct lexer lexer;
	struct include *include; /* owned; of the line that was read last, or NULL */
	char *pattern;           /* owned; as that line says it */
	bool may_miss;           /* there need be no such file */
	bool is_found;           /* the look for them is over; they are being read */
	const char *file;
	char *folder; /* owned; NULL = nothing can be included */
	dev_t device; /* with inode: which file this is */
	ino_t inode;
	unsigned depth;
	unsigned line;
	struct conf_block *block; /* what settings belong to now */
	struct scope *scope;      /* blocks that this file has opened */
	unsigned
		n_implied; /* blocks closed for the operator: as many '}' may be extra */
	bool has_begun;    /* something was said already */
	bool wants_brace;  /* the line before began a block without '{' */
};

_printf_(2, 3) static void error(struct parser *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	_cleanup_(freep) char *text = xvasprintf(fmt, ap);
	va_end(ap);
	conf_report_error(p->l->report, p->file, p->line, NULL, "%s", text);
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

static size_t word_length(const char *s)
{
	size_t n = 0;

	while (is_word_char(s[n]))
		n++;
	return n;
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " ");
}

/* --- blocks ----------------------------------------------------------------------- */

static void open_scope(struct parser *p, struct conf_block *block, const char *label)
{
	struct scope *scope = arena_alloc(&p->l->scratch, sizeof(*scope));

	scope->block = p->block;
	scope->label = arena_copy(&p->l->scratch, label, strlen(label));
	scope->line = p->line;
	scope->outer = p->scope;
	p->scope = scope;
	p->block = block;
}

static void close_scope(struct parser *p)
{
	p->block = p->scope->block;
	p->scope = p->scope->outer;
}

/* A block begins although one is open: most likely a '}' was forgotten. */
static void close_forgotten(struct parser *p, const char *header)
{
	error(p, "missing '}' before \"%s\" (\"%s\" started at %s line %u)", header,
		p->scope->label, p->file, p->scope->line);
	close_scope(p);
	p->n_implied++;
}

static void begin_block(struct parser *p, char *header)
{
	const struct conf_block *root = &p->l->conf->root;
	_cleanup_(freep) char *label = xstrdup(header);
	size_t kind_len = word_length(header);
	char *names = header + kind_len;

	if (*names != '\0')
		*names++ = '\0';
	const struct schema_kind *kind = schema_find_kind(p->l->conf->schema, header);
	while (p->scope && kind)
		close_forgotten(p, label);
	if (p->block != root)
		error(p, "\"%s\": a block cannot stand within another one", label);
	struct conf_block *block =
		block_new(p->l, kind, header, names, p->file, p->line);
	open_scope(p, block, label);
}

static void parse_end(struct parser *p, const char *rest)
{
	if (*skip_blanks(rest) != '\0')
		error(p, "nothing may follow '}' on its line");
	if (p->scope)
		close_scope(p);
	else if (p->n_implied > 0)
		p->n_implied--;
	else
		error(p, "'}' without a block that it ends");
}

/* Cuts "{", "{}" or "{ }" off the end of a line. */
static bool cut_brace(char *line, bool *ret_is_empty)
{
	size_t len = strlen(line);

	*ret_is_empty = false;
	if (len > 0 && line[len - 1] == '}') {
		*ret_is_empty = true;
		len--;
		while (len > 0 && line[len - 1] == ' ')
			len--;
	}
	if (len == 0 || line[len - 1] != '{')
		return false;
	len--;
	while (len > 0 && line[len - 1] == ' ')
		len--;
	line[len] = '\0';
	return true;
}

/* --- lines without '=' ------------------------------------------------------------ */

/* `protocol imap`: it was meant to be set. */
static bool say_without_equal(struct parser *p, const char *line)
{
	size_t len = word_length(line);
	_cleanup_(freep) char *word = xstrndup(line, len);

	if (!p->block->defaults || schema_view_find(p->block->defaults->view, word) < 0)
		return false;
	block_say(p->l, p->block,
		&(struct block_line){
			.name = word,
			.value = skip_blanks(line + len),
			.file = p->file,
			.line = p->line,
			.problem = "missing '=' behind the name",
		});
	return true;
}

static void explain_line(struct parser *p, const char *line)
{
	const char *brace = strchr(line, '{');

	if (!brace && say_without_equal(p, line))
		return;
	if (brace)
		error(p, "what follows '{' belongs on lines of its own");
	else if (word_length(line) == 0)
		error(p, "this is neither \"name = value\" nor \"kind name {\"");
	else
		error(p, "missing '=' behind \"%.*s\"", (int)word_length(line), line);
}

static void parse_block_line(struct parser *p, char *line)
{
	bool is_empty;
	bool has_brace = cut_brace(line, &is_empty);
	char *word = xstrndup(line, word_length(line));
	_cleanup_(freep) char *owned = word;
	bool is_header = word[0] != '\0' && !strpbrk(line, "{}");

	if (has_brace && !is_header) {
		error(p, word[0] == '\0'
				 ? "'{' stands behind the kind and the name of a "
				   "block, on the same line"
				 : "one block on a line, please");
		open_scope(p, block_new_ignored(p->l), "{");
		return;
	}
	if (!has_brace && (!is_header || !line[strlen(word)] ||
				  !schema_find_kind(p->l->conf->schema, word))) {
		explain_line(p, line);
		/* `domain x { a = b`: the end of that block will come. */
		const char *brace = strchr(line, '{');
		if (brace && !strchr(brace, '}'))
			open_scope(p, block_new_ignored(p->l), line);
		return;
	}
	if (!has_brace) {
		error(p, "missing '{' at the end of \"%s\"", line);
		p->wants_brace = true;
	}
	begin_block(p, line);
	if (is_empty)
		close_scope(p);
}

/* --- settings --------------------------------------------------------------------- */

static void check_version(struct parser *p, const char *value)
{
	if (p->includer || p->block != &p->l->conf->root)
		error(p, "config_version: belongs into the main file");
	else if (p->has_begun)
		error(p, "config_version: has to be the first setting of the file");
	if (strcmp(value, VERSIONS) != 0)
		error(p,
			"config_version: version \"%s\" is not known; this program "
			"reads: " VERSIONS,
			value);
}

static void parse_setting(struct parser *p, char *line, const char *problem)
{
	size_t len = word_length(line);
	const char *value = skip_blanks(strchr(line, '=') + 1);

	line[len] = '\0';
	if (strcmp(line, "config_version") == 0 && !problem)
		check_version(p, value);
	else
		block_say(p->l, p->block,
			&(struct block_line){
				.name = line,
				.value = value,
				.file = p->file,
				.line = p->line,
				.problem = problem,
			});
	p->has_begun = true;
}

/* --- !include --------------------------------------------------------------------- */

static void include(struct parser *p, const char *pattern, bool may_miss)
{
	if (!p->folder) {
		error(p, "!include: nothing can be included here");
		return;
	}
	if (p->depth >= LOADER_DEPTH_MAX) {
		error(p, "!include: files include each other more than %d deep",
			LOADER_DEPTH_MAX);
		return;
	}
	p->include = include_new(p->folder, pattern);
	p->pattern = xstrdup(pattern);
	p->may_miss = may_miss;
	p->is_found = false;
}

static void end_include(struct parser *p)
{
	p->include = include_free(p->include);
	free(TAKE_PTR(p->pattern));
}

static void find_included(struct parser *p)
{
	const char *pattern = p->pattern;
	int r = include_step(p->include);

	if (r == INCLUDE_E_GOES_ON)
		return;
	if (r == 0) {
		p->is_found = true;
		return;
	}
	if (r < 0)
		error(p, "!include: cannot look for %s: %s", pattern, strerror(-r));
	else if (!p->may_miss)
		error(p, "!include: there is no file %s%s%s",
			pattern[0] == '/' ? "" : p->folder,
			pattern[0] == '/' ? "" : "/", pattern);
	end_include(p);
}

static void parse_directive(struct parser *p, char *line)
{
	static const char *const known[] = { "!include", "!include_try", NULL };
	size_t len = 1 + word_length(line + 1);
	const char *rest = skip_blanks(line + len);
	_cleanup_(freep) char *word = xstrndup(line, len);
	const char *nearest = strtab_nearest(known, word);
	bool is_known = strcmp(word, known[0]) == 0 || strcmp(word, known[1]) == 0;

	p->has_begun = true;
	if (!is_known) {
		error(p, "unknown directive \"%s\"%s%s%s", word,
			nearest ? "; did you mean \"" : "", nearest ? nearest : "",
			nearest ? "\"?" : "");
		return;
	}
	_cleanup_(freep) char *pattern = block_unquote(rest);
	if (!pattern || pattern[0] == '\0')
		error(p, "%s: a path is missing", word);
	else
		include(p, pattern, strcmp(word, known[1]) == 0);
}

/* --- files ------------------------------------------------------------------------ */

static bool is_setting(const char *line)
{
	size_t len = word_length(line);

	return len > 0 && *skip_blanks(line + len) == '=';
}

/* Whatever it should have been; a block that it seems to begin will end. */
static void parse_bad_line(struct parser *p, const char *line, const char *problem)
{
	size_t len = strlen(line);

	error(p, "%s", problem);
	if (len > 0 && line[len - 1] == '{')
		open_scope(p, block_new_ignored(p->l), "{");
}

static void parse_line(struct parser *p, const struct lexer_line *read)
{
	_cleanup_(secret_freep) char *line = xstrdup(read->text);
	bool is_brace = strcmp(line, "{") == 0;

	p->line = read->line;
	if (p->wants_brace && is_brace) {
		p->wants_brace = false;
		return;
	}
	p->wants_brace = false;
	if (is_setting(line)) {
		parse_setting(p, line, read->problem);
		return;
	}
	if (read->problem)
		parse_bad_line(p, line, read->problem);
	else if (line[0] == '!')
		parse_directive(p, line);
	else if (line[0] == '}')
		parse_end(p, line + 1);
	else
		parse_block_line(p, line);
	p->has_begun = true;
}

/* The file ends in a block. */
static void close_missing(struct parser *p)
{
	p->line = p->lexer.line > 1 ? p->lexer.line - 1 : 1;
	error(p, "missing '}' (\"%s\" started at %s line %u)", p->scope->label, p->file,
		p->scope->line);
	close_scope(p);
}

/* The name in the snapshot's memory; new names get the next rank in the report. */
static const char *keep_file(struct loader *l, const char *file)
{
	if (!map_find(l->files, file))
		map_set(l->files, file, (void *)(uintptr_t)(map_count(l->files) + 1));
	return arena_copy(&l->conf->arena, file, strlen(file));
}

static const struct parser *find_includer(const struct parser *p, const struct stat *st)
{
	for (; p; p = p->includer) {
		if (p->device == st->st_dev && p->inode == st->st_ino)
			return p;
	}
	return NULL;
}

__attribute__((format(printf, 4, 5))) static void refuse_file(struct loader *l,
	const struct parser *includer, const char *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	_cleanup_(freep) char *reason = xvasprintf(fmt, ap);
	va_end(ap);
	if (includer)
		conf_report_error(l->report, includer->file, includer->line, NULL,
			"!include: %s: %s", path, reason);
	else
		conf_report_error(l->report, path, 0, NULL, "%s", reason);
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

/* False, and reported: not this file, or no more files. */
static bool load_file(struct loader *l, const struct parser *includer, const char *path,
	bool may_miss, struct buf *data, struct stat *st)
{
	_cleanup_(freep) char *reason = NULL;
	int r = conf_file_read(path, data, st, &reason);

	if (r == -ENOENT && may_miss)
		return false;
	if (r < 0) {
		refuse_file(l, includer, path, "cannot read it: %s", reason);
		return false;
	}
	const struct parser *same = find_includer(includer, st);
	if (same) {
		refuse_file(l, includer, path,
			"it is being read already, and would include itself without end");
		return false;
	}
	l->n_bytes += data->len;
	if (l->n_bytes <= LOADER_BYTES_MAX && map_count(l->files) < LOADER_FILES_MAX)
		return true;
	/* Once is enough: what is included further down fails the same way. */
	if (!l->is_full)
		refuse_file(l, includer, path, "the configuration is too large");
	l->is_full = true;
	return false;
}

/* The innermost from now on. */
static struct parser *push(struct loader *l, const char *file)
{
	struct parser *includer = l->parser;
	struct parser *p = xnew(struct parser);

	p->l = l;
	p->includer = includer;
	p->file = keep_file(l, file);
	p->depth = includer ? includer->depth + 1 : 0;
	p->block = includer ? includer->block : &l->conf->root;
	return l->parser = p;
}

static void pop(struct loader *l)
{
	struct parser *p = l->parser;

	l->parser = p->includer;
	lexer_done(&p->lexer);
	buf_done(&p->data);
	end_include(p);
	free(p->folder);
	free(p);
}

static bool open_file(struct loader *l, const char *path, bool may_miss)
{
	_cleanup_(buf_done) struct buf data = BUF_INIT_SECRET(CONF_FILE_BYTES_MAX);
	struct stat st;

	if (!load_file(l, l->parser, path, may_miss, &data, &st))
		return false;
	struct parser *p = push(l, path);
	p->folder = folder_of(path);
	p->device = st.st_dev;
	p->inode = st.st_ino;
	p->data = data;
	data = (struct buf){ 0 };
	lexer_init(&p->lexer, buf_str(&p->data), p->data.len);
	return true;
}

bool parser_open_main(struct loader *l, const char *path)
{
	l->conf->root.file = keep_file(l, path);
	return open_file(l, path, false);
}

void parser_open_text(struct loader *l, const char *file, const char *text, size_t len)
{
	l->conf->root.file = keep_file(l, file);
	if (len > CONF_FILE_BYTES_MAX)
		refuse_file(l, NULL, file, "it is too large");
	else
		lexer_init(&push(l, file)->lexer, text, len);
}

static void include_next(struct parser *p)
{
	_cleanup_(freep) char *path = include_take(p->include);

	if (path)
		open_file(p->l, path, p->may_miss);
	else
		end_include(p);
}

bool parser_step(struct loader *l)
{
	struct parser *p = l->parser;
	struct lexer_line line;

	if (!p)
		return false;
	if (p->include && !p->is_found) {
		find_included(p);
		return true;
	}
	if (p->include) {
		include_next(p);
		return true;
	}
	enum lexer_found found = lexer_step(&p->lexer, &line);
	if (found == LEXER_LINE)
		parse_line(p, &line);
	else if (found == LEXER_END && p->scope)
		close_missing(p);
	else if (found == LEXER_END)
		pop(l);
	return true;
}

void parser_close(struct loader *l)
{
	while (l->parser)
		pop(l);
}
