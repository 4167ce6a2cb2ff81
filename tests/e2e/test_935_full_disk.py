# SPDX-License-Identifier: GPL-3.0-or-later
"""A state directory that is full, read-only or broken while it runs, or at the start:
what is served stays, nothing is ordered, one line says so, and a minute after it is well
all goes on by itself."""

import contextlib
import os
import subprocess
import time

import pytest

from peers.crash import count_at, query
from peers.process import wait_until
from peers.tls import served_fingerprint

DOMAIN = "domain one.example {\n}\n"
TWO = "domain two.example {\n}\n"
# A probe each ten seconds, and a look at the database each twenty.
RECOVERY = 60


@pytest.fixture
def disk(room):
    """A small file system of its own below the state directory."""
    path = os.path.join(room.folder, "state")
    os.mkdir(path, 0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=0700", "none", path], check=True)
    yield Disk(room, path)
    for daemon in room.daemons:
        if daemon.is_running():
            daemon.stop()
    subprocess.run(["umount", path], check=True)


class Disk:
    def __init__(self, room, path):
        self.room = room
        self.path = path
        self._filler = os.path.join(path, "filler")

    def fill(self):
        with open(self._filler, "wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(b"-" * 4096):
                    pass
        assert os.statvfs(self.path).f_bavail == 0

    def make_room(self):
        os.unlink(self._filler)

    def remount(self, how):
        subprocess.run(["mount", "-o", f"remount,{how}", self.path], check=True)


def served(room, name="one.example"):
    return served_fingerprint(room.https_port, name, ca_file=room.pebble.root_file)


def start(room, domains=DOMAIN, **how):
    room.start_pebble(**how)
    daemon = room.postseald(room.config(domains))
    daemon.wait_served("one.example")
    return daemon


def alarms(daemon, text):
    done = daemon.ctl("status")
    told = [line for line in done.stdout.splitlines() if line.startswith("alarm: ")]
    lines = [line for line in told if text in line]
    assert done.returncode == 2 and len(lines) == 1, done.stdout
    return lines[0]


def is_well(daemon):
    return daemon.ctl("status").returncode == 0


def is_traced(daemon):
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as file:
        return "TracerPid:\t0\n" not in file.read()


def expect_nothing_ordered(room, daemon, text):
    """Also when it is asked for, and for long enough that a loop would show."""
    before, fingerprint = count_at(room.pebble), served(room)
    for _ in range(3):
        done = daemon.ctl("renew", "one.example", "--force", "--wait")
        assert done.returncode == 1 and text in done.stderr, done.stderr
        time.sleep(0.5)
    assert count_at(room.pebble) == before
    assert served(room) == fingerprint


def test_full_while_it_runs(room, disk):
    daemon = start(room)
    disk.fill()
    done = daemon.renew("one.example")
    assert done.returncode == 1 and "status tells why" in done.stderr, done.stderr
    expect_nothing_ordered(room, daemon, "disk full")
    assert "what is served stays" in alarms(daemon, "disk full")
    # A reload would have to be remembered.
    daemon.write(daemon.config() + TWO)
    done = daemon.ctl("reload")
    assert done.returncode == 1 and "disk full" in done.stderr
    assert query(daemon, "SELECT count(*) FROM slot") == [(1,)]
    fingerprint = served(room)
    disk.make_room()
    wait_until(lambda: is_well(daemon), "recovery", RECOVERY)
    told = [event for event in daemon.events() if event["kind"] == "store"]
    assert "can be written again" in told[-1]["text"]
    assert daemon.ctl("reload").returncode == 0
    daemon.wait_served("one.example", "two.example")
    assert daemon.renew("one.example").returncode == 0
    assert served(room) != fingerprint
    assert query(daemon, "SELECT count(*) FROM account") == [(1,)]


def test_full_in_the_midst_of_an_order(room, disk):
    """The one order goes on with the one key."""
    room.start_pebble(PEBBLE_VA_NOSLEEP="", PEBBLE_VA_SLEEPTIME="4")
    daemon = room.postseald(room.config(DOMAIN))
    wait_until(lambda: room.pebble.count("Added order") == 1, "the order")
    disk.fill()
    wait_until(lambda: daemon.ctl("status").returncode == 2, "the alarm", 30)
    alarms(daemon, "disk full")
    time.sleep(2)
    disk.make_room()
    daemon.wait_served("one.example", timeout=RECOVERY)
    counted = count_at(room.pebble)
    assert counted["accounts"] == 1 and counted["orders"] == 1, counted
    assert counted["certificates"] == 1, counted
    assert is_well(daemon)


def test_full_at_the_start(room, disk):
    daemon = start(room)
    fingerprint = served(room)
    assert daemon.stop() == 0
    disk.fill()
    daemon.start()
    assert served(room) == fingerprint
    expect_nothing_ordered(room, daemon, "")
    assert daemon.ctl("status").returncode == 2
    disk.make_room()
    wait_until(lambda: is_well(daemon), "recovery", RECOVERY)
    assert served(room) == fingerprint
    assert daemon.renew("one.example").returncode == 0


def test_read_only_at_the_start(room, disk):
    """The manager that serves from its copy takes the database by itself."""
    daemon = start(room)
    fingerprint = served(room)
    assert daemon.stop() == 0
    disk.remount("ro")
    daemon.start()
    assert served(room) == fingerprint
    expect_nothing_ordered(room, daemon, "Read-only file system")
    alarms(daemon, "last good copy")
    disk.remount("rw")
    wait_until(lambda: is_well(daemon), "recovery", RECOVERY)
    assert any(event["kind"] == "rescue" for event in daemon.events())
    assert daemon.renew("one.example").returncode == 0


@pytest.mark.parametrize(
    "calls, error, text",
    [
        ("pwrite64", "EIO", "input or output error"),
        ("fdatasync,fsync", "EIO", "input or output error"),
        ("pwrite64", "EROFS", "input or output error"),
    ],
)
def test_broken_while_it_runs(room, calls, error, text):
    """Each of its writes is refused by the kernel."""
    daemon = start(room)
    fingerprint = served(room)
    before = count_at(room.pebble)
    inject = f"inject={calls}:error={error}"
    with subprocess.Popen(
        ["strace", "-q", "-o", "/dev/null", "-p", str(daemon.process.pid),
         "-e", f"trace={calls}", "-e", inject],
    ) as strace:  # fmt: skip
        try:
            wait_until(lambda: is_traced(daemon), "strace")
            assert daemon.renew("one.example").returncode == 1
            expect_nothing_ordered(room, daemon, text)
            alarms(daemon, text)
            assert count_at(room.pebble) == before
        finally:
            strace.terminate()
    assert served(room) == fingerprint
    wait_until(lambda: is_well(daemon), "recovery", RECOVERY)
    assert daemon.renew("one.example").returncode == 0
    assert query(daemon, "SELECT count(*) FROM account") == [(1,)]
