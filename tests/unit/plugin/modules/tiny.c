/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A symbol of the right name that is too small to be looked at. */
extern __attribute__((visibility("default"))) const char postseal_plugin[4];
const char postseal_plugin[4] = "abc";
