/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/front/rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pki/selfsigned.h"

/* --- the loop ------------------------------------------------------------------------ */

static void on_turn_over(struct loop_timer *timer, void *userdata)
{
	struct rig *rig = userdata;

	loop_exit(rig->loop, 0);
}

void rig_turn(struct rig *rig)
{
	loop_timer_set_after(rig->turn, USEC_PER_MSEC);
	assert_int_equal(loop_run(rig->loop, NULL), 0);
}

static void on_ended(int code, void *userdata)
{
	struct rig *rig = userdata;

	rig->has_ended = true;
	rig->ended_code = code;
	rig->worker = worker_free(rig->worker);
}

/* --- the manager --------------------------------------------------------------------- */

static void on_lookup(struct rig *rig, const struct frame_view *view)
{
	assert_true(rig->n_lookups < RIG_LOOKUPS_MAX);
	assert_int_equal(
		link_lookup_unpack(view, &rig->lookups[rig->n_lookups], NULL), 0);
	rig->n_lookups++;
}

static void on_context_ack(struct rig *rig, const struct frame_view *view)
{
	struct link_context_ack m;

	assert_int_equal(link_context_ack_unpack(view, &m, NULL), 0);
	xstrset(&rig->last_error, m.error);
	rig->n_context_acks++;
	link_context_ack_done(&m);
}

static void on_answer_ack(struct rig *rig, const struct frame_view *view)
{
	struct link_ack m;

	assert_int_equal(link_ack_unpack(view, &m, NULL), 0);
	xstrset(&rig->last_error, m.error);
	rig->n_answer_acks++;
	link_ack_done(&m);
}

static void on_ends(struct rig *rig, const struct frame_view *view)
{
	struct link_ends m;

	assert_int_equal(link_ends_unpack(view, &m, NULL), 0);
	link_tally_set(rig->ends, &m);
	link_ends_done(&m);
}

static void on_frame(const struct frame_view *view, void *userdata)
{
	struct rig *rig = userdata;

	switch (view->type) {
	case LINK_READY:
		rig->n_ready++;
		break;
	case LINK_DRAINED:
		rig->n_drained++;
		break;
	case LINK_LOOKUP:
		on_lookup(rig, view);
		break;
	case LINK_CONTEXT_ACK:
		on_context_ack(rig, view);
		break;
	case LINK_ANSWER_ACK:
		on_answer_ack(rig, view);
		break;
	case LINK_STATS:
		assert_int_equal(link_stats_unpack(view, &rig->stats, NULL), 0);
		rig->n_stats++;
		break;
	case LINK_ENDS:
		on_ends(rig, view);
		break;
	default:
		fail_msg("a message of type %u", view->type);
	}
}

static void on_closed(const struct err *err, void *userdata)
{
	struct rig *rig = userdata;

	rig->link = frame_stream_free(rig->link);
}

static void send_frame(struct rig *rig, struct frame *frame)
{
	assert_int_equal(frame_stream_send(rig->link, frame, NULL), 0);
	frame_done(frame);
}

void rig_send_empty(struct rig *rig, enum link_type type)
{
	struct frame frame;

	frame_init(&frame, (uint16_t)type, 0);
	send_frame(rig, &frame);
}

static void configure(struct rig *rig, const struct link_configure *limits)
{
	struct link_configure m = {
		.names_key = rig->names_key,
		.ticket_key = "a master key of tickets",
		.placeholder_chain_pem = rig->placeholder.chain_pem,
		.placeholder_key_pem = rig->placeholder.key_pem,
		.max_contexts = 100,
		.max_connections = limits->max_connections,
		.max_handshakes = limits->max_handshakes,
		.address_connections = limits->address_connections,
		.address_rate = limits->address_rate,
		.limit_exceptions = limits->limit_exceptions,
		.log_level = LOG_LEVEL_DEBUG,
	};
	struct frame frame;

	frame_init(&frame, LINK_CONFIGURE, BUF_SECRET);
	link_configure_pack(&m, &frame);
	send_frame(rig, &frame);
}

static int listen_somewhere(unsigned *ret_port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*ret_port = ntohs(sa.sin_port);
	return fd;
}

unsigned rig_add_listener(struct rig *rig, const struct link_listener *m)
{
	struct link_listener copy = *m;
	struct frame frame;
	unsigned port;

	copy.fd = listen_somewhere(&port);
	frame_init(&frame, LINK_LISTENER, 0);
	link_listener_pack(&copy, &frame);
	send_frame(rig, &frame);
	close(copy.fd);
	return port;
}

void rig_add_name(struct rig *rig, const char *name)
{
	uint64_t hash = hash_bytes(&rig->names_key, name, strlen(name));
	const struct link_names m = { .hash = &hash, .n = 1 };
	struct frame frame;

	frame_init(&frame, LINK_NAMES_ADD, 0);
	link_names_pack(&m, &frame);
	send_frame(rig, &frame);
}

void rig_start(struct rig *rig)
{
	rig_send_empty(rig, LINK_START);
	rig_until(rig, rig->n_ready == 1);
}

void rig_send_context(struct rig *rig, uint64_t request, const char *name,
	const struct rig_certificate *certificate)
{
	unsigned before = rig->n_context_acks;
	struct link_context m = { .request = request, .name = (char *)name };
	struct frame frame;

	if (certificate) {
		m.certificate_id = certificate->id;
		m.chain_pem = certificate->chain_pem;
		m.key_pem = certificate->key_pem;
		m.is_rsa = certificate->is_rsa;
	}
	frame_init(&frame, LINK_CONTEXT, BUF_SECRET);
	link_context_pack(&m, &frame);
	send_frame(rig, &frame);
	if (request == 0)
		rig_until(rig, rig->n_context_acks > before);
}

void rig_send_answer(struct rig *rig, const struct link_answer *m)
{
	unsigned before = rig->n_answer_acks;
	struct frame frame;

	frame_init(&frame, LINK_ANSWER, BUF_SECRET);
	link_answer_pack(m, &frame);
	send_frame(rig, &frame);
	rig_until(rig, rig->n_answer_acks > before);
}

void rig_drop_answer(struct rig *rig, const struct link_answer *m)
{
	struct frame frame;

	frame_init(&frame, LINK_ANSWER_DROP, BUF_SECRET);
	link_answer_pack(m, &frame);
	send_frame(rig, &frame);
	rig_get_stats(rig); /* it has been read now */
}

void rig_drain(struct rig *rig, usec_t usec)
{
	struct frame frame;

	frame_init(&frame, LINK_DRAIN, 0);
	link_duration_pack(usec, &frame);
	send_frame(rig, &frame);
}

int rig_probe(struct rig *rig, const char *listener)
{
	struct frame frame;
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
		0);
	frame_init(&frame, LINK_PROBE, 0);
	link_name_pack(listener, &frame);
	frame_add_fd(&frame, fds[1]);
	send_frame(rig, &frame);
	return fds[0];
}

const struct link_stats *rig_get_stats(struct rig *rig)
{
	unsigned before = rig->n_stats;

	rig_send_empty(rig, LINK_STATS_REQUEST);
	rig_until(rig, rig->n_stats > before);
	return &rig->stats;
}

uint64_t rig_count_ends(struct rig *rig, const char *listener, enum link_end end)
{
	rig_get_stats(rig);
	const struct link_ends *ends = link_tally_find(rig->ends, listener);
	return ends ? ends->count[end] : 0;
}

void rig_drop_link(struct rig *rig)
{
	rig->link = frame_stream_free(rig->link);
	rig_turn(rig);
}

/* --- certificates -------------------------------------------------------------------- */

static void set_fingerprint(struct rig_certificate *certificate)
{
	gnutls_datum_t pem = { .data = (unsigned char *)certificate->chain_pem,
		.size = (unsigned)strlen(certificate->chain_pem) };
	gnutls_x509_crt_t crt;
	size_t size = sizeof(certificate->fingerprint);

	gnutls_x509_crt_init(&crt);
	assert_int_equal(gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM), 0);
	assert_int_equal(gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256,
				 certificate->fingerprint, &size),
		0);
	gnutls_x509_crt_deinit(crt);
}

void rig_certify(struct rig *rig, struct rig_certificate *ret, uint64_t id,
	const char *name, unsigned ca_flags)
{
	char *names[] = { (char *)name, NULL };
	const struct test_ca_leaf leaf = { .names = names, .flags = ca_flags };

	*ret = (struct rig_certificate){ .id = id };
	ret->is_rsa = ca_flags & TEST_CA_RSA;
	test_ca_issue(rig->ca, &leaf, &ret->chain_pem, &ret->key_pem);
	set_fingerprint(ret);
}

void rig_certificate_done(struct rig_certificate *certificate)
{
	free(certificate->chain_pem);
	free(certificate->key_pem);
}

/* --- making and ending --------------------------------------------------------------- */

struct rig *rig_new(const char *priority, uint64_t max_connections)
{
	const struct link_configure limits = { .max_connections = max_connections };

	return rig_new_limited(priority, &limits);
}

struct rig *rig_new_limited(const char *priority, const struct link_configure *limits)
{
	struct rig *rig = xnew(struct rig);
	const struct frame_stream_params link = {
		.on_frame = on_frame,
		.on_closed = on_closed,
		.userdata = rig,
	};
	unsigned port;
	int pair[2];

	rig->ends = link_tally_new();
	assert_int_equal(loop_new_epoll(&rig->loop, NULL), 0);
	rig->turn = loop_timer_new(rig->loop, on_turn_over, rig);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
				 0, pair),
		0);
	const struct worker_params params = {
		.loop = rig->loop,
		.link_fd = pair[0],
		.priority = priority,
		.ended = on_ended,
		.userdata = rig,
	};
	assert_int_equal(worker_new(&rig->worker, &params, NULL), 0);
	assert_int_equal(
		frame_stream_new(&rig->link, rig->loop, pair[1], &link, NULL), 0);
	memcpy(rig->names_key.k, "0123456789abcdef", HASH_KEY_BYTES);
	rig->ca = test_ca_new();
	assert_int_equal(selfsigned_generate(NULL, &rig->placeholder.chain_pem,
				 &rig->placeholder.key_pem, NULL),
		0);
	set_fingerprint(&rig->placeholder);
	rig->backend_fd = listen_somewhere(&port);
	snprintf(rig->backend, sizeof(rig->backend), "127.0.0.1:%u", port);
	configure(rig, limits);
	return rig;
}

struct rig *rig_free(struct rig *rig)
{
	for (unsigned i = 0; i < rig->n_lookups; i++)
		link_lookup_done(&rig->lookups[i]);
	worker_free(rig->worker);
	frame_stream_free(rig->link);
	loop_timer_free(rig->turn);
	loop_free(rig->loop);
	close(rig->backend_fd);
	rig_certificate_done(&rig->placeholder);
	test_ca_free(rig->ca);
	free(rig->last_error);
	link_tally_free(rig->ends);
	free(rig);
	return NULL;
}

/* --- plain sockets ------------------------------------------------------------------- */

int rig_accept(struct rig *rig)
{
	int fd = -1;

	for (int i = 0; i < 5000 && fd < 0; i++) {
		fd = accept4(rig->backend_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			rig_turn(rig);
	}
	assert_true(fd >= 0);
	return fd;
}

void rig_write(struct rig *rig, int fd, const void *data, size_t len)
{
	const char *p = data;

	for (int i = 0; len > 0 && i < 100000; i++) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			rig_turn(rig);
			continue;
		}
		p += n;
		len -= (size_t)n;
	}
	assert_int_equal(len, 0);
}

void rig_read(struct rig *rig, int fd, void *data, size_t len)
{
	char *p = data;

	for (int i = 0; len > 0 && i < 5000; i++) {
		ssize_t n = recv(fd, p, len, MSG_DONTWAIT);
		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			rig_turn(rig);
			continue;
		}
		assert_true(n > 0);
		p += n;
		len -= (size_t)n;
	}
	assert_int_equal(len, 0);
}

bool rig_is_closed(struct rig *rig, int fd)
{
	char c;
	ssize_t n = -1;

	for (int i = 0; i < 5000; i++) {
		n = recv(fd, &c, 1, MSG_DONTWAIT);
		if (n >= 0 || errno != EAGAIN)
			break;
		rig_turn(rig);
	}
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

int rig_connect(struct rig *rig, unsigned port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	return fd;
}

/* --- TLS clients --------------------------------------------------------------------- */

static void set_alpn(gnutls_session_t session, const char *const *alpn)
{
	gnutls_datum_t protocols[3];
	unsigned n = 0;

	for (; n < 3 && alpn[n]; n++) {
		protocols[n].data = (unsigned char *)alpn[n];
		protocols[n].size = (unsigned)strlen(alpn[n]);
	}
	if (n)
		gnutls_alpn_set_protocols(session, protocols, n, 0);
}

static ssize_t on_pull(gnutls_transport_ptr_t ptr, void *data, size_t len)
{
	return recv((int)(intptr_t)ptr, data, len, MSG_DONTWAIT);
}

static ssize_t on_push(gnutls_transport_ptr_t ptr, const void *data, size_t len)
{
	return send((int)(intptr_t)ptr, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

struct rig_client *rig_client_new(
	struct rig *rig, const struct rig_client_params *params)
{
	struct rig_client *client = xnew(struct rig_client);
	gnutls_session_t s;

	client->rig = rig;
	client->fd = params->fd > 0 ? params->fd : rig_connect(rig, params->port);
	gnutls_certificate_allocate_credentials(&client->credentials);
	gnutls_init(&s, GNUTLS_CLIENT | GNUTLS_NONBLOCK | params->init_flags);
	client->session = s;
	assert_int_equal(gnutls_priority_set_direct(s,
				 params->priority ? params->priority : "NORMAL", NULL),
		0);
	gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, client->credentials);
	if (params->name)
		gnutls_server_name_set(
			s, GNUTLS_NAME_DNS, params->name, strlen(params->name));
	set_alpn(s, params->alpn);
	if (params->resume)
		gnutls_session_set_data(s, params->resume->data, params->resume->size);
	gnutls_transport_set_ptr(s, (void *)(intptr_t)client->fd);
	gnutls_transport_set_pull_function(s, on_pull);
	gnutls_transport_set_push_function(s, on_push);
	assert_int_equal(gnutls_handshake(s), GNUTLS_E_AGAIN);
	return client;
}

struct rig_client *rig_client_free(struct rig_client *client)
{
	gnutls_deinit(client->session);
	gnutls_certificate_free_credentials(client->credentials);
	close(client->fd);
	free(client);
	return NULL;
}

static bool waits(ssize_t r)
{
	return r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED;
}

int rig_client_handshake(struct rig_client *client)
{
	int r = GNUTLS_E_AGAIN;

	for (int i = 0; i < 5000; i++) {
		r = gnutls_handshake(client->session);
		if (r == 0 || (gnutls_error_is_fatal(r) && !waits(r)))
			break;
		rig_turn(client->rig);
	}
	/* The worker has not yet read the end of it: let it. */
	for (int i = 0; r == 0 && i < 3; i++)
		rig_turn(client->rig);
	return r;
}

struct rig_client *rig_client_open(
	struct rig *rig, const struct rig_client_params *params)
{
	struct rig_client *client = rig_client_new(rig, params);

	assert_int_equal(rig_client_handshake(client), 0);
	return client;
}

bool rig_client_sees(
	struct rig_client *client, const struct rig_certificate *certificate)
{
	uint8_t fingerprint[32];
	unsigned n = 0;

	const gnutls_datum_t *list = gnutls_certificate_get_peers(client->session, &n);
	assert_true(n > 0);
	gnutls_hash_fast(GNUTLS_DIG_SHA256, list[0].data, list[0].size, fingerprint);
	return memcmp(fingerprint, certificate->fingerprint, sizeof(fingerprint)) == 0;
}

void rig_client_write(struct rig_client *client, const void *data, size_t len)
{
	const char *p = data;

	for (int i = 0; len > 0 && i < 100000; i++) {
		ssize_t n = gnutls_record_send(client->session, p, len);
		if (waits(n)) {
			rig_turn(client->rig);
			continue;
		}
		assert_true(n > 0);
		p += n;
		len -= (size_t)n;
	}
	assert_int_equal(len, 0);
}

void rig_client_read(struct rig_client *client, void *data, size_t len)
{
	char *p = data;

	for (int i = 0; len > 0 && i < 5000; i++) {
		ssize_t n = gnutls_record_recv(client->session, p, len);
		if (waits(n)) {
			rig_turn(client->rig);
			continue;
		}
		assert_true(n > 0);
		p += n;
		len -= (size_t)n;
	}
	assert_int_equal(len, 0);
}

int rig_client_read_end(struct rig_client *client)
{
	ssize_t n = GNUTLS_E_AGAIN;
	char c;

	for (int i = 0; i < 5000 && waits(n); i++) {
		n = gnutls_record_recv(client->session, &c, 1);
		if (waits(n))
			rig_turn(client->rig);
	}
	assert_true(n <= 0);
	return (int)n;
}
