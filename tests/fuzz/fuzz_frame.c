/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a child or a client of the control socket may send. */
#include <stdint.h>
#include <stdlib.h>

#include "io/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame_view view;
	unsigned n_fds;
	size_t pos = 0, used, len;
	const uint8_t *field;
	uint16_t tag;
	char *s = NULL;

	if (frame_parse(data, size, 4096, &view, &n_fds, &used) <= 0)
		return 0;
	while (frame_view_next(&view, &pos, &tag, &field, &len) > 0)
		if (used > size || field + len > data + used || n_fds > FRAME_FDS_MAX)
			abort();
	frame_view_get_str(&view, 1, &s);
	free(s);
	return 0;
}
