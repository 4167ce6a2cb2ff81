/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text is either refused with a reason or printed so that it can be read again. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/conf/fixture.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct conf *load(const struct conf_schema *schema, const char *text)
{
	struct conf_report report;
	struct conf *conf = NULL;

	conf_report_init(&report);
	int r = conf_load_text(&conf, schema, "fuzz", text, &report);
	assert((r == 0) == (report.n_errors == 0) && (r == 0) == (conf != NULL));
	for (size_t i = 0; i < report.n; i++) {
		_cleanup_(freep) char *line =
			conf_report_format_entry(&report.entry[i]);
		assert(!strchr(line, '\n'));
	}
	conf_report_done(&report);
	return conf;
}

static void read_again(
	const struct conf_schema *schema, struct conf *conf, unsigned flags)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT(64 * 1024 * 1024);

	assert(conf_print(conf, flags | CONF_PRINT_SECRETS, NULL, &out) == 0);
	_cleanup_(conf_unrefp) struct conf *again = load(schema, buf_str(&out));
	assert(again && conf_block_is_equal(conf_get_root(conf), conf_get_root(again)));
	for (size_t i = 0; i < conf_count_blocks(conf, "domain"); i++)
		assert(conf_block_is_equal(conf_get_block(conf, "domain", i),
			conf_get_block(again, "domain", i)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(conf_schema_freep) struct conf_schema *schema = fixture_new_schema();
	_cleanup_(freep) char *text = xcalloc(1, size + 1);

	if (size > 0)
		memcpy(text, data, size);
	_cleanup_(conf_unrefp) struct conf *conf = load(schema, text);
	if (conf) {
		read_again(schema, conf, 0);
		read_again(schema, conf, CONF_PRINT_CHANGED);
		read_again(schema, conf, CONF_PRINT_EXPANDED);
	}
	return 0;
}
