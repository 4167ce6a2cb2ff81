/* SPDX-License-Identifier: GPL-3.0-or-later */
/* postseald, the manager: reads its arguments, builds the manager, runs its loop. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/base/key_maker.h"
#include "core/process/aftermath.h"
#include "core/process/image.h"
#include "core/process/upgrade.h"
#include "core/wanted/settings.h"
#include "link/command.h"
#include "util/mem.h"

struct arguments {
	const char *directory;
	const char *ended_unit; /* after its end: aftermath_end; else NULL */
	const char *key_type;   /* asked by the manager: key_maker_answer; else NULL */
	bool is_check;          /* asked by an older build: upgrade_answer */
	char **overrides;       /* owned */
};

static const char usage[] =
	"postseald, the manager of Postseal: keeps a mail server's certificates right.\n"
	"\n"
	"usage: postseald [-c DIRECTORY] [-o NAME=VALUE]...\n"
	"  -c, --config DIRECTORY  folder of postseal.conf (default " CONFDIR ")\n"
	"  -o, --option NAME=VALUE set a setting, over what the files say\n"
	"  -h, --help              this\n"
	"  -V, --version           the version\n"
	"\n"
	"It runs in the foreground and is spoken to by postsealctl(1). See postseald(8).\n";

/* -1: go on; else the exit code. */
static int parse_arguments(int argc, char **argv, struct arguments *ret)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "option", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "end-workers", required_argument, NULL, 'e' },
		{ KEY_MAKER_OPTION, required_argument, NULL, 'k' },
		{ UPGRADE_CHECK, no_argument, NULL, 'u' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:o:hV", options, NULL)) >= 0) {
		switch (c) {
		case 'c':
			ret->directory = optarg;
			break;
		case 'o':
			strv_append(&ret->overrides, optarg);
			break;
		case 'e':
			ret->ended_unit = optarg;
			break;
		case 'k':
			ret->key_type = optarg;
			break;
		case 'u':
			ret->is_check = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return COMMAND_OK;
		case 'V':
			printf("postseald %s\n", PACKAGE_VERSION);
			return COMMAND_OK;
		default:
			return COMMAND_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "postseald: unexpected argument %s; see --help\n",
		argv[optind]);
	return COMMAND_USAGE;
}

/* Keys are in this process: no core, no ptrace, no file that others could read. */
static void harden(void)
{
	const struct rlimit none = { 0, 0 };

	umask(077);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	signal(SIGPIPE, SIG_IGN);
}

static struct load_params format_load(const struct arguments *arguments)
{
	return (struct load_params){
		.conf = {
			.directory = arguments->directory,
			.overrides = (const char *const *)arguments->overrides,
		},
	};
}

static int run(const struct arguments *arguments, char **argv, struct err *err)
{
	const struct load_params params = format_load(arguments);

	if (arguments->ended_unit)
		return aftermath_end(&params, arguments->ended_unit);
	if (arguments->is_check)
		return upgrade_answer(&params);
	harden();
	if (arguments->key_type)
		return key_maker_answer(arguments->key_type);
	return image_run(&params, argv, err);
}

int main(int argc, char **argv)
{
	struct arguments arguments = { .directory = settings_conf_directory };
	_cleanup_(err_done) struct err err = ERR_INIT;
	int r = parse_arguments(argc, argv, &arguments);

	if (r < 0) {
		log_open("postseald", arguments.is_check || arguments.key_type
					      ? LOG_TARGET_STDERR
					      : LOG_TARGET_AUTO);
		r = run(&arguments, argv, &err);
	}
	strv_free(arguments.overrides);
	if (r >= 0)
		return r;
	_cleanup_(freep) char *text = err_format(&err);
	log_error(NULL, "%s", text);
	if (err.kind == ERR_CONFIG)
		return COMMAND_CONFIG;
	image_pause_failure();
	return COMMAND_FAILED;
}
