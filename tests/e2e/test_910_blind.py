# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at the Nth of each system call of one issuance, wherever that may be.

strace counts the calls of the manager alone: its children are not followed.
"""

import os
import re
import shutil
import subprocess

import pytest

from peers.crash import check_issued, count_at, end_orphans, query
from peers.process import wait_until

DOMAIN = "domain one.example {\n}\n"
# With a set of calls strace counts each by itself; so it is one call at a time.
CALLS = [
    "pwrite64", "fdatasync", "fsync", "ftruncate", "openat", "unlink", "unlinkat", "rename",
    "renameat2", "linkat", "write", "writev", "sendto", "sendmsg", "recvfrom", "recvmsg",
    "connect", "accept4", "close", "epoll_ctl", "socket", "getrandom",
]  # fmt: skip
# As a grandchild, so that the daemon itself is ours to wait for.
STRACE = ["strace", "-D", "-o"]
SHORT = 24
LONG = 400


def count_calls(room, daemon):
    """{call: how often} of a whole issuance without a kill."""
    path = os.path.join(room.folder, "calls")
    # LeakSanitizer needs what strace has taken.
    daemon.env["ASAN_OPTIONS"] = "detect_leaks=0:exitcode=23"
    daemon.wrapper = [*STRACE, path, "-c", "-e", "trace=" + ",".join(CALLS)]
    daemon.start()
    daemon.wait_served("one.example", timeout=30)
    daemon.stop()
    daemon.wrapper = []
    wait_until(lambda: os.path.getsize(path), "strace's summary")
    with open(path, encoding="utf-8") as file:
        rows = [line.split() for line in file if re.match(r"\s*[\d.]+\s", line)]
    # Some of them belong to the end.
    return {row[-1]: int(row[3]) * 4 // 5 or 1 for row in rows if row[-1] in CALLS}


def choose(counts, wanted):
    """(call, N): of each call in turn, spread over its whole range."""
    share = {call: 0 for call in counts}
    while sum(share.values()) < min(wanted, sum(counts.values())):
        open_calls = [call for call in counts if share[call] < counts[call]]
        for call in open_calls:
            if sum(share.values()) < wanted:
                share[call] += 1
    for call, n in share.items():
        for i in range(n):
            yield call, 1 + (2 * i + 1) * counts[call] // (2 * n)


def forget(room, daemon):
    """A first start again; what the CA has counted before it."""
    shutil.rmtree(daemon.state_dir, ignore_errors=True)
    os.unlink(daemon.log_path)
    return count_at(room.pebble)


def count_since(room, before):
    return {what: n - before[what] for what, n in count_at(room.pebble).items()}


def start_and_die(daemon, call, number):
    """True: it was killed there."""
    daemon.wrapper = [
        *STRACE, "/dev/null", "-e", f"trace={call}",
        "-e", f"inject={call}:signal=SIGKILL:when={number}",
    ]  # fmt: skip
    daemon.start(wait=False)
    wait_until(
        lambda: not daemon.is_running() or is_served(daemon), "its end or success", 30, 0.02
    )
    killed = not daemon.is_running()
    if not killed:
        daemon.stop()
    daemon.wrapper = []
    end_orphans()
    return killed


def is_served(daemon):
    return "is served, valid until" in daemon.log()


def has_sent_new_order(daemon):
    """Then its answer may be lost with us, and one order at the CA be an orphan."""
    if not os.path.exists(daemon.database):
        return False
    try:
        rows = query(daemon, "SELECT count(*) FROM acme_order WHERE sent_usec > 0 AND url IS NULL")
    except Exception:  # pylint: disable=broad-except
        return False  # killed before there were tables
    return rows[0][0] > 0


def sweep(room, wanted):
    """How many kills there were."""
    room.start_pebble(PEBBLE_WFE_NONCEREJECT=0)
    room.is_forgetful = True
    daemon = room.postseald(room.config(DOMAIN), start=False)
    counts = count_calls(room, daemon)
    kills = 0
    for call, number in choose(counts, wanted):
        before = forget(room, daemon)
        killed = start_and_die(daemon, call, number)
        orphans = int(killed and has_sent_new_order(daemon))
        daemon.start()
        daemon.wait_served("one.example", timeout=30)
        try:
            counted = count_since(room, before)
            check_issued(room, daemon, "one.example", orphans, counted)
        except AssertionError as error:
            raise AssertionError(f"killed at {call} {number}: {error}") from error
        daemon.stop()
        kills += killed
    print(f"{kills} kills at {len(counts)} system calls: {counts}")
    return kills


@pytest.mark.slow
def test_killed_at_any_system_call(room):
    assert sweep(room, SHORT) >= SHORT * 3 // 4


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_killed_at_many_system_calls(room, part):
    """A few are not reached: a run is not the same twice."""
    assert sweep(room, LONG // 4 + 10 + part) >= LONG // 4
