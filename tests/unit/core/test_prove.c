/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The proof against real TLS servers: the right leaf, a wrong one, one that comes late,
 * nobody. */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/prove.h"
#include "pki/cert.h"
#include "store/slot.h"
#include "tests/lib/test_ca.h"
#include "tests/lib/test_log.h"
#include "util/buf.h"
#include "util/mem.h"

/* --- a server in a thread -------------------------------------------------------------------- */

struct server {
	int fd;
	unsigned port;
	pthread_t thread;
	gnutls_certificate_credentials_t right, wrong;
	unsigned n_wrong; /* so many clients see the wrong one first */
	struct buf asked; /* names, joined by blanks; read when the thread has ended */
};

static void require(int r)
{
	if (r < 0)
		abort();
}

static gnutls_certificate_credentials_t make_credentials(
	const char *chain_pem, const char *key_pem)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_datum_t chain = { (unsigned char *)chain_pem,
		(unsigned)strlen(chain_pem) };
	gnutls_datum_t key = { (unsigned char *)key_pem, (unsigned)strlen(key_pem) };

	require(gnutls_certificate_allocate_credentials(&credentials));
	require(gnutls_certificate_set_x509_key_mem(
		credentials, &chain, &key, GNUTLS_X509_FMT_PEM));
	return credentials;
}

static void note_client(struct server *server, gnutls_session_t session)
{
	char name[256];
	size_t len = sizeof(name);
	unsigned type;

	if (gnutls_server_name_get(session, name, &len, &type, 0) < 0)
		snprintf(name, sizeof(name), "-");
	buf_printf(&server->asked, "%s%s", server->asked.len ? " " : "", name);
}

static void serve(struct server *server, int fd)
{
	gnutls_session_t session;
	bool is_wrong = server->n_wrong > 0;
	int r;

	server->n_wrong -= is_wrong;
	require(gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL));
	require(gnutls_set_default_priority(session));
	require(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE,
		is_wrong ? server->wrong : server->right));
	gnutls_transport_set_int(session, fd);
	do {
		r = gnutls_handshake(session);
	} while (r < 0 && !gnutls_error_is_fatal(r));
	note_client(server, session);
	gnutls_deinit(session);
}

static void *serve_all(void *arg)
{
	struct server *server = arg;

	for (;;) {
		int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return NULL;
		serve(server, fd);
		close(fd);
	}
}

static void server_bind(struct server *server)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(sin);

	server->asked = (struct buf)BUF_INIT(64 * 1024);
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	require(bind(server->fd, (struct sockaddr *)&sin, len));
	require(getsockname(server->fd, (struct sockaddr *)&sin, &len));
	server->port = ntohs(sin.sin_port);
}

static void server_listen(struct server *server)
{
	require(listen(server->fd, 64));
	require(-pthread_create(&server->thread, NULL, serve_all, server));
}

static void server_end(struct server *server)
{
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
}

/* --- a certificate that is installed ------------------------------------------------------------ */

struct fixture {
	struct loop *loop;
	struct loop_timer *turn;
	struct store *store;
	struct test_ca *ca;
	struct server server;
	struct store_certificate certificate;
	bool is_rsa;

	/* what came of the proof */
	struct prove *op;
	unsigned n_done;
	char *error;
};

static void on_turn(struct loop_timer *timer, void *userdata)
{
	loop_exit(userdata, 0);
}

static void turn(struct fixture *f)
{
	loop_timer_set_after(f->turn, USEC_PER_MSEC);
	assert_int_equal(loop_run(f->loop, NULL), 0);
}

static void issue(struct fixture *f, const char *names, unsigned flags,
	char **ret_chain_pem, char **ret_key_pem)
{
	_cleanup_(strv_freep) char **list = strv_split(names);
	const struct test_ca_leaf leaf = { .names = list, .flags = flags };

	test_ca_issue(f->ca, &leaf, ret_chain_pem, ret_key_pem);
}

static void format_fingerprint(const char *chain_pem, char *out)
{
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;
	const uint8_t *data;

	assert_int_equal(
		cert_chain_parse_pem(&chain, chain_pem, strlen(chain_pem), NULL), 0);
	data = cert_chain_get_fingerprint(chain);
	for (size_t i = 0; i < CERT_FINGERPRINT_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02x", data[i]);
}

static void store_certificate(struct fixture *f, const char *names, unsigned flags)
{
	struct store_slot slot = {
		.domain = (char *)"mail.test",
		.key_type = (char *)"ecdsa-p256",
		.names = (char *)names,
		.authority = (char *)"https://ca.test/dir",
	};
	char fingerprint[2 * CERT_FINGERPRINT_BYTES + 1];
	char *chain_pem, *key_pem;

	issue(f, names, flags, &chain_pem, &key_pem);
	format_fingerprint(chain_pem, fingerprint);
	f->server.right = make_credentials(chain_pem, key_pem);
	assert_int_equal(store_slot_add(f->store, &slot, NULL), 0);
	f->certificate = (struct store_certificate){
		.slot_id = slot.id,
		.authority = xstrdup(slot.authority),
		.names = xstrdup(names),
		.chain_pem = chain_pem,
		.key_pem = key_pem,
		.serial = xstrdup("01"),
		.fingerprint = xstrdup(fingerprint),
		.issuer = xstrdup("a test"),
		.not_before_usec = 1,
		.not_after_usec = 2,
		.issued_usec = 1,
	};
	assert_int_equal(store_certificate_add(f->store, &f->certificate, NULL), 0);
}

static void setup(struct fixture *f, const char *names, unsigned flags)
{
	char *chain_pem, *key_pem;

	*f = (struct fixture){ .is_rsa = flags & TEST_CA_RSA };
	assert_int_equal(loop_new_epoll(&f->loop, NULL), 0);
	f->turn = loop_timer_new(f->loop, on_turn, f->loop);
	assert_int_equal(store_open(&f->store, ":memory:", 0, NULL), 0);
	f->ca = test_ca_new();
	server_bind(&f->server);
	issue(f, names, flags, &chain_pem, &key_pem);
	f->server.wrong = make_credentials(chain_pem, key_pem);
	free(chain_pem);
	secret_free(key_pem);
	store_certificate(f, names, flags);
}

static void teardown(struct fixture *f)
{
	prove_cancel(f->op);
	gnutls_certificate_free_credentials(f->server.right);
	gnutls_certificate_free_credentials(f->server.wrong);
	buf_done(&f->server.asked);
	store_certificate_done(&f->certificate);
	test_ca_free(f->ca);
	store_close(f->store);
	loop_timer_free(f->turn);
	loop_free(f->loop);
	free(f->error);
}

/* A row of `target`; more is appended to the server's address. */
static void install(struct fixture *f, const char *target, const char *more)
{
	_cleanup_(freep) char *address =
		xasprintf("127.0.0.1:%u%s", f->server.port, more);
	struct store_install row = {
		.certificate_id = f->certificate.id,
		.target = (char *)target,
		.address = address,
		.done_usec = 1,
	};

	assert_int_equal(store_install_save(f->store, &row, NULL), 0);
}

static void on_proven(const struct err *err, void *userdata)
{
	struct fixture *f = userdata;

	f->n_done++;
	f->error = err ? err_format(err) : NULL;
	f->op = prove_cancel(f->op);
}

static void start(struct fixture *f)
{
	const struct prove_params params = {
		.loop = f->loop,
		.store = f->store,
		.certificate = &f->certificate,
		.is_rsa = f->is_rsa,
		.pause_usec = 2 * USEC_PER_MSEC,
	};

	assert_int_equal(prove_start(&f->op, &params, on_proven, f, NULL), 0);
	assert_int_equal(f->n_done, 0);
}

static void prove(struct fixture *f)
{
	start(f);
	for (int i = 0; i < 10000 && f->n_done == 0; i++)
		turn(f);
	assert_int_equal(f->n_done, 1);
}

struct rows {
	unsigned n, n_proven, n_failed;
};

static int on_row(const struct store_install *row, void *userdata)
{
	struct rows *rows = userdata;

	rows->n++;
	rows->n_proven += row->proven_usec > 0;
	rows->n_failed += row->error != NULL;
	return 0;
}

static struct rows count_rows(struct fixture *f)
{
	struct rows rows = { 0 };

	assert_int_equal(
		store_install_each(f->store, f->certificate.id, on_row, &rows, NULL),
		0);
	return rows;
}

/* --- seen --------------------------------------------------------------------------------------- */

struct seen_case {
	const char *name;
	const char *names;
	unsigned flags;
	const char *more; /* of the address */
	unsigned n_wrong;
	const char *asked;
};

static const struct seen_case seen_cases[] = {
	{ "ECDSA", "mail.test", 0, "", 0, "mail.test" },
	{ "RSA", "mail.test", TEST_CA_RSA, "", 0, "mail.test" },
	{ "each name", "a.test b.test", 0, "", 0, "a.test b.test" },
	{ "a wildcard", "*.mail.test", 0, "", 0, "postseal-proof.mail.test" },
	{ "the deployer's own name", "a.test b.test", 0, "/b.test", 0, "b.test" },
	{ "a daemon that takes its time", "mail.test", 0, "", 3,
		"mail.test mail.test mail.test mail.test" },
};

static void test_seen(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(seen_cases); i++) {
		const struct seen_case *c = &seen_cases[i];
		struct fixture f;
		struct rows rows;

		test_case(c->name);
		setup(&f, c->names, c->flags);
		f.server.n_wrong = c->n_wrong;
		install(&f, "front", c->more);
		server_listen(&f.server);
		prove(&f);
		server_end(&f.server);
		assert_null(f.error);
		rows = count_rows(&f);
		assert_int_equal(rows.n_proven, 1);
		assert_int_equal(rows.n_failed, 0);
		assert_string_equal(buf_str(&f.server.asked), c->asked);
		teardown(&f);
	}
}

static void test_nothing_to_prove(void **state)
{
	struct fixture f;

	setup(&f, "mail.test", 0);
	close(f.server.fd);
	prove(&f);
	assert_null(f.error);
	teardown(&f);
}

/* Both kinds of key at one address: only the one that is asked for is looked at. */
static void test_two_kinds_of_key(void **state)
{
	struct fixture f;
	char *chain_pem, *key_pem;
	gnutls_datum_t chain, key;

	setup(&f, "mail.test", 0);
	issue(&f, "mail.test", TEST_CA_RSA, &chain_pem, &key_pem);
	chain = (gnutls_datum_t){ (unsigned char *)chain_pem,
		(unsigned)strlen(chain_pem) };
	key = (gnutls_datum_t){ (unsigned char *)key_pem, (unsigned)strlen(key_pem) };
	require(gnutls_certificate_set_x509_key_mem(
		f.server.right, &chain, &key, GNUTLS_X509_FMT_PEM));
	install(&f, "front", "");
	server_listen(&f.server);
	prove(&f);
	assert_null(f.error);
	/* the other kind is another certificate */
	f.n_done = 0;
	f.is_rsa = true;
	install(&f, "other", "");
	prove(&f);
	server_end(&f.server);
	assert_non_null(strstr(f.error, "another certificate is served"));
	free(chain_pem);
	secret_free(key_pem);
	teardown(&f);
}

/* --- not seen -------------------------------------------------------------------------------------- */

static void test_another_certificate(void **state)
{
	struct fixture f;
	struct rows rows;

	setup(&f, "mail.test", 0);
	f.server.n_wrong = 100;
	install(&f, "postfix", "");
	server_listen(&f.server);
	prove(&f);
	server_end(&f.server);
	assert_non_null(strstr(f.error, "postfix at 127.0.0.1:"));
	assert_non_null(strstr(
		f.error, "mail.test: another certificate is served than the one"));
	assert_int_equal(f.server.n_wrong, 100 - 6);
	rows = count_rows(&f);
	assert_int_equal(rows.n_proven, 0);
	assert_int_equal(rows.n_failed, 1);
	teardown(&f);
}

/* The next proof asks only for what was not seen. */
static void test_nobody_there_and_later(void **state)
{
	struct fixture f;
	struct rows rows;

	setup(&f, "mail.test", 0);
	install(&f, "front", "");
	prove(&f);
	assert_non_null(f.error);
	assert_int_equal(count_rows(&f).n_failed, 1);
	free(TAKE_PTR(f.error));
	f.n_done = 0;
	server_listen(&f.server);
	prove(&f);
	assert_null(f.error);
	f.n_done = 0;
	prove(&f);
	server_end(&f.server);
	rows = count_rows(&f);
	assert_int_equal(rows.n_proven, 1);
	assert_int_equal(rows.n_failed, 0);
	assert_string_equal(buf_str(&f.server.asked), "mail.test");
	teardown(&f);
}

/* One address that fails holds up no other; the first is what is told. */
static void test_one_of_three(void **state)
{
	struct fixture f;
	struct rows rows;

	setup(&f, "mail.test", 0);
	struct store_install bad = {
		.certificate_id = f.certificate.id,
		.target = (char *)"dovecot",
		.address = (char *)"unix:/nonexistent/socket",
		.done_usec = 1,
	};
	assert_int_equal(store_install_save(f.store, &bad, NULL), 0);
	bad.id = 0;
	bad.target = (char *)"exim";
	bad.address = (char *)"no address at all";
	assert_int_equal(store_install_save(f.store, &bad, NULL), 0);
	install(&f, "front", "");
	server_listen(&f.server);
	prove(&f);
	server_end(&f.server);
	assert_non_null(f.error);
	assert_null(strstr(f.error, "front"));
	rows = count_rows(&f);
	assert_int_equal(rows.n, 3);
	assert_int_equal(rows.n_proven, 1);
	assert_int_equal(rows.n_failed, 2);
	teardown(&f);
}

/* --- cancelled -------------------------------------------------------------------------------------- */

static void test_cancel(void **state)
{
	struct fixture f;

	setup(&f, "mail.test", 0);
	f.server.n_wrong = 1000;
	install(&f, "front", "");
	server_listen(&f.server);
	for (unsigned n = 0; n < 20; n++) {
		start(&f);
		for (unsigned i = 0; i < n; i++)
			turn(&f);
		f.op = prove_cancel(f.op);
		for (unsigned i = 0; i < 3; i++)
			turn(&f);
		assert_int_equal(f.n_done, 0);
	}
	server_end(&f.server);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_seen),
		test_with_log(test_nothing_to_prove),
		test_with_log(test_two_kinds_of_key),
		test_with_log(test_another_certificate),
		test_with_log(test_nobody_there_and_later),
		test_with_log(test_one_of_three),
		test_with_log(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
