/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Octets of a connection that have to wait, and what it has received. Memory is held
 * only while something waits: an idle connection has none of it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct held {
	uint8_t *data; /* owned; NULL when nothing waits */
	size_t off;
	size_t len; /* beyond off */
};

void held_append(struct held *held, const void *data, size_t len);
void held_consume(struct held *held, size_t n);
void held_done(struct held *held);

/* Received octets: fresh ones lie in the worker's shared buffer and must be used up or
 * kept before the callback returns. */
struct input {
	struct held held;     /* older than what is fresh */
	const uint8_t *fresh; /* points into the shared buffer */
	size_t n_fresh;
};

/* The octets at hand; all of them only after input_keep. */
const uint8_t *input_peek(const struct input *input, size_t *ret_len);
void input_consume(struct input *input, size_t n);
void input_keep(struct input *input);
void input_done(struct input *input);
/* One recv into the shared buffer. 1: there is more than before; 0: nothing came
 * (EAGAIN); -ENODATA: the end; or another negative errno. */
int input_receive(struct input *input, int fd, uint8_t *shared, size_t size);
