/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an answer that shows an authorization says: for which name it is, which challenges
 * are on offer (RFC 8555 7.1.4, 8.1), whether ours has failed, and why (8.2).
 */
#include <errno.h>
#include <string.h>

#include "acme/authz_priv.h"
#include "acme/syntax.h"
#include "util/dname.h"
#include "util/json_view.h"
#include "util/mem.h"
#include "util/text.h"

#define WORD_BYTES_MAX      64
#define CHALLENGES_READ_MAX 64
/* So long may an error of an earlier try stand before it counts for this one. */
#define STALE_ERROR_USEC (15 * USEC_PER_SEC)

/* --- name and challenges (7.1.4, 8.1) ------------------------------------------------ */

/* The identifier, and whether it stands for a wildcard: some CAs leave that out. */
static int read_name(struct acme_authz *op, const json_t *json, struct err *err)
{
	const json_t *identifier = json_view_object(json, "identifier");
	const char *type = identifier ? json_view_string(identifier, "type") : NULL;
	const char *value = identifier ? json_view_string(identifier, "value") : NULL;
	const bool says_wildcard = json_view_bool(json, "wildcard", false);
	char name[DNAME_MAX + 1];

	if (!type || strcmp(type, "dns") != 0 || !value ||
		!dname_normalise(value, strlen(value), 0, name, sizeof(name)))
		return err_set_kind(
			err, ERR_CA, -EPROTO, "the authorization is for no DNS name");
	_cleanup_(freep) char *wildcard = xasprintf("*.%s", name);
	op->is_wildcard = says_wildcard || !strv_contains(op->names, name);
	if (!strv_contains(op->names, op->is_wildcard ? wildcard : name))
		return err_set_kind(err, ERR_CA, -EPROTO,
			"the authorization is for %s, which was not asked for",
			says_wildcard ? wildcard : name);
	xstrset(&op->name, name);
	return 0;
}

void authz_challenge_done(struct acme_challenge *challenge)
{
	free(challenge->type);
	free(challenge->url);
	free(challenge->token);
	free(challenge->status);
	json_decref(challenge->json);
	*challenge = (struct acme_challenge){};
}

static char *copy_word(const char *s)
{
	char word[WORD_BYTES_MAX + 1];

	text_format(word, sizeof(word), "%s", s);
	return xstrdup(word);
}

static int read_challenge(struct acme_challenge *ret, const struct acme_client *client,
	json_t *json, struct err *err)
{
	const char *type = json_view_string(json, "type");
	const char *url = json_view_string(json, "url");
	const char *status = json_view_string(json, "status");
	const json_t *token = json_object_get(json, "token");

	if (!type || !url)
		return err_set_kind(
			err, ERR_CA, -EPROTO, "a challenge has no type or url");
	int r = acme_client_check_url(client, url, err);
	if (r < 0)
		return err_wrap(err, r, "challenge");
	if (token && !syntax_is_base64url(json_string_value(token), ACME_TOKEN_MAX))
		return err_set_kind(err, ERR_CA, -EPROTO,
			"the token of a challenge has octets that no token may have");
	ret->type = copy_word(type);
	ret->url = xstrdup(url);
	ret->token = xstrdup(json_string_value(token));
	ret->status = copy_word(status ? status : "pending");
	ret->json = json_incref(json);
	return 0;
}

/* Only those whose answer can still count are put on offer. */
static bool is_open(const struct acme_challenge *challenge)
{
	return strcmp(challenge->status, "pending") == 0 ||
	       strcmp(challenge->status, "processing") == 0;
}

static int read_challenges(struct acme_authz *op, const json_t *json, struct err *err)
{
	const json_t *array = json_view_array(json, "challenges");
	const size_t n = MIN(json_array_size(array), (size_t)CHALLENGES_READ_MAX);

	for (size_t i = 0; i < n && op->n_challenges < ACME_CHALLENGES_MAX; i++) {
		struct acme_challenge *challenge = &op->challenge[op->n_challenges];

		int r = read_challenge(
			challenge, op->client, json_array_get(array, i), err);
		if (r < 0)
			return r;
		if (is_open(challenge))
			op->n_challenges++;
		else
			authz_challenge_done(challenge);
	}
	if (op->n_challenges == 0)
		return err_set_kind(err, ERR_CA, -EPROTO,
			"the authorization is pending and has no open challenge");
	return 0;
}

int authz_read_answer(struct acme_authz *op, const json_t *json, struct err *err)
{
	const char *status = json ? json_view_string(json, "status") : NULL;

	if (!status)
		return err_set_kind(
			err, ERR_CA, -EPROTO, "the authorization has no status");
	int r = read_name(op, json, err);
	if (r < 0 || strcmp(status, "pending") != 0)
		return r;
	return read_challenges(op, json, err);
}

/* --- its verdict (7.5.1, 8.2) -------------------------------------------------------- */

static const json_t *find_challenge(const json_t *authz, const char *url)
{
	const json_t *array = json_view_array(authz, "challenges");

	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *item = json_array_get(array, i);
		const char *its_url = json_view_string(item, "url");

		if (its_url && strcmp(its_url, url) == 0)
			return item;
	}
	return NULL;
}

/* Some CAs leave a failed challenge pending, with the reason in it, and wait to be told
 * again. An error of an earlier try looks the same, until it has had its time. */
bool authz_has_failed(const struct acme_authz *op, const json_t *authz)
{
	const struct acme_challenge *chosen = &op->challenge[op->chosen];
	const json_t *now = find_challenge(authz, chosen->url);
	const char *status = now ? json_view_string(now, "status") : NULL;
	const json_t *error = now ? json_view_object(now, "error") : NULL;

	if (status && strcmp(status, "invalid") == 0)
		return true;
	if (!error || (status && strcmp(status, "pending") != 0))
		return false;
	if (!json_equal(error, json_object_get(chosen->json, "error")))
		return true;
	return loop_now(acme_client_get_loop(op->client)) >=
	       usec_add(op->submitted_usec, STALE_ERROR_USEC);
}

void acme_authz_parse_problem(
	struct acme_problem *ret, const json_t *authz, const char *challenge_url)
{
	const json_t *array = json_view_array(authz, "challenges");
	const json_t *mine =
		challenge_url ? find_challenge(authz, challenge_url) : NULL;
	const json_t *error = mine ? json_view_object(mine, "error") : NULL;
	const char *status = json_view_string(authz, "status");

	for (size_t i = 0; !error && i < json_array_size(array); i++)
		error = json_view_object(json_array_get(array, i), "error");
	if (error) {
		acme_problem_parse(
			ret, error, (unsigned)json_view_int(error, "status", 0));
		return;
	}
	_cleanup_(freep) char *text =
		xasprintf("the authorization is %.*s and no reason is given",
			WORD_BYTES_MAX, status ? status : "without status");
	acme_problem_from_text(ret, text);
}
