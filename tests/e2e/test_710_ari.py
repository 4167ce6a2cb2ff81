# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA says when to renew (RFC 9773). Debian's Pebble does not know how; a newer one,
where there is one (go install github.com/letsencrypt/pebble/v2/cmd/pebble), does."""

import json
import sqlite3
import ssl
import time
import urllib.request

import pytest

from peers.pebble import find_newer
from peers.process import wait_until

DOMAIN = "domain one.example {\n}\n"

needs_ari = pytest.mark.skipif(
    find_newer() is None, reason="no Pebble with ARI on the PATH: Debian's has none"
)


def due_in(slot):
    due = time.mktime(time.strptime(slot["due"][:19], "%Y-%m-%dT%H:%M:%S"))
    return due - time.mktime(time.gmtime())


@needs_ari
def test_the_ca_is_asked_and_asked_again(room):
    room.start_pebble(binary=find_newer())
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    wait_until(
        lambda: room.pebble.count("/draft-ietf-acme-ari") + room.pebble.count("enewal"),
        "the question at Pebble",
    )
    # the lifetime would say years; the CA's Retry-After says some hours
    wait_until(lambda: 60 < due_in(daemon.slot("one.example")) <= 86400, "its answer")


@needs_ari
def test_renew_before_is_the_operators_word(room):
    room.start_pebble(binary=find_newer())
    daemon = room.postseald(room.config(DOMAIN, policy="    renew_before = 20d\n"))
    daemon.wait_served("one.example", timeout=60)
    assert due_in(daemon.slot("one.example")) > 86400


def test_without_ari_the_lifetime_decides(room):
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    assert due_in(daemon.slot("one.example")) > 86400


def wait_answered(daemon):
    """The lifetime would say years."""
    wait_until(lambda: 60 < due_in(daemon.slot("one.example")) <= 86400, "the CA's answer")


def query(daemon, text):
    with sqlite3.connect(daemon.database) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(text)]


@needs_ari
def test_the_moment_outlives_a_kill(room):
    room.start_pebble(binary=find_newer())
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    wait_answered(daemon)
    [before] = query(daemon, "SELECT * FROM renewal")
    assert before["window_start_usec"] <= before["moment_usec"] < before["window_end_usec"]
    daemon.kill()
    daemon.start()
    daemon.wait_served("one.example", timeout=60)
    time.sleep(1)
    assert query(daemon, "SELECT * FROM renewal") == [before]


@needs_ari
def test_a_renewal_says_what_it_replaces(room):
    """Pebble refuses `replaces` of what it does not know, and of what was replaced."""
    room.start_pebble(binary=find_newer())
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    for count in range(1, 4):
        done = daemon.renew("one.example")
        assert done.returncode == 0, done.stderr
        assert room.pebble.count("is a replacement of") == count
    assert room.pebble.count("already has a replacement order") == 0


@needs_ari
def test_what_is_replaced_already_is_ordered_all_the_same(room):
    """Put back to a state before the renewal, as from an old backup."""
    room.start_pebble(binary=find_newer())
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    wait_answered(daemon)
    [old] = query(daemon, "SELECT certificate_id FROM slot")
    assert daemon.renew("one.example").returncode == 0
    daemon.kill()
    query(daemon, f"UPDATE slot SET certificate_id = {old['certificate_id']}")
    daemon.start()
    assert daemon.renew("one.example").returncode == 0
    assert room.pebble.count("is a replacement of") == 1
    assert daemon.slot("one.example")["attempts"] == 0


def set_window(room, chain, answer):
    """At Pebble's management: what it says of that certificate from now on."""
    context = ssl.create_default_context(cafile=room.local_ca.ca_file)
    request = urllib.request.Request(
        f"https://127.0.0.1:{room.pebble.management_port}/set-renewal-info/",
        data=json.dumps({"certificate": chain, "ariResponse": json.dumps(answer)}).encode(),
    )
    with urllib.request.urlopen(request, timeout=10, context=context):
        pass


@needs_ari
def test_a_window_in_the_past_means_now(room):
    """Made as if it were some hours old: a new one is not renewed that soon."""
    room.start_pebble(binary=find_newer())
    daemon = room.postseald(room.config(DOMAIN))
    first = daemon.wait_served("one.example", timeout=60)[0]
    daemon.kill()
    [row] = query(daemon, "SELECT chain_pem FROM certificate_pem")
    time.sleep(1.1)  # or the next one would not end later
    now = time.time()
    window = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - ago)) for ago in (60, 30)]
    set_window(
        room,
        row["chain_pem"],
        {
            "suggestedWindow": {"start": window[0], "end": window[1]},
            "explanationURL": "https://ca.example/incident",
        },
    )
    query(daemon, "UPDATE certificate SET issued_usec = 0")
    query(daemon, "UPDATE renewal SET ask_again_usec = 0")
    query(daemon, "UPDATE slot SET due_usec = 0")
    daemon.start()
    wait_until(
        lambda: daemon.slot("one.example")["serial"] != first["serial"],
        "a renewal",
        timeout=20,
    )
    assert any("https://ca.example/incident" in event["text"] for event in daemon.events())
