/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See last_good.h. A file is one line of JSON, the key, and the chain. */
#include "core/workers/last_good.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/slot_walk.h"
#include "io/atomic_file.h"
#include "pki/tls_context.h"
#include "store/certificate.h"
#include "store/slot.h"
#include "util/hash.h"
#include "util/json_view.h"
#include "util/map.h"
#include "util/mem.h"

#define FILE_BYTES_MAX (1024 * 1024)
/* Files at an end that is wanted; what is missing is written after the next start. */
#define FILES_AT_END 100
#define RETRY_USEC   USEC_PER_MIN
#define PAUSE_USEC   (10 * USEC_PER_MSEC) /* the disk is wanted by others, too */

#define CHAIN_BEGIN "-----BEGIN CERTIFICATE-----"

struct last_good {
	struct loop *loop;
	struct store *store;
	struct log_ctx log;
	char *folder;             /* owned */
	struct loop_timer *timer; /* owned; armed while something is to be written */
	struct map *queue; /* slot's id as text → path of what is replaced, owned */
	bool has_failed;   /* said once */
	struct slot_walk *walk; /* owned; while the store is followed */
	struct map *files;      /* owned; of those: what nobody wants, at its end */
};

/* --- writing ---------------------------------------------------------------------------------- */

static char *format_name(int64_t slot_id, int64_t certificate_id)
{
	return xasprintf(
		"slot-%lld-%lld.pem", (long long)slot_id, (long long)certificate_id);
}

/* Finds what has rotted; nobody who could forge it needs to. */
static char *format_checksum(const char *key_pem, const char *chain_pem)
{
	static const struct hash_key none;
	uint64_t key = hash_bytes(&none, key_pem, strlen(key_pem));
	uint64_t chain = hash_bytes(&none, chain_pem, strlen(chain_pem));

	return xasprintf(
		"%016llx%016llx", (unsigned long long)key, (unsigned long long)chain);
}

static json_t *format_head(
	const struct store_slot *slot, const struct store_certificate *c)
{
	_cleanup_(freep) char *checksum = format_checksum(c->key_pem, c->chain_pem);

	return json_pack(
		"{s:i, s:s, s:s, s:s, s:s, s:s?, s:s, s:s, s:s, s:s, s:I, s:I, s:I}",
		"version", 1, "checksum", checksum, "domain", slot->domain, "key_type",
		slot->key_type, "authority", c->authority, "profile", slot->profile,
		"names", c->names, "serial", c->serial, "fingerprint", c->fingerprint,
		"issuer", c->issuer, "not_before_usec", (json_int_t)c->not_before_usec,
		"not_after_usec", (json_int_t)c->not_after_usec, "issued_usec",
		(json_int_t)c->issued_usec);
}

static int write_file(struct last_good *lg, const struct store_slot *slot,
	const struct store_certificate *c, struct err *err)
{
	_cleanup_(freep) char *name = format_name(slot->id, c->id);
	_cleanup_(freep) char *path = xasprintf("%s/%s", lg->folder, name);
	_cleanup_(json_view_unrefp) json_t *head = format_head(slot, c);
	_cleanup_(freep) char *line = head ? json_view_format(head) : NULL;
	_cleanup_(buf_done) struct buf text = BUF_INIT_SECRET(FILE_BYTES_MAX);

	if (!line)
		return err_set(
			err, -EINVAL, "slot %lld: not text", (long long)slot->id);
	buf_printf(&text, "%s\n%s%s", line, c->key_pem, c->chain_pem);
	if (mkdir(lg->folder, 0700) < 0 && errno != EEXIST)
		return err_set(
			err, -errno, "%s: %s", lg->folder, strerrordesc_np(errno));
	const struct atomic_file_params file = {
		.path = path,
		.data = buf_str(&text),
		.len = text.len,
		.mode = 0600,
	};
	return atomic_file_write(&file, err);
}

static int write_slot(struct last_good *lg, int64_t slot_id, struct err *err)
{
	struct store_slot slot = { 0 };
	struct store_certificate c = { 0 };
	int r = store_slot_load(lg->store, slot_id, &slot, err);

	if (r == 0 && slot.certificate_id > 0)
		r = store_certificate_load(lg->store, slot.certificate_id, &c, err);
	if (r == 0 && c.id > 0 && c.key_pem && c.chain_pem)
		r = write_file(lg, &slot, &c, err);
	store_certificate_done(&c);
	store_slot_done(&slot);
	return MIN(r, 0);
}

/* --- the queue --------------------------------------------------------------------------------- */

static void report(struct last_good *lg, const struct err *err)
{
	_cleanup_(freep) char *text = err_format(err);

	if (!lg->has_failed)
		log_error(&lg->log, "the last good copy is not kept: %s", text);
	lg->has_failed = true;
}

/* False: not now. */
static bool write_next(struct last_good *lg)
{
	_cleanup_(err_done) struct err err = ERR_INIT;
	_cleanup_(freep) char *replaced = NULL;
	_cleanup_(freep) char *id = NULL;
	const char *key;
	void *value;
	size_t pos = 0;

	if (!map_next(lg->queue, &pos, &key, &value))
		return false;
	id = xstrdup(key);
	int r = write_slot(lg, strtoll(id, NULL, 10), &err);
	if (r < 0)
		report(lg, &err);
	/* A row that cannot be read will not be better in a minute. */
	if (r < 0 && err.code != -EUCLEAN)
		return false;
	replaced = map_remove(lg->queue, id);
	if (r >= 0)
		unlink(replaced);
	lg->has_failed = r < 0;
	return true;
}

static void on_write_turn(struct loop_timer *timer, void *userdata)
{
	struct last_good *lg = userdata;
	bool is_well = write_next(lg); /* which waits for the disk */

	if (map_count(lg->queue) > 0)
		loop_timer_set_after(lg->timer, is_well ? PAUSE_USEC : RETRY_USEC);
}

void last_good_put(struct last_good *lg, int64_t slot_id, int64_t replaced_id)
{
	_cleanup_(freep) char *id = xasprintf("%lld", (long long)slot_id);
	_cleanup_(freep) char *name = format_name(slot_id, replaced_id);

	free(map_set(lg->queue, id, xasprintf("%s/%s", lg->folder, name)));
	loop_timer_set_after(lg->timer, 0);
}

/* --- following the store --------------------------------------------------------------------- */

static struct map *list_files(const char *folder)
{
	struct map *files = map_new();
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, "slot-", 5) == 0)
			map_set(files, entry->d_name, files);
	if (dir)
		closedir(dir);
	return files;
}

static void on_slot(const struct store_slot *slot, void *userdata)
{
	struct last_good *lg = userdata;
	_cleanup_(freep) char *name = format_name(slot->id, slot->certificate_id);

	if (slot->certificate_id > 0 && !map_remove(lg->files, name))
		last_good_put(lg, slot->id, 0);
}

static void stop_walk(struct last_good *lg)
{
	lg->walk = slot_walk_cancel(lg->walk);
	lg->files = map_free(lg->files);
}

static void on_followed(const struct err *err, void *userdata)
{
	struct last_good *lg = userdata;
	const char *name;
	void *value;
	size_t pos;

	map_foreach(lg->files, pos, name, value) {
		_cleanup_(freep) char *path = xasprintf("%s/%s", lg->folder, name);
		if (!err)
			unlink(path);
	}
	stop_walk(lg);
}

void last_good_follow(struct last_good *lg)
{
	const struct slot_walk_params params = {
		.loop = lg->loop,
		.store = lg->store,
		.on_slot = on_slot,
		.done = on_followed,
		.userdata = lg,
	};

	stop_walk(lg);
	lg->files = list_files(lg->folder);
	lg->walk = slot_walk_start(&params);
}

struct last_good *last_good_new(const struct last_good_params *params)
{
	struct last_good *lg = xnew(struct last_good);

	lg->loop = params->loop;
	lg->store = params->store;
	lg->log = (struct log_ctx){ params->log, NULL, NULL };
	lg->folder = xasprintf("%s/" LAST_GOOD_FOLDER, params->directory);
	lg->timer = loop_timer_new(params->loop, on_write_turn, lg);
	lg->queue = map_new();
	return lg;
}

/* What was proven last is worth the moment. */
static void write_at_end(struct last_good *lg)
{
	for (int i = 0; i < FILES_AT_END && write_next(lg); i++)
		continue;
}

struct last_good *last_good_free(struct last_good *lg)
{
	const char *key;
	char *replaced;
	size_t pos;

	if (!lg)
		return NULL;
	stop_walk(lg);
	write_at_end(lg);
	loop_timer_free(lg->timer);
	map_foreach(lg->queue, pos, key, replaced)
		free(replaced);
	map_free(lg->queue);
	free(lg->folder);
	free(lg);
	return NULL;
}

/* --- reading ----------------------------------------------------------------------------------- */

struct copy {
	json_t *head; /* owned */
	char *key_pem;
	char *chain_pem;
};

static void copy_done(struct copy *copy)
{
	json_decref(copy->head);
	secret_free(copy->key_pem);
	free(copy->chain_pem);
}

static int parse_copy(const struct buf *text, struct copy *ret, struct err *err)
{
	const char *line_end = strchr(buf_str(text), '\n');
	const char *chain = line_end ? strstr(line_end, CHAIN_BEGIN) : NULL;

	if (!chain || strlen(buf_str(text)) != text->len)
		return err_set(err, -EBADMSG, "not whole");
	int r = json_view_parse(
		&ret->head, buf_str(text), (size_t)(line_end - buf_str(text)), err);
	if (r < 0)
		return r;
	if (json_view_int(ret->head, "version", 0) != 1)
		return err_set(err, -EPROTO, "of another version");
	ret->key_pem = xstrndup(line_end + 1, (size_t)(chain - line_end - 1));
	ret->chain_pem = xstrdup(chain);
	return 0;
}

/* Nothing is believed but what shakes hands. */
static int check_copy(const struct copy *copy, struct err *err)
{
	static const char *const texts[] = { "domain", "key_type", "authority", "names",
		"serial", "fingerprint", "issuer" };
	_cleanup_(tls_context_unrefp) struct tls_context *context = NULL;
	_cleanup_(freep) char *checksum =
		format_checksum(copy->key_pem, copy->chain_pem);
	const char *wanted = json_view_string(copy->head, "checksum");

	if (!wanted || strcmp(checksum, wanted) != 0)
		return err_set(err, -EBADMSG, "it is not what was written");
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!json_view_string(copy->head, texts[i]))
			return err_set(err, -EBADMSG, "%s is missing", texts[i]);
	return tls_context_new(&context, copy->chain_pem, copy->key_pem, err);
}

static char *text_of(const struct copy *copy, const char *key)
{
	return (char *)json_view_string(copy->head, key);
}

static usec_t time_of(const struct copy *copy, const char *key)
{
	return (usec_t)MAX(json_view_int(copy->head, key, 0), (int64_t)0);
}

static int add_copy(struct store *store, const struct copy *copy, struct err *err)
{
	struct store_slot slot = {
		.domain = text_of(copy, "domain"),
		.key_type = text_of(copy, "key_type"),
		.names = text_of(copy, "names"),
		.authority = text_of(copy, "authority"),
		.profile = text_of(copy, "profile"),
		.due_usec = USEC_NEVER,
	};
	struct store_certificate c = {
		.authority = text_of(copy, "authority"),
		.profile = text_of(copy, "profile"),
		.names = text_of(copy, "names"),
		.chain_pem = copy->chain_pem,
		.key_pem = copy->key_pem,
		.serial = text_of(copy, "serial"),
		.fingerprint = text_of(copy, "fingerprint"),
		.issuer = text_of(copy, "issuer"),
		.not_before_usec = time_of(copy, "not_before_usec"),
		.not_after_usec = time_of(copy, "not_after_usec"),
		.issued_usec = time_of(copy, "issued_usec"),
		.state = STORE_CERTIFICATE_SERVED,
	};
	int r = store_slot_add(store, &slot, err);

	if (r >= 0) {
		c.slot_id = slot.id;
		r = store_certificate_add(store, &c, err);
	}
	if (r >= 0) {
		slot.certificate_id = c.id;
		r = store_slot_save(store, &slot, err);
	}
	return r;
}

static int read_copy(const char *path, struct copy *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT_SECRET(FILE_BYTES_MAX);
	int r = file_read(path, FILE_PRIVATE, FILE_BYTES_MAX, &text, err);

	if (r >= 0)
		r = parse_copy(&text, ret, err);
	return r < 0 ? r : check_copy(ret, err);
}

static int load_file(const char *path, struct store *store, struct err *err)
{
	_cleanup_(copy_done) struct copy copy = { 0 };
	int r = read_copy(path, &copy, err);

	if (r >= 0)
		r = store_begin(store, err);
	if (r < 0)
		return r;
	r = add_copy(store, &copy, err);
	if (r >= 0)
		return store_commit(store, err);
	store_rollback(store);
	return r;
}

/* "slot-7-12.pem" is of certificate 12. */
static char *find_file(const struct last_good *lg, int64_t certificate_id)
{
	_cleanup_(map_freep) struct map *files = list_files(lg->folder);
	_cleanup_(freep) char *end = xasprintf("-%lld.pem", (long long)certificate_id);
	const char *name;
	void *value;
	size_t pos;

	map_foreach(files, pos, name, value)
		if (strlen(name) > strlen(end) &&
			strcmp(name + strlen(name) - strlen(end), end) == 0)
			return xasprintf("%s/%s", lg->folder, name);
	return NULL;
}

int last_good_read(struct last_good *lg, int64_t certificate_id, char **ret_chain_pem,
	char **ret_key_pem)
{
	_cleanup_(freep) char *path = find_file(lg, certificate_id);
	_cleanup_(copy_done) struct copy copy = { 0 };
	_cleanup_(err_done) struct err err = ERR_INIT;

	if (!path)
		return STORE_E_NOT_FOUND;
	if (read_copy(path, &copy, &err) < 0) {
		_cleanup_(freep) char *text = err_format(&err);
		log_warning(&lg->log, "%s is passed over: %s", path, text);
		return STORE_E_NOT_FOUND;
	}
	*ret_chain_pem = TAKE_PTR(copy.chain_pem);
	*ret_key_pem = TAKE_PTR(copy.key_pem);
	return 0;
}

size_t last_good_count(const char *directory)
{
	_cleanup_(freep) char *folder = xasprintf("%s/" LAST_GOOD_FOLDER, directory);
	_cleanup_(map_freep) struct map *files = list_files(folder);

	return map_count(files);
}

int last_good_load(const char *directory, struct store *store,
	const struct log_ctx *log, struct err *err)
{
	_cleanup_(freep) char *folder = xasprintf("%s/" LAST_GOOD_FOLDER, directory);
	_cleanup_(map_freep) struct map *files = list_files(folder);
	const char *name;
	void *value;
	size_t pos;
	int n = 0;

	map_foreach(files, pos, name, value) {
		_cleanup_(err_done) struct err own = ERR_INIT;
		_cleanup_(freep) char *path = xasprintf("%s/%s", folder, name);

		if (load_file(path, store, &own) >= 0) {
			n++;
			continue;
		}
		_cleanup_(freep) char *text = err_format(&own);
		log_warning(log, "last good copy %s is passed over: %s", path, text);
	}
	return n;
}
