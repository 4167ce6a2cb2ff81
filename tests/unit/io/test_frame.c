/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/frame.h"
#include "tests/lib/test.h"
#include "util/mem.h"

/* The frame as it travels; owned by the caller. */
static uint8_t *frame_octets(struct frame *frame, size_t *ret_len)
{
	size_t len = FRAME_HEADER_BYTES + frame->fields.len;
	uint8_t *octets = xnew_array(uint8_t, len);

	frame_format_header(frame, octets);
	if (frame->fields.len > 0)
		memcpy(octets + FRAME_HEADER_BYTES, frame->fields.data,
			frame->fields.len);
	*ret_len = len;
	return octets;
}

static void test_round_trip(void **state)
{
	_cleanup_(freep) uint8_t *octets = NULL;
	_cleanup_(freep) char *s = NULL;
	struct frame_view view;
	const uint8_t *data;
	struct frame frame;
	size_t len, used;
	unsigned n_fds;
	uint64_t v;

	frame_init(&frame, 0x1234, 0);
	frame_add_u64(&frame, 1, 0x0102030405060708);
	frame_add_str(&frame, 2, "mail.example.org");
	frame_add_str(&frame, 3, NULL);
	frame_add_bytes(&frame, 4, "a\0b", 3);
	frame_add_bytes(&frame, 5, NULL, 0);
	octets = frame_octets(&frame, &len);
	assert_int_equal(frame.error, 0);

	for (size_t i = 0; i < len; i++)
		assert_int_equal(
			frame_parse(octets, i, FRAME_BYTES_MAX, &view, &n_fds, &used),
			0);
	assert_int_equal(
		frame_parse(octets, len, FRAME_BYTES_MAX, &view, &n_fds, &used), 1);
	assert_int_equal(used, len);
	assert_int_equal(n_fds, 0);
	assert_int_equal(view.type, 0x1234);
	assert_int_equal(frame_view_get_u64(&view, 1, 0, &v), 0);
	assert_true(v == 0x0102030405060708);
	assert_int_equal(frame_view_get_str(&view, 2, &s), 0);
	assert_string_equal(s, "mail.example.org");
	assert_int_equal(frame_view_get_bytes(&view, 3, &data, &len), -ENOENT);
	assert_int_equal(frame_view_get_bytes(&view, 4, &data, &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(data, "a\0b", 3);
	assert_int_equal(frame_view_get_bytes(&view, 5, &data, &len), 0);
	assert_int_equal(len, 0);
	/* The wrong shape, and what is absent. */
	char *none = NULL;
	assert_int_equal(frame_view_get_str(&view, 4, &none), -EPROTO);
	assert_null(none);
	assert_int_equal(frame_view_get_u64(&view, 2, 7, &v), -EPROTO);
	assert_int_equal(frame_view_get_u64(&view, 9, 7, &v), 0);
	assert_true(v == 7);
	frame_done(&frame);
}

/* clang-format off */
static const struct {
	const char *name;
	const char *octets;
	size_t len;
	int r;
} malformed[] = {
	{ "empty frame", "\0\0\0\4" "\0\1" "\1" "\0", 8, 1 },
	{ "shorter than its header", "\0\0\0\3", 4, -EPROTO },
	{ "longer than the cap", "\0\0\1\0", 4, -EPROTO },
	{ "length with the top bit", "\xff\xff\xff\xff", 4, -EPROTO },
	{ "another version", "\0\0\0\4" "\0\1" "\2" "\0", 8, -EPROTO },
	{ "version zero", "\0\0\0\x10" "\0\1" "\0" "\0", 8, -EPROTO },
	{ "nine descriptors", "\0\0\0\4" "\0\1" "\1" "\x9", 8, -EPROTO },
	{ "half a field header", "\0\0\0\7" "\0\1" "\1" "\0" "\0\1\0", 11, -EPROTO },
	{ "field beyond the end", "\0\0\0\xa" "\0\1" "\1" "\0" "\0\1" "\0\0\0\1", 14, -EPROTO },
	{ "field of 4 GiB", "\0\0\0\xa" "\0\1" "\1" "\0" "\0\1" "\xff\xff\xff\xff", 14, -EPROTO },
	{ "empty field", "\0\0\0\xa" "\0\1" "\1" "\0" "\0\1" "\0\0\0\0", 14, 1 },
	{ "octets behind the field", "\0\0\0\xb" "\0\1" "\1" "\0" "\0\1" "\0\0\0\0" "x", 15, -EPROTO },
};

/* clang-format on */

static void test_malformed(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
		struct frame_view view;
		unsigned n_fds;
		size_t used;

		test_case(malformed[i].name);
		assert_int_equal(frame_parse((const uint8_t *)malformed[i].octets,
					 malformed[i].len, 255, &view, &n_fds, &used),
			malformed[i].r);
	}
}

static void test_damage(void **state)
{
	_cleanup_(freep) uint8_t *octets = NULL;
	struct frame frame;
	unsigned seed = 7, n_whole = 0;
	size_t len;

	frame_init(&frame, 1, 0);
	for (uint16_t tag = 0; tag < 8; tag++)
		frame_add_bytes(&frame, tag, "0123456789", tag);
	octets = frame_octets(&frame, &len);
	for (unsigned i = 0; i < 20000; i++) {
		_cleanup_(freep) uint8_t *copy = xmemdup(octets, len);
		size_t cut = (unsigned)rand_r(&seed) % (len + 1);
		struct frame_view view;
		const uint8_t *data;
		unsigned n_fds;
		uint16_t tag;
		size_t used, pos = 0, n;

		for (unsigned k = 0; k < 3; k++)
			copy[(unsigned)rand_r(&seed) % len] = (uint8_t)rand_r(&seed);
		if (i % 2)
			cut = len;
		/* An exact copy, so that a sanitizer sees a read beyond it. */
		_cleanup_(freep) uint8_t *part = xmemdup(copy, cut);
		if (frame_parse(part, cut, 4096, &view, &n_fds, &used) <= 0)
			continue;
		n_whole++;
		assert_true(used <= cut);
		while (frame_view_next(&view, &pos, &tag, &data, &n) > 0)
			assert_true(data + n <= part + used);
	}
	assert_true(n_whole > 100);
	frame_done(&frame);
}

static void test_too_large(void **state)
{
	_cleanup_(freep) char *large = xnew_array(char, FRAME_BYTES_MAX);
	struct frame frame;

	frame_init(&frame, 1, BUF_SECRET);
	frame_add_bytes(&frame, 1, large, FRAME_BYTES_MAX);
	assert_int_equal(frame.error, -E2BIG);
	/* What comes afterwards does not hide it. */
	frame_add_u64(&frame, 2, 1);
	assert_int_equal(frame.fields.len, 0);
	frame_done(&frame);
}

static void test_too_many_fds(void **state)
{
	struct frame frame;
	int last = -1;

	frame_init(&frame, 1, 0);
	for (unsigned i = 0; i <= FRAME_FDS_MAX; i++) {
		last = open("/dev/null", O_RDONLY | O_CLOEXEC);
		frame_add_fd(&frame, last);
	}
	assert_int_equal(frame.error, -E2BIG);
	assert_int_equal(frame.n_fds, FRAME_FDS_MAX);
	/* The one too many was closed all the same. */
	assert_int_equal(fcntl(last, F_GETFD), -1);
	frame_done(&frame);
	assert_int_equal(fcntl(last - 1, F_GETFD), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_too_many_fds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
