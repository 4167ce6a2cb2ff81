# SPDX-License-Identifier: GPL-3.0-or-later
"""What a manager finds at its start: descriptors that lie, its own deaths, other managers,
and workers whose manager died at a bad moment."""

import os
import re
import socket

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
