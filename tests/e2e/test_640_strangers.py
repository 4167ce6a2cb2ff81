# SPDX-License-Identifier: GPL-3.0-or-later
"""What strangers may cost: limits, and a count of how each connection has ended."""

import os
import re
import resource
import select
import signal
import socket
import ssl
import subprocess
import sys
import time

import pytest

from peers.process import list_children, wait_until
from peers.tls import connect

GREETING = b"* OK hello\r\n"

# A ClientHello of TLS 1.2 whose one cipher suite encrypts nothing.
BODY = b"\x03\x03" + bytes(range(32)) + b"\0" + b"\0\x02\0\x3b" + b"\x01\0"
NOTHING_IN_COMMON = (
    b"\x16\x03\x01" + (len(BODY) + 4).to_bytes(2, "big")
    + b"\x01" + len(BODY).to_bytes(3, "big") + BODY
)  # fmt: skip


def workers(daemon):
    children = list_children(daemon.process.pid)
    return [pid for pid, command in children if command.startswith("postseal-front")]


def ends(daemon, listener="imaps"):
    return daemon.status()["summary"]["listeners"][listener]


def wait_ends(daemon, wanted, listener="imaps"):
    """The manager asks its workers now and then."""
    wait_until(
        lambda: all(ends(daemon, listener).get(how, 0) >= n for how, n in wanted.items()),
        f"{wanted} among the ends",
        40,
    )


def knock(port, data=b"", source="127.0.0.1"):
    """A client without TLS; whoever wants it closed closes it."""
    stranger = socket.create_connection(("127.0.0.1", port), 10, (source, 0))
    if data:
        stranger.sendall(data)
    return stranger


def is_closed(stranger, within=0.0):
    """By the other side."""
    if not select.select([stranger], [], [], within)[0]:
        return False
    try:
        return stranger.recv(100) == b""
    except ConnectionError:
        return True


def talk(session):
    session.sendall(b"x\n")
    assert session.recv(10) == b"x\n"


def open_session(room, **how):
    session = connect(room.imaps_port, "x.example", **how)
    assert session.recv(100) == GREETING
    return session


def start(room, more="", imaps="", wrapper=()):
    room.start_pebble()
    backend = room.start_backend(greeting=GREETING)
    config = room.config("", backend.port, imaps=imaps) + "limit_exceptions = 127.0.0.9\n" + more
    daemon = room.postseald(config, start=False)
    daemon.wrapper = list(wrapper)
    return daemon.start()


def test_every_end_is_counted(room):
    daemon = start(room, imaps="    handshake_timeout = 2s\n    unknown_sni = reject\n")
    with connect(room.imaps_port) as session:
        assert session.recv(100) == GREETING
    knock(room.imaps_port).close()
    stall, silent = knock(room.imaps_port, b"\x16\x03\x01\x02"), knock(room.imaps_port)
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"a001 LOGIN me secret\r\n"):
        with knock(room.imaps_port, data) as stranger:
            assert is_closed(stranger, 5)
    with pytest.raises(ssl.SSLError, match="unrecognized name"):
        connect(room.imaps_port, "x.example")
    with knock(room.imaps_port, NOTHING_IN_COMMON) as stranger:
        assert stranger.recv(100)[:1] == b"\x15"  # an alert
    assert is_closed(stall, 5) and is_closed(silent, 5)
    wait_ends(
        daemon,
        {
            "relayed": 1,
            "scanned": 1,
            "stalled": 1,
            "silent": 1,
            "plain_http": 1,
            "not_tls": 1,
            "unknown_name": 1,
            "handshake_failed": 1,
        },
    )
    assert sum(ends(daemon).values()) == 8
    assert ends(daemon, "https") == {}
    (line,) = re.findall(r"^listener imaps: (.*)$", daemon.ctl("status").stdout, re.M)
    assert "1 relayed" in line and "1 scanned" in line


def test_counts_outlive_their_worker(room):
    daemon = start(room)
    with knock(room.imaps_port, b"GET / HTTP/1.1\r\n\r\n") as stranger:
        assert is_closed(stranger, 5)
    wait_ends(daemon, {"plain_http": 1})
    (worker,) = workers(daemon)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: workers(daemon) not in ([], [worker]), "another worker", 20)
    with knock(room.imaps_port, b"GET / HTTP/1.1\r\n\r\n") as stranger:
        assert is_closed(stranger, 5)
    wait_ends(daemon, {"plain_http": 2})


def test_more_strangers_than_descriptors(room):
    """The newest lose; a session goes on, and reaches its backend; then there is room."""
    daemon = start(
        room,
        "address_connections = 0\n",
        "    handshake_timeout = 3s\n",
        wrapper=["prlimit", "--nofile=300:300"],
    )
    session = open_session(room)
    strangers = [knock(room.imaps_port) for _ in range(200)]
    # Those that are behind the limit are closed at once, and nobody else.
    wait_until(lambda: any(is_closed(one) for one in strangers[150:]), "the newest to lose")
    talk(session)
    wait_until(lambda: all(is_closed(one) for one in strangers), "the end of them all", 20)
    talk(session)
    with open_session(room) as another:
        talk(another)
    wait_ends(daemon, {"max_connections": 50, "silent": 50})
    assert "accepting pauses" not in daemon.log()
    session.close()
    for one in strangers:
        one.close()


# Opens argv[2] connections, begins a hello on each, and holds them.
CROWD = """
import resource, socket, sys
limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
held = []
for _ in range(int(sys.argv[2])):
    one = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
    one.setblocking(False)
    try:
        one.send(bytes([22, 3, 1, 2, 0, 1]))
    except OSError:
        pass
    held.append(one)
print("there", flush=True)
sys.stdin.read()
"""


def test_twenty_thousand_half_open(room):
    """All descriptors that there are: who came last is refused, who is there is served."""
    daemon = start(
        room,
        "max_connections = 100000\nmax_handshakes = 0\n"
        "address_connections = 0\naddress_rate = 0\n",
        "    handshake_timeout = 5m\n",
    )
    most = (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 64) // 2
    session = open_session(room)
    crowds = [
        subprocess.Popen(
            [sys.executable, "-c", CROWD, str(room.imaps_port), "5000"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]  # fmt: skip
    for one in crowds:
        assert one.stdout.readline() == b"there\n"
    talk(session)
    if most < 20000:
        with knock(room.imaps_port) as last:
            assert is_closed(last, 10)
        wait_ends(daemon, {"max_connections": 20000 - most})
    talk(session)
    for one in crowds:
        one.communicate(timeout=60)
    wait_ends(daemon, {"left": min(most, 20000) - 1})
    with open_session(room) as another:
        talk(another)
    talk(session)
    assert "accepting pauses" not in daemon.log()
    session.close()


def test_handshakes_in_flight(room):
    daemon = start(room, "max_handshakes = 5\n", "    handshake_timeout = 3s\n")
    sessions = [open_session(room) for _ in range(8)]
    strangers = [knock(room.imaps_port) for _ in range(5)]
    with knock(room.imaps_port) as sixth:
        assert is_closed(sixth, 5)
    for one in sessions:
        talk(one)
    wait_until(lambda: all(is_closed(one) for one in strangers), "their deadline", 20)
    with open_session(room) as another:
        talk(another)
    wait_ends(daemon, {"max_handshakes": 1, "silent": 5})
    for one in sessions + strangers:
        one.close()


def test_one_address(room):
    """It has its share; others have theirs."""
    daemon = start(room, "address_connections = 3\n")
    sessions = [open_session(room) for _ in range(3)]
    with knock(room.imaps_port) as fourth:
        assert is_closed(fourth, 5)
    with knock(room.imaps_port, source="127.0.0.2") as other:
        assert not is_closed(other, 1)
    sessions.pop().close()
    wait_until(lambda: not is_closed(knock(room.imaps_port), 0.5), "room for another")
    for one in sessions:
        talk(one)
        one.close()
    wait_ends(daemon, {"address_connections": 1})


def test_an_exception(room):
    """The address of a webmail server, such as 127.0.0.9."""
    daemon = start(room, "address_connections = 1\naddress_rate = 1\n")
    strangers = [knock(room.imaps_port, source="127.0.0.9") for _ in range(10)]
    with knock(room.imaps_port), knock(room.imaps_port) as second:
        assert is_closed(second, 5)
    assert not any(is_closed(one) for one in strangers)
    for one in strangers:
        one.close()
    wait_ends(daemon, {"scanned": 10})


def test_one_address_in_a_hurry(room):
    daemon = start(room, "address_rate = 10\n")
    strangers = [knock(room.imaps_port) for _ in range(15)]
    wait_until(lambda: sum(is_closed(one) for one in strangers) == 5, "five too many")
    with knock(room.imaps_port, source="127.0.0.2") as other:
        assert not is_closed(other, 1)
    wait_ends(daemon, {"address_rate": 5})
    for one in strangers:
        one.close()


def wake_ups(daemon):
    """Of all workers, as the kernel counts them: each time that one has waited."""
    total = 0
    for pid in workers(daemon):
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            total += next(
                int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt")
            )
    return total


def test_a_connection_wakes_one_worker(room):
    """Eight wait at one socket, and seven sleep on."""
    room.start_pebble()
    backend = room.start_backend(greeting=GREETING)
    daemon = room.postseald(room.config("", backend.port, workers=8))
    assert len(workers(daemon)) == 8
    n, before = 300, wake_ups(daemon)
    for _ in range(n):
        knock(room.imaps_port).close()
    wait_ends(daemon, {"scanned": n})
    # Two each: to accept it, and to see it go. Were all woken, it would be nine.
    assert wake_ups(daemon) - before < 5 * n


def test_a_drip_has_its_deadline(room):
    """A hello of one octet at a time is not waited for, and holds up nobody."""
    daemon = start(room, imaps="    handshake_timeout = 2s\n")
    slow = knock(room.imaps_port)
    begin = time.monotonic()
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
    for octet in hello:
        try:
            slow.sendall(bytes([octet]))
        except ConnectionError:
            break
        if is_closed(slow, 0.1):
            break
    assert time.monotonic() - begin < 10
    with open_session(room) as session:
        talk(session)
    wait_ends(daemon, {"stalled": 1, "relayed": 1})
    slow.close()
