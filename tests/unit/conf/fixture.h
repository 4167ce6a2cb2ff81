/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A schema with a setting of each type and a block of each kind, and ways to load. */
#pragma once

#include "conf/conf.h"

struct conf_schema *fixture_new_schema(void);
/* All lines of a report, each with a newline. Owned by the caller. */
char *fixture_format_report(const struct conf_report *report);

/* Loads a text, named "t.conf" in messages. *ret_report is owned by the caller. */
struct conf *fixture_load_text(const char *text, char **ret_report);
/* The same from files; file NULL = postseal.conf. */
struct conf *fixture_load(const char *directory, const char *file,
	const char *const *overrides, char **ret_report);
/* The same, for a text that is right: fails the test when anything is reported. */
struct conf *fixture_load_good(const char *text);

/* What has to be there for a text to be right. */
#define FIXTURE_MIN "admin_contact = a@example.org\n"
#define FIXTURE_BASE                                                          \
	FIXTURE_MIN "authority le {\n\tdirectory = https://ca.example/d\n}\n" \
		    "policy default {\n\tauthority = le\n}\n"
