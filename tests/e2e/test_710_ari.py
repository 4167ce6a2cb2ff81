# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA says when to renew (RFC 9773). Debian's Pebble does not know how; a newer one,
where there is one (go install github.com/letsencrypt/pebble/v2/cmd/pebble), does."""

import time

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
