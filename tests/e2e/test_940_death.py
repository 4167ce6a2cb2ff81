# SPDX-License-Identifier: GPL-3.0-or-later
"""The manager is killed, or executes itself anew: what is served goes on."""

import copy
import os
import re
import signal
import socket
import sqlite3
import threading
import time

import pytest

from peers.process import list_children, wait_until
from peers.tls import connect

DOMAIN = "domain one.example {\n}\ndomain two.example {\n}\n"


def fronts():
    """Process ids of all workers that are our descendants, whoever started them."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline", encoding="latin-1") as file:
                    if file.read().startswith("postseal-front: worker"):
                        found.append(int(entry))
            except OSError:
                pass
    return found


def workers_of(pid):
    return [child for child, command in list_children(pid) if "postseal-front" in command]


def draining(daemon):
    summary = daemon.status()["summary"]
    return summary["draining_workers"], summary["draining_connections"]


def start(room, drain="2s", workers=2):
    room.start_pebble()
    room.backend = room.start_backend(greeting=b"* OK\r\n")
    config = room.config(DOMAIN, room.backend.port, workers=workers)
    daemon = room.postseald(config.replace("drain_timeout = 2s", f"drain_timeout = {drain}"))
    daemon.wait_served("one.example", "two.example", timeout=60)
    room.daemon = daemon
    return daemon


@pytest.fixture
def running(room):
    start(room)
    return room


def talk(session, text):
    session.sendall(text)
    data = b""
    while len(data) < len(text):
        piece = session.recv(len(text) - len(data))
        assert piece, "the session was closed"
        data += piece
    assert data == text


def greeted(room, name="one.example"):
    session = connect(room.imaps_port, name, ca_file=room.pebble.root_file)
    data = b""
    while len(data) < len(b"* OK\r\n"):
        data += session.recv(6 - len(data))
    return session


class Visitor(threading.Thread):
    """Comes again and again; every failure is kept."""

    def __init__(self, room, name="one.example"):
        super().__init__(daemon=True)
        self.room = room
        self.name_wanted = name
        self.n = 0
        self.failures = []
        self.longest = 0.0
        self._end = threading.Event()

    def run(self):
        while not self._end.is_set():
            began = time.monotonic()
            try:
                with greeted(self.room, self.name_wanted) as session:
                    talk(session, b"x\r\n")
                self.n += 1
            except OSError as error:
                self.failures.append(f"{time.monotonic() - began:.3f} s: {error!r}")
            self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(0.01)

    def stop(self):
        self._end.set()
        self.join(30)
        return self.failures


def kill_manager(daemon):
    """The manager alone; its workers become orphans."""
    orphans = workers_of(daemon.process.pid)
    daemon.process.kill()
    return orphans


# --- killed ---------------------------------------------------------------------------


def test_sessions_outlive_the_manager(running):
    daemon = running.daemon
    session = greeted(running)
    orphans = kill_manager(daemon)
    assert len(orphans) == 2
    talk(session, b"without a manager\r\n")
    # A context that is cached serves new connections, too.
    with greeted(running):
        pass
    daemon.start()
    talk(session, b"with another\r\n")
    wait_until(lambda: draining(daemon) == (1, 1), "one worker that drains")
    text = daemon.ctl("status").stdout
    assert "1 worker of an earlier manager is draining, 1 sessions" in text, text
    talk(session, b"and still\r\n")
    session.close()
    wait_until(lambda: draining(daemon)[0] == 0, "the end of the last")
    assert daemon.stop() == 0


def test_draining_is_bounded(running):
    """drain_timeout counts from the new manager's readiness."""
    daemon = running.daemon
    session = greeted(running)
    kill_manager(daemon)
    daemon.start()
    began = time.monotonic()
    assert session.recv(1) == b""
    assert 1.0 < time.monotonic() - began < 8.0
    wait_until(lambda: draining(daemon)[0] == 0, "the end of the last")


def test_lookup_waits_for_the_new_manager(room):
    """A known name that no worker has in its cache: the client waits, and is served."""
    daemon = start(room, workers=1)
    daemon.process.send(signal.SIGTERM)
    daemon.process.wait(20)
    daemon.start()  # with an empty cache
    kill_manager(daemon)
    came = {}

    def visit():
        with greeted(room, "two.example") as session:
            came["name"] = session.getpeercert()["subjectAltName"]

    thread = threading.Thread(target=visit, daemon=True)
    thread.start()
    time.sleep(0.5)
    assert not came
    daemon.start()
    thread.join(20)
    assert came["name"] == (("DNS", "two.example"),)


def test_stop_right_after_a_restart(running):
    """Nobody has come yet when the stop is wanted: it waits for those."""
    daemon = running.daemon
    orphans = kill_manager(daemon)
    daemon.start(wait=False)
    time.sleep(0.05)
    assert daemon.stop() == 0
    left = [pid for pid in orphans if pid in fronts()]
    assert left == []
    assert not os.path.exists(os.path.join(daemon.run_dir, "link"))


def test_stop_drains_orphans(running):
    daemon = running.daemon
    session = greeted(running)
    orphans = kill_manager(daemon)
    daemon.start()
    daemon.process.send(signal.SIGTERM)
    time.sleep(0.5)
    talk(session, b"one last thing\r\n")
    assert session.recv(1) == b""
    assert daemon.process.wait(20) == 0
    assert not [pid for pid in orphans if pid in fronts()]


def test_second_stop_ends_orphans_at_once(room):
    daemon = start(room, drain="60s")
    session = greeted(room)
    orphans = kill_manager(daemon)
    daemon.start()
    wait_until(lambda: draining(daemon) == (1, 1), "one that drains")
    daemon.process.send(signal.SIGTERM)
    time.sleep(0.3)
    talk(session, b"x\r\n")
    assert daemon.stop(timeout=10) == 0
    assert not [pid for pid in orphans if pid in fronts()]
    session.close()


def test_start_that_fails_leaves_orphans_alone(running):
    """The workers serve until a configuration is found that can be read."""
    daemon = running.daemon
    kill_manager(daemon)
    good = daemon.config()
    daemon.write(good + "wrokers = 3\n")
    daemon.start(wait=False)
    assert daemon.process.wait(20) == 78
    with greeted(running):
        pass
    daemon.write(good)
    daemon.start()
    with greeted(running):
        pass


def test_listener_is_gone_after_the_death(running):
    """The new configuration has another port: the old one is closed, as by a reload."""
    daemon = running.daemon
    kill_manager(daemon)
    port = running.ports.take()
    daemon.replace(f"127.0.0.1:{running.imaps_port}\n", f"127.0.0.1:{port}\n")
    daemon.start()

    def is_refused():
        try:
            socket.create_connection(("127.0.0.1", running.imaps_port), timeout=2).close()
            return False
        except ConnectionRefusedError:
            return True

    wait_until(is_refused, "the old port closed")
    running.imaps_port = port
    with greeted(running):
        pass


def test_a_stranger_at_the_rendezvous(running):
    """Whoever connects and says nothing of use is no worker, and harms none."""
    daemon = running.daemon
    path = os.path.join(daemon.run_dir, "link")
    assert oct(os.stat(path).st_mode)[-4:] == "0600"
    for text in (b"", b"\0\0\0\x05\0\x42\x01\0", os.urandom(64)):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(path)
            stranger.sendall(text)
            time.sleep(0.1)
    assert draining(daemon) == (0, 0)
    assert daemon.stop() == 0


# --- many times -------------------------------------------------------------------------


def kill_many(room, kills, sessions):
    daemon = start(room, drain="600s")
    live = [greeted(room) for _ in range(sessions)]
    visitor = Visitor(room)
    visitor.start()
    for i in range(kills):
        kill_manager(daemon)
        daemon.start()
        for k in range(i % 7, sessions, 7):
            talk(live[k], b"still here\r\n")
    failures = visitor.stop()
    lost = 0
    for session in live:
        try:
            talk(session, b"to the end\r\n")
            session.close()
        except (OSError, AssertionError):
            lost += 1
    print(
        f"{kills} kills of the manager under {sessions} live sessions: {lost} sessions lost, "
        f"{visitor.n} new connections meanwhile, {len(failures)} of them failed, "
        f"the longest took {visitor.longest:.2f} s"
    )
    assert lost == 0
    assert failures == []
    wait_until(lambda: draining(daemon)[0] == 0, "the end of all orphans", timeout=30)
    assert daemon.stop() == 0


def test_five_kills(room):
    kill_many(room, kills=5, sessions=100)


@pytest.mark.long
@pytest.mark.parametrize("kills, sessions", [(50, 500), (3, 2000)])
def test_many_kills(room, kills, sessions):
    kill_many(room, kills, sessions)


# --- upgrade ------------------------------------------------------------------------------


class Installed:
    """A program of one's own, over which another build can be installed."""

    def __init__(self, room):
        self.room = room
        self.real = room.programs.daemon
        self.path = os.path.join(room.folder, "postseald")
        self.install()

    def install(self, data=None):
        """As `make install`: another file at the same place."""
        if data is None:
            with open(self.real, "rb") as file:
                data = file.read()
        new = self.path + ".new"
        with open(new, "wb") as file:
            file.write(data)
        os.chmod(new, 0o755)
        os.rename(new, self.path)


@pytest.fixture
def upgradable(room):
    """The running one was started from a file that may be replaced."""
    room.installed = Installed(room)
    room.programs = copy.copy(room.programs)
    room.programs.daemon = room.installed.path
    start(room, drain="600s")
    return room


def image_of(daemon):
    state = os.stat(f"/proc/{daemon.process.pid}/exe", follow_symlinks=True)
    return state.st_ino


def test_upgrade(upgradable):
    """Same process, another program; no session ends, nobody is refused."""
    daemon = upgradable.daemon
    live = [greeted(upgradable) for _ in range(20)]
    old_workers = workers_of(daemon.process.pid)
    visitor = Visitor(upgradable)
    visitor.start()
    for _ in range(3):
        upgradable.installed.install()
        before = len(daemon.messages)
        done = daemon.ctl("upgrade")
        assert done.returncode == 0, done.stderr + daemon.log_tail()
        assert re.search(r"postseal \S+ runs now, in place of \S+", done.stdout)
        assert daemon.is_running()
        told = "\n".join(daemon.messages[before:])
        assert told.index("RELOADING=1") < told.index("READY=1")
        for session in live:
            talk(session, b"still here\r\n")
    failures = visitor.stop()
    print(f"3 upgrades under {len(live)} sessions: {visitor.n} new connections meanwhile, "
          f"{len(failures)} failed, the longest took {visitor.longest:.2f} s")  # fmt: skip
    assert failures == []
    wait_until(lambda: draining(daemon)[1] == 20, "all of them counted")
    assert daemon.status()["summary"]["uptime_usec"] < 60e6
    for session in live:
        session.close()
    wait_until(lambda: draining(daemon)[0] == 0, "the end of all old workers")
    # They were children of the same process: each was reaped.
    assert not [pid for pid in old_workers if os.path.exists(f"/proc/{pid}")]
    assert len(workers_of(daemon.process.pid)) == 2
    assert any(row["kind"] == "upgrade" for row in daemon.events())
    assert daemon.stop() == 0


def refused(upgradable, words):
    daemon = upgradable.daemon
    workers = workers_of(daemon.process.pid)
    uptime = daemon.status()["summary"]["uptime_usec"]
    with greeted(upgradable) as session:
        done = daemon.ctl("upgrade")
        assert done.returncode == 1
        assert words in done.stderr and "what runs goes on" in done.stderr, done.stderr
        talk(session, b"nothing happened\r\n")
    assert workers_of(daemon.process.pid) == workers
    assert daemon.status()["summary"]["uptime_usec"] > uptime


def test_upgrade_to_a_build_that_refuses(upgradable):
    upgradable.installed.install(b"#!/bin/sh\necho cannot read your letters >&2\nexit 1\n")
    refused(upgradable, "the new build refuses: cannot read your letters")


def test_upgrade_to_no_program(upgradable):
    upgradable.installed.install(b"")
    refused(upgradable, "the new build")
    os.unlink(upgradable.installed.path)
    refused(upgradable, "the new build")


def test_upgrade_with_a_configuration_that_is_wrong(upgradable):
    daemon = upgradable.daemon
    good = daemon.config()
    daemon.write(good + "wrokers = 3\n")
    refused(upgradable, "wrokers")
    daemon.write(good)
    assert daemon.ctl("upgrade").returncode == 0


def test_upgrade_with_a_newer_database(upgradable):
    """As if the build that is installed were older than the one that runs."""
    daemon = upgradable.daemon
    with sqlite3.connect(daemon.database) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        database.execute("PRAGMA user_version = 9999")
    refused(upgradable, "schema 9999")
    with sqlite3.connect(daemon.database) as database:
        database.execute(f"PRAGMA user_version = {version}")
    database.close()
    assert daemon.ctl("upgrade").returncode == 0


def test_stop_after_an_upgrade_leaves_nothing(upgradable):
    daemon = upgradable.daemon
    session = greeted(upgradable)
    daemon.replace("drain_timeout = 600s", "drain_timeout = 1s")
    assert daemon.ctl("upgrade").returncode == 0
    assert daemon.stop() == 0
    assert session.recv(1) == b""
    assert list_children(daemon.process.pid) == []
