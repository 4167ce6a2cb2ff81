/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libidn2 sees one label at a time and only what is not ASCII. Given whole names it
 * drops '_' and '*' silently (with its STD3 rules) or passes empty labels (without),
 * and its mapping can turn one character into a dot. So the result of a label must be
 * a label again.
 */
#include "conf/idn.h"

#include <idn2.h>
#include <string.h>

#include "util/dname.h"
#include "util/mem.h"

#define LABEL_BYTES 256

static bool is_ascii(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)s[i] >= 0x80)
			return false;
	}
	return true;
}

static void lower(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] >= 'A' && s[i] <= 'Z')
			s[i] = (char)(s[i] - 'A' + 'a');
	}
}

static bool convert_label(const char *label, size_t len, char *buf, size_t size)
{
	char u[LABEL_BYTES];
	uint8_t *out = NULL;

	if (len >= sizeof(u))
		return false;
	memcpy(u, label, len);
	u[len] = '\0';
	if (idn2_lookup_u8((const uint8_t *)u, &out,
		    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return false;
	size_t out_len = strlen((const char *)out);
	bool is_label = !strchr((const char *)out, '.') && out_len < size &&
			dname_normalise((const char *)out, out_len, 0, buf, size);
	idn2_free(out);
	return is_label;
}

bool idn_to_ascii(const char *name, char *buf, size_t size)
{
	size_t used = 0;

	for (;;) {
		size_t len = strcspn(name, ".");
		if (len + 2 > size - used)
			return false;
		if (is_ascii(name, len)) {
			memcpy(buf + used, name, len);
			buf[used + len] = '\0';
			if (!(len == 2 && memcmp(name, "%d", 2) == 0))
				lower(buf + used, len);
		} else {
			char label[DNAME_MAX + 1];
			if (!convert_label(name, len, label, sizeof(label)) ||
				strlen(label) + 2 > size - used)
				return false;
			memcpy(buf + used, label, strlen(label) + 1);
		}
		used += strlen(buf + used);
		name += len;
		if (name[0] == '\0' || (name[0] == '.' && name[1] == '\0'))
			return true;
		buf[used++] = '.';
		buf[used] = '\0';
		name++;
	}
}
