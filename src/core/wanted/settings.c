/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See settings.h. Rows only; the aligned tables are kept by hand. */
#include "core/wanted/settings.h"

#include <assert.h>

#include "link/message.h"
#include "pki/key.h"
#include "util/usec.h"

const char settings_conf_directory[] = CONFDIR;
const char settings_plugin_directory[] = PLUGINDIR;

#define SEC ((int64_t)USEC_PER_SEC)
#define DAY ((int64_t)USEC_PER_DAY)

static const char *const log_level_values[] = { "error", "warning", "notice", "info",
	"debug", NULL };
static const char *const propagation_values[] = { "all", "any", "resolvers", "none",
	NULL };
static const char *const self_check_values[] = { "off", "advise", "require", NULL };

/* clang-format off */

static const struct conf_setting root_settings[] = {
	{ "config_version", CONF_INT, "1", 1, 1, NULL, NULL, NULL, 0,
	  "Version of this language, on the first line; what an older program does not understand it refuses." },
	{ "admin_contact", CONF_EMAIL, NULL, 0, 0, NULL, NULL, NULL, 0,
	  "Mail address that is given to authorities which have no contact of their own." },
	{ "log_level", CONF_ENUM, "info", 0, 0, NULL, log_level_values, NULL, 0,
	  "The least important messages that are logged." },
	{ "workers", CONF_INT, "0", 0, 64, "processes", NULL, NULL, CONF_AT_START,
	  "How many front workers serve the listeners; 0 is one a processor core." },
	{ "max_connections", CONF_INT, "10000", 16, 1000000, "connections", NULL, NULL, CONF_AT_START,
	  "Open client connections per worker; above it the newest is closed." },
	{ "max_handshakes", CONF_INT, "2000", 0, 1000000, "connections", NULL, NULL, CONF_AT_START,
	  "Of these, connections whose session has not begun yet; above it the newest is closed. 0 is no limit." },
	{ "address_connections", CONF_INT, "1000", 0, 1000000, "connections", NULL, NULL, CONF_AT_START,
	  "Open connections of one client address (of IPv6: one /64) per worker; above it the newest is closed. 0 is no limit." },
	{ "address_rate", CONF_INT, "3000", 0, 1000000, "connections", NULL, NULL, CONF_AT_START,
	  "New connections of one client address a minute per worker, as many of them at once; above it the newest is closed. 0 is no limit." },
	{ "limit_exceptions", CONF_NETWORKS, "127.0.0.0/8 [::1]", 0, LINK_NETWORKS_MAX, NULL, NULL, NULL, CONF_AT_START,
	  "Networks for whose addresses address_connections and address_rate do not hold, such as that of a webmail server." },
	{ "context_cache", CONF_INT, "10000", 16, 1000000, "contexts", NULL, NULL, CONF_AT_START,
	  "TLS contexts that a worker keeps in memory; others are asked of the manager when a client names them." },
	{ "ticket_rotation", CONF_DURATION, "12h", 1 * SEC, 7 * DAY, NULL, NULL, NULL, 0,
	  "How often the key is replaced that session tickets are made with; the old one is forgotten, and its tickets resume no session any more." },
	{ "plugin_timeout", CONF_DURATION, "2m", 1 * SEC, DAY, NULL, NULL, NULL, 0,
	  "Deadline of a call into a plugin; the call has failed then." },
	{ "drain_timeout", CONF_DURATION, "10s", 0, DAY, NULL, NULL, NULL, 0,
	  "How long live sessions may go on when Postseal is stopped." },
	{ "clock_tolerance", CONF_DURATION, "1h", 60 * SEC, DAY, NULL, NULL, NULL, 0,
	  "How far this machine's clock may be apart from what authorities say in their answers; beyond it no order is made, and there is an alarm." },
	{ "resolvers", CONF_ADDRESSES, NULL, 0, 0, NULL, NULL, NULL, CONF_AT_START,
	  "Recursive servers of the DNS that Postseal asks for what it does not ask a zone's own servers; unset, it goes from the root down by itself." },
	{ "dns_stubs", CONF_STRINGS, NULL, 0, 0, NULL, NULL, NULL, CONF_AT_START,
	  "Whom to ask for certain zones, such as example.org=192.0.2.1:53: private ones, or those of a split horizon." },
	{ "trust_anchor_file", CONF_PATH, "/usr/share/dns/root.key", 0, 0, NULL, NULL, NULL, CONF_AT_START,
	  "DNSKEY or DS records in zone file format that answers are validated from; without the file nothing is." },
	{ "insecure_zones", CONF_NAMES, NULL, 0, 0, NULL, NULL, NULL, CONF_AT_START,
	  "Zones whose answers are taken without DNSSEC, such as private ones that the signed root knows nothing of." },
	{ "notify", CONF_REFS, NULL, 0, 0, NULL, NULL, "notify", 0,
	  "Who is told of events: names of notify blocks." },
	{ "change_brake", CONF_PERCENT, "20%", 0, 100, NULL, NULL, NULL, 0,
	  "A change of the configuration that would re-issue or remove more than this share of the certificates, and more than ten of them, is held until postsealctl reload --yes; 100% never." },
	{ "events_keep", CONF_INT, "100000", 100, 10000000, "rows", NULL, NULL, CONF_AT_START,
	  "How many events the audit trail keeps." },
	{ "state_directory", CONF_PATH, STATEDIR, 0, 0, NULL, NULL, NULL, CONF_AT_START,
	  "Folder of the database." },
	{ "run_directory", CONF_PATH, RUNDIR, 0, 0, NULL, NULL, NULL, CONF_AT_START,
	  "Folder of the control socket." },
	{ "program_directory", CONF_PATH, PROGRAMDIR, 0, 0, NULL, NULL, NULL, CONF_AT_START,
	  "Folder of the worker program." },
	{ "plugin_directory", CONF_PATH, PLUGINDIR, 0, 0, NULL, NULL, NULL, 0,
	  "Folder of the plugins; nobody but root may be able to write there. It is read before all else, so only this file itself or -o can set it." },
};

static const struct conf_setting authority_settings[] = {
	{ "directory", CONF_URL, NULL, 0, 0, NULL, NULL, NULL, CONF_REQUIRED,
	  "URL of the CA's ACME directory." },
	{ "agree_to_terms", CONF_BOOL, "no", 0, 0, NULL, NULL, NULL, 0,
	  "Whether you agree to the CA's terms of service; most CAs give no account without." },
	{ "contact", CONF_EMAIL, NULL, 0, 0, NULL, NULL, NULL, 0,
	  "Mail address for this CA; unset, admin_contact is given." },
	{ "ca_file", CONF_PATH, NULL, 0, 0, NULL, NULL, NULL, 0,
	  "PEM file with the CA certificates that the directory's own server is verified by; unset, the system's." },
	{ "hosts", CONF_STRINGS, NULL, 0, 0, NULL, NULL, NULL, 0,
	  "Further hosts (with :port) that the CA's URLs may name; by default only the directory's." },
	{ "account_key_type", CONF_ENUM, "ecdsa-p256", 0, 0, NULL, key_type_names, NULL, 0,
	  "Type of an account key that is made anew." },
	{ "eab_kid", CONF_STRING, NULL, 0, 0, NULL, NULL, NULL, 0,
	  "Key identifier of an external account binding." },
	{ "eab_hmac_key", CONF_STRING, NULL, 0, 0, NULL, NULL, NULL, CONF_SECRET,
	  "Its MAC key in base64url; best read from a file by </path." },
	{ "max_orders", CONF_INT, "4", 1, 1000, "orders", NULL, NULL, 0,
	  "How many orders may be under way at this CA at once." },
	{ "order_limit", CONF_INT, NULL, 1, 100000000, "orders", NULL, NULL, 0,
	  "How many orders the CA takes from an account in order_limit_window, as its documentation says; postsealctl plan compares with it. Unset, it is not known." },
	{ "order_limit_window", CONF_DURATION, "3h", 60 * SEC, 31 * DAY, NULL, NULL, NULL, 0,
	  "The time that order_limit is for." },
	{ "certificate_limit", CONF_INT, NULL, 1, 100000000, "certificates", NULL, NULL, 0,
	  "How many new certificates the CA issues for one registered domain in certificate_limit_window, as its documentation says (renewals are mostly exempt); postsealctl plan compares with it. Unset, it is not known." },
	{ "duplicate_limit", CONF_INT, NULL, 1, 100000000, "certificates", NULL, NULL, 0,
	  "How many certificates the CA issues for exactly the same names in certificate_limit_window; postsealctl plan compares with it. Unset, it is not known." },
	{ "certificate_limit_window", CONF_DURATION, "7d", 60 * SEC, 31 * DAY, NULL, NULL, NULL, 0,
	  "The time that certificate_limit and duplicate_limit are for." },
	{ "request_timeout", CONF_DURATION, "30s", 1 * SEC, 600 * SEC, NULL, NULL, NULL, 0,
	  "Deadline of one request to the CA." },
	{ "order_timeout", CONF_DURATION, "15m", 10 * SEC, DAY, NULL, NULL, NULL, 0,
	  "Deadline of one order; what is not done then is taken up again later." },
};

#define POLICY_SETTINGS \
	{ "authority", CONF_REFS, NULL, 0, 0, NULL, NULL, "authority", CONF_INHERITED, \
	  "The CA that issues; names of authority blocks, the first is used. Unset, the first authority block." }, \
	{ "challenge", CONF_REFS, NULL, 0, 0, NULL, NULL, "challenge", CONF_INHERITED, \
	  "Challenges in the order in which they are tried; the next is taken when one is not offered or not possible. Unset, all that are installed, in the order of their names." }, \
	{ "dns", CONF_REFS, NULL, 0, 0, NULL, NULL, "dns", CONF_INHERITED, \
	  "Providers that put values into the DNS, in the order in which they are asked; the first that has the name's zone is used." }, \
	{ "delegation", CONF_STRING, "follow", 0, 0, NULL, NULL, NULL, CONF_INHERITED, \
	  "Where a challenge's value is put when its name is a CNAME: follow (at its end, if a provider has credentials for that zone), none (at the name itself), or a name: there, and the CNAME to it is wanted." }, \
	{ "propagation", CONF_ENUM, "all", 0, 0, NULL, propagation_values, NULL, CONF_INHERITED, \
	  "Where a value must be seen before the CA is asked: on all authoritative servers that answer, on any of them, by propagation_resolvers, or nowhere." }, \
	{ "propagation_resolvers", CONF_ADDRESSES, NULL, 0, 0, NULL, NULL, NULL, CONF_INHERITED, \
	  "Recursive servers that have to see the value, too, once the authoritative ones have it; such as 192.0.2.1:53." }, \
	{ "propagation_delay", CONF_DURATION, "0", 0, DAY, NULL, NULL, NULL, CONF_INHERITED, \
	  "How long to wait after it was seen." }, \
	{ "propagation_timeout", CONF_DURATION, "10m", 1 * SEC, 7 * DAY, NULL, NULL, NULL, CONF_INHERITED, \
	  "How long that look is repeated." }, \
	{ "propagation_interval", CONF_DURATION, "5s", 1 * SEC, 3600 * SEC, NULL, NULL, NULL, CONF_INHERITED, \
	  "The time between two looks." }, \
	{ "key_type", CONF_ENUMS, "ecdsa-p256", 0, 0, NULL, key_type_names, NULL, CONF_INHERITED, \
	  "Key types; each gets a certificate of its own, and clients the one that they can use." }, \
	{ "names", CONF_NAMES, "%d", 0, 0, NULL, NULL, NULL, CONF_INHERITED, \
	  "Names in the certificate; %d is the domain." }, \
	{ "deploy", CONF_REFS, "front", 0, 0, NULL, NULL, "deploy", CONF_INHERITED, \
	  "Where the certificate is installed: front (the listeners) and names of deploy blocks." }, \
	{ "profile", CONF_STRING, NULL, 0, 0, NULL, NULL, NULL, CONF_INHERITED, \
	  "Certificate profile that is asked of the CA." }, \
	{ "preferred_chain", CONF_STRING, NULL, 0, 0, NULL, NULL, NULL, CONF_INHERITED, \
	  "Issuer of the last certificate of the chain to take, where the CA offers several." }, \
	{ "renew_before", CONF_DURATION, NULL, 3600 * SEC, 400 * DAY, NULL, NULL, NULL, CONF_INHERITED, \
	  "Renew when less than this is left; unset, the CA says when (ARI), else a third of the lifetime, half of one below ten days." }, \
	{ "self_check", CONF_ENUM, "advise", 0, 0, NULL, self_check_values, NULL, CONF_INHERITED, \
	  "Whether our own look at a challenge's answer is made, and whether the CA is asked although it was not seen (advise) or not (require)." }, \
	{ "self_check_timeout", CONF_DURATION, "10s", 1 * SEC, 7 * DAY, NULL, NULL, NULL, CONF_INHERITED, \
	  "How long that look is repeated." }

static const struct conf_setting policy_settings[] = {
	POLICY_SETTINGS,
};

static const struct conf_setting domain_settings[] = {
	{ "policy", CONF_REF, NULL, 0, 0, NULL, NULL, "policy", 0,
	  "The policy block whose settings this domain takes; unset, the one called default." },
	POLICY_SETTINGS,
};

static const struct conf_setting listener_settings[] = {
	{ "address", CONF_ADDRESSES, NULL, 0, 0, NULL, NULL, NULL, CONF_REQUIRED,
	  "Numeric addresses with port to listen on, such as [::]:993." },
	{ "protocol", CONF_ENUM, NULL, 0, 0, NULL, link_protocol_names, NULL, CONF_REQUIRED,
	  "What is spoken inside." },
	{ "tls", CONF_ENUM, "implicit", 0, 0, NULL, link_tls_names, NULL, 0,
	  "Whether TLS begins with the first octet; none for protocol http." },
	{ "backend", CONF_ADDRESS, NULL, 0, 0, NULL, NULL, NULL, 0,
	  "Where the plaintext goes: address and port, or unix:/path." },
	{ "proxy_protocol", CONF_ENUM, "none", 0, 0, NULL, link_proxy_names, NULL, 0,
	  "PROXY protocol header that tells the backend who the client is." },
	{ "proxy_from", CONF_NETWORKS, NULL, 0, LINK_NETWORKS_MAX, NULL, NULL, NULL, 0,
	  "Networks of a balancer before this listener: each connection from there begins with a PROXY header, version 1 or 2, that says who the client is, and connections from elsewhere are closed. Who connects to a unix socket is one of them. [::]/0 is everybody, of IPv4 as well. Unset, no header is expected." },
	{ "acme", CONF_BOOL, NULL, 0, 0, NULL, NULL, NULL, 0,
	  "Whether acme-tls/1 is answered here; unset, yes for protocol https." },
	{ "unknown_sni", CONF_ENUM, "default", 0, 0, NULL, link_unknown_sni_names, NULL, 0,
	  "What a client gets that asks for a name which is not served: the default certificate or an alert." },
	{ "default_name", CONF_NAME, NULL, 0, 0, NULL, NULL, NULL, 0,
	  "Name whose certificate clients without SNI get; unset, the first name of the first domain." },
	{ "alpn", CONF_STRINGS, NULL, 0, 0, NULL, NULL, NULL, 0,
	  "Application protocols that are negotiated; unset, none." },
	{ "redirect_port", CONF_INT, "443", 1, 65535, NULL, NULL, NULL, 0,
	  "Port of the https URL that protocol http redirects to when it has no backend." },
	{ "handshake_timeout", CONF_DURATION, "10s", 1 * SEC, 600 * SEC, NULL, NULL, NULL, 0,
	  "From the connection to the end of the handshake." },
	{ "idle_timeout", CONF_DURATION, "35m", 1 * SEC, 30 * DAY, NULL, NULL, NULL, 0,
	  "A session in which nothing is said for this long is closed." },
	{ "connect_timeout", CONF_DURATION, "10s", 1 * SEC, 600 * SEC, NULL, NULL, NULL, 0,
	  "Deadline for the connection to the backend." },
};

static const struct conf_kind kinds[] = {
	{ "authority", 0, authority_settings, ARRAY_SIZE(authority_settings), NULL, NULL,
	  "A CA: its ACME directory and the account there." },
	{ "policy", 0, policy_settings, ARRAY_SIZE(policy_settings), "policy", NULL,
	  "How certificates are obtained. Other policies take from the one called default what they do not say." },
	{ "domain", CONF_BLOCK_PATTERN, domain_settings, ARRAY_SIZE(domain_settings), "policy", "policy",
	  "An operator's unit: its names get certificates. All settings of a policy may be given here, too." },
	{ "listener", 0, listener_settings, ARRAY_SIZE(listener_settings), NULL, NULL,
	  "A door of the front." },
	{ "challenge", CONF_BLOCK_PLUGIN, NULL, 0, NULL, NULL,
	  "Settings of a challenge plugin." },
	{ "dns", CONF_BLOCK_PLUGIN, NULL, 0, NULL, NULL,
	  "Settings of a provider: who puts values into the DNS." },
	{ "deploy", CONF_BLOCK_PLUGIN, NULL, 0, NULL, NULL,
	  "Settings of a deployer." },
	{ "notify", CONF_BLOCK_PLUGIN, NULL, 0, NULL, NULL,
	  "Settings of a notifier." },
};

/* clang-format on */

struct conf_schema *settings_new_schema(struct plugin_host *host)
{
	struct conf_schema *schema =
		conf_schema_new(root_settings, ARRAY_SIZE(root_settings));

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		conf_schema_add_kind(schema, &kinds[i]);
	conf_schema_add_value(schema, "domain", "deploy", "front");
	conf_schema_add_value(schema, "policy", "deploy", "front");
	if (host)
		plugin_host_extend_schema(host, schema);
	return schema;
}
