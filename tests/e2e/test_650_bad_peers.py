# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of the wrong kind within a session, and backends that behave badly: it costs
the one session, and nobody else."""

import os
import select
import socket
import ssl
import struct
import threading
import time

import pytest

from peers.backend import Backend
from peers.process import list_children, wait_until
from peers.tls import connect

GREETING = b"* OK hello\r\n"
MEGABYTE = 1024 * 1024


class RawClient:
    """A TLS client whose records can be tampered with."""

    def __init__(self, port, version=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if version:
            context.minimum_version = context.maximum_version = version
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="x.example")
        self._until(self.tls.do_handshake)

    def _until(self, call):
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                self.flush()
                data = self.socket.recv(65536)
                if not data:
                    raise ConnectionError("closed") from None
                self.incoming.write(data)
            finally:
                self.flush()

    def flush(self):
        if self.outgoing.pending:
            self.socket.sendall(self.outgoing.read())

    def read(self, size=100):
        return self._until(lambda: self.tls.read(size))

    def encrypt(self, data):
        self.tls.write(data)
        return self.outgoing.read()

    def is_over(self):
        """Within a while: an alert, the end, or a reset; and no answer."""
        self.socket.settimeout(10)
        try:
            while self.read():
                pass
            return True
        except (ssl.SSLError, ConnectionError):
            return True
        except TimeoutError:
            return False


def record(kind, content, version=b"\x03\x03"):
    return bytes([kind]) + version + struct.pack("!H", len(content)) + content


def flip(data):
    return data[:-1] + bytes([data[-1] ^ 1])


RECORDS = {
    "one flipped bit": lambda client: flip(client.encrypt(b"x\n")),
    "a record twice": lambda client: client.encrypt(b"x\n") * 2,
    "nothing of ours": lambda client: record(23, os.urandom(100)),
    "too long": lambda client: record(23, os.urandom(16384 + 257)),
    "empty": lambda client: record(23, b""),
    "an alert in the clear": lambda client: record(21, b"\x02\x28"),
    "a hello in the clear": lambda client: record(22, b"\x01\x00\x00\x04aaaa"),
    "an unknown kind": lambda client: record(99, b"abc"),
    "a heartbeat": lambda client: record(24, b"\x01\x40\x00"),
    "another version": lambda client: record(23, os.urandom(64), b"\x07\x07"),
    "plain text": lambda client: b"a001 LOGOUT\r\n" * 2000,
    "change of cipher, again and again": lambda client: record(20, b"\x01") * 100,
}


def start(room, backend, imaps=""):
    room.start_pebble()
    return room.postseald(room.config("", backend.port, imaps=imaps))


def ends(daemon):
    return daemon.status()["summary"]["listeners"]["imaps"]


def wait_end(daemon, how, n=1):
    wait_until(lambda: ends(daemon).get(how, 0) >= n, f"{n} {how}", 40)


def expect_service(room):
    with connect(room.imaps_port, "x.example") as session:
        assert session.recv(100) == GREETING
        session.sendall(b"x\n")
        assert session.recv(10) == b"x\n"


@pytest.fixture(scope="module")
def echo(shared_room):
    room = shared_room
    room.backend = room.start_backend(greeting=GREETING)
    room.daemon = start(room, room.backend)
    return room


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("make", RECORDS.values(), ids=RECORDS.keys())
def test_wrong_record(echo, make, version):
    with connect(echo.imaps_port, "x.example") as other:
        assert other.recv(100) == GREETING
        client = RawClient(echo.imaps_port, version)
        assert client.read() == GREETING
        before = echo.backend.n_ended
        client.socket.sendall(make(client))
        assert client.is_over()
        client.socket.close()
        # The backend is told, and another session is not concerned.
        wait_until(lambda: echo.backend.n_ended > before, "the backend's end")
        other.sendall(b"x\n")
        assert other.recv(10) == b"x\n"


def test_half_a_record_and_the_end(echo):
    client = RawClient(echo.imaps_port)
    assert client.read() == GREETING
    before = len(echo.backend.received)
    client.socket.sendall(client.encrypt(b"x\n" * 500)[:100])
    client.socket.shutdown(socket.SHUT_WR)
    wait_until(lambda: len(echo.backend.received) > before, "the backend's end")
    assert echo.backend.received[-1] == 0
    client.socket.close()


# --- backends -----------------------------------------------------------------------------


class Deaf(Backend):
    """Its queue is full, and it accepts nobody."""

    def __init__(self, ports):  # pylint: disable=super-init-not-called
        self.port = ports.take()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=0)
        self._crowd = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", self.port))
            self._crowd.append(one)

    def stop(self):
        for one in self._crowd + [self._listener]:
            one.close()


def test_backend_takes_nobody(room):
    daemon = start(room, room.start_backend(Deaf), imaps="    connect_timeout = 2s\n")
    with connect(room.imaps_port, "x.example") as session:
        begin = time.monotonic()
        try:
            assert session.recv(100) == b""
        except (ConnectionError, ssl.SSLError):
            pass
        assert time.monotonic() - begin < 10
    wait_end(daemon, "backend_late")


class Late(Backend):
    def talk(self, connection):
        time.sleep(2)
        connection.sendall(GREETING)
        super().talk(connection)


def test_backend_is_slow(room):
    """Its word is waited for; what the client has said meanwhile is not lost."""
    start(room, room.start_backend(Late), imaps="    handshake_timeout = 1s\n")
    with connect(room.imaps_port, "x.example") as session:
        session.sendall(b"early\n")
        data = b""
        while len(data) < len(GREETING) + 6:
            data += session.recv(100)
        assert data == GREETING + b"early\n"


class Rude(Backend):
    """Resets the connection in the middle of a line."""

    def talk(self, connection):
        connection.recv(10)
        connection.sendall(b"* OK hal")
        time.sleep(0.2)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_backend_resets(room):
    daemon = start(room, room.start_backend(Rude))
    for _ in range(5):
        with connect(room.imaps_port, "x.example") as session:
            session.sendall(b"x")
            data = b""
            try:
                while piece := session.recv(100):
                    data += piece
            except (ConnectionError, ssl.SSLError):
                pass
            assert data == b"* OK hal"
    wait_end(daemon, "broken", 5)


class Talkative(Backend):
    """Says more than a client wants to hear, before it is asked."""

    def __init__(self, *words, **how):
        self.n_said = 0
        super().__init__(*words, **how)

    def talk(self, connection):
        for _ in range(64):
            connection.sendall(b"x" * MEGABYTE)
            self.n_said += 1


class Stubborn(Backend):
    """Never reads."""

    def __init__(self, *words, **how):
        self.is_over = threading.Event()
        super().__init__(*words, **how)

    def talk(self, connection):
        self.is_over.wait(60)

    def stop(self):
        self.is_over.set()
        super().stop()


def worker_kib(daemon):
    (worker,) = [
        pid for pid, command in list_children(daemon.process.pid)
        if command.startswith("postseal-front")
    ]  # fmt: skip
    with open(f"/proc/{worker}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def expect_small(daemon, before):
    """A sanitizer keeps what is given back, so that its worker's size says nothing."""
    if not daemon.is_sanitized:
        assert worker_kib(daemon) < before + 64 * 1024


def test_client_does_not_listen(room):
    """What the backend says waits in the sockets, not in the worker."""
    backend = room.start_backend(Talkative)
    daemon = start(room, backend)
    before = worker_kib(daemon)
    sessions = [connect(room.imaps_port, "x.example") for _ in range(20)]
    time.sleep(2)
    assert backend.n_said < 20 * 32
    expect_small(daemon, before)
    for one in sessions:
        one.close()


def test_backend_does_not_listen(room):
    daemon = start(room, room.start_backend(Stubborn))
    before = worker_kib(daemon)
    sessions = [connect(room.imaps_port, "x.example") for _ in range(5)]
    for one in sessions:
        one.setblocking(False)
    sent = 0
    while sent < 400 * MEGABYTE and select.select([], sessions, [], 1)[1]:
        n_before = sent
        for one in sessions:
            try:
                sent += one.send(b"x" * MEGABYTE)
            except (ssl.SSLWantWriteError, BlockingIOError):
                pass
        if sent == n_before:
            time.sleep(0.05)
            if not select.select([], sessions, [], 0)[1]:
                break
    assert sent < 400 * MEGABYTE
    expect_small(daemon, before)
    for one in sessions:
        one.close()


def test_backend_comes_back(room):
    """One line when it goes, one when it is there again; in between nobody is kept."""
    port = room.ports.take()
    room.start_pebble()
    daemon = room.postseald(room.config("", port))
    for _ in range(10):
        with connect(room.imaps_port, "x.example") as session:
            try:
                assert session.recv(100) == b""
            except (ConnectionError, ssl.SSLError):
                pass
    wait_end(daemon, "backend_down", 10)
    assert daemon.log().count("not reached") == 1

    class Here(Backend):
        def __init__(self, ports, **how):
            super().__init__(_One(port), **how)

    room.start_backend(Here, greeting=GREETING)
    expect_service(room)
    assert daemon.log().count("reached again") == 1


class _One:
    """The port that is given, instead of another."""

    def __init__(self, port):
        self.port = port

    def take(self):
        return self.port
