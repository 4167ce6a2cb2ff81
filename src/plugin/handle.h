/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a plugin holds of us: numbers that look like pointers. They are looked up and
 * never followed, and a number is not given twice; so a plugin that completes a call
 * that was cancelled, or cancels a timer that is gone, does no harm.
 */
#pragma once

enum handle_kind {
	HANDLE_INSTANCE,
	HANDLE_CALL,
	HANDLE_TIMER,
	HANDLE_WATCH,
	HANDLE_HTTP,
	HANDLE_EXEC,
	HANDLE_PUBLICATION,
	HANDLE_TXT,
	HANDLE_LOOKUP,
};

/* NULL: a million are in use, somebody leaks them. */
void *handle_new(enum handle_kind kind, void *object);
/* The object, or NULL if that handle is gone or of another kind. */
void *handle_find(enum handle_kind kind, const void *handle);
/* NULL and what is gone are ok; returns NULL. */
void *handle_free(void *handle);
