/* SPDX-License-Identifier: GPL-3.0-or-later */
/* U-labels to A-labels: the only caller of libidn2. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define IDN_NAME_BYTES 1024 /* longer input is no name */

/* Lower-cases the ASCII labels and converts the others, label by label; "*" and "%d"
 * pass as they are, a dot at the end is cut. The result is not checked: that is
 * dname_normalise's business. False: a label cannot be converted. */
bool idn_to_ascii(const char *name, char *buf, size_t size);
