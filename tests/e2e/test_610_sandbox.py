# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker is confined: what it has, what it may, and what happens when it tries more."""

import os
import re
import signal

import pytest

from peers.process import list_children, wait_until
from peers.tls import connect

GREETING = b"* OK hello\r\n"
DOMAINS = "domain one.example {\n}\n"
FATAL = [
    "exec", "fork", "ptrace", "kill", "raw", "packet", "netlink", "bind", "make-code",
    "protocol", "option",
]  # fmt: skip
REFUSED = ["open", "make", "stat", "dumpable"]


def start(room, forbidden=None):
    room.start_pebble()
    backend = room.start_backend(greeting=GREETING)
    daemon = room.postseald(room.config(DOMAINS, backend.port), start=False)
    if forbidden:
        daemon.env["POSTSEAL_FORBIDDEN"] = forbidden
    return daemon


def workers(daemon):
    children = list_children(daemon.process.pid)
    return [pid for pid, command in children if command.startswith("postseal-front")]


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(re.findall(r"^(\w+):\s*(.*)$", file.read(), re.M))


def expect_service(room):
    with connect(room.imaps_port, "one.example") as session:
        assert session.recv(100) == GREETING
        session.sendall(b"x\n")
        assert session.recv(10) == b"x\n"


def can_connect(room):
    try:
        connect(room.imaps_port, "one.example").close()
        return True
    except OSError:
        return False


def skip_if_sanitized(daemon):
    if daemon.is_sanitized:
        pytest.skip("the leak checker's own calls are those that are forbidden")


def test_confined(room):
    """From the first word on, and with all that a worker does later."""
    daemon = start(room)
    skip_if_sanitized(daemon)
    daemon.start()
    daemon.wait_served("one.example")
    expect_service(room)
    daemon.ctl("reload")
    daemon.ctl("renew", "one.example")
    daemon.wait_served("one.example")
    expect_service(room)
    (worker,) = workers(daemon)
    status = status_of(worker)
    assert status["Seccomp"] == "2"
    assert status["NoNewPrivs"] == "1"
    assert int(status["CapPrm"], 16) == int(status["CapEff"], 16) == 0
    assert "SIGSYS" not in daemon.log()


def test_open_descriptors(room):
    """Sockets, the loop, and where the log goes: no file, nothing of the manager's."""
    daemon = start(room).start()
    daemon.wait_served("one.example")
    with connect(room.imaps_port, "one.example") as session:
        assert session.recv(100) == GREETING
        (worker,) = workers(daemon)
        for number in os.listdir(f"/proc/{worker}/fd"):
            target = os.readlink(f"/proc/{worker}/fd/{number}")
            if int(number) > 2:
                assert target.startswith(("socket:", "anon_inode:")), target


@pytest.mark.parametrize("act", FATAL)
def test_forbidden(room, act):
    """It dies of it before it has served anybody, and the manager says of what."""
    daemon = start(room, act)
    skip_if_sanitized(daemon)
    daemon.start(wait=False)
    wait_until(lambda: not daemon.is_running(), "the end", 30)
    assert "ended: it tried what its sandbox forbids (SIGSYS)" in daemon.log()
    assert "forbidden:" not in daemon.log()


def test_replaced(room):
    """In the middle of its life it costs its own sessions, and no more."""
    daemon = start(room).start()
    daemon.wait_served("one.example")
    (worker,) = workers(daemon)
    os.kill(worker, signal.SIGSYS)
    wait_until(lambda: "what its sandbox forbids" in daemon.log(), "the manager's word")
    wait_until(lambda: workers(daemon) not in ([], [worker]), "another one")
    wait_until(lambda: can_connect(room), "service")
    expect_service(room)


@pytest.mark.parametrize("act", REFUSED)
def test_refused(room, act):
    """What a library may try by itself is no reason to fall."""
    daemon = start(room, act)
    skip_if_sanitized(daemon)
    daemon.start()
    daemon.wait_served("one.example")
    assert f"forbidden: {act}: refused" in daemon.log()
    expect_service(room)
