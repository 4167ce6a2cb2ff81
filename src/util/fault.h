/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Points at which a test can end the process as kill -9 would: FAULT("order-answered").
 * The names are listed from the sources, and each has its test (tests/check-faults).
 *
 * POSTSEAL_FAULT=NAME:kill does it when the point is passed, NAME:kill:2 when it is
 * passed for the second time; as NAME, * is any point. Only a build with
 * --enable-faults has them: elsewhere they are nothing at all.
 */
#pragma once

#if WITH_FAULTS
#	define FAULT(name) fault_pass(name)
void fault_pass(const char *name);
#else
#	define FAULT(name) ((void)0)
#endif
