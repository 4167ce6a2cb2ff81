/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The few macros that the whole tree is written with: cleanup, hand-over, sizes. */
#pragma once

#include <stddef.h>

/* A variable may be there for its cleanup alone, which clang would call unused. */
#define _cleanup_(fn)  __attribute__((cleanup(fn), unused))
#define _printf_(f, a) __attribute__((format(printf, f, a)))
#define _unused_       __attribute__((unused))
#define _pure_         __attribute__((pure))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Hand a pointer over: evaluates to it and leaves NULL behind. */
#define TAKE_PTR(p)                    \
	({                             \
		typeof(p) *_pp = &(p); \
		typeof(p) _v = *_pp;   \
		*_pp = NULL;           \
		_v;                    \
	})

/* Hand a descriptor over: evaluates to it and leaves -1 behind. */
#define TAKE_FD(fd)                \
	({                         \
		int *_pfd = &(fd); \
		int _v = *_pfd;    \
		*_pfd = -1;        \
		_v;                \
	})

/*
 * Stands beside each `type fn(type)` destructor prototype and makes `fn`p usable in
 * _cleanup_().
 */
#define DEFINE_CLEANUP(type, fn)                   \
	static inline _unused_ void fn##p(type *p) \
	{                                          \
		if (*p)                            \
			fn(*p);                    \
	}
