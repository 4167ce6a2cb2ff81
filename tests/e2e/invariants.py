# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold at the end of every test that ran a daemon, whatever the test was about.

doc/reliability.md has the table: which invariant is checked here, which elsewhere.
"""

import functools
import os
import re
import sqlite3
import stat

from cryptography import x509
from cryptography.hazmat.primitives import serialization

MINUTE = 60 * 10**6
DAY = 24 * 60 * MINUTE
# Back-off begins with a minute; a CA's Retry-After is taken for two days at the most, from
# when the try has ended.
WAIT_LEAST = MINUTE - 10**6
WAIT_MOST = 2 * DAY + 60 * MINUTE

CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
# "postseald: debug: pebble: POST https://127.0.0.1:14000/order-plz: 201"
REQUEST = re.compile(r"^postseald: debug: \S+: (?:GET|HEAD|POST) (https://[^/\s]+)/\S*: \d", re.M)
ORIGIN = re.compile(r"https://[^/\s]+")
# "a turn of the loop took 31 ms in on_x: 25 ms of work, 1 ms blocked, the rest …"
TURN = re.compile(r"a turn of the loop took \d+ ms in ([^:]+): (\d+) ms of work, (\d+) ms blocked")
# More work than this is never right. A disk that others use blocks a commit for longer now
# and then; a call that waits for another process or for the network does it for seconds.
WORK_MSEC = 20
BLOCKED_MSEC = 500
# A processor that is shared does half the work in the same time, and a build with sanitizers
# a tenth.
FACTOR = 10 if os.environ.get("POSTSEAL_SLOW") else 2
SECRET = re.compile(r"^\s*eab_hmac_key\s*=\s*(\S+)", re.M)


def check(room):
    """One sentence for each that does not hold. All daemons have ended."""
    problems = []
    for daemon in room.daemons:
        if daemon.process is None:
            continue
        problems += check_log(daemon)
        problems += check_modes(daemon)
        problems += check_loop(daemon)
        if not os.path.exists(daemon.database) or room.is_damaged:
            continue
        database = sqlite3.connect(daemon.database)
        try:
            problems += check_database(room, daemon, database)
        finally:
            database.close()
    return problems


# --- the log: I9, I10, I13 --------------------------------------------------------------------


def check_log(daemon):
    with open(daemon.log_path, "rb") as file:
        log = file.read()
    found = CONTROL.search(log)
    if found:
        yield f"its log has a control byte: {log[max(found.start() - 60, 0):found.end()]!r}"
    text = log.decode(errors="replace")
    config = "".join(daemon.written)
    strangers = set(REQUEST.findall(text)) - set(ORIGIN.findall(config))
    if strangers:
        yield f"requests went to {sorted(strangers)}, which nobody has configured"
    for secret in SECRET.findall(config):
        if secret in text:
            yield "its log has a secret of the configuration"


def check_no_keys_in(log, keys):
    """The body of no key, nor a line of it."""
    for pem in keys:
        lines = [line for line in pem.splitlines() if line and not line.startswith("-----")]
        if any(line in log for line in lines if len(line) > 20):
            yield "its log has a part of a private key"


# --- the loop ------------------------------------------------------------------------------------


def check_loop(daemon):
    """Nothing held up the others. As far as the log tells: at level debug it does. Valgrind
    takes a hundred times as long for a signature."""
    if os.environ.get("POSTSEAL_VALGRIND"):
        return
    with open(daemon.log_path, encoding="utf-8", errors="replace") as file:
        turns = TURN.findall(file.read())
    for source, work, blocked in turns:
        if int(work) > WORK_MSEC * FACTOR or int(blocked) > BLOCKED_MSEC * FACTOR:
            yield f"a turn of its loop: {work} ms of work and {blocked} ms blocked in {source}"


# --- files: I10 ---------------------------------------------------------------------------------


def check_modes(daemon):
    """Nobody but the owner reads the state."""
    for folder, _, names in os.walk(daemon.state_dir):
        for path in [folder, *(os.path.join(folder, name) for name in names)]:
            mode = stat.S_IMODE(os.lstat(path).st_mode)
            if mode & 0o077:
                yield f"{path} has mode {mode:o}"


# --- the database: I3, I4, I5, I6, I7, I8, I13 ----------------------------------------------------


def check_database(room, daemon, database):
    try:
        yield from check_certificates(daemon, database)
        yield from check_slots(database)
        yield from check_answers(daemon, database)
        yield from check_events(daemon, database)
        yield from check_ca(room, daemon, database)
    except sqlite3.OperationalError as error:
        # A test may leave a schema that is not ours.
        if "no such" not in str(error):
            raise


def public_octets(key):
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def public_octets_of_key(pem):
    return public_octets(serialization.load_pem_private_key(pem.encode(), None).public_key())


def check_certificates(daemon, database):
    """Every one that is served or waits fits its key and covers its names."""
    rows = database.execute(
        "SELECT c.id, c.names, p.chain_pem, p.key_pem FROM certificate AS c"
        " JOIN certificate_pem AS p ON p.certificate_id = c.id"
        " WHERE c.id IN (SELECT certificate_id FROM slot UNION SELECT pending_id FROM slot)"
    ).fetchall()
    public = functools.cache(public_octets_of_key)  # tests may give many the same
    for number, names, chain, key_pem in rows:
        leaf = x509.load_pem_x509_certificate(chain.encode())
        if public(key_pem) != public_octets(leaf.public_key()):
            yield f"the key of certificate {number} does not fit"
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        missing = set(names.split()) - set(extension.value.get_values_for_type(x509.DNSName))
        if missing:
            yield f"certificate {number} does not cover {sorted(missing)}"
    keys = {row[3] for row in rows}
    for table in ("account", "acme_order"):
        keys |= {row[0] for row in database.execute(f"SELECT key_pem FROM {table}")}
    yield from check_no_keys_in(daemon.log(), [key for key in keys if key])


def check_slots(database):
    """Whatever has failed is tried again, and not at once."""
    rows = database.execute(
        "SELECT domain, attempted_usec, due_usec FROM slot"
        " WHERE removed = 0 AND attempts > 0 AND error IS NOT NULL"
    )
    for domain, attempted, due in rows:
        if not WAIT_LEAST <= due - attempted <= WAIT_MOST:
            yield f"{domain} has failed and is due after {(due - attempted) / 10**6:.0f} s"
    yield from check_time_of_next_look(database)


def check_time_of_next_look(database):
    """Nothing waits for ever: each slot is looked at before its certificate expires, and an
    order that is open is taken up again with its slot."""
    rows = database.execute(
        "SELECT s.domain, s.due_usec, s.expires_usec, s.attempted_usec, o.id FROM slot AS s"
        " LEFT JOIN acme_order AS o ON o.slot_id = s.id AND o.finished = 0 WHERE s.removed = 0"
    )
    for domain, due, expires, attempted, order in rows:
        if expires and due >= max(expires, attempted + WAIT_MOST):
            yield f"{domain} is not looked at before its certificate expires"
        if order and due > attempted + WAIT_MOST:
            yield f"{domain} has an open order and is not looked at for {due - attempted} us"


def check_answers(daemon, database):
    """No answer outlives its order, once the daemon could see to it."""
    if daemon.process.exit_code != 0:
        return
    rows = database.execute(
        "SELECT a.name, a.challenge FROM authorization AS a"
        " JOIN acme_order AS o ON o.id = a.order_id WHERE a.presented = 1 AND o.finished = 1"
    )
    for name, challenge in rows:
        yield f"the {challenge} answer for {name} still stands"


def check_events(daemon, database):
    """What is served was told, if nobody has ended the daemon in between."""
    told = database.execute("SELECT text FROM event WHERE kind = 'served'").fetchall()
    first = database.execute("SELECT min(id) FROM event").fetchone()[0]
    if daemon.n_starts != 1 or first != 1 or daemon.process.exit_code != 0:
        return
    text = "\n".join(row[0] for row in told)
    rows = database.execute(
        "SELECT serial FROM certificate WHERE id IN (SELECT certificate_id FROM slot)"
    )
    for (serial,) in rows:
        if text.count(f" {serial} is served") != 1:
            yield f"certificate {serial} was told served {text.count(serial)} times"


def check_ca(room, daemon, database):
    """One account for each that we know, one certificate for each that was told or lost."""
    if room.is_forgetful or len(room.daemons) != 1 or not hasattr(room.pebble, "log"):
        return
    log = room.pebble.log()
    accounts = [int(text) for text in re.findall(r"There are now (\d+) accounts", log)]
    known = database.execute("SELECT count(*) FROM account").fetchone()[0]
    if max(accounts, default=0) > known:
        yield f"{max(accounts)} accounts at the CA, {known} known here"
    issued = log.count("Issued certificate serial")
    expected = database.execute(
        "SELECT count(*) FROM event WHERE kind IN ('issued', 'failed')"
    ).fetchone()[0]
    # What was under way when a life ended was not told.
    slots = database.execute("SELECT count(*) FROM slot").fetchone()[0]
    lost = daemon.n_starts * max(slots, 1)
    if issued > expected + lost:
        yield f"{issued} certificates by the CA, {expected} told in {daemon.n_starts} lives"
    orders = log.count("Added order")
    if orders > expected + lost:
        yield f"{orders} orders at the CA, {expected} told in {daemon.n_starts} lives"
