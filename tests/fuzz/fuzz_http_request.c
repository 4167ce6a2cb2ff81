/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The head of a request; what is accepted must be fit for a redirect. */
#include <assert.h>
#include <string.h>

#include "front/http.h"
#include "util/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_redirect(const struct http_request *request)
{
	const struct http_reply reply = { .status = 301,
		.location_host = "a.test",
		.location_port = "",
		.request = request };
	struct buf out = BUF_INIT(65536);
	unsigned n_lines = 0;

	http_reply_format(&reply, &out);
	for (const char *p = buf_str(&out); (p = strchr(p, '\n')); p++)
		n_lines++;
	assert(n_lines == 6);
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_request request;
	char token[64];

	int r = http_request_parse((const char *)data, size, &request);
	assert(r == 1 || r == 0 || r == -400 || r == -431 || r == -505);
	if (r != 1)
		return 0;
	assert(request.host[0] == '\0' || dname_is_valid(request.host, 0));
	assert(request.target[0] == '/' &&
		!memchr(request.target, ' ', request.target_len));
	(void)http_request_get_token(&request, token, sizeof(token));
	check_redirect(&request);
	return 0;
}
