/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See passphrase.h. While the terminal does not echo it sends no signals either, since one
 * that ended us would leave it like that: ^C ends the line, and is found in it.
 */
#include "ctl/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "io/atomic_file.h"
#include "util/mem.h"

#define INTERRUPT 3 /* ^C */

static int check_text(const struct buf *buf, struct err *err)
{
	if (buf->len == 0)
		return err_set_kind(
			err, ERR_CONFIG, -EINVAL, "the passphrase is empty");
	if (strlen(buf_str(buf)) != buf->len)
		return err_set_kind(
			err, ERR_CONFIG, -EINVAL, "the passphrase has a NUL inside");
	return 0;
}

static int read_file(const char *path, struct buf *ret, struct err *err)
{
	int r = file_read(path, FILE_PRIVATE, PASSPHRASE_BYTES_MAX, ret, err);

	if (r < 0)
		return err_wrap(err, r, "passphrase");
	if (ret->len > 0 && ret->data[ret->len - 1] == '\n')
		ret->data[--ret->len] = '\0';
	return check_text(ret, err);
}

/* Up to the line's end, which is not kept. */
static int read_line(int fd, struct buf *ret, struct err *err)
{
	for (;;) {
		char c = 0;
		ssize_t n = read(fd, &c, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || c == INTERRUPT)
			return err_set(err, -ECANCELED, "no passphrase was typed");
		if (c == '\n')
			return check_text(ret, err);
		int r = buf_append(ret, &c, 1);
		if (r < 0)
			return err_set(err, r, "the passphrase is too long");
	}
}

static int ask(int fd, const char *prompt, struct buf *ret, struct err *err)
{
	struct termios was, now;

	if (tcgetattr(fd, &was) < 0)
		return err_set(err, -errno, "terminal: %s", strerror(errno));
	now = was;
	now.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	now.c_lflag |= ICANON;
	now.c_cc[VEOL] = INTERRUPT;
	if (tcsetattr(fd, TCSAFLUSH, &now) < 0)
		return err_set(err, -errno, "terminal: %s", strerror(errno));
	int r = dprintf(fd, "%s: ", prompt) < 0
			? err_set(err, -errno, "terminal: %s", strerror(errno))
			: read_line(fd, ret, err);
	tcsetattr(fd, TCSAFLUSH, &was);
	dprintf(fd, "\n");
	return r;
}

static int ask_terminal(unsigned flags, struct buf *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf again = BUF_INIT_SECRET(PASSPHRASE_BYTES_MAX);
	_cleanup_(closep) int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_set_kind(err, ERR_CONFIG, -ENOTTY,
			"there is no terminal to ask for the passphrase at; give --passphrase-file");
	int r = ask(fd, "Passphrase", ret, err);
	if (r < 0 || !(flags & PASSPHRASE_TWICE))
		return r;
	r = ask(fd, "Once more", &again, err);
	if (r >= 0 && strcmp(buf_str(ret), buf_str(&again)) != 0)
		return err_set_kind(
			err, ERR_CONFIG, -EINVAL, "the two passphrases differ");
	return r;
}

int passphrase_get(const struct arguments *arguments, unsigned flags, struct buf *ret,
	struct err *err)
{
	const char *path = arguments_get(arguments, "passphrase-file");

	return path ? read_file(path, ret, err) : ask_terminal(flags, ret, err);
}
