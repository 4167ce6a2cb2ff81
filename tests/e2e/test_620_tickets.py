# SPDX-License-Identifier: GPL-3.0-or-later
"""Session tickets: at which door, under which name and for how long they are good."""

import contextlib
import os
import signal
import socket
import ssl
import threading

import pytest

from peers.crash import query
from peers.process import list_children, wait_until
from peers.tls import openssl

# The first is served to who names nobody.
DOMAINS = "domain one.example {\n}\ndomain two.example {\n    names = %d mail.%d\n}\n"
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Client:
    """One that keeps its tickets: OpenSSL takes a session only where it came from."""

    def __init__(self, version):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # The names are what the tests change on purpose.
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.context.minimum_version = self.context.maximum_version = version

    @contextlib.contextmanager
    def connect(self, port, name, session=None):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
            with self.context.wrap_socket(
                raw, server_hostname=name, session=session
            ) as connection:
                yield connection

    def take(self, port, name):
        """A ticket. Those of TLS 1.3 come before the first octet, or the end."""
        with self.connect(port, name) as connection:
            assert not connection.session_reused
            connection.recv(100)
            assert connection.session.has_ticket
            return connection.session

    def resumes(self, port, name, session):
        with self.connect(port, name, session) as connection:
            connection.recv(100)
            return connection.session_reused


@pytest.fixture(params=VERSIONS, ids=lambda version: version.name)
def version(request):
    return request.param


def start(room, **how):
    room.start_pebble()
    room.backend = room.start_backend(greeting=b"* OK\r\n")
    room.daemon = room.postseald(room.config(DOMAINS, room.backend.port, **how))
    room.daemon.wait_served("one.example", "two.example", timeout=60)
    return room


@pytest.fixture(scope="module")
def front(shared_room):
    return start(shared_room, workers=2)


def test_where_it_is_good(front, version):
    client = Client(version)
    ticket = client.take(front.imaps_port, "two.example")
    for _ in range(5):
        assert client.resumes(front.imaps_port, "two.example", ticket)
    # The same certificate, but another name of it.
    assert not client.resumes(front.imaps_port, "mail.two.example", ticket)
    assert not client.resumes(front.imaps_port, "one.example", ticket)
    assert not client.resumes(front.imaps_port, "unknown.example", ticket)
    assert not client.resumes(front.imaps_port, None, ticket)
    assert not client.resumes(front.https_port, "two.example", ticket)
    assert client.resumes(front.imaps_port, "two.example", ticket)


def test_with_openssl_s_client(front, version, tmp_path):
    """The whole words of another client."""
    ticket = tmp_path / "ticket"

    def ask(name, *words):
        option = {"TLSv1_2": "-tls1_2", "TLSv1_3": "-tls1_3"}[version.name]
        # The listener without a backend says good-bye by itself: nothing is cut off.
        return openssl(
            "s_client", "-connect", f"127.0.0.1:{front.https_port}", "-servername", name,
            "-CAfile", front.pebble.root_file, "-ign_eof", option, *words, stdin=b"",
        )  # fmt: skip

    assert "New, " in ask("two.example", "-sess_out", ticket)
    resumed = ask("two.example", "-sess_in", ticket)
    assert "Reused, " in resumed and "Verify return code: 0 (ok)" in resumed
    assert "New, " in ask("one.example", "-sess_in", ticket)


@contextlib.contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_at_another_worker(front, version):
    """Each of them alone at work in turn."""
    workers = [
        pid for pid, command in list_children(front.daemon.process.pid)
        if "postseal-front" in command
    ]  # fmt: skip
    assert len(workers) == 2
    client = Client(version)
    for one, other in (workers, reversed(workers)):
        with stopped(other):
            ticket = client.take(front.imaps_port, "one.example")
        with stopped(one):
            assert client.resumes(front.imaps_port, "one.example", ticket)


def test_rotation(room, version):
    start(room, workers=2)
    client, daemon = Client(version), room.daemon
    ticket = client.take(room.imaps_port, "one.example")
    assert client.resumes(room.imaps_port, "one.example", ticket)
    # The key is older than that: another one is due.
    daemon.replace("workers = 2\n", "workers = 2\nticket_rotation = 1s\n")
    assert daemon.ctl("reload").returncode == 0
    wait_until(lambda: "the master key of tickets is a new one" in daemon.log(), "rotation")
    daemon.replace("ticket_rotation = 1s\n", "ticket_rotation = 7d\n")
    assert daemon.ctl("reload").returncode == 0
    wait_until(
        lambda: not client.resumes(room.imaps_port, "one.example", ticket), "a new key"
    )
    for _ in range(8):
        assert not client.resumes(room.imaps_port, "one.example", ticket)
    # And the new key is the same for all.
    later = client.take(room.imaps_port, "one.example")
    for _ in range(8):
        assert client.resumes(room.imaps_port, "one.example", later)


def test_rotation_without_a_reload(room, version):
    room.start_pebble()
    room.backend = room.start_backend(greeting=b"* OK\r\n")
    daemon = room.postseald(room.config(DOMAINS, room.backend.port), start=False)
    daemon.options = ["-o", "ticket_rotation=2s"]
    daemon.start()
    daemon.wait_served("one.example", timeout=60)
    client = Client(version)
    said = "the master key of tickets is a new one"
    n_keys = daemon.log().count(said)
    ticket = client.take(room.imaps_port, "one.example")
    wait_until(lambda: daemon.log().count(said) >= n_keys + 2, "two rotations")
    wait_until(
        lambda: not client.resumes(room.imaps_port, "one.example", ticket), "a new key"
    )


@pytest.mark.parametrize("period", ["0", "500ms", "8d", "-1h", "often"])
def test_what_is_no_rotation(room, period):
    daemon = room.postseald(f"ticket_rotation = {period}\n" + room.base_config(), start=False)
    done = daemon.ctl("check")
    assert done.returncode == 78 and "ticket_rotation" in done.stderr, done


def test_revoked_and_replaced(room, version):
    """Who has stolen the certificate's key may have tickets, too."""
    start(room)
    client, daemon = Client(version), room.daemon
    ticket = client.take(room.imaps_port, "two.example")
    other = client.take(room.imaps_port, "one.example")
    assert client.resumes(room.imaps_port, "two.example", ticket)
    done = daemon.ctl("revoke", "two.example", "--reason", "key-compromise", "--yes")
    assert done.returncode == 0, done.stderr
    wait_until(
        lambda: query(daemon, "SELECT count(*) FROM revocation WHERE state = 'waiting'")
        == [(0,)],
        "the revocation", 30,
    )  # fmt: skip
    assert not client.resumes(room.imaps_port, "two.example", ticket)
    # Whose certificate has not been replaced is not troubled.
    assert client.resumes(room.imaps_port, "one.example", other)
    later = client.take(room.imaps_port, "two.example")
    assert client.resumes(room.imaps_port, "two.example", later)


def shake_as_validator(client, port, ticket):
    """None: nobody is being validated."""
    try:
        with client.connect(port, "two.example", ticket) as connection:
            assert connection.selected_alpn_protocol() == "acme-tls/1"
            connection.recv(1)
            return connection.session_reused, connection.session.has_ticket
    except (ssl.SSLError, ConnectionError):
        return None


def test_none_for_a_validation(room, version):
    """While a name is being validated, acme-tls/1 gives no ticket, and takes none."""
    # Pebble waits up to so many seconds before it looks: we do it first.
    room.start_pebble(PEBBLE_VA_NOSLEEP="", PEBBLE_VA_SLEEPTIME="5")
    daemon = room.postseald(
        room.config("domain two.example {\n}\n", challenge="tls-alpn-01")
    )
    daemon.wait_served("two.example", timeout=120)
    client = Client(version)
    ticket = client.take(room.https_port, "two.example")
    client.context.set_alpn_protocols(["acme-tls/1"])
    assert shake_as_validator(client, room.https_port, ticket) is None
    seen = None
    for _ in range(6):
        # It may have been a wait of no second.
        orderer = threading.Thread(target=daemon.renew, args=("two.example",))
        orderer.start()
        while orderer.is_alive() and not seen:
            seen = shake_as_validator(client, room.https_port, ticket)
        orderer.join()
        if seen:
            break
    assert seen == (False, False)
