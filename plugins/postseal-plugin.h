/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The plugin border of Postseal. This is the one header that a plugin includes.
 *
 * ABI log, newest first
 *   0.2  2026-11-23  dns; values put into the DNS, look-ups, wanted records
 *   0.1  2026-11-23  first: challenge, deploy, notify; log, settings, state, timers,
 *                    watch, HTTP, exec, files, published answers
 *
 * A plugin is a shared object with one exported symbol:
 *
 *     const struct postseal_plugin postseal_plugin = { POSTSEAL_PLUGIN_ABI, … };
 *
 * It runs inside the manager, in its one thread. So no method may block, exit, fork,
 * touch signals, or keep a pointer to host data beyond the call that it was given for.
 *
 * Calls. A method is given a `struct postseal_call`, does its work or starts it, and
 * ends the call exactly once with services->complete(): at once, from within the
 * method, or later from a callback of a service. The host sees to it that its own
 * caller never hears of the end before the method has returned, bounds every call by a
 * deadline, and may cancel it: then `cancel` is called, the plugin drops what it has
 * started for that call and is silent. All that the method was handed lives until the
 * call is completed or cancelled. Every method must be safe to repeat after a crash.
 *
 * Compatibility. While major is 0 anything may change with it; a host takes a plugin
 * whose major is equal, whose minor is not greater than its own and whose sizes are not
 * greater than its own. New members come at the end only; POSTSEAL_HAS tells whether
 * the other side knows one.
 */
#ifndef POSTSEAL_PLUGIN_H
#define POSTSEAL_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define POSTSEAL_ABI_MAJOR 0
#define POSTSEAL_ABI_MINOR 2

/* Does the struct at p, which begins with or contains `size`, have this member? */
#define POSTSEAL_HAS(p, type, member) \
	((p)->size >= offsetof(type, member) + sizeof((p)->member))

struct postseal_host; /* one instance of a plugin, as the host sees it */
struct postseal_call; /* one method under way */
struct postseal_timer;
struct postseal_watch;
struct postseal_http;
struct postseal_exec;
struct postseal_publication;
struct postseal_txt_op;
struct postseal_lookup;

/* --- how a call ends ------------------------------------------------------------ */

enum postseal_outcome {
	POSTSEAL_OK,
	POSTSEAL_NOT_YET, /* ask again after retry_usec: not seen yet, waiting for a person */
	POSTSEAL_FAILED,  /* trouble that may pass */
	POSTSEAL_REFUSED, /* not possible, and no use to try again unchanged */
};

struct postseal_address {
	const char *address; /* "127.0.0.1:993", numeric */
	const char *sni;     /* NULL: each name of the certificate */
};

/* A wanted record: what must stand in the DNS so that something succeeds. Postseal shows it
 * to the operator, watches it on all authoritative servers and tells what becomes of it. */
struct postseal_wanted {
	size_t size;
	const char *owner; /* full name, no dot at the end */
	const char *type;  /* "TXT", "CNAME", "CAA", "NS" */
	const char
		*value; /* TXT: its text; CNAME, NS: the target; CAA: `0 issue "…"` */
	const char *why;    /* what it does or allows, a sentence for a person */
	uint64_t until_sec; /* calendar time at which it ends by itself; 0 = never */
};

struct postseal_result {
	size_t size; /* sizeof(struct postseal_result) */
	enum postseal_outcome outcome;
	const char *detail;  /* one sentence, lower case, no dot; NULL if OK */
	uint64_t retry_usec; /* with NOT_YET and FAILED; 0 = the host decides */
	/* deploy install: where the new certificate must be seen now */
	const struct postseal_address *addresses;
	size_t n_addresses;
	/* challenge want: what present and cleanup shall be given back; NULL = nothing */
	const char *saved;
	/* challenge want: the records that must stand (outcome OK: that is all it takes) */
	const struct postseal_wanted *wanted;
	size_t n_wanted;
	/* dns place: the other name at which this provider lets a value stand; NULL: the
	 * name itself */
	const char *place;
	/* dns list: the values at the name, NULL-terminated; NULL: none */
	const char *const *values;
};

/* --- services: what the host does for a plugin ---------------------------------- */

enum postseal_log_level {
	POSTSEAL_LOG_ERROR = 3,
	POSTSEAL_LOG_WARNING = 4,
	POSTSEAL_LOG_NOTICE = 5,
	POSTSEAL_LOG_INFO = 6,
	POSTSEAL_LOG_DEBUG = 7,
};

enum {
	POSTSEAL_IN = 1 << 0,
	POSTSEAL_OUT = 1 << 1,
	POSTSEAL_HUP = 1 << 2,
};

struct postseal_http_params {
	size_t size;
	const char *method; /* "GET" or "POST" */
	const char *url;    /* https://, and http:// on this machine (127.…, [::1]) */
	const char *content_type;
	const void *body;
	size_t body_len;
	size_t max_body_bytes;  /* 0 = 64 KiB */
	uint64_t deadline_usec; /* 0 = 30 s */
	/* Since 0.2. Lines "Name: value", NULL-terminated; NULL = none. */
	const char *const *headers;
	const char *ca_file; /* PEM of the CAs to trust; NULL = the system's */
};

struct postseal_http_result {
	size_t size;
	unsigned status; /* 0: no answer came, detail says why */
	const char *body;
	size_t body_len;
	const char *detail;
};

struct postseal_exec_params {
	size_t size;
	const char *const *argv; /* NULL-terminated; argv[0] absolute; no shell */
	const char *const *env;  /* NULL-terminated, added to PATH; NULL = none */
	const void *input;       /* for its stdin */
	size_t input_len;
	uint64_t deadline_usec; /* 0 = 60 s */
};

struct postseal_exec_result {
	size_t size;
	int exit_code;      /* -1: signal, deadline or not started */
	const char *output; /* stdout and stderr, capped */
	size_t output_len;
	const char *detail; /* one sentence unless it exited with 0 */
};

struct postseal_file {
	const char *path; /* absolute */
	const void *data;
	size_t len;
	unsigned mode;
	const char *owner; /* NULL = as the manager */
	const char *group;
};

/* An answer that the front gives to a CA. */
enum postseal_answer_kind {
	POSTSEAL_ANSWER_HTTP, /* GET http://NAME/.well-known/acme-challenge/TOKEN */
	POSTSEAL_ANSWER_ALPN, /* acme-tls/1 with SNI = NAME (RFC 8737) */
};

struct postseal_answer {
	size_t size;
	enum postseal_answer_kind kind;
	const char *name;
	const char *token;             /* HTTP */
	const char *key_authorization; /* body; ALPN: hashed into the certificate */
};

/* One TXT value at one name, beside whatever else stands there. */
struct postseal_txt {
	size_t size;
	const char *domain; /* the operator's unit, whose policy names the provider */
	const char *name;   /* "_acme-challenge.mail.example.org" */
	const char *value;  /* at most 4096 octets, printable; NULL to ask WHERE */
};

enum postseal_txt_act {
	POSTSEAL_TXT_WHERE, /* can it be put there? OK: `wanted` must stand before */
	POSTSEAL_TXT_PUT,   /* OK: a provider has it */
	POSTSEAL_TXT_LOOK,  /* OK: seen where the policy's `propagation` wants it */
	POSTSEAL_TXT_REMOVE,
};

struct postseal_txt_result {
	size_t size;
	enum postseal_outcome outcome;
	const char *detail;  /* NULL if OK */
	uint64_t retry_usec; /* LOOK, not yet seen: look again after; 0 = you decide */
	const struct postseal_wanted *wanted; /* WHERE: as in struct postseal_result */
	size_t n_wanted;
};

enum postseal_lookup_status {
	POSTSEAL_LOOKUP_FOUND,
	POSTSEAL_LOOKUP_NOTHING, /* no such name, or no such record there */
	POSTSEAL_LOOKUP_FAILED,  /* nobody could tell; also an answer that is forged */
};

struct postseal_lookup_result {
	size_t size;
	enum postseal_lookup_status status;
	const char *const *values; /* NULL-terminated: addresses, targets, texts */
	int is_secure;             /* validated by DNSSEC */
	const char *detail;        /* NULL unless FAILED */
};

/* ok 0: detail says what is wrong. */
typedef void postseal_publication_fn(int ok, const char *detail, void *userdata);
typedef void postseal_timer_fn(void *userdata);
typedef void postseal_watch_fn(int fd, unsigned events, void *userdata);
typedef void postseal_http_fn(
	const struct postseal_http_result *result, void *userdata);
typedef void postseal_exec_fn(
	const struct postseal_exec_result *result, void *userdata);
typedef void postseal_txt_fn(const struct postseal_txt_result *result, void *userdata);
typedef void postseal_lookup_fn(
	const struct postseal_lookup_result *result, void *userdata);

/*
 * All starting services return a handle, or NULL when nothing was started (the reason
 * is logged). Their callback is called at most once, never before they returned; the
 * handle is gone after it. cancel: silent, legal until then.
 */
struct postseal_services {
	size_t size;
	void (*complete)(
		struct postseal_call *call, const struct postseal_result *result);
	/* A pointer of the plugin's that goes with a call. */
	void (*call_set_data)(struct postseal_call *call, void *data);
	void *(*call_get_data)(struct postseal_call *call);

	void (*log)(struct postseal_host *host, enum postseal_log_level level,
		const char *text);
	/* Settings of the block that uses the plugin, by the plugin's own table. Borrowed
	 * for the life of the instance; string NULL when unset; list NULL-terminated. */
	const char *(*get_string)(struct postseal_host *host, const char *setting);
	const char *const *(*get_list)(struct postseal_host *host, const char *setting);
	int64_t (*get_int)(struct postseal_host *host, const char *setting);
	int (*get_bool)(struct postseal_host *host, const char *setting);
	uint64_t (*get_duration)(
		struct postseal_host *host, const char *setting); /* usec */

	/* A text of at most 64 KiB kept per (plugin, name) across restarts. load: *ret is
	 * malloc'ed, NULL when there is none; both return 0 or a negative errno. */
	int (*load_state)(struct postseal_host *host, const char *name, char **ret);
	int (*save_state)(
		struct postseal_host *host, const char *name, const char *text);

	struct postseal_timer *(*timer_start)(struct postseal_host *host, uint64_t usec,
		postseal_timer_fn *fn, void *userdata);
	void (*timer_cancel)(struct postseal_timer *timer);
	/* Called each time until cancelled; the descriptor stays the plugin's. */
	struct postseal_watch *(*watch_start)(struct postseal_host *host, int fd,
		unsigned events, postseal_watch_fn *fn, void *userdata);
	void (*watch_cancel)(struct postseal_watch *watch);
	struct postseal_http *(*http_start)(struct postseal_host *host,
		const struct postseal_http_params *params, postseal_http_fn *fn,
		void *userdata);
	void (*http_cancel)(struct postseal_http *op);
	struct postseal_exec *(*exec_start)(struct postseal_host *host,
		const struct postseal_exec_params *params, postseal_exec_fn *fn,
		void *userdata);
	void (*exec_cancel)(struct postseal_exec *op);

	/* Writes all or none of the files, each atomically and synced. 0, or a negative
	 * errno with a sentence in detail (size octets). */
	int (*write_files)(struct postseal_host *host,
		const struct postseal_file *files, size_t n, char *detail, size_t size);

	/* publish: done when every front worker gives that answer. look: see with our
	 * own eyes, at our own listener, that it is given. withdraw: fire and forget. */
	struct postseal_publication *(*publish_start)(struct postseal_host *host,
		const struct postseal_answer *answer, postseal_publication_fn *fn,
		void *userdata);
	struct postseal_publication *(*look_start)(struct postseal_host *host,
		const struct postseal_answer *answer, postseal_publication_fn *fn,
		void *userdata);
	void (*publication_cancel)(struct postseal_publication *op);
	void (*withdraw)(
		struct postseal_host *host, const struct postseal_answer *answer);

	/* Since 0.2. What a challenge does in the DNS goes through the domain's provider,
	 * which core chooses: plugins never call plugins. PUT and REMOVE may be repeated. */
	struct postseal_txt_op *(*txt_start)(struct postseal_host *host,
		enum postseal_txt_act act, const struct postseal_txt *txt,
		postseal_txt_fn *fn, void *userdata);
	void (*txt_cancel)(struct postseal_txt_op *op);
	/* "A", "AAAA", "CNAME", "NS", "TXT": asked of whoever knows. Not for names that are
	 * about to be written: a negative answer would be remembered. */
	struct postseal_lookup *(*lookup_start)(struct postseal_host *host,
		const char *name, const char *type, postseal_lookup_fn *fn,
		void *userdata);
	void (*lookup_cancel)(struct postseal_lookup *op);
};

/* --- settings that a plugin brings ------------------------------------------------ */

enum postseal_setting_type {
	POSTSEAL_SETTING_STRING,
	POSTSEAL_SETTING_STRINGS,
	POSTSEAL_SETTING_BOOL,
	POSTSEAL_SETTING_INT,
	POSTSEAL_SETTING_DURATION, /* min, max in usec */
	POSTSEAL_SETTING_ENUM,
	POSTSEAL_SETTING_PATH,
	POSTSEAL_SETTING_ADDRESSES,
	POSTSEAL_SETTING_URL,
	POSTSEAL_SETTING_MODE, /* octal */
};

enum {
	POSTSEAL_SETTING_REQUIRED = 1 << 0,
	POSTSEAL_SETTING_SECRET = 1 << 1,
};

/* The table ends with a row whose name is NULL. */
struct postseal_setting {
	const char *name;
	enum postseal_setting_type type;
	const char *fallback;      /* text; NULL = unset */
	int64_t min, max;          /* both 0 = no limits */
	const char *const *values; /* NULL-terminated; for ENUM */
	unsigned flags;
	const char *text; /* one sentence for the manual page */
};

/* --- kind: challenge ---------------------------------------------------------------- */

enum {
	POSTSEAL_CHALLENGE_WILDCARD = 1 << 0, /* can validate wildcard names */
	/* Its answer stands in the DNS: looked at for propagation_timeout */
	POSTSEAL_CHALLENGE_DNS = 1 << 1,
};

enum postseal_fit {
	POSTSEAL_FIT_YES,
	POSTSEAL_FIT_NO,      /* meant to, and does not: what differs */
	POSTSEAL_FIT_OTHER,   /* something that stands there for another reason */
	POSTSEAL_FIT_FOREIGN, /* it lets somebody else do what ours does: an alarm */
};

/* What a challenge is about. Members that are not known yet are NULL. */
struct postseal_task {
	size_t size;
	const char *domain; /* the operator's unit */
	const char *name;   /* without "*." */
	int is_wildcard;
	const char *account_url;
	const char *thumbprint;        /* of the account key */
	const char *token;             /* present, ready, cleanup */
	const char *key_authorization; /* token "." thumbprint; NULL without a token */
	const char *challenge_json;    /* the CA's challenge object as text */
	const char *saved;             /* what want gave */
	/* Since 0.2. */
	const char *authority;      /* the CA's block */
	const char *directory_url;  /* as configured */
	const char *directory_json; /* its "meta" as text; NULL = not read yet */
	int has_wildcard; /* the domain also has "*." of this name; set with is_wildcard */
};

struct postseal_challenge {
	size_t size;
	const char *type; /* the ACME challenge type, "http-01" */
	unsigned flags;
	/* Can it do this name here and now? NULL = always. Not OK: the next one is tried and
	 * the detail is shown. */
	void (*offers)(void *instance, const struct postseal_task *task,
		struct postseal_call *call);
	/* Ahead of any order: what must stand outside before it can succeed. NULL =
	 * nothing. NOT_YET may go on for weeks. */
	void (*want)(void *instance, const struct postseal_task *task,
		struct postseal_call *call);
	/* Give the answer. Must not be NULL. */
	void (*present)(void *instance, const struct postseal_task *task,
		struct postseal_call *call);
	/* Is it seen? NOT_YET: asked again. NULL = no way to look. */
	void (*ready)(void *instance, const struct postseal_task *task,
		struct postseal_call *call);
	/* Take the answer back. NULL = nothing to do. */
	void (*cleanup)(void *instance, const struct postseal_task *task,
		struct postseal_call *call);
	/* Drop the call. NULL: the plugin completes all calls from within. */
	void (*cancel)(void *instance, struct postseal_call *call);
	/* Since 0.2. Does a value that was seen at the owner of a wanted record do its work?
	 * At once, without looking at anything else. NULL: only if it is equal. NO and
	 * FOREIGN: a sentence in detail (size octets). */
	enum postseal_fit (*fits)(void *instance, const struct postseal_wanted *wanted,
		const char *seen, char *detail, size_t size);
};

/* --- kind: dns ---------------------------------------------------------------------- */

/* One TXT value. */
struct postseal_value {
	size_t size;
	const char *domain; /* the operator's unit that it is for */
	const char *name;   /* where it shall stand; full, no dot at the end */
	const char *value;  /* NULL for place and list; a TXT record's strings joined */
	/* The name is not the one that the CA asks for, but where a CNAME leads: only a
	 * provider that knows the zone to be its own may say OK. */
	int is_delegated;
};

/* A provider. Other values at the same name are never touched; each method may be repeated,
 * and the host has one of them at a name under way at a time. */
struct postseal_dns {
	size_t size;
	/* Would a value for this name be put by this provider, and where? OK, or REFUSED: a
	 * name of somebody else. NULL: OK unless is_delegated. */
	void (*place)(void *instance, const struct postseal_value *value,
		struct postseal_call *call);
	/* OK also when it is there. `name` is what place said. Must not be NULL. */
	void (*add)(void *instance, const struct postseal_value *value,
		struct postseal_call *call);
	/* OK also when it is not there. Must not be NULL. */
	void (*remove)(void *instance, const struct postseal_value *value,
		struct postseal_call *call);
	/* The values that are there. NULL: it cannot tell. */
	void (*list)(void *instance, const struct postseal_value *value,
		struct postseal_call *call);
	/* Drop the call. NULL: the plugin completes all calls from within. */
	void (*cancel)(void *instance, struct postseal_call *call);
};

/* --- kind: deploy ------------------------------------------------------------------- */

struct postseal_bundle {
	size_t size;
	const char *domain;
	const char *const *names; /* NULL-terminated */
	const char *key_type;     /* "ecdsa-p256", … */
	const char *chain_pem;    /* leaf first */
	const char *key_pem;
	const char *fingerprint; /* SHA-256 of the leaf, hexadecimal */
	uint64_t not_after_sec;  /* calendar time */
};

struct postseal_deploy {
	size_t size;
	/* Install; on OK the result names the addresses to prove (none: nothing to prove). */
	void (*install)(void *instance, const struct postseal_bundle *bundle,
		struct postseal_call *call);
	void (*cancel)(void *instance, struct postseal_call *call);
};

/* --- kind: notify ------------------------------------------------------------------- */

struct postseal_notice {
	size_t size;
	const char *kind; /* "served", "failed", … as `postsealctl events` shows it */
	const char *subject; /* domain, authority, …; NULL */
	const char *text;
	uint64_t at_sec; /* calendar time */
};

struct postseal_notify {
	size_t size;
	void (*notify)(void *instance, const struct postseal_notice *notice,
		struct postseal_call *call);
	void (*cancel)(void *instance, struct postseal_call *call);
};

/* --- the descriptor ------------------------------------------------------------------ */

enum postseal_kind {
	POSTSEAL_KIND_CHALLENGE = 1,
	POSTSEAL_KIND_DNS = 2,
	POSTSEAL_KIND_DEPLOY = 3,
	POSTSEAL_KIND_NOTIFY = 4,
};

struct postseal_plugin {
	uint32_t abi_major; /* these three first, for ever */
	uint32_t abi_minor;
	size_t size;

	enum postseal_kind kind;
	const char *name;    /* as in the configuration: "http-01", "files" */
	const char *summary; /* one sentence */
	const char *version;
	const struct postseal_setting *settings; /* NULL = none */
	/* One instance per block that uses it. *ret goes to all methods. 0, or a negative
	 * errno with a sentence in detail (size octets). NULL = no instance data. */
	int (*open)(struct postseal_host *host,
		const struct postseal_services *services, void **ret, char *detail,
		size_t size);
	/* All calls have been completed or cancelled before. */
	void (*close)(void *instance);
	/* Exactly the one of `kind` is set. */
	const struct postseal_challenge *challenge;
	const struct postseal_deploy *deploy;
	const struct postseal_notify *notify;
	const struct postseal_dns *dns; /* since 0.2 */
};

/* First initialiser of every descriptor. */
#define POSTSEAL_PLUGIN_ABI                                               \
	.abi_major = POSTSEAL_ABI_MAJOR, .abi_minor = POSTSEAL_ABI_MINOR, \
	.size = sizeof(struct postseal_plugin)

#define POSTSEAL_EXPORT __attribute__((visibility("default")))

extern POSTSEAL_EXPORT const struct postseal_plugin postseal_plugin;

#endif
