/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a ticket resumes, and what not. */
#include <unistd.h>

#include "tests/unit/front/rig.h"

/* A rig with one listener, started. */
static struct rig *begin(const struct link_listener *listener, unsigned *ret_port)
{
	struct rig *rig = rig_new(NULL, 0);
	struct link_listener m = *listener;

	m.name = "imaps";
	m.protocol = LINK_PROTOCOL_IMAP;
	m.backend = rig->backend;
	*ret_port = rig_add_listener(rig, &m);
	rig_start(rig);
	return rig;
}

/* The ticket of a session; owned by the caller. */
static gnutls_datum_t take_ticket(
	struct rig *rig, const struct rig_client_params *params)
{
	struct rig_client *client = rig_client_open(rig, params);
	gnutls_datum_t ticket = { 0 };
	char c;

	int backend = rig_accept(rig);
	rig_write(rig, backend, "x", 1);
	/* Tickets of TLS 1.3 come before the first octet. */
	rig_client_read(client, &c, 1);
	assert_int_equal(gnutls_session_get_data2(client->session, &ticket), 0);
	rig_client_free(client);
	close(backend);
	return ticket;
}

static bool resumes(struct rig *rig, const struct rig_client_params *params)
{
	struct rig_client *client = rig_client_open(rig, params);
	bool is_resumed = gnutls_session_is_resumed(client->session);

	rig_client_free(client);
	close(rig_accept(rig));
	return is_resumed;
}

static void check_tickets(const char *priority)
{
	struct rig_client_params params = { .name = "a.test", .priority = priority };
	struct rig_certificate a, b, a2;
	struct rig *rig = begin(&(struct link_listener){ 0 }, &params.port);

	rig_certify(rig, &a, 1, "a.test", 0);
	rig_certify(rig, &a2, 3, "a.test", 0);
	rig_certify(rig, &b, 2, "b.test", 0);
	rig_add_name(rig, "a.test");
	rig_add_name(rig, "b.test");
	rig_send_context(rig, 0, "a.test", &a);
	rig_send_context(rig, 0, "b.test", &b);
	gnutls_datum_t ticket = take_ticket(rig, &params);
	params.resume = &ticket;
	assert_true(resumes(rig, &params));
	params.name = "b.test";
	assert_false(resumes(rig, &params));
	/* Nor after the certificate was replaced. */
	params.name = "a.test";
	rig_send_context(rig, 0, "a.test", &a2);
	assert_false(resumes(rig, &params));
	assert_int_equal(rig_get_stats(rig)->resumed, 1);
	gnutls_free(ticket.data);
	rig_certificate_done(&a);
	rig_certificate_done(&a2);
	rig_certificate_done(&b);
	rig_free(rig);
}

static void test_tickets(void **state)
{
	check_tickets("NORMAL:-VERS-ALL:+VERS-TLS1.3");
	check_tickets("NORMAL:-VERS-ALL:+VERS-TLS1.2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_log(test_tickets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
