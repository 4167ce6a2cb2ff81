/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All SQL but the schema: X(NAME, text). The order of columns and parameters is that of
 * the reader and binder in the record's own file. */
#pragma once

#define STORE_SQL_ACCOUNT                                                         \
	"SELECT id, authority, directory, key_pem, url, contact, status, reason," \
	" created_usec, pending_key_pem, pending_usec FROM account "
#define STORE_SQL_SLOT                                                                \
	"SELECT id, domain, key_type, names, authority, profile, certificate_id,"     \
	" pending_id, due_usec, attempts, attempted_usec, error, challenges, removed" \
	" FROM slot "
#define STORE_SQL_ORDER                                                             \
	"SELECT id, slot_id, account_id, names, key_pem, state, url, finalize_url," \
	" certificate_url, sent_usec, expires_usec, finished FROM acme_order "
#define STORE_SQL_AUTHORIZATION                                                   \
	"SELECT id, order_id, name, url, challenge, challenge_url, token, state," \
	" presented FROM authorization "
#define STORE_SQL_EVENT "SELECT id, at_usec, kind, subject, text FROM event "
/* The end of the certificate that stands in a slot: what makes it urgent. */
#define STORE_SQL_EXPIRES \
	"coalesce((SELECT not_after_usec FROM certificate WHERE certificate.id = ?6), 0)"

/* Removed, its time is over, and nothing of it is presented any more. */
#define STORE_SQL_FORGOTTEN             \
	"removed = 1 AND due_usec <= ?" \
	" AND NOT EXISTS (SELECT 1 FROM acme_order WHERE slot_id = slot.id)"

/* clang-format off */
#define STORE_STATEMENTS(X) \
	X(BEGIN, "BEGIN IMMEDIATE") \
	X(COMMIT, "COMMIT") \
	X(ROLLBACK, "ROLLBACK") \
	\
	X(ACCOUNT_LOAD, STORE_SQL_ACCOUNT \
		"WHERE authority = ? AND directory = ?" \
		" ORDER BY status = 'deactivated', id DESC LIMIT 1") \
	X(ACCOUNT_EACH, STORE_SQL_ACCOUNT "ORDER BY id") \
	X(ACCOUNT_ADD, \
		"INSERT INTO account (authority, directory, key_pem, url, contact, status," \
		" reason, created_usec) VALUES (?, ?, ?, ?, ?, ?, ?, ?)") \
	X(ACCOUNT_SAVE, \
		"UPDATE account SET url = ?, contact = ?, status = ?, reason = ?" \
		" WHERE id = ?") \
	X(ACCOUNT_SAVE_KEYS, \
		"UPDATE account SET key_pem = ?, pending_key_pem = ?, pending_usec = ?" \
		" WHERE id = ?") \
	\
	X(DOMAIN_ADD, "INSERT OR IGNORE INTO domain (name) VALUES (?)") \
	\
	X(SLOT_LOAD, STORE_SQL_SLOT "WHERE id = ?") \
	X(SLOT_FIND, STORE_SQL_SLOT "WHERE domain = ? AND key_type = ? AND removed = 0") \
	X(SLOT_EACH, STORE_SQL_SLOT "ORDER BY domain, key_type, id") \
	X(SLOT_EACH_AFTER, STORE_SQL_SLOT \
		"WHERE (domain, key_type, id) > (?, ?, ?)" \
		" ORDER BY domain, key_type, id LIMIT ?") \
	X(SLOT_COUNT, \
		"SELECT count(*), count(certificate_id)," \
		" count(CASE WHEN error IS NOT NULL AND attempts > 0 THEN 1 END)" \
		" FROM slot WHERE removed = 0") \
	X(SLOT_EACH_OF, STORE_SQL_SLOT "WHERE domain = ? ORDER BY key_type, id") \
	X(SLOT_ADD, \
		"INSERT INTO slot (domain, key_type, names, authority, profile," \
		" certificate_id, pending_id, due_usec, attempts, attempted_usec, error," \
		" challenges, removed, expires_usec)" \
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, " \
		STORE_SQL_EXPIRES ")") \
	X(SLOT_SAVE, \
		"UPDATE slot SET domain = ?1, key_type = ?2, names = ?3, authority = ?4," \
		" profile = ?5, certificate_id = ?6, pending_id = ?7, due_usec = ?8," \
		" attempts = ?9, attempted_usec = ?10, error = ?11, challenges = ?12," \
		" removed = ?13, expires_usec = " STORE_SQL_EXPIRES " WHERE id = ?14") \
	X(SLOT_SET_DUE, "UPDATE slot SET due_usec = ? WHERE id = ?") \
	X(SLOT_REWIND, \
		"UPDATE slot SET due_usec = ?1, attempted_usec = min(attempted_usec, ?1)" \
		" WHERE removed = 0 AND (attempted_usec > ?1" \
		"  OR (due_usec > ?2 AND due_usec > expires_usec))") \
	X(SLOT_HASTEN, \
		"UPDATE slot SET due_usec = ?1 WHERE authority = ?2 AND removed = 0" \
		" AND error IS NOT NULL AND due_usec > ?1") \
	X(SLOT_FIND_DUE, \
		"SELECT id, due_usec FROM slot INDEXED BY slot_due WHERE removed = 0" \
		" ORDER BY due_usec LIMIT 1") \
	X(SLOT_COUNT_DUE, \
		"SELECT count(*) FROM (SELECT 1 FROM slot INDEXED BY slot_due" \
		" WHERE removed = 0 AND due_usec <= ? LIMIT ?)") \
	X(SLOT_LIST_DUE_FEW, \
		"SELECT id FROM slot INDEXED BY slot_due" \
		" WHERE removed = 0 AND due_usec <= ?" \
		" ORDER BY expires_usec, due_usec, id LIMIT ?") \
	X(SLOT_LIST_DUE_MANY, \
		"SELECT id FROM slot INDEXED BY slot_urgency" \
		" WHERE removed = 0 AND due_usec <= ?" \
		" ORDER BY expires_usec, due_usec, id LIMIT ?") \
	X(SLOT_FORGET_ORDERS, \
		"DELETE FROM acme_order WHERE slot_id IN (SELECT id FROM slot" \
		" WHERE removed = 1 AND due_usec <= ?) AND NOT EXISTS (SELECT 1" \
		" FROM authorization WHERE order_id = acme_order.id AND presented = 1)") \
	X(SLOT_FORGET_LINKS, \
		"UPDATE slot SET certificate_id = NULL, pending_id = NULL, expires_usec = 0" \
		" WHERE " STORE_SQL_FORGOTTEN) \
	X(SLOT_FORGET_CERTIFICATES, \
		"DELETE FROM certificate WHERE slot_id IN (SELECT id FROM slot WHERE " \
		STORE_SQL_FORGOTTEN ")") \
	X(SLOT_FORGET, "DELETE FROM slot WHERE " STORE_SQL_FORGOTTEN) \
	X(DOMAIN_FORGET, \
		"DELETE FROM domain WHERE NOT EXISTS" \
		" (SELECT 1 FROM slot WHERE slot.domain = domain.name)") \
	\
	X(ACCEPTED_LOAD, "SELECT id, digest FROM accepted") \
	X(ACCEPTED_SAVE, "INSERT OR REPLACE INTO accepted (id, digest) VALUES (1, ?)") \
	X(ACCEPTED_REMOVE, "DELETE FROM accepted") \
	\
	X(RENEWAL_LOAD, \
		"SELECT slot_id, certificate_id, window_start_usec, window_end_usec," \
		" moment_usec, ask_again_usec, n_early, early_id FROM renewal WHERE slot_id = ?") \
	X(RENEWAL_SAVE, \
		"INSERT OR REPLACE INTO renewal (slot_id, certificate_id," \
		" window_start_usec, window_end_usec, moment_usec, ask_again_usec," \
		" n_early, early_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)") \
	\
	X(CERTIFICATE_LOAD, \
		"SELECT c.id, c.slot_id, c.authority, c.names, p.chain_pem, p.key_pem," \
		" c.serial, c.fingerprint, c.issuer, c.not_before_usec, c.not_after_usec," \
		" c.issued_usec, c.state, c.profile, p.checksum FROM certificate AS c" \
		" LEFT JOIN certificate_pem AS p ON p.certificate_id = c.id" \
		" WHERE c.id = ?") \
	X(CERTIFICATE_FIND, \
		"SELECT id FROM certificate WHERE serial = ? ORDER BY id DESC LIMIT 1") \
	X(CERTIFICATE_ADD, \
		"INSERT INTO certificate (slot_id, authority, names, serial, fingerprint," \
		" issuer, not_before_usec, not_after_usec, issued_usec, state, profile)" \
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") \
	X(CERTIFICATE_ADD_PEM, \
		"INSERT INTO certificate_pem (certificate_id, chain_pem, key_pem, checksum)" \
		" VALUES (?, ?, ?, ?)") \
	X(CERTIFICATE_SET_STATE, "UPDATE certificate SET state = ? WHERE id = ?") \
	X(CERTIFICATE_PRUNE, \
		"DELETE FROM certificate" \
		" WHERE slot_id = ?1 AND state IN ('superseded', 'rejected')" \
		" AND id NOT IN (SELECT id FROM certificate WHERE slot_id = ?1" \
		"  AND state IN ('superseded', 'rejected') ORDER BY id DESC LIMIT ?2)" \
		" AND NOT EXISTS (SELECT 1 FROM slot WHERE certificate_id = certificate.id)" \
		" AND NOT EXISTS (SELECT 1 FROM slot WHERE pending_id = certificate.id)") \
	X(CERTIFICATE_EACH_SERVED, \
		"SELECT c.id, s.id, 0, c.names, s.key_type" \
		" FROM slot AS s NOT INDEXED JOIN certificate AS c" \
		" ON c.id = CASE WHEN s.certificate_id IS NULL OR EXISTS (SELECT 1" \
		"  FROM install AS i WHERE i.certificate_id = s.pending_id" \
		"  AND i.target = ? AND i.done_usec > 0)" \
		" THEN s.pending_id ELSE s.certificate_id END" \
		" WHERE s.removed = 0 AND s.id > ? ORDER BY s.id LIMIT ?") \
	X(CERTIFICATE_EACH_RETIRED, \
		"SELECT c.id, s.id, s.due_usec, c.names, s.key_type" \
		" FROM slot AS s INDEXED BY slot_retired" \
		" JOIN certificate AS c ON c.id = s.certificate_id" \
		" WHERE s.removed = 1 AND s.due_usec >= ?2" \
		" AND (s.due_usec, s.id) > (?2, ?1)" \
		" ORDER BY s.due_usec, s.id LIMIT ?3") \
	\
	X(ORDER_LOAD, STORE_SQL_ORDER "WHERE id = ?") \
	X(ORDER_FIND_OPEN, STORE_SQL_ORDER "WHERE slot_id = ? AND finished = 0") \
	X(ORDER_ADD, \
		"INSERT INTO acme_order (slot_id, account_id, names, key_pem, state, url," \
		" finalize_url, certificate_url, sent_usec, expires_usec, finished)" \
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") \
	X(ORDER_SAVE, \
		"UPDATE acme_order SET state = ?, url = ?, finalize_url = ?," \
		" certificate_url = ?, sent_usec = ?, expires_usec = ?, finished = ?" \
		" WHERE id = ?") \
	X(ORDER_PRUNE, \
		"DELETE FROM acme_order WHERE slot_id = ? AND finished = 1 AND NOT EXISTS" \
		" (SELECT 1 FROM authorization WHERE order_id = acme_order.id" \
		"  AND presented = 1)") \
	X(AUTHORIZATION_EACH, STORE_SQL_AUTHORIZATION "WHERE order_id = ? ORDER BY id") \
	X(AUTHORIZATION_EACH_PRESENTED, STORE_SQL_AUTHORIZATION \
		"WHERE presented = 1 ORDER BY id") \
	X(AUTHORIZATION_ADD, \
		"INSERT INTO authorization (order_id, name, url, challenge, challenge_url," \
		" token, state, presented) VALUES (?, ?, ?, ?, ?, ?, ?, ?)") \
	X(AUTHORIZATION_SAVE, \
		"UPDATE authorization SET order_id = ?, name = ?, url = ?, challenge = ?," \
		" challenge_url = ?, token = ?, state = ?, presented = ? WHERE id = ?") \
	\
	X(INSTALL_SAVE, \
		"INSERT INTO install (certificate_id, target, address, done_usec," \
		" proven_usec, next_usec, attempts, error, settings)" \
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)" \
		" ON CONFLICT (certificate_id, target, address) DO UPDATE SET" \
		" done_usec = excluded.done_usec, proven_usec = excluded.proven_usec," \
		" next_usec = excluded.next_usec, attempts = excluded.attempts," \
		" error = excluded.error," \
		" settings = coalesce(excluded.settings, settings) RETURNING id") \
	X(INSTALL_EACH, \
		"SELECT id, certificate_id, target, address, done_usec, proven_usec," \
		" next_usec, attempts, error, settings FROM install" \
		" WHERE certificate_id = ? ORDER BY target, address") \
	X(INSTALL_EACH_ADDRESS, \
		"SELECT id, address FROM install WHERE certificate_id = ? AND target = ?") \
	X(INSTALL_REMOVE, "DELETE FROM install WHERE id = ?") \
	\
	X(EVENT_ADD, "INSERT INTO event (at_usec, kind, subject, text) VALUES (?, ?, ?, ?)") \
	X(EVENT_PRUNE, "DELETE FROM event WHERE id <= ?") \
	X(EVENT_EACH, STORE_SQL_EVENT "WHERE id > ? ORDER BY id LIMIT ?") \
	X(EVENT_EACH_OF, STORE_SQL_EVENT \
		"WHERE id > ? AND subject = ?3 ORDER BY id LIMIT ?2") \
	X(EVENT_LAST, \
		"SELECT * FROM (" STORE_SQL_EVENT "ORDER BY id DESC LIMIT ?) ORDER BY id") \
	X(EVENT_LAST_OF, \
		"SELECT * FROM (" STORE_SQL_EVENT "WHERE subject = ?2" \
		" ORDER BY id DESC LIMIT ?1) ORDER BY id") \
	X(EVENT_BEFORE_LAST, "SELECT id FROM event ORDER BY id DESC LIMIT 1 OFFSET ?") \
	X(EVENT_BEFORE_LAST_OF, \
		"SELECT id FROM event WHERE subject = ?2" \
		" ORDER BY id DESC LIMIT 1 OFFSET ?1") \
	\
	X(TOLD_LOAD, "SELECT id, event_id, attempts FROM told WHERE notifier = ?") \
	X(TOLD_SAVE, \
		"INSERT INTO told (notifier, event_id, attempts) VALUES (?, ?, ?)" \
		" ON CONFLICT (notifier) DO UPDATE SET event_id = excluded.event_id," \
		" attempts = excluded.attempts") \
	X(TOLD_REMOVE, "DELETE FROM told WHERE notifier = ?") \
	X(TOLD_EACH, "SELECT id, notifier FROM told") \
	\
	X(REVOCATION_ADD, \
		"INSERT INTO revocation (slot_id, domain, authority, serial, chain_pem," \
		" key_pem, reason, asked_usec, due_usec, attempts, error, state)" \
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)" \
		" ON CONFLICT (authority, serial) DO UPDATE SET key_pem = ?6, reason = ?7," \
		" asked_usec = ?8, due_usec = ?9, attempts = ?10, error = ?11, state = ?12" \
		" RETURNING id") \
	X(REVOCATION_SAVE, \
		"UPDATE revocation SET key_pem = ?, reason = ?, asked_usec = ?," \
		" due_usec = ?, attempts = ?, error = ?, state = ? WHERE id = ?") \
	X(REVOCATION_EACH_WAITING, \
		"SELECT id, slot_id, domain, authority, serial, chain_pem, key_pem, reason," \
		" asked_usec, due_usec, attempts, error, state FROM revocation" \
		" WHERE state = 'waiting' ORDER BY id") \
	X(REVOCATION_IS_ASKED, \
		"SELECT 1 FROM revocation WHERE authority = ? AND serial = ?" \
		" AND state <> 'refused'") \
	\
	X(PLUGIN_STATE_LOAD, \
		"SELECT id, value FROM plugin_state WHERE plugin = ? AND name = ?") \
	X(PLUGIN_STATE_SAVE, \
		"INSERT INTO plugin_state (plugin, name, value) VALUES (?, ?, ?)" \
		" ON CONFLICT (plugin, name) DO UPDATE SET value = excluded.value") \
	X(PLUGIN_STATE_REMOVE, "DELETE FROM plugin_state WHERE plugin = ? AND name = ?") \
	\
	X(TXT_VALUE_SAVE, \
		"INSERT INTO txt_value (domain, name, value, provider, place, put_usec," \
		" seen_usec) VALUES (?, ?, ?, ?, ?, ?, ?)" \
		" ON CONFLICT (name, value) DO UPDATE SET domain = excluded.domain," \
		" provider = excluded.provider, place = excluded.place," \
		" put_usec = excluded.put_usec, seen_usec = excluded.seen_usec" \
		" RETURNING id") \
	X(TXT_VALUE_FIND, \
		"SELECT id, domain, name, value, provider, place, put_usec, seen_usec" \
		" FROM txt_value WHERE name = ? AND value = ?") \
	X(TXT_VALUE_REMOVE, "DELETE FROM txt_value WHERE id = ?") \
	\
	X(WANTED_RECORD_ADD, \
		"INSERT INTO wanted_record (domain, name, challenge, owner, type, value," \
		" why, until_usec, state, detail, since_usec, checked_usec, warned_days)" \
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id") \
	X(WANTED_RECORD_SAVE, \
		"UPDATE wanted_record SET why = ?, until_usec = ?, state = ?, detail = ?," \
		" since_usec = ?, checked_usec = ?, warned_days = ? WHERE id = ?") \
	X(WANTED_RECORD_REMOVE, "DELETE FROM wanted_record WHERE id = ?") \
	X(WANTED_RECORD_EACH, \
		"SELECT id, domain, name, challenge, owner, type, value, why, until_usec," \
		" state, detail, since_usec, checked_usec, warned_days FROM wanted_record" \
		" ORDER BY domain, name, challenge, id") \
	\
	X(LEDGER_HOLD, \
		"INSERT INTO hold (authority, scope, until_usec, reason)" \
		" VALUES (?, ?, ?, ?) ON CONFLICT (authority, scope) DO UPDATE SET" \
		" until_usec = excluded.until_usec, reason = excluded.reason" \
		" WHERE excluded.until_usec > until_usec") \
	X(LEDGER_GET_HOLD, \
		"SELECT id, until_usec, reason FROM hold WHERE authority = ?" \
		" AND scope IN (?, '') ORDER BY until_usec DESC LIMIT 1") \
	X(LEDGER_COUNT, \
		"INSERT INTO ledger (authority, kind, scope, at_usec) VALUES (?, ?, ?, ?)") \
	X(LEDGER_PRUNE, "DELETE FROM ledger WHERE at_usec < ?") \
	X(LEDGER_GET_COUNT, \
		"SELECT count(*) FROM ledger WHERE authority = ? AND kind = ?" \
		" AND at_usec >= ?") \
	X(LEDGER_GET_COUNT_OF, \
		"SELECT count(*) FROM ledger WHERE authority = ? AND kind = ?" \
		" AND at_usec >= ? AND scope = ?") \
	X(LEDGER_EACH_SCOPE, \
		"SELECT max(id), scope, count(*) FROM ledger WHERE authority = ?" \
		" AND kind = ? AND at_usec >= ? GROUP BY scope")
/* clang-format on */
