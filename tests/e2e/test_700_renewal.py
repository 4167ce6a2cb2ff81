# SPDX-License-Identifier: GPL-3.0-or-later
"""Renewals: by hand, by time, under connections; and never worse than before."""

import os
import threading
import time

import pytest

from peers.process import wait_until
from peers.tls import connect, served_fingerprint

DOMAIN = "domain one.example {\n}\n"


def served(room):
    return served_fingerprint(room.https_port, "one.example", ca_file=room.pebble.root_file)


@pytest.mark.smoke
def test_hot_swap_with_live_connections(room):
    room.start_pebble()
    backend = room.start_backend(greeting=b"* OK\r\n")
    daemon = room.postseald(room.config(DOMAIN, backend.port, workers=2))
    daemon.wait_served("one.example", timeout=60)
    live = [connect(room.imaps_port, "one.example") for _ in range(8)]
    before = served(room)
    for _ in range(3):
        done = daemon.renew("one.example")
        assert done.returncode == 0, done.stderr
    assert served(room) != before
    for connection in live:
        connection.sendall(b"still here\r\n")
        data = b""
        while not data.endswith(b"still here\r\n"):
            data += connection.recv(100)
        connection.close()


def test_each_worker_serves_the_new_one(room):
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN, workers=4))
    daemon.wait_served("one.example", timeout=60)
    assert daemon.renew("one.example").returncode == 0
    wanted = daemon.slot("one.example")["fingerprint"]
    assert {served(room) for _ in range(40)} == {wanted}


@pytest.mark.parametrize("swaps", [5, pytest.param(500, marks=pytest.mark.long)])
def test_no_handshake_fails_meanwhile(room, swaps, record_property):
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN, workers=2))
    daemon.wait_served("one.example", timeout=60)
    problems = []
    count = [0]
    done = threading.Event()
    seen = set()

    def shake():
        while not done.is_set():
            try:
                seen.add(served(room))
                count[0] += 1
            except Exception as error:  # pylint: disable=broad-except
                problems.append(repr(error))

    threads = [threading.Thread(target=shake) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(swaps):
        assert daemon.renew("one.example").returncode == 0
    done.set()
    for thread in threads:
        thread.join()
    print(f"{swaps} swaps under {count[0]} handshakes, {len(problems)} of them failed")
    record_property("handshakes", count[0])
    assert problems == []
    assert len(seen) >= swaps * 3 // 4


def test_not_due_is_refused(room):
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN))
    before = daemon.wait_served("one.example", timeout=60)[0]
    done = daemon.ctl("renew", "one.example", "--wait")
    assert done.returncode == 1
    assert "--force" in done.stderr + done.stdout
    assert daemon.slot("one.example")["serial"] == before["serial"]


def test_unknown_domain(room):
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN))
    assert daemon.ctl("renew", "nowhere.example").returncode == 1


def test_by_time(room):
    """A certificate of twenty seconds is renewed after half of them."""
    room.start_pebble(validity=20)
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    before = served(room)
    wait_until(lambda: served(room) != before, "a renewal", timeout=20, step=0.5)
    daemon.wait_served("one.example")
    assert daemon.slot("one.example")["attempts"] == 0


def test_due_time_of_a_long_one(room):
    """A third of the lifetime is left, less the jitter."""
    room.start_pebble(validity=90 * 86400)
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    slot = daemon.slot("one.example")
    left = parse_time(slot["not_after"]) - parse_time(slot["due"])
    assert 30 * 86400 - 60 <= left <= 32 * 86400


def parse_time(text):
    return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


def test_renew_before(room):
    room.start_pebble(validity=90 * 86400)
    daemon = room.postseald(room.config(DOMAIN, policy="    renew_before = 60d\n"))
    daemon.wait_served("one.example", timeout=60)
    slot = daemon.slot("one.example")
    left = parse_time(slot["not_after"]) - parse_time(slot["due"])
    assert 60 * 86400 - 60 <= left <= 62 * 86400


def test_failed_renewal_leaves_what_is_served(room):
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    before = served(room)
    room.pebble.stop()
    assert daemon.renew("one.example").returncode == 1
    assert daemon.slot("one.example")["state"] == "failed"
    assert served(room) == before


def test_changed_names_are_ordered(room):
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN))
    first = daemon.wait_served("one.example", timeout=60)[0]
    daemon.replace(DOMAIN, "domain one.example {\n    names = %d new.%d\n}\n")
    assert daemon.ctl("reload").returncode == 0

    def is_new():
        slot = daemon.slot("one.example")
        return slot["state"] == "served" and slot["serial"] != first["serial"]

    wait_until(is_new, "a certificate with both names", timeout=30)
    with connect(room.https_port, "new.one.example", ca_file=room.pebble.root_file):
        pass


def test_certificate_outlives_a_restart(room):
    """Nothing is asked of the CA after a start with what is in the store."""
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    before = served(room)
    assert daemon.stop() == 0
    orders = room.pebble.count("There are now")
    room.pebble.process.kill()
    daemon.start()
    daemon.wait_served("one.example")
    assert served(room) == before
    assert room.pebble.count("There are now") == orders


def test_removed_domain_is_no_longer_served(room):
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN + "domain two.example {\n}\n"))
    daemon.wait_served("one.example", "two.example", timeout=60)
    daemon.replace("domain two.example {\n}\n", "")
    assert daemon.ctl("reload").returncode == 0
    assert daemon.slots("two.example") == []
    wait_until(
        lambda: served_fingerprint(room.https_port, "two.example") == served(room),
        "the default certificate",
    )


def test_database_has_no_key_in_clear_names(room):
    """Nobody but the owner can look into the state folder."""
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    assert os.stat(daemon.database).st_mode & 0o777 == 0o600
