/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <unistd.h>

#include "io/tls_probe.h"
#include "tests/lib/test.h"
#include "tests/unit/io/tls_server.h"
#include "util/mem.h"

struct probe {
	struct loop *loop;
	struct tls_probe *op;
	unsigned n_done;
	enum tls_probe_outcome outcome;
	uint8_t *leaf;
	size_t leaf_len;
	uint8_t fingerprint[32];
	unsigned n_chain;
	char *alpn;
	char *detail;
};

static void on_done(const struct tls_probe_result *result, void *userdata)
{
	struct probe *probe = userdata;

	/* The result must outlive the operation. */
	probe->op = tls_probe_cancel(probe->op);
	probe->n_done++;
	probe->outcome = result->outcome;
	probe->leaf = xmemdup(result->leaf, result->leaf_len);
	probe->leaf_len = result->leaf_len;
	memcpy(probe->fingerprint, result->fingerprint, sizeof(probe->fingerprint));
	probe->n_chain = result->n_chain;
	xstrset(&probe->alpn, result->alpn);
	xstrset(&probe->detail, result->detail);
	assert_int_equal(result->detail == NULL, result->outcome == TLS_PROBE_OK);
	loop_exit(probe->loop, 0);
}

static void on_end(struct loop_timer *timer, void *userdata)
{
	loop_exit(userdata, 1);
}

static int run_for(struct loop *loop, usec_t usec)
{
	_cleanup_(loop_timer_freep) struct loop_timer *timer =
		loop_timer_new(loop, on_end, loop);

	loop_timer_set_after(timer, usec);
	return loop_run(loop, NULL);
}

static void probe_start(
	struct probe *probe, const struct tls_probe_params *base, unsigned port)
{
	_cleanup_(freep) char *text = xasprintf("127.0.0.1:%u", port);
	struct tls_probe_params params = *base;

	*probe = (struct probe){ .n_done = 0 };
	assert_int_equal(address_parse(text, &params.address, NULL), 0);
	assert_int_equal(loop_new_epoll(&probe->loop, NULL), 0);
	assert_int_equal(
		tls_probe_start(&probe->op, probe->loop, &params, on_done, probe, NULL),
		0);
	assert_int_equal(probe->n_done, 0);
}

static void probe_done(struct probe *probe)
{
	tls_probe_cancel(probe->op);
	free(probe->leaf);
	free(probe->alpn);
	free(probe->detail);
	loop_free(probe->loop);
}

/* clang-format off */
static const char *const both[] = { "imap", "http/1.1", NULL };
static const char *const unknown[] = { "imap", NULL };

static const struct {
	const char *name;
	enum tls_server_mode mode;
	struct tls_probe_params params;
	enum tls_probe_outcome outcome;
	const char *sni;
	const char *alpn;
} cases[] = {
	{ "plain", TLS_SERVER_HTTP, { .sni = NULL }, TLS_PROBE_OK, "", NULL },
	{ "name", TLS_SERVER_HTTP, { .sni = "other.test" }, TLS_PROBE_OK, "other.test", NULL },
	{ "ALPN", TLS_SERVER_HTTP, { .alpn = both }, TLS_PROBE_OK, "", "http/1.1" },
	{ "ALPN that the server has not", TLS_SERVER_HTTP, { .alpn = unknown }, TLS_PROBE_OK, "", NULL },
	{ "TLS 1.2", TLS_SERVER_HTTP, { .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2" }, TLS_PROBE_OK, "", NULL },
	{ "RSA only, ECDSA served", TLS_SERVER_HTTP,
		{ .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-RSA" }, TLS_PROBE_TLS, NULL, NULL },
	{ "no TLS", TLS_SERVER_GARBAGE, { .sni = NULL }, TLS_PROBE_TLS, NULL, NULL },
	{ "hangs up", TLS_SERVER_HANGS_UP, { .sni = NULL }, TLS_PROBE_TLS, NULL, NULL },
	{ "silence", TLS_SERVER_SILENT, { .deadline_usec = 50000 }, TLS_PROBE_DEADLINE, NULL, NULL },
};

/* clang-format on */

static void assert_leaf(const struct probe *probe, const struct tls_server *server)
{
	uint8_t fingerprint[32];
	size_t len;
	const uint8_t *leaf = tls_server_leaf(server, &len);

	assert_int_equal(probe->leaf_len, len);
	assert_memory_equal(probe->leaf, leaf, len);
	gnutls_hash_fast(GNUTLS_DIG_SHA256, leaf, len, fingerprint);
	assert_memory_equal(probe->fingerprint, fingerprint, sizeof(fingerprint));
	assert_int_equal(probe->n_chain, 1);
}

static void test_cases(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tls_server *server = tls_server_new(cases[i].mode);
		struct probe probe;

		test_case(cases[i].name);
		probe_start(&probe, &cases[i].params, tls_server_port(server));
		assert_int_equal(run_for(probe.loop, 5 * USEC_PER_SEC), 0);
		assert_int_equal(probe.n_done, 1);
		assert_int_equal(probe.outcome, cases[i].outcome);
		if (probe.outcome == TLS_PROBE_OK)
			assert_leaf(&probe, server);
		assert_int_equal(probe.alpn == NULL, cases[i].alpn == NULL);
		if (probe.alpn)
			assert_string_equal(probe.alpn, cases[i].alpn);
		probe_done(&probe);
		/* Its thread may see the end of the handshake after us. */
		for (unsigned n = 0; cases[i].sni && n < 500; n++) {
			if (strcmp(tls_server_last_sni(server), cases[i].sni) == 0)
				break;
			usleep(2000);
		}
		if (cases[i].sni)
			assert_string_equal(tls_server_last_sni(server), cases[i].sni);
		assert_int_equal(tls_server_resumed(server), 0);
		tls_server_free(server);
	}
}

static void test_not_connected(void **state)
{
	struct tls_probe_params params = { .sni = NULL };
	struct probe probe;

	probe_start(&probe, &params, 1);
	assert_int_equal(run_for(probe.loop, 5 * USEC_PER_SEC), 0);
	assert_int_equal(probe.outcome, TLS_PROBE_UNREACHED);
	probe_done(&probe);
}

/* A failure that is known at once is still reported later. */
static void test_no_such_socket(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	struct tls_probe_params params = { .sni = NULL };
	struct probe probe = { .n_done = 0 };

	assert_int_equal(loop_new_epoll(&loop, NULL), 0);
	probe.loop = loop;
	assert_int_equal(
		address_parse("unix:/no/such/socket", &params.address, NULL), 0);
	assert_int_equal(
		tls_probe_start(&probe.op, loop, &params, on_done, &probe, NULL), 0);
	assert_int_equal(probe.n_done, 0);
	assert_int_equal(run_for(loop, 5 * USEC_PER_SEC), 0);
	assert_int_equal(probe.outcome, TLS_PROBE_UNREACHED);
	free(probe.leaf);
	free(probe.detail);
}

static void test_cancel(void **state)
{
	_cleanup_(tls_server_freep) struct tls_server *server =
		tls_server_new(TLS_SERVER_SILENT);
	struct tls_probe_params params = { .deadline_usec = 20000 };
	struct probe probe;

	probe_start(&probe, &params, tls_server_port(server));
	assert_int_equal(run_for(probe.loop, 5000), 1);
	probe.op = tls_probe_cancel(probe.op);
	assert_int_equal(run_for(probe.loop, 40000), 1);
	assert_int_equal(probe.n_done, 0);
	probe_done(&probe);
}

static void test_bad_priority(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	struct tls_probe_params params = { .priority = "NONSENSE" };
	struct tls_probe *op = NULL;

	assert_int_equal(loop_new_epoll(&loop, NULL), 0);
	assert_int_equal(address_parse("127.0.0.1:1", &params.address, NULL), 0);
	assert_true(tls_probe_start(&op, loop, &params, on_done, NULL, NULL) < 0);
	assert_null(op);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_not_connected),
		cmocka_unit_test(test_no_such_socket),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_bad_priority),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
