/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "link/command.h"
#include "link/message.h"
#include "tests/lib/test.h"
#include "util/mem.h"

static struct frame_view view_of(struct frame *frame)
{
	assert_int_equal(frame->error, 0);
	return (struct frame_view){
		.type = frame->type,
		.fields = (const uint8_t *)frame->fields.data,
		.len = frame->fields.len,
	};
}

static void test_request(void **state)
{
	_cleanup_(json_view_unrefp) json_t *args = json_pack("{s:s}", "name", "a.test");
	_cleanup_(json_view_unrefp) json_t *out = NULL;
	_cleanup_(freep) char *name = NULL;
	struct frame frame;

	command_request_pack("status", args, &frame);
	assert_int_equal(frame.type, LINK_COMMAND);
	struct frame_view view = view_of(&frame);
	assert_int_equal(command_request_unpack(&view, &name, &out, NULL), 0);
	assert_string_equal(name, "status");
	assert_true(json_equal(args, out));
	frame_done(&frame);
}

static void test_request_without_arguments(void **state)
{
	_cleanup_(json_view_unrefp) json_t *out = NULL;
	_cleanup_(freep) char *name = NULL;
	struct frame frame;

	command_request_pack("plugins", NULL, &frame);
	struct frame_view view = view_of(&frame);
	assert_int_equal(command_request_unpack(&view, &name, &out, NULL), 0);
	assert_int_equal(json_object_size(out), 0);
	frame_done(&frame);
}

static const struct {
	const char *name;
	const char *command;
	const char *args;
} bad[] = {
	{ "not JSON", "status", "{" },
	{ "not an object", "status", "[]" },
	{ "no command", "", "{}" },
	{ "not a command", "a b", "{}" },
	{ "too long", "abcdefghijabcdefghijabcdefghijabc", "{}" },
};

static void test_bad_request(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;
		json_t *args = NULL;
		char *name = NULL;
		struct frame frame;

		test_case(bad[i].name);
		frame_init(&frame, LINK_COMMAND, 0);
		frame_add_str(&frame, 1, bad[i].command);
		frame_add_str(&frame, 2, bad[i].args);
		struct frame_view view = view_of(&frame);
		assert_true(command_request_unpack(&view, &name, &args, &err) < 0);
		assert_true(err_is_set(&err));
		assert_null(name);
		assert_null(args);
		err_done(&err);
		frame_done(&frame);
	}
}

static void test_row_and_end(void **state)
{
	_cleanup_(json_view_unrefp) json_t *row = json_pack("{s:i}", "n", 1);
	_cleanup_(json_view_unrefp) json_t *out = NULL;
	_cleanup_(freep) char *message = NULL;
	enum command_exit code;
	struct frame frame;

	command_row_pack(row, &frame);
	struct frame_view view = view_of(&frame);
	assert_int_equal(command_row_unpack(&view, &out, NULL), 0);
	assert_true(json_equal(row, out));
	frame_done(&frame);

	command_end_pack(COMMAND_CONFIG, "no such setting", &frame);
	assert_int_equal(frame.type, LINK_COMMAND_END);
	view = view_of(&frame);
	assert_int_equal(command_end_unpack(&view, &code, &message, NULL), 0);
	assert_int_equal(code, COMMAND_CONFIG);
	assert_string_equal(message, "no such setting");
	frame_done(&frame);

	char *none = NULL;
	command_end_pack(COMMAND_OK, NULL, &frame);
	view = view_of(&frame);
	assert_int_equal(command_end_unpack(&view, &code, &none, NULL), 0);
	assert_null(none);
	frame_done(&frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_request_without_arguments),
		cmocka_unit_test(test_bad_request),
		cmocka_unit_test(test_row_and_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
