/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See fault.h. What cannot be read is passed over: it is a test's own typing mistake, and
 * that test finds that nothing was killed. */
#include "util/fault.h"

#if WITH_FAULTS

#	include <signal.h>
#	include <stdbool.h>
#	include <stdio.h>
#	include <stdlib.h>
#	include <string.h>
#	include <unistd.h>

#	define ACTION ":kill"

/* How often the points that are meant have been passed. */
static unsigned long passings;

static bool is_meant(const char *wish, size_t name_len, const char *name)
{
	if (name_len == 1 && *wish == '*')
		return true;
	return strlen(name) == name_len && memcmp(wish, name, name_len) == 0;
}

/* Of "NAME:kill:2" the 2; 0 if this point is not meant. */
static unsigned long read_wish(const char *wish, const char *name)
{
	const char *action = wish ? strstr(wish, ACTION) : NULL;

	if (!action || !is_meant(wish, (size_t)(action - wish), name))
		return 0;
	action += strlen(ACTION);
	return *action == ':' ? strtoul(action + 1, NULL, 10) : 1;
}

void fault_pass(const char *name)
{
	unsigned long wanted = read_wish(getenv("POSTSEAL_FAULT"), name);

	if (wanted == 0 || ++passings != wanted)
		return;
	dprintf(STDERR_FILENO, "fault: %s\n", name);
	kill(getpid(), SIGKILL);
}

#endif
