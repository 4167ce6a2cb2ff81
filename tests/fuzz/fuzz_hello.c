/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first octets of a stranger: parsed whole, and every beginning of them. */
#include <assert.h>
#include <string.h>

#include "front/hello.h"
#include "util/dname.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hello hello, part;

	int r = hello_parse(data, size, &hello);
	if (r != 1)
		return 0;
	assert(hello.client != 0);
	assert(hello.name[0] == '\0' || dname_is_valid(hello.name, 0));
	assert((hello.sni == HELLO_SNI_NAME) == (hello.name[0] != '\0'));
	/* What was a hello with less of it is the same hello with more. */
	size_t n = size < 600 ? size : 600;
	for (size_t i = 0; i < n; i++)
		if (hello_parse(data, size - i, &part) == 1)
			assert(memcmp(&part, &hello, sizeof(hello)) == 0);
	return 0;
}
