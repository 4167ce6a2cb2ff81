# SPDX-License-Identifier: GPL-3.0-or-later
"""A room for each test: a folder, ports and programs of its own, and what must hold of
every test, whatever it is about."""

import glob
import os
import re
import shutil
import signal
import sqlite3
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "ca"))

import invariants  # noqa: E402

from peers.backend import Backend  # noqa: E402
from peers.dovecot import Dovecot  # noqa: E402
from peers.pebble import Challtestsrv, Pebble  # noqa: E402
from peers.ports import reserve  # noqa: E402
from peers.postseal import Postseald, Programs  # noqa: E402
from peers.process import (  # noqa: E402
    PeerError,
    become_subreaper,
    list_children,
    tail,
    wait_until,
)
from peers.tls import LocalCa  # noqa: E402

TROUBLE = re.compile(
    r"AddressSanitizer|LeakSanitizer|runtime error:|PRIVATE KEY|Assertion .* failed"
    r"|double free|stack smashing"
)

# What valgrind itself lacks: pidfd_open, without which we manage, too.
VALGRIND_LACKS = re.compile(
    r"(--\d+-- WARNING: unhandled amd64-linux syscall: 434\n(--\d+-- .*\n){4})"
)


def pytest_configure(config):
    config.addinivalue_line("markers", "smoke: the few that run under valgrind, too")
    config.addinivalue_line("markers", "slow: left out by ./runtests --quick")
    config.addinivalue_line("markers", "long: only with ./runtests --long")
    become_subreaper()


@pytest.fixture(scope="session")
def programs():
    found = Programs()
    assert os.path.exists(found.daemon), f"{found.daemon} is not there: ./runtests builds it"
    return found


@pytest.fixture(scope="session")
def local_ca(tmp_path_factory):
    return LocalCa(str(tmp_path_factory.mktemp("ca")))


@pytest.fixture(scope="session")
def ports():
    return reserve()


class Room:
    """What one test has around it."""

    def __init__(self, folder, programs, local_ca, ports):
        self.folder = folder
        self.programs = programs
        self.local_ca = local_ca
        self.ports = ports
        self.http_port = ports.take()
        self.https_port = ports.take()
        self.imaps_port = ports.take()
        self.dns = None
        self.pebble = None
        self.ca = None  # one of our own instead
        self.is_forgetful = False  # the test takes its state from a daemon
        self.is_damaged = False  # or spoils it
        self.daemons = []
        self._to_stop = []
        self._others = {pid for pid, _ in list_children(os.getpid())}

    # --- peers ---------------------------------------------------------------------

    def start_pebble(self, **how):
        self.dns = how.pop("dns", None)
        if not self.dns:
            self.dns = Challtestsrv(self.folder, self.ports)
            self._to_stop.append(self.dns)
        self.pebble = Pebble(
            self.folder, self.ports, self.local_ca, self.dns,
            self.http_port, self.https_port, **how,
        )  # fmt: skip
        self._to_stop.append(self.pebble)
        return self.pebble

    def start_dovecot(self, **how):
        folder = os.path.join(self.folder, "dovecot")
        os.makedirs(folder, mode=0o755)
        dovecot = Dovecot(folder, self.ports, **how)
        self._to_stop.append(dovecot)
        return dovecot

    def start_backend(self, kind=Backend, **how):
        backend = kind(self.ports, **how)
        self._to_stop.append(backend)
        return backend

    # --- postseald --------------------------------------------------------------------

    def base_config(self, workers=1):
        return (
            f"state_directory = {self.folder}/state\n"
            f"run_directory = {self.folder}/run\n"
            f"workers = {workers}\n"
            "log_level = debug\n"
            "drain_timeout = 2s\n"
        )

    def authority(self, name="pebble", directory=None, ca_file=None, more=""):
        return (
            f"authority {name} {{\n"
            f"    directory = {directory or self.pebble.directory}\n"
            "    agree_to_terms = yes\n"
            f"    ca_file = {ca_file or self.local_ca.ca_file}\n"
            f"{more}}}\n"
        )

    def listeners(self, backend_port=None, more="", imaps=""):
        """http, https, and imaps if there is a backend."""
        text = (
            f"listener http {{\n    address = 127.0.0.1:{self.http_port}\n"
            "    protocol = http\n    tls = none\n"
            f"    redirect_port = {self.https_port}\n}}\n"
            f"listener https {{\n    address = 127.0.0.1:{self.https_port}\n"
            f"    protocol = https\n{more}}}\n"
        )
        if backend_port:
            text += (
                f"listener imaps {{\n    address = 127.0.0.1:{self.imaps_port}\n"
                f"    protocol = imap\n    backend = 127.0.0.1:{backend_port}\n{imaps}}}\n"
            )
        return text

    def config(self, domains, backend_port=None, challenge="http-01", policy="", **how):
        """The usual one: `domains` is text with domain blocks."""
        return (
            self.base_config(how.get("workers", 1))
            + self.authority(more=how.get("authority", ""))
            + f"policy default {{\n    authority = pebble\n    challenge = {challenge}\n"
            + f"{policy}}}\n"
            + domains
            + self.listeners(backend_port, how.get("https", ""), how.get("imaps", ""))
        )

    def postseald(self, config, start=True):
        daemon = Postseald(self.folder, self.programs, config)
        self.daemons.append(daemon)
        if start:
            daemon.start()
        return daemon

    # --- the end --------------------------------------------------------------------------

    def _stop_daemon(self, daemon, problems):
        if daemon.process is None:
            return
        if daemon.is_running():
            code = daemon.stop()
            if code != daemon.exit_code_wanted:
                problems.append(f"postseald ended with {code}")
        daemon.close()
        trouble = TROUBLE.search(daemon.log())
        if trouble:
            problems.append(f"its log has {trouble.group(0)!r}")

    def _stop_peers(self, problems):
        for peer in reversed(self._to_stop):
            try:
                peer.stop()
            except Exception as error:  # pylint: disable=broad-except
                problems.append(f"{type(peer).__name__}: {error}")

    def _check_database(self, problems):
        paths = glob.glob(os.path.join(self.folder, "state", "*.db"))
        for path in [] if self.is_damaged else paths:
            # Not read-only: a killed daemon leaves a write-ahead log to be played.
            with sqlite3.connect(path) as database:
                answer = database.execute("PRAGMA integrity_check").fetchall()
            database.close()
            if answer != [("ok",)]:
                problems.append(f"{path}: {answer}")

    def _check_valgrind(self, problems):
        for path in glob.glob(os.path.join(self.folder, "valgrind.*")):
            with open(path, encoding="utf-8", errors="replace") as file:
                said = VALGRIND_LACKS.sub("", file.read())
            if said.strip():
                problems.append(f"valgrind:\n{said[-6000:]}")

    def close(self):
        """What is wrong at the end, one sentence each."""
        problems = []
        for daemon in self.daemons:
            try:
                self._stop_daemon(daemon, problems)
            except Exception as error:  # pylint: disable=broad-except
                problems.append(str(error))
        self._stop_peers(problems)
        problems += _end_leftovers(self._others)
        self._check_database(problems)
        problems += invariants.check(self)
        self._check_valgrind(problems)
        return problems


def _end_leftovers(others):
    """Nothing that a test started outlives it; a room around it has its own."""

    def left():
        return [row for row in list_children(os.getpid()) if row[0] not in others]

    try:
        wait_until(lambda: not left(), "end of all", timeout=3)
    except PeerError:
        problems = [f"still running: {pid} {command}" for pid, command in left()]
        for pid, _ in left():
            os.kill(pid, signal.SIGKILL)
        return problems
    return []


def _reap():
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    room = item.funcargs.get("room")
    if report.failed and room:
        for daemon in room.daemons:
            report.sections.append(("postseald", tail(daemon.log_path, 60)))


def open_room(programs, local_ca, ports):
    folder = tempfile.mkdtemp(prefix="postseal-", dir="/tmp")
    os.chmod(folder, 0o755)
    return Room(folder, programs, local_ca, ports)


def close_room(room):
    problems = room.close()
    _reap()
    if problems:
        pytest.fail("at the end: " + "\n".join(problems) + f"\n(see {room.folder})")
    shutil.rmtree(room.folder, ignore_errors=True)


@pytest.fixture
def room(programs, local_ca, ports):
    opened = open_room(programs, local_ca, ports)
    yield opened
    close_room(opened)


@pytest.fixture(scope="module")
def shared_room(programs, local_ca, ports):
    """One for all tests of a file."""
    opened = open_room(programs, local_ca, ports)
    yield opened
    close_room(opened)


@pytest.fixture
def conf_room(programs, local_ca, ports):
    """For tests that start nothing: an authority that nobody asks."""
    opened = open_room(programs, local_ca, ports)
    opened.pebble = type("Nobody", (), {"directory": "https://127.0.0.1:1/dir"})
    yield opened
    close_room(opened)
