# SPDX-License-Identifier: GPL-3.0-or-later
"""The manager's loop: nothing in it holds up the others."""

import os
import signal

from peers.crash import count_at, query, wait_killed
from peers.process import list_children, wait_until

SLOW_USEC = 20000
DOMAINS = "".join(f"domain d{i}.example {{\n    names = mail.%d www.%d\n}}\n" for i in range(6))

# A build with sanitizers, or one that is watched by valgrind, is several times slower.
FACTOR = 10 if os.environ.get("POSTSEAL_VALGRIND") or os.environ.get("POSTSEAL_SLOW") else 1


RSA = "domain one.example {\n    key_type = rsa-4096\n}\n"


def loop_of(daemon):
    return daemon.status()["summary"]["loop"]


def is_never_slow(daemon, turns=100):
    """What was waited for within a system call holds up just as work does."""
    loop = loop_of(daemon)
    worst = loop["worst"]
    print(f"longest turn: {worst}")
    assert loop["turns"] > turns
    return max(worst["cpu_usec"], worst["held_usec"]) <= SLOW_USEC * FACTOR


def test_no_turn_is_long_while_certificates_are_ordered(room):
    """In one life of four at least: a disk that is busy with others holds up a commit now
    and then, and what we do ourselves would be slow in each."""
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAINS))
    for _ in range(4):
        daemon.wait_served(*[f"d{i}.example" for i in range(6)], timeout=60)
        for i in range(6):
            assert daemon.renew(f"d{i}.example").returncode == 0
        assert daemon.ctl("reload").returncode == 0
        if is_never_slow(daemon):
            return
        assert daemon.stop() == 0
        daemon.start()
    raise AssertionError("each life had a turn that was too long")


# --- RSA keys are made by a child ---------------------------------------------------------


def find_maker(daemon):
    """Its process that makes a key, or 0."""
    rows = list_children(daemon.process.pid)
    return next((pid for pid, command in rows if "--make-key" in command), 0)


def wait_maker(daemon):
    found = []

    def is_there():
        found[:] = [find_maker(daemon)]
        return found[0]

    wait_until(is_there, "a key under way", step=0.002)
    return found[0]


def test_no_turn_is_long_while_rsa_keys_are_made(room):
    room.start_pebble()
    authority = "    account_key_type = rsa-4096\n"
    config = room.config(RSA.replace("4096", "3072"), authority=authority)
    daemon = room.postseald(config)
    for _ in range(4):
        daemon.wait_served("one.example", timeout=90)
        assert daemon.renew("one.example", timeout=90).returncode == 0
        if is_never_slow(daemon, turns=30):
            return
        assert daemon.stop() == 0
        daemon.start()
    raise AssertionError("each life had a turn that was too long")


def test_killed_while_a_key_is_made(room):
    """The child goes with its manager; the next one makes another key, and one order."""
    room.start_pebble(PEBBLE_WFE_NONCEREJECT=0)
    daemon = room.postseald(room.config(RSA), start=False)
    daemon.start()
    maker = wait_maker(daemon)
    os.kill(daemon.process.pid, signal.SIGKILL)
    assert wait_killed(daemon)
    wait_until(lambda: maker not in dict(list_children(os.getpid())), "end of the child")
    assert query(daemon, "SELECT count(*) FROM acme_order") == [(0,)]
    daemon.start()
    daemon.wait_served("one.example", timeout=90)
    assert count_at(room.pebble)["orders"] == 1


def test_a_key_that_cannot_be_made_is_told(room):
    room.start_pebble()
    daemon = room.postseald(room.config(RSA))
    os.kill(wait_maker(daemon), signal.SIGKILL)
    row = daemon.wait_state("one.example", "failed")
    assert "no rsa-4096 key was made: " in row["error"]
    assert "was killed by signal 9 (Killed)" in row["error"]
    assert daemon.renew("one.example", timeout=90).returncode == 0
