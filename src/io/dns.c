/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/dns.h"

#include <stdarg.h>
#include <string.h>

#include "util/mem.h"
#include "util/text.h"

static const struct {
	enum dns_type type;
	const char *text;
} types[] = {
	{ DNS_A, "A" },
	{ DNS_NS, "NS" },
	{ DNS_CNAME, "CNAME" },
	{ DNS_TXT, "TXT" },
	{ DNS_AAAA, "AAAA" },
	{ DNS_CAA, "CAA" },
};

void dns_answer_done(struct dns_answer *answer)
{
	strv_free(answer->values);
	strv_free(answer->chain);
	free(answer->zone);
	free(answer->detail);
	*answer = (struct dns_answer){ .status = DNS_FAILED };
}

void dns_answer_fail(struct dns_answer *answer, const char *fmt, ...)
{
	va_list ap;

	dns_answer_done(answer);
	va_start(ap, fmt);
	answer->detail = xvasprintf(fmt, ap);
	va_end(ap);
	text_clean(answer->detail);
}

void dns_answer_move(struct dns_answer *dst, struct dns_answer *src)
{
	dns_answer_done(dst);
	*dst = *src;
	*src = (struct dns_answer){ .status = DNS_FAILED };
}

const char *dns_answer_get_owner(const struct dns_answer *answer, const char *name)
{
	size_t n = strv_length(answer->chain);

	return n > 0 ? answer->chain[n - 1] : name;
}

enum dns_type dns_type_parse(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(types[i].text, text) == 0)
			return types[i].type;
	}
	return 0;
}

const char *dns_type_format(enum dns_type type)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].type == type)
			return types[i].text;
	}
	return "?";
}
