/* SPDX-License-Identifier: GPL-3.0-or-later */
/* postsealctl: the operator's side of the control socket, and the check of the
 * configuration without the daemon. */
#include <stdio.h>

#include "ctl/ctl.h"
#include "util/log.h"

int main(int argc, char **argv)
{
	struct ctl ctl = { .out = stdout, .err = stderr };

	log_open("postsealctl", LOG_TARGET_STDERR);
	log_set_level(LOG_LEVEL_WARNING);
	return ctl_main(&ctl, argv);
}
