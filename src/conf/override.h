/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Settings that are given beside the files ("-o"). */
#pragma once

struct loader;

/* "name=value" or "kind name/setting=value", after all files. */
void override_apply(struct loader *l, const char *text);
