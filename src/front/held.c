/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "front/held.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "util/mem.h"

void held_append(struct held *held, const void *data, size_t len)
{
	if (len == 0)
		return;
	uint8_t *all = xnew_array(uint8_t, held->len + len);
	if (held->len > 0)
		memcpy(all, held->data + held->off, held->len);
	memcpy(all + held->len, data, len);
	free(held->data);
	held->data = all;
	held->off = 0;
	held->len += len;
}

void held_consume(struct held *held, size_t n)
{
	held->off += n;
	held->len -= n;
	if (held->len == 0)
		held_done(held);
}

void held_done(struct held *held)
{
	free(held->data);
	*held = (struct held){ 0 };
}

const uint8_t *input_peek(const struct input *input, size_t *ret_len)
{
	if (input->held.len > 0) {
		*ret_len = input->held.len;
		return input->held.data + input->held.off;
	}
	*ret_len = input->n_fresh;
	return input->fresh;
}

void input_consume(struct input *input, size_t n)
{
	if (input->held.len > 0) {
		held_consume(&input->held, n);
		return;
	}
	input->fresh += n;
	input->n_fresh -= n;
}

void input_keep(struct input *input)
{
	if (input->n_fresh > 0)
		held_append(&input->held, input->fresh, input->n_fresh);
	input->fresh = NULL;
	input->n_fresh = 0;
}

void input_done(struct input *input)
{
	held_done(&input->held);
	*input = (struct input){ 0 };
}

int input_receive(struct input *input, int fd, uint8_t *shared, size_t size)
{
	input_keep(input);
	ssize_t n = recv(fd, shared, size, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ENODATA;
	input->fresh = shared;
	input->n_fresh = (size_t)n;
	if (input->held.len > 0)
		input_keep(input);
	return 1;
}
