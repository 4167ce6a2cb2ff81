/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Link header (RFC 8288), as far as RFC 8555 7.4.2 needs it. */
#pragma once

/* Appends the targets with rel=alternate of one header value to the NULL-terminated
 * array *targets, in their order, until that holds max of them. What is malformed ends
 * the reading of this value, silently. The targets are as sent: check them. */
void link_header_parse_alternates(const char *value, char ***targets, unsigned max);
