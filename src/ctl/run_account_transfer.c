/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The commands account export and account import. The file is the sealed key of
 * pki/seal.h with lines before it that say whose it is; openssl skips them. They are not
 * sealed: the daemon holds them against its configuration and against what the CA says.
 *
 * Sealing takes about a second of work, so it is done here and not in the daemon's loop
 * (see core/commands/command_transfer.h).
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ctl/daemon.h"
#include "ctl/passphrase.h"
#include "ctl/print.h"
#include "io/atomic_file.h"
#include "pki/seal.h"
#include "util/mem.h"

#define EXPORT_DEADLINE_USEC (30 * USEC_PER_SEC)
#define IMPORT_DEADLINE_USEC (5 * USEC_PER_MIN)
#define URL_BYTES_MAX        2048
#define TITLE                "Postseal account, sealed by a passphrase"
#define DIRECTORY_LABEL      "Directory: "
#define ACCOUNT_LABEL        "Account: "

/* The key's text is overwritten when that is the last reference. */
static void wipe_key(json_t *object)
{
	json_t *pem = json_object_get(object, "key_pem");

	if (json_is_string(pem))
		explicit_bzero((char *)json_string_value(pem), json_string_length(pem));
}

/* --- export ------------------------------------------------------------------------------ */

struct export
{
	char *authority, *directory, *url, *contact, *key_pem; /* owned */
};

static void export_done(struct export *e)
{
	free(e->authority);
	free(e->directory);
	free(e->url);
	free(e->contact);
	secret_free(e->key_pem);
}

static void on_export(const json_t *row, void *userdata)
{
	struct export *e = userdata;

	if (e->key_pem)
		return;
	e->authority = xstrdup(json_view_string(row, "authority"));
	e->directory = xstrdup(json_view_string(row, "directory"));
	e->url = xstrdup(json_view_string(row, "url"));
	e->contact = xstrdup(json_view_string(row, "contact"));
	e->key_pem = xstrdup(json_view_string(row, "key_pem"));
	wipe_key((json_t *)row);
}

/* One line of the head: nothing in it can look like another one. */
static bool is_plain(const char *text)
{
	for (; text && *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static char *format_file(const struct export *e, const char *sealed)
{
	return xasprintf(TITLE "\nAuthority: %s\n" DIRECTORY_LABEL "%s\n" ACCOUNT_LABEL
			       "%s\n%s%s%s\n%s",
		e->authority, e->directory, e->url, e->contact ? "Contact: " : "",
		e->contact ? e->contact : "", e->contact ? "\n" : "", sealed);
}

static int seal(
	const struct export *e, const char *passphrase, char **ret, struct err *err)
{
	_cleanup_(key_freep) struct key *key = NULL;
	_cleanup_(freep) char *sealed = NULL;

	if (!e->authority || !e->directory || !e->url || !e->key_pem ||
		!is_plain(e->authority) || !is_plain(e->directory) ||
		!is_plain(e->url) || !is_plain(e->contact))
		return err_set(err, -EPROTO, "the daemon sent no account");
	int r = key_parse_pem(&key, e->key_pem, strlen(e->key_pem), err);
	if (r >= 0)
		r = seal_close(key, passphrase, &sealed, err);
	if (r >= 0)
		*ret = format_file(e, sealed);
	return r;
}

static int check_target(const struct arguments *arguments, struct err *err)
{
	const char *path = arguments_get(arguments, "output");

	if (path && !arguments_has(arguments, "force") && access(path, F_OK) == 0)
		return err_set_kind(err, ERR_CONFIG, -EEXIST,
			"%s is there already; --force replaces it", path);
	return 0;
}

static int write_out(struct ctl *ctl, const struct arguments *arguments,
	const char *text, struct err *err)
{
	const struct atomic_file_params params = {
		.path = arguments_get(arguments, "output"),
		.data = text,
		.len = strlen(text),
		.mode = 0600,
		.is_new = !arguments_has(arguments, "force"),
	};

	if (params.path)
		return atomic_file_write(&params, err);
	fputs(text, ctl->out);
	return 0;
}

static int fetch_account(struct ctl *ctl, const char *authority, struct export *ret)
{
	return daemon_ask(ctl, &(struct daemon_call){
				       .name = "account-export",
				       .args = daemon_args("authority", authority),
				       .on_row = on_export,
				       .userdata = ret,
				       .deadline_usec = EXPORT_DEADLINE_USEC,
				       .is_quiet = true,
			       });
}

int ctl_run_account_export(struct ctl *ctl, const struct arguments *arguments)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(buf_done) struct buf pass = BUF_INIT_SECRET(PASSPHRASE_BYTES_MAX);
	_cleanup_(export_done) struct export e = { 0 };
	_cleanup_(freep) char *text = NULL;
	int r = check_target(arguments, &err);

	if (r >= 0)
		r = passphrase_get(arguments, PASSPHRASE_TWICE, &pass, &err);
	if (r >= 0) {
		int code = fetch_account(ctl, arguments_word(arguments, 0), &e);
		if (code != COMMAND_OK)
			return code;
		r = seal(&e, buf_str(&pass), &text, &err);
	}
	if (r >= 0)
		r = write_out(ctl, arguments, text, &err);
	if (r < 0) {
		print_err(ctl->err, &err);
		return COMMAND_FAILED;
	}
	if (arguments_has(arguments, "output"))
		print_line(ctl->out, "account %s is sealed in %s", e.url,
			arguments_get(arguments, "output"));
	return COMMAND_OK;
}

/* --- import ------------------------------------------------------------------------------ */

/* The rest of the head's line that begins like that; owned, NULL: there is none. */
static char *find_line(const char *head, size_t len, const char *label)
{
	const char *end = head + len;

	for (const char *line = head; line < end;) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		const char *last = stop ? stop : end;

		if ((size_t)(last - line) > strlen(label) &&
			memcmp(line, label, strlen(label)) == 0)
			return xstrndup(line + strlen(label),
				(size_t)(last - line) - strlen(label));
		line = last + 1;
	}
	return NULL;
}

static int add_line(json_t *args, const char *key, const struct buf *file,
	const char *label, struct err *err)
{
	const char *pem = strstr(buf_str(file), "-----BEGIN ");
	size_t len = pem ? (size_t)(pem - buf_str(file)) : file->len;
	_cleanup_(freep) char *value = find_line(buf_str(file), len, label);

	if (!value || strlen(value) > URL_BYTES_MAX || !is_plain(value) ||
		json_object_set_new(args, key, json_string(value)) < 0)
		return err_set_kind(err, ERR_CONFIG, -EBADMSG,
			"it is no exported account: no good line \"%s\"", label);
	return 0;
}

static int add_key(
	json_t *args, const struct buf *file, const char *passphrase, struct err *err)
{
	_cleanup_(key_freep) struct key *key = NULL;
	_cleanup_(secret_freep) char *pem = NULL;
	int r = seal_open(&key, buf_str(file), file->len, passphrase, err);

	if (r >= 0)
		r = key_format_pem(key, &pem, err);
	if (r >= 0)
		json_object_set_new(args, "key_pem", json_string(pem));
	return r;
}

static int read_account(
	const struct arguments *arguments, json_t *args, struct err *err)
{
	_cleanup_(buf_done) struct buf pass = BUF_INIT_SECRET(PASSPHRASE_BYTES_MAX);
	_cleanup_(buf_done) struct buf file = BUF_INIT(SEAL_BYTES_MAX);
	const char *path = arguments_word(arguments, 1);
	int r = file_read(path, 0, SEAL_BYTES_MAX, &file, err);

	if (r < 0)
		return r;
	if (strlen(buf_str(&file)) != file.len)
		return err_set_kind(err, ERR_CONFIG, -EBADMSG,
			"%s: it is no exported account", path);
	r = add_line(args, "directory", &file, DIRECTORY_LABEL, err);
	if (r >= 0)
		r = add_line(args, "url", &file, ACCOUNT_LABEL, err);
	if (r >= 0)
		r = passphrase_get(arguments, 0, &pass, err);
	if (r >= 0)
		r = add_key(args, &file, buf_str(&pass), err);
	return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}

int ctl_run_account_import(struct ctl *ctl, const struct arguments *arguments)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	const bool is_replacing = arguments_has(arguments, "replace");

	if (is_replacing && !arguments_has(arguments, "yes")) {
		print_problem(ctl->err,
			"--replace puts the account that is there out of use; say so with --yes");
		return COMMAND_USAGE;
	}
	json_t *args = daemon_args("authority", arguments_word(arguments, 0));
	if (is_replacing)
		json_object_set_new(args, "replace", json_true());
	if (read_account(arguments, args, &err) < 0) {
		print_err(ctl->err, &err);
		json_decref(args);
		return COMMAND_FAILED;
	}
	json_incref(args);
	int code = daemon_ask(ctl, &(struct daemon_call){
					   .name = "account-import",
					   .args = args,
					   .deadline_usec = IMPORT_DEADLINE_USEC,
				   });
	wipe_key(args);
	json_decref(args);
	return code;
}
