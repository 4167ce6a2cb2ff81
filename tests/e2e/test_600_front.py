# SPDX-License-Identifier: GPL-3.0-or-later
"""The front door: handshakes, names, the relay to a backend, and plain HTTP."""

import hashlib
import http.client
import imaplib
import os
import select
import socket
import ssl
import struct
import time

import pytest

from peers.backend import Backend
from peers.dovecot import Dovecot
from peers.process import wait_until
from peers.tls import connect, openssl, served_fingerprint

TWO = "domain one.example {\n    names = mail.%d\n}\ndomain two.example {\n}\n"


@pytest.fixture(scope="module")
def front(shared_room):
    """Two certificates, and an echo behind imaps; for tests that change nothing."""
    room = shared_room
    room.start_pebble()
    room.backend = room.start_backend(greeting=b"* OK hello\r\n")
    room.daemon = room.postseald(
        room.config(TWO, room.backend.port, imaps="    handshake_timeout = 3s\n", workers=2)
    )
    room.daemon.wait_served("one.example", "two.example", timeout=60)
    return room


def read_all(connection):
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def read_line(connection):
    data = b""
    while not data.endswith(b"\n"):
        piece = connection.recv(1)
        if not piece:
            break
        data += piece
    return data


# --- handshakes ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mail.one.example", "two.example", "TWO.Example"])
def test_name_chooses_the_certificate(front, name):
    with connect(front.imaps_port, name, ca_file=front.pebble.root_file) as connection:
        assert read_line(connection) == b"* OK hello\r\n"


def test_openssl_s_client(front):
    shown = openssl(
        "s_client", "-connect", f"127.0.0.1:{front.imaps_port}",
        "-servername", "mail.one.example", "-verify_hostname", "mail.one.example",
        "-CAfile", front.pebble.root_file, stdin=b"",
    )  # fmt: skip
    assert "Verify return code: 0 (ok)" in shown


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions(front, version):
    with connect(front.imaps_port, "two.example", version=version,
                 ca_file=front.pebble.root_file) as connection:  # fmt: skip
        assert read_line(connection) == b"* OK hello\r\n"


@pytest.mark.parametrize("group", ["secp521r1", "secp384r1", "x448"])
def test_groups(front, group):
    """The client's share is of a group that few have. We take all that OpenSSL has: what
    needs a HelloRetryRequest is in tests/unit/front/test_serve.c."""
    shown = openssl(
        "s_client", "-connect", f"127.0.0.1:{front.imaps_port}", "-servername",
        "two.example", "-groups", f"{group}:X25519:P-256", "-CAfile",
        front.pebble.root_file, stdin=b"",
    )  # fmt: skip
    assert "Verify return code: 0 (ok)" in shown


def test_resumption(front, tmp_path):
    session = tmp_path / "session"
    words = ["s_client", "-connect", f"127.0.0.1:{front.imaps_port}", "-servername",
             "two.example", "-CAfile", front.pebble.root_file]  # fmt: skip
    openssl(*words, "-tls1_2", "-sess_out", session, stdin=b"")
    assert "Reused" in openssl(*words, "-tls1_2", "-sess_in", session, stdin=b"")


def test_unknown_name_gets_the_default(front):
    default = served_fingerprint(front.imaps_port, "mail.one.example")
    assert served_fingerprint(front.imaps_port, "unknown.example") == default
    assert served_fingerprint(front.imaps_port, None) == default


def test_unknown_name_is_rejected_where_wanted(room):
    room.start_pebble()
    daemon = room.postseald(room.config(TWO, https="    unknown_sni = reject\n"))
    daemon.wait_served("one.example", "two.example", timeout=60)
    with pytest.raises(ssl.SSLError):
        connect(room.https_port, "unknown.example")
    with connect(room.https_port, "two.example", ca_file=room.pebble.root_file):
        pass


def test_default_name(room):
    room.start_pebble()
    daemon = room.postseald(room.config(TWO, https="    default_name = two.example\n"))
    daemon.wait_served("one.example", "two.example", timeout=60)
    wanted = served_fingerprint(room.https_port, "two.example")
    assert served_fingerprint(room.https_port, None) == wanted


def test_alpn_is_negotiated(room):
    room.start_pebble()
    backend = room.start_backend(greeting=b"")
    room.postseald(room.config("", backend.port, imaps="    alpn = imap\n"))
    with connect(room.imaps_port, "x.example", alpn=["pop3", "imap"]) as connection:
        assert connection.selected_alpn_protocol() == "imap"


def test_acme_protocol_only_for_pending_names(front):
    """Nobody is being validated: such a client gets nothing."""
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with connect(front.https_port, "two.example", alpn=["acme-tls/1"]) as connection:
            if connection.selected_alpn_protocol() != "acme-tls/1":
                raise ConnectionError("not answered")


GARBAGE = {
    "http": b"GET / HTTP/1.1\r\nHost: two.example\r\n\r\n",
    "zeros": b"\0" * 100,
    "huge record": b"\x16\x03\x01\xff\xff" + b"A" * 70000,
    "empty records": b"\x16\x03\x01\x00\x00" * 1000,
    "alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "application data": b"\x17\x03\x03\x00\x10" + b"B" * 16,
    "wrong lengths": b"\x16\x03\x01\x00\x40\x01\x00\xff\xff" + b"C" * 60,
    "ssl2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + b"D" * 40,
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_closed(front, data):
    with socket.create_connection(("127.0.0.1", front.imaps_port), timeout=10) as raw:
        try:
            raw.sendall(data)
            answer = read_all(raw)
        except ConnectionError:
            answer = b""
        assert b"* OK" not in answer
    test_name_chooses_the_certificate(front, "two.example")


def test_silent_client_is_closed(front):
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", front.imaps_port), timeout=15) as raw:
        assert raw.recv(1) == b""
    assert 1 < time.monotonic() - begin < 10


def test_hello_octet_by_octet(front):
    """As from a bad line; all in time."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(front.pebble.root_file)
    tls = context.wrap_bio(incoming, outgoing, server_hostname="two.example")
    with socket.create_connection(("127.0.0.1", front.imaps_port), timeout=10) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                for octet in outgoing.read():
                    raw.sendall(bytes([octet]))
                incoming.write(raw.recv(65536))
        assert tls.version() == "TLSv1.3"


# --- the relay -----------------------------------------------------------------------


def test_echo(front):
    with connect(front.imaps_port, "two.example") as connection:
        assert read_line(connection) == b"* OK hello\r\n"
        connection.sendall(b"a1 NOOP\r\n")
        assert read_line(connection) == b"a1 NOOP\r\n"


def both_ways(connection, data, timeout=60):
    """Sends `data` and reads as much, at once, as the relay has to bear it. In one thread:
    OpenSSL's session does not bear two."""
    connection.setblocking(False)
    left_to_send = memoryview(data)
    got = bytearray()
    end = time.monotonic() + timeout
    while len(got) < len(data):
        assert time.monotonic() < end, f"{len(data) - len(got)} octets are missing"
        try:
            while piece := connection.recv(65536):
                got += piece
            raise AssertionError(f"closed; {len(data) - len(got)} octets are missing")
        except ssl.SSLWantReadError:
            pass
        try:
            while left_to_send:
                left_to_send = left_to_send[connection.send(left_to_send[:65536]) :]
        except ssl.SSLWantWriteError:
            pass
        select.select([connection], [connection] if left_to_send else [], [], 1)
    return bytes(got)


@pytest.mark.parametrize("megabytes", [1, 64])
def test_big_transfer_both_ways(front, megabytes):
    data = os.urandom(1 << 20) * megabytes
    with connect(front.imaps_port, "two.example", timeout=60) as connection:
        read_line(connection)
        got = both_ways(connection, data)
    assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()


def test_slow_reader(front):
    """Back-pressure: what the client does not take is not piled up in the worker."""
    with connect(front.imaps_port, "two.example", timeout=60) as connection:
        read_line(connection)
        connection.settimeout(2)
        sent = 0
        try:
            while sent < 256 << 20:
                sent += connection.send(b"x" * 65536)
        except (TimeoutError, ssl.SSLWantWriteError):
            pass
        assert sent < 128 << 20


def test_half_close(front):
    """close_notify from the client reaches the backend as an end of file, and what it
    still says reaches the client."""
    with connect(front.imaps_port, "two.example") as connection:
        read_line(connection)
        connection.sendall(b"last words")
        before = len(front.backend.received)
        # unwrap() sends close_notify and waits for the other side's.
        data = b""
        while len(data) < 10:
            data += connection.recv(100)
        connection.unwrap()
    assert data == b"last words"
    wait_until(lambda: len(front.backend.received) > before, "the backend's end of file")


class Farewell(Backend):
    """Closes first."""

    def talk(self, connection):
        connection.sendall(b"* BYE\r\n")
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(5)
        read_all(connection)


def test_backend_closes_first(room):
    room.start_pebble()
    backend = room.start_backend(Farewell)
    room.postseald(room.config("", backend.port))
    with connect(room.imaps_port, "x.example") as connection:
        assert read_all(connection) == b"* BYE\r\n"


def test_backend_is_down(room):
    room.start_pebble()
    port = room.ports.take()
    room.postseald(room.config("", port))
    for _ in range(5):
        try:
            with connect(room.imaps_port, "x.example") as connection:
                assert read_all(connection) == b""
        except (ConnectionError, ssl.SSLError):
            pass


def test_proxy_header(room):
    room.start_pebble()
    backend = room.start_backend(proxy=True, greeting=b"* OK\r\n")
    daemon = room.postseald(
        room.config(TWO, backend.port, imaps="    proxy_protocol = v2\n")
    )
    daemon.wait_served("two.example", timeout=60)
    with connect(room.imaps_port, "two.example") as connection:
        mine = connection.getsockname()
        assert read_line(connection) == b"* OK\r\n"
    # Our own proofs come to the backend, too.
    header = next(one for one in backend.headers if one["source"] == mine)
    assert header["version"] == 2 and header["command"] == 1
    assert header["destination"] == ("127.0.0.1", room.imaps_port)
    tls = header["tlvs"][0x20]
    # TLS, and no certificate of the client that was verified.
    client, verify = struct.unpack("!BI", tls[:5])
    assert client == 1 and verify != 0
    assert b"TLSv1.3" in tls


def test_backend_at_a_unix_socket(room):
    room.start_pebble()
    path = os.path.join(room.folder, "backend")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        room.postseald(
            room.config("", 1).replace("backend = 127.0.0.1:1", f"backend = unix:{path}")
        )
        with connect(room.imaps_port, "x.example") as connection:
            backend, _ = listener.accept()
            with backend:
                backend.sendall(b"* OK\r\n")
                assert read_line(connection) == b"* OK\r\n"


@pytest.mark.smoke
def test_dovecot(room):
    """The whole: IMAP with TLS through us, the client's address at Dovecot."""
    room.start_pebble()
    dovecot = room.start_dovecot()
    daemon = room.postseald(
        room.config(TWO, dovecot.port, imaps="    proxy_protocol = v2\n")
    )
    daemon.wait_served("one.example", "two.example", timeout=60)
    with imaplib.IMAP4_SSL("127.0.0.1", room.imaps_port, timeout=20) as client:
        assert "STARTTLS" not in client.capabilities
        client.login(Dovecot.user, Dovecot.password)
        assert client.select("INBOX")[1] == [b"1"]
        assert b"Sealed" in client.fetch("1", "(BODY[])")[1][0][1]
    assert "method=PLAIN, rip=127.0.0.1" in dovecot.log()


def test_many_connections_at_once(front):
    connections = []
    for number in range(200):
        name = ("mail.one.example", "two.example")[number % 2]
        connections.append(connect(front.imaps_port, name, timeout=30))
    for connection in connections:
        assert read_line(connection) == b"* OK hello\r\n"
    for connection in connections:
        connection.sendall(b"x\n")
    for connection in connections:
        assert read_line(connection) == b"x\n"
        connection.close()


def test_idle_session_is_closed(room):
    room.start_pebble()
    backend = room.start_backend(greeting=b"* OK\r\n")
    room.postseald(room.config("", backend.port, imaps="    idle_timeout = 2s\n"))
    with connect(room.imaps_port, "x.example", timeout=15) as connection:
        begin = time.monotonic()
        assert read_all(connection) == b"* OK\r\n"
        assert 1 < time.monotonic() - begin < 10


# --- plain HTTP -------------------------------------------------------------------------


def ask(room, path, host="two.example", method="GET"):
    client = http.client.HTTPConnection("127.0.0.1", room.http_port, timeout=10)
    client.putrequest(method, path, skip_host=True)
    if host is not None:
        client.putheader("Host", host)
    client.endheaders()
    answer = client.getresponse()
    body = answer.read()
    client.close()
    return answer, body


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_redirect(front, method):
    answer, _ = ask(front, "/a?b=c", method=method)
    assert answer.status in (301, 302, 307, 308)
    assert answer.headers["Location"] == f"https://two.example:{front.https_port}/a?b=c"


def test_redirect_keeps_only_the_host(front):
    answer, _ = ask(front, "/x", host="two.example:1234")
    assert answer.headers["Location"] == f"https://two.example:{front.https_port}/x"


def test_unknown_token(front):
    """Is no business of ours: it goes where everything goes."""
    answer, body = ask(front, "/.well-known/acme-challenge/unknown-token")
    assert answer.status in (301, 404)
    assert b"unknown-token." not in body


@pytest.mark.parametrize(
    "host", ["evil.example/../", "a b", "x\ty", "<script>", "two.example@evil.example", ""]
)
def test_hostile_host(front, host):
    """No redirect to a place that the sender has made up."""
    answer, body = ask(front, "/", host=host)
    assert answer.status in (400, 421)
    assert b"<script>" not in body


BAD_REQUESTS = {
    "no request": b"\r\n\r\n\r\n",
    "nonsense": b"nonsense\r\n\r\n",
    "long line": b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: two.example\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
    "NUL": b"GET /\0 HTTP/1.1\r\nHost: two.example\r\n\r\n",
    "line feed in a header": b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n",
}


@pytest.mark.parametrize("data", BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_bad_request(front, data):
    with socket.create_connection(("127.0.0.1", front.http_port), timeout=20) as raw:
        try:
            raw.sendall(data)
            answer = read_all(raw)
        except ConnectionError:
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:100]
    test_unknown_token(front)
