/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See policy.h. What a row can check by itself (types, limits, references) has been
 * checked by conf/ before anything here is called.
 */
#include "core/wanted/policy.h"

#include <stdlib.h>
#include <string.h>

#include "acme/order.h"
#include "core/wanted/resolving.h"
#include "io/address.h"
#include "link/message.h"
#include "util/buf.h"
#include "util/dname.h"
#include "util/map.h"
#include "util/mem.h"

struct policy_checking {
	const struct conf *conf; /* borrowed, like the next two */
	const struct plugin_host
		*host; /* NULL: no plugins known, their checks left out */
	struct conf_report *report;
	struct map *owners;    /* owned; name to the domain that has it */
	struct map *addresses; /* owned; address to the listener that has it */
	size_t i_round;        /* which kind of block is being checked */
	size_t i_block;        /* and which of them is next */
	size_t pos;            /* in owners, of what is left of them at the end */
};

/* --- what is asked of one domain ------------------------------------------------------ */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *policy_format_names(const struct conf_block *domain)
{
	char *const *list = conf_get_list(domain, "names");
	size_t n = strv_length(list);
	_cleanup_(freep) char **sorted = xnew_array(char *, n + 1);
	struct buf text = BUF_INIT(ACME_NAMES_MAX * 2 * (DNAME_MAX + 1));

	for (size_t i = 0; i < n; i++)
		sorted[i] = list[i];
	qsort(sorted, n, sizeof(*sorted), compare_names);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && strcmp(sorted[i], sorted[i - 1]) == 0)
			continue;
		if (buf_printf(&text, "%s%s", text.len ? " " : "", sorted[i]) < 0)
			break; /* policy_check has refused that many */
	}
	return buf_steal(&text);
}

const char *policy_find_domain(
	const struct conf *conf, const char *name, struct err *err)
{
	const struct conf_block *domain;

	if (name && conf_find_block(conf, "domain", name))
		return name;
	for (size_t i = 0; name && (domain = conf_get_block(conf, "domain", i)); i++)
		if (strv_contains(conf_get_list(domain, "names"), name))
			return conf_block_get_name(domain);
	err_set(err, -ENOENT, "%s is no domain of the configuration and no name of one",
		name ? name : "(nothing)");
	return NULL;
}

const struct conf_block *policy_get_authority(
	const struct conf *conf, const struct conf_block *domain)
{
	const char *name = conf_get_list(domain, "authority")[0];

	return name ? conf_find_block(conf, "authority", name)
		    : conf_get_block(conf, "authority", 0);
}

static bool is_same_block(const struct conf_block *a, const struct conf_block *b)
{
	return a && b ? conf_block_is_equal(a, b) : a == b;
}

/* An open order may have been answered by any of them. */
static bool has_same_blocks(
	const struct conf *a, const struct conf *b, const char *kind)
{
	const struct conf_block *block;

	if (conf_count_blocks(a, kind) != conf_count_blocks(b, kind))
		return false;
	for (size_t i = 0; (block = conf_get_block(a, kind, i)); i++)
		if (!is_same_block(block,
			    conf_find_block(b, kind, conf_block_get_name(block))))
			return false;
	return true;
}

bool policy_is_same_slice(const struct conf *a_conf, const struct conf_block *a,
	const struct conf *b_conf, const struct conf_block *b)
{
	char *const *deploy = conf_get_list(a, "deploy");

	if (!conf_block_is_equal(a, b) ||
		!is_same_block(policy_get_authority(a_conf, a),
			policy_get_authority(b_conf, b)) ||
		!has_same_blocks(a_conf, b_conf, "challenge") ||
		!has_same_blocks(a_conf, b_conf, "dns"))
		return false;
	for (size_t i = 0; deploy[i]; i++)
		if (!is_same_block(conf_find_block(a_conf, "deploy", deploy[i]),
			    conf_find_block(b_conf, "deploy", deploy[i])))
			return false;
	return true;
}

enum policy_self_check policy_get_self_check(const struct conf_block *domain)
{
	return (enum policy_self_check)conf_get_int(domain, "self_check");
}

bool policy_has_acme(const struct conf_block *listener)
{
	if (conf_is_set(listener, "acme"))
		return conf_get_bool(listener, "acme");
	return conf_get_int(listener, "protocol") == LINK_PROTOCOL_HTTPS;
}

/* --- times ------------------------------------------------------------------------------ */

/* 0 .. 0xffff, the same for the same certificate: many that were issued together
 * are not renewed together, and a restart does not roll the dice again. */
static unsigned fingerprint_jitter(const char *fingerprint)
{
	unsigned v = 0;

	for (unsigned i = 0; i < 4 && fingerprint && fingerprint[i]; i++)
		v = v << 4 | (unsigned)(fingerprint[i] & 0xf);
	return v & 0xffff;
}

static usec_t usual_margin(usec_t lifetime)
{
	return lifetime < 10 * USEC_PER_DAY ? lifetime / 2 : lifetime / 3;
}

usec_t policy_renew_latest(usec_t not_before_usec, usec_t not_after_usec)
{
	usec_t lifetime = usec_sub(not_after_usec, not_before_usec);

	return usec_sub(not_after_usec, usual_margin(lifetime) / 2);
}

usec_t policy_renew_at(usec_t not_before_usec, usec_t not_after_usec,
	const char *fingerprint, usec_t renew_before_usec)
{
	usec_t lifetime = usec_sub(not_after_usec, not_before_usec);
	usec_t left = usual_margin(lifetime);
	usec_t jitter = lifetime / 50 * fingerprint_jitter(fingerprint) / 0x10000;

	/* A margin as long as the certificate lives would renew for ever. */
	if (renew_before_usec > 0 && renew_before_usec < lifetime - lifetime / 4)
		left = renew_before_usec;
	return usec_sub(usec_sub(not_after_usec, left), jitter);
}

usec_t policy_back_off(unsigned attempts, uint64_t random)
{
	static const usec_t steps[] = {
		USEC_PER_MIN,
		10 * USEC_PER_MIN,
		100 * USEC_PER_MIN,
		USEC_PER_DAY,
	};
	unsigned i = attempts == 0 ? 0 : attempts - 1;
	usec_t wait = steps[MIN(i, ARRAY_SIZE(steps) - 1)];
	usec_t jitter = random % (wait / 10);

	/* Who was away and is back shall hear of us within a day. */
	return wait == USEC_PER_DAY ? wait - jitter : wait + jitter;
}

/* --- what is wrong ----------------------------------------------------------------------- */

static void report_at(const struct policy_checking *check,
	const struct conf_block *block, const char *setting, const char *text)
{
	const char *file;
	unsigned line;
	_cleanup_(freep) char *subject = xasprintf("%s %s%s%s",
		conf_block_get_kind(block), conf_block_get_name(block),
		setting ? ": " : "", setting ? setting : "");

	file = conf_block_get_file(block);
	line = conf_block_get_line(block);
	if (setting && conf_is_set(block, setting))
		conf_get_place(block, setting, &file, &line);
	conf_report_error(check->report, file, line, subject, "%s", text);
}

_printf_(4, 5) static void report_error(const struct policy_checking *check,
	const struct conf_block *block, const char *setting, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	_cleanup_(freep) char *text = xvasprintf(fmt, ap);
	va_end(ap);
	report_at(check, block, setting, text);
}

/* By what the configuration calls it: an instance's block, else the plugin's name. */
static unsigned challenge_flags(const struct policy_checking *check, const char *name)
{
	const struct conf_block *block =
		conf_find_block(check->conf, "challenge", name);
	const struct plugin *plugin = plugin_host_find(check->host,
		POSTSEAL_KIND_CHALLENGE, block ? conf_block_get_plugin(block) : name);

	return plugin ? plugin_get_challenge_flags(plugin) : 0;
}

/* "dns-01 or dns-persist-01": those that are loaded and can do wildcards. */
static char *format_wildcard_challenges(const struct policy_checking *check)
{
	struct buf text = BUF_INIT(1024);
	const struct plugin *plugin;

	for (size_t i = 0; (plugin = plugin_host_get(check->host, i)); i++) {
		if (plugin_get_kind(plugin) != POSTSEAL_KIND_CHALLENGE)
			continue;
		if (!(plugin_get_challenge_flags(plugin) & POSTSEAL_CHALLENGE_WILDCARD))
			continue;
		if (buf_printf(&text, "%s%s", text.len ? " or " : "",
			    plugin_get_name(plugin)) < 0)
			break;
	}
	return buf_steal(&text);
}

static void check_wildcard(const struct policy_checking *check,
	const struct conf_block *domain, const char *name)
{
	char *const *challenges = conf_get_list(domain, "challenge");
	_cleanup_(freep) char *can = format_wildcard_challenges(check);

	if (!conf_is_set(domain, "challenge") && *can)
		return;
	for (size_t i = 0; challenges[i]; i++)
		if (challenge_flags(check, challenges[i]) & POSTSEAL_CHALLENGE_WILDCARD)
			return;
	const char *text = conf_get_text(domain, "challenge");
	report_error(check, domain, "names",
		"none of its challenges (%s) can validate the wildcard name %s; %s%s",
		text ? text : "all", name,
		*can ? "use " : "no plugin that is installed can", can);
}

static void check_names(
	const struct policy_checking *check, const struct conf_block *domain)
{
	char *const *names = conf_get_list(domain, "names");
	size_t n = strv_length(names);

	if (n == 0)
		report_error(
			check, domain, "names", "is empty: a certificate needs a name");
	if (n > ACME_NAMES_MAX)
		report_error(check, domain, "names",
			"has %zu names, more than the %d that a certificate takes; make it two domains",
			n, ACME_NAMES_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct conf_block *other =
			map_set(check->owners, names[i], (void *)domain);

		if (other && other != domain)
			report_error(check, domain, "names",
				"%s belongs to domain %s already (%s line %u)",
				names[i], conf_block_get_name(other),
				conf_block_get_file(other), conf_block_get_line(other));
		if (strstr(names[i], "%d"))
			report_error(check, domain, "names",
				"%s: a pattern is no name that %%d could stand for; say each name",
				names[i]);
		if (check->host && dname_is_wildcard(names[i]))
			check_wildcard(check, domain, names[i]);
	}
}

static bool is_delegation(const char *text)
{
	return strcmp(text, "follow") == 0 || strcmp(text, "none") == 0 ||
	       (strchr(text, '.') && dname_is_valid(text, DNAME_UNDERSCORE));
}

static void check_domain(
	const struct policy_checking *check, const struct conf_block *domain)
{
	check_names(check, domain);
	if (conf_is_set(domain, "challenge") &&
		strv_length(conf_get_list(domain, "challenge")) == 0)
		report_error(check, domain, "challenge", "is empty: name at least one");
	if (strv_length(conf_get_list(domain, "key_type")) == 0)
		report_error(check, domain, "key_type", "is empty: name at least one");
	if (!policy_get_authority(check->conf, domain))
		report_error(check, domain, "authority",
			"there is no authority block: who shall issue?");
	if (!is_delegation(conf_get_string(domain, "delegation")))
		report_error(check, domain, "delegation",
			"is neither follow nor none nor the name that values are put at");
	if (strv_length(conf_get_list(domain, "deploy")) == 0)
		report_error(check, domain, "deploy",
			"is empty: name front or deploy blocks, or nobody is served");
}

static void check_addresses(
	const struct policy_checking *check, const struct conf_block *listener)
{
	char *const *list = conf_get_list(listener, "address");

	if (!list[0])
		report_error(check, listener, "address", "is empty");
	for (size_t i = 0; list[i]; i++) {
		const struct conf_block *other =
			map_set(check->addresses, list[i], (void *)listener);

		if (other)
			report_error(check, listener, "address",
				"%s is taken by listener %s already", list[i],
				conf_block_get_name(other));
	}
}

static void check_listener(
	const struct policy_checking *check, const struct conf_block *listener)
{
	bool is_http = conf_get_int(listener, "protocol") == LINK_PROTOCOL_HTTP;
	bool has_tls = conf_get_int(listener, "tls") == 0;
	bool has_backend = conf_is_set(listener, "backend");

	check_addresses(check, listener);
	if (is_http && has_tls && conf_is_set(listener, "tls"))
		report_error(check, listener, "tls",
			"protocol http is spoken without TLS: say tls = none, or protocol = https");
	if (!is_http && !has_tls)
		report_error(check, listener, "tls",
			"a listener without TLS has nothing to seal; none is for protocol http");
	if (!is_http && !has_backend && !policy_has_acme(listener))
		report_error(check, listener, "backend",
			"is not set: where shall the plaintext go?");
}

static void check_contact(
	const struct policy_checking *check, const struct conf_block *authority)
{
	if (conf_is_set(authority, "eab_kid") != conf_is_set(authority, "eab_hmac_key"))
		report_error(check, authority, "eab_kid",
			"eab_kid and eab_hmac_key are given by the CA together; set both");
}

/* One after the other, each over all blocks of a kind. */
static const struct round {
	const char *kind;
	void (*check)(
		const struct policy_checking *check, const struct conf_block *block);
} rounds[] = {
	{ "authority", check_contact },
	{ "domain", check_domain },
	{ "listener", check_listener },
};

struct policy_checking *policy_checking_new(const struct conf *conf,
	const struct plugin_host *host, struct conf_report *report)
{
	struct policy_checking *check = xnew(struct policy_checking);

	check->conf = conf;
	check->host = host;
	check->report = report;
	check->owners = map_new();
	check->addresses = map_new();
	resolving_check(conf, report);
	return check;
}

/* Name by name: all at once takes as long as many a check. */
static bool forget_owner(struct policy_checking *check)
{
	const char *name;
	void *owner;

	if (!map_next(check->owners, &check->pos, &name, &owner))
		return false;
	map_remove(check->owners, name);
	return true;
}

bool policy_checking_step(struct policy_checking *check)
{
	if (check->i_round == ARRAY_SIZE(rounds))
		return forget_owner(check);
	const struct round *round = &rounds[check->i_round];
	const struct conf_block *block =
		conf_get_block(check->conf, round->kind, check->i_block++);

	if (block) {
		round->check(check, block);
	} else {
		check->i_round++;
		check->i_block = 0;
	}
	return true;
}

struct policy_checking *policy_checking_free(struct policy_checking *check)
{
	if (!check)
		return NULL;
	map_free(check->addresses);
	map_free(check->owners);
	free(check);
	return NULL;
}

void policy_check(const struct conf *conf, const struct plugin_host *host,
	struct conf_report *report)
{
	_cleanup_(policy_checking_freep) struct policy_checking *check =
		policy_checking_new(conf, host, report);

	while (policy_checking_step(check))
		;
}
