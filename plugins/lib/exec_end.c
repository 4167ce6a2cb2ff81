/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See exec_end.h. */
#include "plugins/lib/exec_end.h"

#include <stdio.h>

#define PART_BYTES 390

/* The last line that says something; its length in *ret. */
static const char *last_line(const char *output, size_t len, int *ret)
{
	while (len > 0 && (unsigned char)output[len - 1] <= ' ')
		len--;
	size_t from = len;
	while (from > 0 && output[from - 1] != '\n')
		from--;
	*ret = (int)(len - from < PART_BYTES ? len - from : PART_BYTES);
	return output + from;
}

void exec_end_format(
	const struct postseal_exec_result *result, char ret[EXEC_END_BYTES])
{
	int len;
	const char *line = last_line(result->output, result->output_len, &len);

	snprintf(ret, EXEC_END_BYTES, "%.*s%s%.*s", PART_BYTES,
		result->detail ? result->detail : "it failed", len > 0 ? ": " : "", len,
		line);
}
