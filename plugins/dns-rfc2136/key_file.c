/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See key_file.h. */
#include "plugins/dns-rfc2136/key_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- words ------------------------------------------------------------------------------ */

static const char *skip_comment(const char *p)
{
	if (*p == '#' || (p[0] == '/' && p[1] == '/'))
		return p + strcspn(p, "\n");
	if (p[0] == '/' && p[1] == '*') {
		const char *end = strstr(p + 2, "*/");
		return end ? end + 2 : p + strlen(p);
	}
	return p;
}

static const char *skip_blanks(const char *p)
{
	for (;;) {
		const char *before = p;
		while (isspace((unsigned char)*p))
			p++;
		p = skip_comment(p);
		if (p == before)
			return p;
	}
}

static int take_char(const char **p, char wanted)
{
	*p = skip_blanks(*p);
	if (**p != wanted)
		return -1;
	(*p)++;
	return 0;
}

static int take_word(const char **p, char *word, size_t size)
{
	*p = skip_blanks(*p);
	int is_quoted = **p == '"';
	*p += is_quoted;
	size_t n = strcspn(*p, is_quoted ? "\"\n" : " \t\r\n;{}\"");

	if (n == 0 || n >= size || (is_quoted && (*p)[n] != '"'))
		return -1;
	memcpy(word, *p, n);
	word[n] = '\0';
	*p += n + (size_t)is_quoted;
	return 0;
}

/* --- the block -------------------------------------------------------------------------- */

static int take_setting(const char **p, struct key_words *ret)
{
	char word[KEY_WORD_BYTES];
	char *to = NULL;

	if (take_word(p, word, sizeof(word)) < 0)
		return -1;
	if (strcmp(word, "algorithm") == 0)
		to = ret->algorithm;
	else if (strcmp(word, "secret") == 0)
		to = ret->secret;
	if (!to || take_word(p, to, KEY_WORD_BYTES) < 0)
		return -1;
	return take_char(p, ';');
}

int key_file_parse(const char *text, struct key_words *ret, char *detail, size_t size)
{
	char word[KEY_WORD_BYTES];
	const char *p = text;

	memset(ret, 0, sizeof(*ret));
	if (take_word(&p, word, sizeof(word)) < 0 || strcmp(word, "key") != 0 ||
		take_word(&p, ret->name, sizeof(ret->name)) < 0 ||
		take_char(&p, '{') < 0) {
		snprintf(detail, size, "it does not begin with: key NAME {");
		return -1;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (take_setting(&p, ret) < 0) {
			snprintf(detail, size,
				"the key %.64s has to have: algorithm NAME; secret \"BASE64\";",
				ret->name);
			return -1;
		}
	}
	if (take_char(&p, '}') == 0 && ret->algorithm[0] && ret->secret[0])
		return 0;
	snprintf(detail, size,
		"the key %.64s has to have an algorithm, a secret and nothing else",
		ret->name);
	return -1;
}

/* --- the file ----------------------------------------------------------------------------- */

static int read_all(int fd, char *text, char *detail, size_t size)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		snprintf(detail, size, "it is no file");
		return -1;
	}
	if (st.st_mode & S_IROTH) {
		snprintf(detail, size,
			"everybody can read it, and it has a secret: chmod o-r");
		return -1;
	}
	n = read(fd, text, KEY_FILE_BYTES_MAX);
	if (n < 0 || n == KEY_FILE_BYTES_MAX) {
		snprintf(
			detail, size, "%s", n < 0 ? strerror(errno) : "it is too long");
		return -1;
	}
	text[n] = '\0';
	return 0;
}

int key_file_read(const char *path, struct key_words *ret, char *detail, size_t size)
{
	char text[KEY_FILE_BYTES_MAX + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0) {
		snprintf(detail, size, "%s", strerror(errno));
		return -1;
	}
	int r = read_all(fd, text, detail, size);
	close(fd);
	if (r == 0)
		r = key_file_parse(text, ret, detail, size);
	explicit_bzero(text, sizeof(text));
	return r;
}
