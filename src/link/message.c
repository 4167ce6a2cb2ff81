/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The messages as tables of fields. A tag belongs to one member of one message for ever;
 * a new member gets a new tag, and who does not know it skips it.
 */
#include "link/message.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "link/field.h"
#include "util/err.h"
#include "util/mem.h"

#define PEM_MAX     (256 * 1024)
#define TEXT_MAX    255
#define ADDRESS_MAX 160
/* What fits into a socket's address. */
#define PATH_BYTES_MAX 107
#define ERROR_MAX      16384
#define TOKEN_MAX      1024
#define ALPN_MAX       16
#define COUNT_MAX      UINT64_MAX
#define CONTEXTS_MAX   (64 * 1024 * 1024)
/* Whatever is longer is nonsense. */
#define TIMEOUT_MAX USEC_PER_DAY

const char *const link_protocol_names[] = { "smtp", "submission", "imap", "pop3",
	"sieve", "https", "http", "other", NULL };
const char *const link_tls_names[] = { "implicit", "none", NULL };
const char *const link_proxy_names[] = { "none", "v2", NULL };
const char *const link_unknown_sni_names[] = { "default", "reject", NULL };

/* clang-format off */
#define ROW(member, tag, kind, max, flags) \
	FIELD_ROW(struct MESSAGE, member, tag, kind, max, flags)
#define R FIELD_REQUIRED

#define MESSAGE link_configure
static const struct field configure_fields[] = {
	ROW(names_key.k,           1, BYTES, HASH_KEY_BYTES, R),
	ROW(ticket_key,            2, BYTES, LINK_TICKET_KEY_BYTES, R),
	ROW(placeholder_chain_pem, 3, TEXT, PEM_MAX, R),
	ROW(placeholder_key_pem,   4, SECRET, PEM_MAX, R),
	ROW(max_contexts,          5, U64, CONTEXTS_MAX, 0),
	ROW(max_connections,       6, U64, CONTEXTS_MAX, 0),
	ROW(log_level,             7, U64, 7, 0),
	ROW(generation,            8, U64, COUNT_MAX, 0),
	ROW(rendezvous,            9, TEXT, PATH_BYTES_MAX, 0),
	ROW(max_handshakes,       10, U64, CONTEXTS_MAX, 0),
	ROW(address_connections,  11, U64, CONTEXTS_MAX, 0),
	ROW(address_rate,         12, U64, CONTEXTS_MAX, 0),
	ROW(limit_exceptions,     13, LIST, LINK_NETWORKS_MAX, 0),
	{ .name = NULL },
};
#undef MESSAGE

#define MESSAGE link_listener
static const struct field listener_fields[] = {
	ROW(name,                    1, TEXT, TEXT_MAX, R),
	ROW(protocol,                2, UNSIGNED, _LINK_PROTOCOL_MAX - 1, R),
	ROW(tls,                     3, UNSIGNED, 1, 0),
	ROW(backend,                 4, TEXT, ADDRESS_MAX, 0),
	ROW(proxy_protocol,          5, UNSIGNED, 1, 0),
	ROW(unknown_sni,             6, UNSIGNED, 1, 0),
	ROW(default_name,            7, DNAME, DNAME_MAX, 0),
	ROW(acme,                    8, BOOL, 1, 0),
	ROW(alpn,                    9, LIST, ALPN_MAX, 0),
	ROW(redirect_port,          10, TEXT, 6, 0),
	ROW(handshake_timeout_usec, 11, U64, TIMEOUT_MAX, 0),
	ROW(idle_timeout_usec,      12, U64, TIMEOUT_MAX, 0),
	ROW(connect_timeout_usec,   13, U64, TIMEOUT_MAX, 0),
	ROW(proxy_from,             14, LIST, LINK_NETWORKS_MAX, 0),
	{ .name = NULL },
};
#undef MESSAGE

#define MESSAGE link_lookup
static const struct field lookup_fields[] = {
	ROW(request,  1, U64, COUNT_MAX, R),
	ROW(listener, 2, TEXT, TEXT_MAX, R),
	ROW(name,     3, DNAME, DNAME_MAX, R),
	ROW(client,   4, UNSIGNED, LINK_CLIENT_ECDSA | LINK_CLIENT_RSA, 0),
	ROW(alpn,     5, TEXT, TEXT_MAX, 0),
	{ .name = NULL },
};
#undef MESSAGE

#define MESSAGE link_context
static const struct field context_fields[] = {
	ROW(request,        1, U64, COUNT_MAX, 0),
	ROW(certificate_id, 2, U64, COUNT_MAX, 0),
	ROW(name,           3, DNAME, DNAME_MAX, R),
	ROW(is_rsa,         4, BOOL, 1, 0),
	ROW(chain_pem,      5, TEXT, PEM_MAX, 0),
	ROW(key_pem,        6, SECRET, PEM_MAX, 0),
	{ .name = NULL },
};
#undef MESSAGE

#define MESSAGE link_context_ack
static const struct field context_ack_fields[] = {
	ROW(certificate_id, 1, U64, COUNT_MAX, R),
	ROW(name,           2, DNAME, DNAME_MAX, R),
	ROW(error,          3, TEXT, ERROR_MAX, 0),
	{ .name = NULL },
};
#undef MESSAGE

#define MESSAGE link_answer
static const struct field answer_fields[] = {
	ROW(id,        1, U64, COUNT_MAX, R),
	ROW(is_alpn,   2, BOOL, 1, 0),
	ROW(name,      3, DNAME, DNAME_MAX, R),
	ROW(token,     4, TEXT, TOKEN_MAX, 0),
	ROW(content,   5, TEXT, TOKEN_MAX, 0),
	ROW(chain_pem, 6, TEXT, PEM_MAX, 0),
	ROW(key_pem,   7, SECRET, PEM_MAX, 0),
	{ .name = NULL },
};
#undef MESSAGE

#define MESSAGE link_ticket_key
static const struct field ticket_key_fields[] = {
	ROW(key, 1, BYTES, LINK_TICKET_KEY_BYTES, R),
	{ .name = NULL },
};
#undef MESSAGE

#define MESSAGE link_hello
static const struct field hello_fields[] = {
	ROW(pid,         1, U64, INT32_MAX, R),
	ROW(generation,  2, U64, COUNT_MAX, 0),
	ROW(listeners,   3, U64, COUNT_MAX, 0),
	ROW(connections, 4, U64, COUNT_MAX, 0),
	{ .name = NULL },
};
#undef MESSAGE

#define MESSAGE link_ack
static const struct field ack_fields[] = {
	ROW(id,    1, U64, COUNT_MAX, R),
	ROW(error, 2, TEXT, ERROR_MAX, 0),
	{ .name = NULL },
};
#undef MESSAGE

#define MESSAGE link_stats
static const struct field stats_fields[] = {
	ROW(connections,        1, U64, COUNT_MAX, 0),
	ROW(accepted,           2, U64, COUNT_MAX, 0),
	ROW(handshakes,         3, U64, COUNT_MAX, 0),
	ROW(resumed,            4, U64, COUNT_MAX, 0),
	ROW(failed,             5, U64, COUNT_MAX, 0),
	ROW(rejected,           6, U64, COUNT_MAX, 0),
	ROW(timeouts,           7, U64, COUNT_MAX, 0),
	ROW(backend_failed,     8, U64, COUNT_MAX, 0),
	ROW(acme_answered,      9, U64, COUNT_MAX, 0),
	ROW(lookups,           10, U64, COUNT_MAX, 0),
	ROW(contexts,          11, U64, COUNT_MAX, 0),
	ROW(bytes_in,          12, U64, COUNT_MAX, 0),
	ROW(bytes_out,         13, U64, COUNT_MAX, 0),
	ROW(longest_turn_usec, 14, U64, COUNT_MAX, 0),
	{ .name = NULL },
};
#undef MESSAGE

struct text {
	char *text;
};

struct duration {
	usec_t usec;
};

#define MESSAGE text
static const struct field text_fields[] = {
	ROW(text, 1, TEXT, TEXT_MAX, R),
	{ .name = NULL },
};
#undef MESSAGE

#define MESSAGE duration
static const struct field duration_fields[] = {
	ROW(usec, 1, U64, COUNT_MAX, R),
	{ .name = NULL },
};
#undef MESSAGE
/* clang-format on */

/* The functions of a message that is nothing but its fields. */
#define DEFINE_MESSAGE(noun, table, what)                                         \
	void noun##_pack(const struct noun *m, struct frame *frame)               \
	{                                                                         \
		field_pack(table, m, frame);                                      \
	}                                                                         \
	int noun##_unpack(                                                        \
		const struct frame_view *view, struct noun *ret, struct err *err) \
	{                                                                         \
		*ret = (struct noun){ 0 };                                        \
		return field_unpack(table, what, view, ret, err);                 \
	}                                                                         \
	void noun##_done(struct noun *m)                                          \
	{                                                                         \
		field_done(table, m);                                             \
	}

DEFINE_MESSAGE(link_configure, configure_fields, "CONFIGURE")
DEFINE_MESSAGE(link_lookup, lookup_fields, "LOOKUP")
DEFINE_MESSAGE(link_context_ack, context_ack_fields, "CONTEXT_ACK")
DEFINE_MESSAGE(link_ticket_key, ticket_key_fields, "TICKET_KEY")
DEFINE_MESSAGE(link_hello, hello_fields, "HELLO")
DEFINE_MESSAGE(link_ack, ack_fields, "ANSWER_ACK")
DEFINE_MESSAGE(link_stats, stats_fields, "STATS")

void link_listener_pack(const struct link_listener *m, struct frame *frame)
{
	field_pack(listener_fields, m, frame);
	if (m->fd < 0)
		return;
	int fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 3);
	if (fd >= 0)
		frame_add_fd(frame, fd);
	else if (frame->error == 0)
		frame->error = -errno;
}

int link_listener_unpack(
	const struct frame_view *view, struct link_listener *ret, struct err *err)
{
	*ret = (struct link_listener){ .fd = -1 };
	int r = field_unpack(listener_fields, "LISTENER", view, ret, err);
	if (r < 0)
		return r;
	if (view->n_fds != 1) {
		link_listener_done(ret);
		return err_set(err, -EPROTO, "message LISTENER: %u descriptors, not 1",
			view->n_fds);
	}
	ret->fd = TAKE_FD(view->fds[0]);
	return 0;
}

void link_listener_done(struct link_listener *m)
{
	field_done(listener_fields, m);
	closep(&m->fd);
	m->fd = -1;
}

void link_context_pack(const struct link_context *m, struct frame *frame)
{
	field_pack(context_fields, m, frame);
}

int link_context_unpack(
	const struct frame_view *view, struct link_context *ret, struct err *err)
{
	*ret = (struct link_context){ 0 };
	int r = field_unpack(context_fields, "CONTEXT", view, ret, err);
	if (r < 0)
		return r;
	if (ret->certificate_id == 0 ? ret->request != 0
				     : ret->chain_pem && ret->key_pem)
		return 0;
	link_context_done(ret);
	return err_set(err, -EPROTO, "message CONTEXT: no chain or no key");
}

void link_context_done(struct link_context *m)
{
	field_done(context_fields, m);
}

void link_answer_pack(const struct link_answer *m, struct frame *frame)
{
	field_pack(answer_fields, m, frame);
}

/* A withdrawal (ANSWER_DROP) has neither content nor chain: who gives the answer asks. */
int link_answer_unpack(
	const struct frame_view *view, struct link_answer *ret, struct err *err)
{
	*ret = (struct link_answer){ 0 };
	int r = field_unpack(answer_fields, "ANSWER", view, ret, err);
	if (r < 0)
		return r;
	if (ret->is_alpn || ret->token)
		return 0;
	link_answer_done(ret);
	return err_set(err, -EPROTO, "message ANSWER: no token");
}

void link_answer_done(struct link_answer *m)
{
	field_done(answer_fields, m);
}

#define NAMES_TAG 1

void link_names_pack(const struct link_names *m, struct frame *frame)
{
	_cleanup_(freep) uint64_t *wire = NULL;

	if (m->n > LINK_NAMES_PER_FRAME) {
		frame->error = -E2BIG;
		return;
	}
	wire = xnew_array(uint64_t, m->n + 1);
	for (size_t i = 0; i < m->n; i++)
		wire[i] = htobe64(m->hash[i]);
	frame_add_bytes(frame, NAMES_TAG, wire, m->n * sizeof(*wire));
}

int link_names_unpack(
	const struct frame_view *view, struct link_names *ret, struct err *err)
{
	const uint8_t *data;
	size_t len;

	*ret = (struct link_names){ 0 };
	int r = frame_view_get_bytes(view, NAMES_TAG, &data, &len);
	if (r < 0 || len % sizeof(uint64_t) != 0 ||
		len / sizeof(uint64_t) > LINK_NAMES_PER_FRAME)
		return err_set(err, -EPROTO, "message NAMES: malformed");
	ret->n = len / sizeof(uint64_t);
	uint64_t *hash = xnew_array(uint64_t, ret->n + 1);
	if (len > 0)
		memcpy(hash, data, len);
	for (size_t i = 0; i < ret->n; i++)
		hash[i] = be64toh(hash[i]);
	ret->hash = hash;
	return 0;
}

void link_names_done(struct link_names *m)
{
	free((void *)m->hash);
	*m = (struct link_names){ 0 };
}

void link_name_pack(const char *name, struct frame *frame)
{
	frame_add_str(frame, text_fields[0].tag, name);
}

int link_name_unpack(const struct frame_view *view, char **ret, struct err *err)
{
	struct text m = { 0 };

	int r = field_unpack(text_fields, "DROP", view, &m, err);
	if (r < 0)
		return r;
	*ret = m.text;
	return 0;
}

void link_duration_pack(usec_t usec, struct frame *frame)
{
	field_pack(duration_fields, &(struct duration){ .usec = usec }, frame);
}

int link_duration_unpack(const struct frame_view *view, usec_t *ret, struct err *err)
{
	struct duration m = { 0 };

	int r = field_unpack(duration_fields, "DRAIN", view, &m, err);
	if (r < 0)
		return r;
	*ret = m.usec;
	return 0;
}

void link_stats_add(struct link_stats *sum, const struct link_stats *one)
{
	sum->connections += one->connections;
	sum->accepted += one->accepted;
	sum->handshakes += one->handshakes;
	sum->resumed += one->resumed;
	sum->failed += one->failed;
	sum->rejected += one->rejected;
	sum->timeouts += one->timeouts;
	sum->backend_failed += one->backend_failed;
	sum->acme_answered += one->acme_answered;
	sum->lookups += one->lookups;
	sum->contexts += one->contexts;
	sum->bytes_in += one->bytes_in;
	sum->bytes_out += one->bytes_out;
	sum->longest_turn_usec = MAX(sum->longest_turn_usec, one->longest_turn_usec);
}
