# SPDX-License-Identifier: GPL-3.0-or-later
"""postsealctl revoke: never what is served, by the account or by the certificate's key."""

import json

import pytest

from peers.crash import count_at, query
from peers.process import wait_until
from peers.tls import served_fingerprint

DOMAIN = "domain one.example {\n}\n"


def served(room, name="one.example"):
    return served_fingerprint(room.https_port, name, ca_file=room.pebble.root_file)


def ca_says(room, serial):
    """"Valid" or "Revoked"."""
    # Its serial numbers have no sign and no leading zeros.
    return json.loads(room.pebble.fetch(f"cert-status-by-serial/{serial.lstrip('0')}"))["Status"]


def key_of(daemon, serial):
    rows = query(
        daemon,
        "SELECT key_pem FROM certificate AS c JOIN certificate_pem AS p"
        " ON p.certificate_id = c.id WHERE serial = ?",
        serial,
    )
    return rows[0][0]


def waiting(daemon):
    return query(daemon, "SELECT count(*) FROM revocation WHERE state = 'waiting'")[0][0]


@pytest.fixture
def running(room):
    room.start_pebble()
    room.daemon = room.postseald(room.config(DOMAIN))
    room.daemon.wait_served("one.example")
    room.serial = room.daemon.slot("one.example")["serial"]
    return room


@pytest.mark.parametrize("reason", [None, "key-compromise"])
def test_replaced_then_revoked(running, reason):
    daemon, old = running.daemon, running.serial
    before, key = served(running), key_of(daemon, old)
    words = ["--reason", reason] if reason else []
    done = daemon.ctl("revoke", "one.example", "--yes", *words)
    assert done.returncode == 0 and "as soon as another one is served" in done.stdout, done
    wait_until(lambda: waiting(daemon) == 0, "the revocation", 30)
    slot = daemon.slot("one.example")
    assert slot["serial"] != old and slot["state"] == "served"
    assert served(running) != before
    assert key_of(daemon, slot["serial"]) != key
    assert ca_says(running, old) == "Revoked"
    assert ca_says(running, slot["serial"]) == "Valid"
    kinds = [event["kind"] for event in daemon.events()]
    assert kinds.index("revocation") < kinds.index("revoked")
    # Replaced and proven before it was revoked.
    assert [kind for kind in kinds if kind in ("served", "revoked")] == [
        "served", "served", "revoked",
    ]  # fmt: skip
    # Nothing of its key is kept for it.
    assert query(daemon, "SELECT key_pem, state FROM revocation") == [(None, "revoked")]
    assert count_at(running.pebble)["orders"] == 2
    assert daemon.ctl("status").returncode == 0


def test_one_that_was_replaced_before(running):
    daemon, old = running.daemon, running.serial
    assert daemon.renew("one.example").returncode == 0
    done = daemon.ctl("revoke", "--serial", old, "--reason", "superseded", "--yes")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: waiting(daemon) == 0, "the revocation")
    assert ca_says(running, old) == "Revoked"
    assert ca_says(running, daemon.slot("one.example")["serial"]) == "Valid"
    assert count_at(running.pebble)["orders"] == 2
    # Asked for once more: it is so already.
    assert daemon.ctl("revoke", "--serial", old, "--yes").returncode == 0
    wait_until(lambda: waiting(daemon) == 0, "the answer")
    assert "had been revoked" in daemon.events()[-1]["text"]


def test_while_the_ca_is_away(running):
    """What is served stays served and valid; status says what waits, and for what."""
    daemon = running.daemon
    before = served(running)
    running.pebble.stop()
    assert daemon.ctl("revoke", "one.example", "--yes").returncode == 0
    wait_until(lambda: daemon.slot("one.example")["attempts"] > 0, "the failed order", 60)
    done = daemon.ctl("status")
    lines = [line for line in done.stdout.splitlines() if "to be revoked" in line]
    assert len(lines) == 1 and "waits for its replacement" in lines[0], done.stdout
    assert served(running) == before
    assert daemon.stop() == 0
    daemon.start()
    assert waiting(daemon) == 1
    assert served(running) == before


@pytest.mark.parametrize(
    "words, code, text",
    [
        (["one.example"], 64, "say --yes"),
        (["--yes"], 64, "either NAME is wanted, or --serial"),
        (["one.example", "--serial", "00", "--yes"], 64, "either NAME is wanted"),
        (["two.example", "--yes"], 1, "two.example is no domain"),
        (["--serial", "beef", "--yes"], 1, "no certificate with the serial number beef"),
        (["--serial", "'; DROP TABLE slot --", "--yes"], 1, "is known here"),
        (["one.example", "--reason", "boredom", "--yes"], 1, "no reason is called boredom"),
    ],
)
def test_what_is_not_meant(running, words, code, text):
    done = running.daemon.ctl("revoke", *words)
    assert done.returncode == code and text in done.stderr, done.stderr
    assert query(running.daemon, "SELECT count(*) FROM revocation") == [(0,)]
