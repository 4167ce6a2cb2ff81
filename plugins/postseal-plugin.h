/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The plugin border of Postseal. This is the one header that a plugin includes.
 *
 * ABI log, newest first
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
#define POSTSEAL_ABI_MINOR 1

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
	const char *url;    /* https:// */
	const char *content_type;
	const void *body;
	size_t body_len;
	size_t max_body_bytes;  /* 0 = 64 KiB */
	uint64_t deadline_usec; /* 0 = 30 s */
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

/* ok 0: detail says what is wrong. */
typedef void postseal_publication_fn(int ok, const char *detail, void *userdata);
typedef void postseal_timer_fn(void *userdata);
typedef void postseal_watch_fn(int fd, unsigned events, void *userdata);
typedef void postseal_http_fn(
	const struct postseal_http_result *result, void *userdata);
typedef void postseal_exec_fn(
	const struct postseal_exec_result *result, void *userdata);

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
	POSTSEAL_KIND_DNS = 2, /* reserved */
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
};

/* First initialiser of every descriptor. */
#define POSTSEAL_PLUGIN_ABI                                               \
	.abi_major = POSTSEAL_ABI_MAJOR, .abi_minor = POSTSEAL_ABI_MINOR, \
	.size = sizeof(struct postseal_plugin)

#define POSTSEAL_EXPORT __attribute__((visibility("default")))

extern POSTSEAL_EXPORT const struct postseal_plugin postseal_plugin;

#endif
