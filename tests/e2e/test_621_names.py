# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificate a client is shown for what it says, and what that costs the manager.
The plain cases are in test_600_front.py, wildcards in tests/unit/front."""

import contextlib
import hashlib
import os
import random
import re
import signal
import ssl
import subprocess
import threading
import time

import pytest

from peers.process import wait_until
from peers.tls import connect, served_fingerprint

# The first is served to who names nobody.
DOMAINS = "domain one.example {\n}\ndomain two.example {\n}\n"
BOTH_KEYS = "domain one.example {\n}\ndomain two.example {\n    key_type = ecdsa-p256 rsa-2048\n}\n"
UNRECOGNIZED_NAME = "SSL alert number 112"
# GnuTLS goes on with no name that has other octets than one of DNS.
ILLEGAL_PARAMETER = "SSL alert number 47"
PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", re.S)


def start(room, domains=DOMAINS, **how):
    """imaps shows the default to who is unknown, https rejects."""
    room.start_pebble()
    room.backend = room.start_backend(greeting=b"* OK\r\n")
    room.daemon = room.postseald(
        room.config(
            domains, room.backend.port, https="    unknown_sni = reject\n",
            imaps="    handshake_timeout = 2s\n", **how,
        )
    )  # fmt: skip
    room.daemon.wait_served("one.example", "two.example", timeout=90)
    return room


@pytest.fixture(scope="module")
def front(shared_room):
    return start(shared_room)


def s_client(port, *words):
    """The leaf's fingerprint, or what openssl said of its failure."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *words],
        input=b"", capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    found = PEM.search(done.stdout.decode(errors="replace"))
    if not found:
        return done.stderr.decode(errors="replace")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(found.group(0))).hexdigest()


# What is shown where the default is for the unknown, and where they are rejected.
SAID = {
    "trailing dot": (["-servername", "two.example."], "two.example", "two.example"),
    "upper case": (["-servername", "TWO.EXAMPLE"], "two.example", "two.example"),
    "both": (["-servername", "Two.Example."], "two.example", "two.example"),
    "nothing": (["-noservername"], "one.example", "one.example"),
    "unknown": (["-servername", "three.example"], "one.example", None),
    "below": (["-servername", "www.two.example"], "one.example", None),
    "its parent": (["-servername", "example"], "one.example", None),
    "address": (["-servername", "127.0.0.1"], "one.example", None),
    "address of IPv6": (["-servername", "::1"], None, None),
    "two dots": (["-servername", "two.example.."], "one.example", None),
    "wildcard": (["-servername", "*.example"], None, None),
    "markup": (["-servername", "<b>two.example"], None, None),
    "control octets": (["-servername", "two\x1b[31m.example\n"], None, None),
    "long label": (["-servername", "a" * 64 + ".example"], "one.example", None),
}


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("words, by_default, rejecting", SAID.values(), ids=SAID.keys())
def test_what_is_said(front, version, words, by_default, rejecting):
    for port, domain, alert in (
        (front.imaps_port, by_default, ILLEGAL_PARAMETER),
        (front.https_port, rejecting, UNRECOGNIZED_NAME),
    ):
        seen = s_client(port, version, *words)
        if domain:
            assert seen == front.daemon.slot(domain)["fingerprint"]
        else:
            assert alert in seen


def kinds_of(daemon, domain):
    """{"rsa-2048": fingerprint, …}"""
    return {row["key_type"]: row["fingerprint"] for row in daemon.slots(domain)}


def test_suites_choose_the_key(room):
    """A TLS 1.2 client with RSA suites only lists ECDSA among its signatures all the same."""
    start(room, BOTH_KEYS)
    kinds = kinds_of(room.daemon, "two.example")
    assert set(kinds) == {"ecdsa-p256", "rsa-2048"}
    asked = [
        (["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], "rsa-2048"),
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "ecdsa-p256"),
        (["-tls1_2"], "ecdsa-p256"),
        (["-tls1_3"], "ecdsa-p256"),
    ]
    # Asked of the manager, and from the cache; the other kind first, too.
    for order in (asked, list(reversed(asked))):
        assert room.daemon.stop() == 0
        room.daemon.start()
        for words, kind in order + order:
            seen = s_client(room.imaps_port, "-servername", "two.example", *words)
            assert seen == kinds[kind], (words, seen)


@contextlib.contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def restart(room):
    """Nothing is in the workers' memory then."""
    assert room.daemon.stop() == 0
    room.daemon.start()


def test_known_name_waits_for_its_own(room):
    """The manager does not answer: who is known waits, and ends with no certificate."""
    start(room)
    restart(room)
    one, two = (room.daemon.slot(name)["fingerprint"] for name in ("one.example", "two.example"))
    assert served_fingerprint(room.imaps_port, "one.example") == one
    with stopped(room.daemon.process.pid):
        begin = time.monotonic()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            connect(room.imaps_port, "two.example", timeout=30)
        assert time.monotonic() - begin > 1
        # What is settled without it is settled.
        assert served_fingerprint(room.imaps_port, "one.example") == one
        assert served_fingerprint(room.imaps_port, "unknown.example") == one
        assert UNRECOGNIZED_NAME in s_client(room.https_port, "-servername", "unknown.example")
    assert served_fingerprint(room.imaps_port, "two.example") == two


def test_many_wait_and_are_served(room):
    """The manager is late, but not too late: each gets its own name's."""
    start(room, workers=2)
    room.daemon.replace("handshake_timeout = 2s", "handshake_timeout = 60s")
    restart(room)
    wanted = {
        name: room.daemon.slot(name)["fingerprint"] for name in ("one.example", "two.example")
    }
    seen = []

    def ask(name):
        seen.append((name, served_fingerprint(room.imaps_port, name, timeout=60)))

    with stopped(room.daemon.process.pid):
        clients = [
            threading.Thread(target=ask, args=(name,)) for name in list(wanted) * 20
        ]
        for client in clients:
            client.start()
        time.sleep(1)
        assert not seen
    for client in clients:
        client.join()
    assert len(seen) == 40
    assert all(wanted[name] == fingerprint for name, fingerprint in seen)


def test_made_up_names_are_settled_here(room):
    start(room)
    restart(room)
    # One look-up each: the counter counts.
    served_fingerprint(room.imaps_port, "two.example")
    served_fingerprint(room.imaps_port, "one.example")
    number = random.Random(1)
    for _ in range(1000):
        name = f"{number.getrandbits(64):x}.example"
        with connect(room.imaps_port, name):
            pass
        with pytest.raises(ssl.SSLError):
            connect(room.https_port, name)

    def summary():
        # Workers are asked every 10 s.
        said = room.daemon.status()["summary"]
        return said["handshakes"] == 1002 and said

    assert wait_until(summary, "the workers' report", 40, step=0.5)["lookups"] == 2
