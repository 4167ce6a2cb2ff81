# SPDX-License-Identifier: GPL-3.0-or-later
"""What a manager finds at its start: descriptors that lie, its own deaths, other managers,
and workers whose manager died at a bad moment."""

import copy
import os
import re
import signal
import socket
import time

import pytest

from peers.process import list_children, wait_until
from peers.tls import connect

DOMAIN = "domain one.example {\n}\n"


def greeted(room, name="one.example"):
    session = connect(room.imaps_port, name, ca_file=room.pebble.root_file)
    data = b""
    while len(data) < len(b"* OK\r\n"):
        piece = session.recv(6 - len(data))
        assert piece, "no greeting"
        data += piece
    return session


def start(room, drain="2s", workers=1):
    room.start_pebble()
    room.backend = room.start_backend(greeting=b"* OK\r\n")
    config = room.config(DOMAIN, room.backend.port, workers=workers)
    daemon = room.postseald(config.replace("drain_timeout = 2s", f"drain_timeout = {drain}"))
    daemon.wait_served("one.example", timeout=60)
    room.daemon = daemon
    return daemon


def forgotten(daemon):
    return [
        re.search("FDNAME=(.*)", text).group(1)
        for text in daemon.messages
        if "FDSTOREREMOVE=1" in text
    ]


# --- descriptors that lie -------------------------------------------------------------


def test_wrong_descriptors(room):
    """Each is dropped with one line, the store forgets it, and the start goes on."""
    daemon = start(room)
    assert daemon.stop() == 0
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagram.bind(("127.0.0.1", 0))
    bound = socket.socket(socket.AF_INET)
    bound.bind(("127.0.0.1", 0))
    elsewhere = socket.create_server(("127.0.0.1", 0))
    good = socket.create_server(("127.0.0.1", room.imaps_port))
    read, write = os.pipe()
    given = [
        ("kept/datagram", datagram),
        ("imaps", bound),
        ("kept/pipe", os.fdopen(read, "rb")),
        ("kept/elsewhere", elsewhere),
        ("a-stranger", good),
        ("kept/again", good.dup()),
    ]
    daemon.hand_over(given)
    before = len(daemon.log())
    daemon.start()
    for _, one in given:
        one.close()
    os.close(write)
    text = daemon.log()[before:]
    for name in ("kept/datagram", "imaps", "kept/pipe"):
        words = f"what was handed over as {name} is not a listening stream socket"
        assert text.count(words) == 1, text
    address = f"127.0.0.1:{room.imaps_port}"
    assert text.count(f"{address} was handed over once more, as a-stranger: dropped") == 1, text
    names = ["kept/datagram", "kept/pipe", "kept/again", "kept/elsewhere"]
    assert sorted(forgotten(daemon)) == sorted(names)
    kept = f"FDSTORE=1\nFDNAME=kept/127.0.0.1_{room.imaps_port}"
    told = daemon.messages
    last_removal = max(i for i, m in enumerate(told) if "FDSTOREREMOVE" in m)
    assert last_removal < max(i for i, m in enumerate(told) if kept in m)
    with greeted(room):
        pass
    assert daemon.stop() == 0


def test_only_a_stranger_has_the_address(room):
    daemon = start(room)
    assert daemon.stop() == 0
    good = socket.create_server(("127.0.0.1", room.imaps_port))
    daemon.hand_over([("a-stranger", good)])
    before = len(daemon.log())
    daemon.start()
    good.close()
    words = "FileDescriptorName=a-stranger: taken for listener imaps, which has this address"
    assert daemon.log()[before:].count(words) == 1
    with greeted(room):
        pass
    assert daemon.stop() == 0


def test_more_than_there_are(room):
    """LISTEN_FDS counts descriptors that are closed, and names that are none."""
    daemon = start(room)
    assert daemon.stop() == 0
    daemon.wrapper = [
        "/bin/bash", "-c",
        "export LISTEN_PID=$$ LISTEN_FDS=6 LISTEN_FDNAMES=kept/x:imaps; "
        'exec "$@" 3<&- 4<&- 5<&- 6<&- 7<&- 8<&-',
        "activate",
    ]  # fmt: skip
    before = len(daemon.log())
    daemon.start()
    text = daemon.log()[before:]
    assert text.count("what was handed over as kept/x is closed: dropped") == 1, text
    assert text.count("what was handed over as unknown is closed: dropped") == 4, text
    assert forgotten(daemon) == ["kept/x"]
    with greeted(room):
        pass
    assert daemon.stop() == 0


# --- deaths at bad moments --------------------------------------------------------------


def talk(session, text):
    session.sendall(text)
    data = b""
    while len(data) < len(text):
        piece = session.recv(len(text) - len(data))
        assert piece, "the session was closed"
        data += piece
    assert data == text


def workers_of(pid):
    return [child for child, command in list_children(pid) if "postseal-front" in command]


def wait_drained(daemon):
    wait_until(
        lambda: daemon.status()["summary"]["draining_workers"] == 0, "the end of the old workers"
    )


@pytest.mark.parametrize("pause", [0.005, 0.02, 0.05, 0.1, 0.2])
def test_dies_again_in_takeover(room, pause):
    """Three deaths in a row, each before the next manager is ready: the session lives."""
    daemon = start(room, drain="60s", workers=2)
    session = greeted(room)
    daemon.process.kill()
    for i in range(3):
        daemon.start(wait=False)
        time.sleep(pause * (i + 1))
        daemon.process.kill()
        talk(session, b"x\r\n")
    daemon.start()
    talk(session, b"x\r\n")
    with greeted(room):
        pass
    session.close()
    wait_drained(daemon)
    assert daemon.stop() == 0


def test_worker_dies_in_takeover(room):
    """The others give what it would have given; its own sessions are lost with it."""
    daemon = start(room, drain="60s", workers=2)
    orphans = workers_of(daemon.process.pid)
    daemon.process.kill()
    daemon.start(wait=False)
    os.kill(orphans[0], signal.SIGKILL)
    wait_until(daemon._is_ready, "the next manager")
    with greeted(room) as session:
        talk(session, b"x\r\n")
    wait_drained(daemon)
    assert daemon.stop() == 0


def test_all_workers_die_in_takeover(room):
    """Then nobody holds the addresses."""
    daemon = start(room, workers=2)
    orphans = workers_of(daemon.process.pid)
    daemon.process.kill()
    daemon.start(wait=False)
    for pid in orphans:
        os.kill(pid, signal.SIGKILL)
    wait_until(daemon._is_ready, "the next manager")
    with greeted(room) as session:
        talk(session, b"x\r\n")
    assert daemon.stop() == 0


def holds_signals(daemon):
    """Before that it is no manager yet, and a signal ends it as any program."""
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as file:
        blocked = re.search(r"^SigBlk:\s*([0-9a-f]+)$", file.read(), re.M).group(1)
    return bool(int(blocked, 16) & 1 << (signal.SIGTERM - 1))


@pytest.mark.parametrize("pause", [0, 0.1, 0.3])
def test_stop_in_takeover(room, pause):
    """It ends what it has taken over, in good order."""
    daemon = start(room, drain="1s", workers=2)
    orphans = workers_of(daemon.process.pid)
    session = greeted(room)
    daemon.process.kill()
    daemon.start(wait=False)
    wait_until(lambda: holds_signals(daemon), "the next manager")
    time.sleep(pause)
    talk(session, b"x\r\n")
    daemon.stop()
    session.settimeout(10)
    assert session.recv(1) == b""
    assert not [pid for pid in orphans if os.path.exists(f"/proc/{pid}/exe")]


def test_two_managers(room):
    """The second is refused, and the first does not notice."""
    daemon = start(room)
    session = greeted(room)
    workers = workers_of(daemon.process.pid)
    done = room.programs.run(room.programs.daemon, "-c", daemon.conf_dir, timeout=30)
    assert done.returncode == 1, done
    assert done.stderr.strip(), "it says why"
    talk(session, b"x\r\n")
    with greeted(room):
        pass
    assert workers_of(daemon.process.pid) == workers
    assert daemon.ctl("status").returncode == 0
    session.close()
    assert daemon.stop() == 0


# --- an upgrade that goes wrong ------------------------------------------------------------

# It passes the check, and dies as soon as it is the manager.
DEADLY = b"""#!/bin/sh
case "$*" in *check-upgrade*) exit 0 ;; esac
kill -9 $$
"""


def install(room, data):
    new = room.programs.daemon + ".new"
    with open(new, "wb") as file:
        file.write(data)
    os.chmod(new, 0o755)
    os.rename(new, room.programs.daemon)


def test_upgrade_to_a_build_that_dies(room):
    """The old one does not come back by itself; sessions go on until it is put back."""
    with open(room.programs.daemon, "rb") as file:
        good = file.read()
    room.programs = copy.copy(room.programs)
    room.programs.daemon = os.path.join(room.folder, "postseald")
    install(room, good)
    daemon = start(room, drain="60s", workers=2)
    session = greeted(room)
    install(room, DEADLY)
    daemon.ctl("upgrade", timeout=90)
    wait_until(lambda: not daemon.is_running(), "its death")
    for _ in range(3):
        talk(session, b"x\r\n")
        with greeted(room):
            pass
        daemon.start(wait=False)
        daemon.process.wait(20)
    install(room, good)
    daemon.start()
    talk(session, b"x\r\n")
    with greeted(room):
        pass
    session.close()
    wait_drained(daemon)
    assert daemon.stop() == 0


def test_upgrade_in_the_midst_of_an_order(room):
    daemon = start(room, drain="60s")
    session = greeted(room)
    daemon.write(daemon.config() + "domain two.example {\n}\n")
    assert daemon.ctl("reload").returncode == 0
    assert daemon.ctl("upgrade", timeout=90).returncode == 0
    daemon.wait_served("one.example", "two.example", timeout=60)
    talk(session, b"x\r\n")
    with greeted(room, "two.example"):
        pass
    session.close()
    wait_drained(daemon)
    assert daemon.stop() == 0
