# SPDX-License-Identifier: GPL-3.0-or-later
"""Behind a balancer: it says in a PROXY header who the client is, and only it is believed."""

import socket
import ssl
import struct

import pytest

from peers.haproxy import Haproxy
from peers.process import list_children, wait_until
from peers.tls import connect

BALANCER = "127.0.0.5"
GREETING = b"* OK hello\r\n"
DOMAINS = (
    "domain one.example {\n    challenge = tls-alpn-01\n}\n"
    "domain two.example {\n    challenge = http-01\n}\n"
)
# Our own looks count as well: they have to come through the same door.
POLICY = "    self_check = require\n"
IMAPS = "    proxy_protocol = v2\n"


def header_v2(client="192.0.2.1", port=1234, command=0x21):
    addresses = socket.inet_aton(client) + socket.inet_aton("192.0.2.99")
    return (
        b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, 0x11]) + struct.pack("!H", 12)
        + addresses + struct.pack("!HH", port, 993)
    )  # fmt: skip


def header_v1(client="192.0.2.1", port=1234):
    return f"PROXY TCP4 {client} 192.0.2.99 {port} 993\r\n".encode()


def start_behind(room, networks, **how):
    """postseald behind an HAProxy, which is where the CA and the clients come."""
    backend = room.start_backend(greeting=GREETING, proxy=True)
    behind = {"http": room.http_port, "https": room.https_port, "imaps": room.imaps_port}
    room.haproxy = room.start_backend(Haproxy, folder=room.folder, behind=behind, **how)
    room.http_port, room.https_port = room.haproxy.port["http"], room.haproxy.port["https"]
    room.start_pebble()
    room.http_port, room.https_port = behind["http"], behind["https"]
    text = room.config(DOMAINS, backend.port, policy=POLICY, imaps=IMAPS)
    text = text.replace("    protocol =", f"    proxy_from = {networks}\n    protocol =")
    room.backend = backend
    room.daemon = room.postseald(text)
    return room.daemon


def ends(daemon, listener="imaps"):
    return daemon.status()["summary"]["listeners"].get(listener, {})


def wait_end(daemon, how, n=1):
    wait_until(lambda: ends(daemon).get(how, 0) >= n, f"{n} {how}", 40)


def talk(session):
    assert session.recv(100) == GREETING
    session.sendall(b"x\n")
    assert session.recv(10) == b"x\n"


def wrap(raw, name="one.example"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(raw, server_hostname=name)


def knock(room, source, data=b""):
    """A client that comes past the balancer."""
    raw = socket.create_connection(("127.0.0.1", room.imaps_port), 10, (source, 0))
    if data:
        raw.sendall(data)
    return raw


def is_refused(raw):
    with raw:
        try:
            return raw.recv(100) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def expect_client_named(room):
    """Through the balancer from an address of its own; the backend is told that one."""
    front = room.haproxy.port["imaps"]
    with socket.create_connection(("127.0.0.1", front), 10, ("127.0.0.9", 0)) as raw:
        client = raw.getsockname()
        with wrap(raw) as session:
            talk(session)
    header = room.backend.headers[-1]
    assert header["source"] == client
    assert header["destination"] == ("127.0.0.1", front)


@pytest.mark.parametrize("version", [1, 2])
def test_behind_haproxy(room, version):
    daemon = start_behind(room, BALANCER, version=version, source=BALANCER)
    # Both challenges were looked at by us and by the CA, and the certificates proven.
    daemon.wait_served("one.example")
    daemon.wait_served("two.example")
    expect_client_named(room)
    # The balancer's own checks are no trouble.
    assert is_refused(knock(room, "127.0.0.6"))
    assert is_refused(knock(room, "127.0.0.6", header_v2()))
    wait_end(daemon, "not_proxy_from", 2)
    assert "no_proxy_header" not in ends(daemon)


def test_balancer_is_on_this_machine(room):
    """Then our own looks come from one of its networks."""
    daemon = start_behind(room, "127.0.0.0/8 [::1]")
    daemon.wait_served("one.example")
    daemon.wait_served("two.example")
    expect_client_named(room)
    assert "not_proxy_from" not in ends(daemon)


@pytest.fixture(scope="module")
def behind(shared_room):
    daemon = start_behind(shared_room, BALANCER, source=BALANCER)
    daemon.wait_served("one.example")
    daemon.wait_served("two.example")
    return shared_room


def worker(room):
    (pid,) = [
        pid for pid, command in list_children(room.daemon.process.pid)
        if command.startswith("postseal-front")
    ]  # fmt: skip
    return pid


@pytest.mark.parametrize("make", [header_v1, header_v2])
def test_wrong_octet(behind, make):
    """At every octet: refused, or a header that says something else; nobody else notices."""
    before = worker(behind)
    with wrap(knock(behind, BALANCER, make())) as other:
        talk(other)
        header = make()
        for i, octet in enumerate(header):
            for wrong in (octet ^ 0x80, octet ^ 1, 0):
                damaged = header[:i] + bytes([wrong]) + header[i + 1 :]
                knock(behind, BALANCER, damaged + b"\x16\x03\x01").close()
        other.sendall(b"y\n")
        assert other.recv(10) == b"y\n"
    wait_end(behind.daemon, "no_proxy_header", 20)
    assert worker(behind) == before


@pytest.mark.parametrize("make", [header_v1, header_v2])
def test_cut_off(behind, make):
    """At every octet, and the client gone."""
    header = make()
    for i in range(len(header)):
        knock(behind, BALANCER, header[:i]).close()
    with wrap(knock(behind, BALANCER, header)) as session:
        talk(session)


def test_no_header(behind):
    n_before = ends(behind.daemon).get("no_proxy_header", 0)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        wrap(knock(behind, BALANCER))
    assert is_refused(knock(behind, BALANCER, b"a001 LOGOUT\r\n"))
    wait_end(behind.daemon, "no_proxy_header", n_before + 2)


def test_this_machine_names_nobody_else(behind):
    n_before = ends(behind.daemon).get("not_proxy_from", 0)
    with wrap(knock(behind, "127.0.0.1", header_v2("127.0.0.1"))) as session:
        talk(session)
    assert is_refused(knock(behind, "127.0.0.1", header_v2()))
    wait_end(behind.daemon, "not_proxy_from", n_before + 1)


def test_balancer_goes(room):
    """A reload without proxy_from: clients come themselves, and live sessions stay."""
    daemon = start_behind(room, BALANCER, source=BALANCER)
    daemon.wait_served("one.example")
    with wrap(knock(room, BALANCER, header_v2())) as live:
        talk(live)
        daemon.write(daemon.config().replace(f"    proxy_from = {BALANCER}\n", ""))
        daemon.ctl("reload")
        with connect(room.imaps_port, "one.example") as session:
            talk(session)
        live.sendall(b"z\n")
        assert live.recv(10) == b"z\n"
