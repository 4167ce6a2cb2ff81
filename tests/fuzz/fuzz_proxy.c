/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A header of the PROXY protocol: read whole, and every beginning of it. */
#include <assert.h>
#include <string.h>

#include "io/proxy_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_read header, part;

	if (proxy_read(data, size, &header) != 1)
		return 0;
	assert(header.len <= size && header.len <= PROXY_READ_MAX);
	/* Never whole before its end, never refused on the way, and nothing that follows
	 * makes a difference. */
	for (size_t i = 0; i < header.len; i++)
		assert(proxy_read(data, i, &part) == 0);
	assert(proxy_read(data, header.len, &part) == 1);
	assert(memcmp(&part, &header, sizeof(header)) == 0);
	return 0;
}
