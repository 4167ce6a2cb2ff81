/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See call_note.h. The page is written by one thread, and read by it or by the process
 * that comes after: the order of the program is all that matters, so `state` is set last
 * and is volatile. A page from the disk is as little trusted as any file.
 */
#include "store/call_note.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/mem.h"

#define MAGIC       UINT32_C(0x50534e31)
#define PAGE_BYTES  4096
#define STACK_BYTES (64 * 1024)

enum {
	STATE_NONE = 0,
	STATE_INSIDE = 1,
};

struct page {
	uint32_t magic;
	volatile uint32_t state;
	volatile int32_t signo;
	struct call_place place;
};

static_assert(sizeof(struct page) <= PAGE_BYTES, "the note is one page");

/* What a process does to itself, and the watchdog to one that does not return. */
static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS };

struct call_note {
	struct page *page; /* mapped */
	void *stack;       /* owned; for handlers: the other one may be used up */
	struct sigaction before[ARRAY_SIZE(signals)];
};

static struct {
	struct call_note *note; /* borrowed; the open one */
	bool has_exit_hook;
} state;

/* --- the end of the process ------------------------------------------------------------- */

static void mark(int signo)
{
	if (state.note && state.note->page->state == STATE_INSIDE)
		state.note->page->signo = signo;
}

/* Whoever handled the signal before (a sanitizer, or nobody) does the rest. */
static void on_signal(int signo)
{
	mark(signo);
	for (size_t i = 0; state.note && i < ARRAY_SIZE(signals); i++)
		if (signals[i] == signo)
			sigaction(signo, &state.note->before[i], NULL);
	raise(signo);
}

static void on_exit_called(void)
{
	mark(-1);
}

static void watch_signals(struct call_note *note)
{
	const stack_t stack = { .ss_sp = note->stack, .ss_size = STACK_BYTES };
	const struct sigaction action = {
		.sa_handler = on_signal,
		.sa_flags = SA_ONSTACK,
	};

	sigaltstack(&stack, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, &note->before[i]);
	if (!state.has_exit_hook)
		state.has_exit_hook = atexit(on_exit_called) == 0;
}

static void unwatch_signals(const struct call_note *note)
{
	const stack_t none = { .ss_flags = SS_DISABLE };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &note->before[i], NULL);
	sigaltstack(&none, NULL);
}

/* --- the page --------------------------------------------------------------------------- */

static void clean(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
}

static void read_death(const struct page *page, struct call_death *ret)
{
	*ret = (struct call_death){ .signo = 0 };
	if (page->magic != MAGIC || page->state != STATE_INSIDE)
		return;
	ret->signo = page->signo;
	ret->place = page->place;
	clean(ret->place.kind, sizeof(ret->place.kind));
	clean(ret->place.name, sizeof(ret->place.name));
	clean(ret->place.method, sizeof(ret->place.method));
	clean(ret->place.subject, sizeof(ret->place.subject));
}

/* The room is allotted: writing into a page that the disk has no room for kills. */
static int map_page(const char *path, struct page **ret, struct err *err)
{
	_cleanup_(closep) int fd =
		open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: not a plain file", path);
	int code = posix_fallocate(fd, 0, PAGE_BYTES);
	if (code)
		return err_set(err, -code, "%s: %s", path, strerror(code));
	void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	*ret = page;
	return 0;
}

int call_note_open(struct call_note **ret, const char *path,
	struct call_death *ret_death, struct err *err)
{
	struct page *page = NULL;
	int r = map_page(path, &page, err);

	if (r < 0)
		return r;
	read_death(page, ret_death);
	page->state = STATE_NONE;
	page->signo = 0;
	page->magic = MAGIC;
	struct call_note *note = xnew(struct call_note);
	note->page = page;
	note->stack = xnew_array(char, STACK_BYTES);
	state.note = note;
	watch_signals(note);
	*ret = note;
	return 0;
}

struct call_note *call_note_close(struct call_note *note)
{
	if (!note)
		return NULL;
	unwatch_signals(note);
	state.note = NULL;
	note->page->state = STATE_NONE;
	munmap(note->page, PAGE_BYTES);
	free(note->stack);
	free(note);
	return NULL;
}

static void copy(char *to, size_t size, const char *from)
{
	size_t len = from ? strnlen(from, size - 1) : 0;

	if (len > 0)
		memcpy(to, from, len);
	to[len] = '\0';
}

void call_note_set(struct call_note *note, const char *kind, const char *name,
	const char *method, const char *subject)
{
	struct call_place *place = &note->page->place;

	note->page->state = STATE_NONE;
	copy(place->kind, sizeof(place->kind), kind);
	copy(place->name, sizeof(place->name), name);
	copy(place->method, sizeof(place->method), method);
	copy(place->subject, sizeof(place->subject), subject);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	note->page->state = STATE_INSIDE;
}

void call_note_clear(struct call_note *note)
{
	note->page->state = STATE_NONE;
}
