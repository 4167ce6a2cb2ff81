/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A shared object that is no plugin. */
extern __attribute__((visibility("default"))) const int nothing;
const int nothing = 1;
