/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long a reload's reading of N domains (argument; 10000) keeps the loop: the longest
 * of its steps, the end of it, and the release of what was read, in the process's own
 * time. Once with all in one file, once with a file for each. Printed, never judged:
 * `make bench`.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/wanted/load.h"
#include "util/mem.h"

#define MAIN_TEXT                                                        \
	"plugin_directory = /\nauthority ca {\n\tdirectory = "           \
	"https://ca.example/d\n}\npolicy default {\n\tnames = %d www.%d" \
	" mail.%d\n}\n"

struct bench {
	char *folder; /* owned */
	unsigned n;
	bool has_many_files;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* --- the files ---------------------------------------------------------------------- */

static char *format_path(const struct bench *b, unsigned i)
{
	return b->has_many_files ? xasprintf("%s/d/%06u.conf", b->folder, i)
				 : xasprintf("%s/postseal.conf", b->folder);
}

static int write_files(const struct bench *b)
{
	_cleanup_(freep) char *main_file = xasprintf("%s/postseal.conf", b->folder);
	FILE *f = fopen(main_file, "w");

	if (!f)
		return -errno;
	fputs(MAIN_TEXT "!include_try d/*.conf\n", f);
	fclose(f);
	for (unsigned i = 0; i < b->n; i++) {
		_cleanup_(freep) char *path = format_path(b, i);
		f = fopen(path, "a");
		if (!f)
			return -errno;
		fprintf(f, "domain d%u.example {\n}\n", i);
		fclose(f);
	}
	return 0;
}

static void remove_files(const struct bench *b)
{
	_cleanup_(freep) char *main_file = xasprintf("%s/postseal.conf", b->folder);

	unlink(main_file);
	for (unsigned i = 0; i < (b->has_many_files ? b->n : 1); i++) {
		_cleanup_(freep) char *path = format_path(b, i);
		unlink(path);
	}
}

/* --- the measurement ---------------------------------------------------------------- */

static int read_again(const struct bench *b, const struct loaded *loaded,
	const struct load_params *params, struct conf_report *report)
{
	struct conf *conf = NULL;
	double start = now_ms(), longest = 0;
	size_t n = 0, i_longest = 0;

	struct load_reading *reading = load_reading_new(loaded, params, report);
	double began = now_ms(), before = began;
	for (bool goes_on = true; goes_on; n++) {
		goes_on = load_reading_step(reading);
		double after = now_ms();
		if (after - before > longest) {
			longest = after - before;
			i_longest = n;
		}
		before = after;
	}
	int r = load_reading_finish(&reading, &conf);
	double finished = now_ms();
	conf_unref(conf);
	printf("%u domains in %s: %zu steps take %.1f ms, the longest %.2f ms (the "
	       "%zuth); the start %.2f ms, the end %.2f ms, the release %.2f ms\n",
		b->n, b->has_many_files ? "a file each" : "one file", n, before - start,
		longest, i_longest + 1, began - start, finished - before,
		now_ms() - finished);
	return r;
}

static int run(const struct bench *b, struct err *err)
{
	_cleanup_(conf_report_done) struct conf_report report;
	_cleanup_(loop_freep) struct loop *loop = NULL;
	_cleanup_(loaded_done) struct loaded loaded = { 0 };
	int r = loop_new_epoll(&loop, err);

	conf_report_init(&report);
	if (r < 0)
		return r;
	const struct load_params params = {
		.conf = { .directory = b->folder },
		.loop = loop,
	};
	r = write_files(b);
	if (r >= 0)
		r = load_configuration(&loaded, &params, &report);
	for (unsigned i = 0; r >= 0 && i < 3; i++)
		r = read_again(b, &loaded, &params, &report);
	for (size_t i = 0; i < report.n && i < 5; i++) {
		_cleanup_(freep) char *line =
			conf_report_format_entry(&report.entry[i]);
		fprintf(stderr, "%s\n", line);
	}
	return r < 0 ? err_set(err, r, "cannot read the configuration") : 0;
}

int main(int argc, char **argv)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	char folder[] = "/tmp/postseal-bench.XXXXXX";
	struct bench b = {
		.folder = folder,
		.n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000,
	};

	if (!mkdtemp(folder))
		return EXIT_FAILURE;
	_cleanup_(freep) char *inner = xasprintf("%s/d", folder);
	int r = mkdir(inner, 0700) < 0 ? -errno : 0;
	for (unsigned i = 0; r >= 0 && i < 2; i++) {
		b.has_many_files = i > 0;
		r = run(&b, &err);
		remove_files(&b);
	}
	rmdir(inner);
	rmdir(folder);
	if (r >= 0)
		return EXIT_SUCCESS;
	_cleanup_(freep) char *text = err_format(&err);
	fprintf(stderr, "%s\n", text);
	return EXIT_FAILURE;
}
