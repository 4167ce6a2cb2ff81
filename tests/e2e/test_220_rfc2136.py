# SPDX-License-Identifier: GPL-3.0-or-later
"""dns-01 by dynamic updates, into a real BIND and a real Knot: every algorithm, and each
refusal told apart."""

import os

import pytest

from peers.nameserver import Bind, DnsScene, Unbound, wait_cleaned

CHALLENGE = "_acme-challenge.mail.one.test"
DOMAIN = "domain one.test {\n    names = mail.%d\n}\n"
SECRET = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
OTHER = "b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVy"
ALGORITHMS = ["hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"]


def provider(server, more):
    return f"dns rfc2136 {{\n    server = {server}\n{more}}}\n"


def by_settings(name="acme", secret=SECRET, algorithm="hmac-sha256"):
    return (
        f"    key_name = {name}\n    key_algorithm = {algorithm}\n    key_secret = {secret}\n"
    )


def start(room, stubs, block, policy=""):
    room.start_pebble(dns=room.dns)
    return room.postseald(
        f"dns_stubs = {stubs}\ninsecure_zones = test\n{block}"
        + room.config(
            DOMAIN,
            challenge="dns-01",
            policy=f"    dns = rfc2136\n    propagation_interval = 1s\n{policy}",
        )
    )


class KnotScene(DnsScene):
    def __init__(self, room, algorithm="hmac-sha256"):
        super().__init__(room, keys={"acme": (algorithm, SECRET)})

    def start_by(self, more, server=None):
        at = f"{self.knot.address}:53"
        return start(self.room, f"one.test={at}", provider(server or at, more))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_knot(room, algorithm):
    scene = KnotScene(room, algorithm)
    daemon = scene.start_by(by_settings(algorithm=algorithm))
    daemon.wait_served("one.test")
    wait_cleaned(daemon)
    assert scene.knot.ask(CHALLENGE) == []


@pytest.mark.parametrize(
    "more, said",
    [
        (by_settings(name="stranger"), "BADKEY: it does not know the key stranger"),
        (by_settings(secret=OTHER), "BADSIG: it knows the key acme with another secret"),
        ("", "NOTAUTH: it does not have that zone, or does not let the key (none) change it"),
        (by_settings() + "    zones = mail.one.test\n", "it does not have that zone"),
    ],
    ids=["badkey", "badsig", "unsigned", "notauth"],
)
def test_knot_refuses(room, more, said):
    scene = KnotScene(room)
    daemon = scene.start_by(more)
    row = daemon.wait_state("one.test", "failed")
    assert said in row["error"]
    assert SECRET not in daemon.log() and OTHER not in daemon.log()


def test_second_server(room):
    scene = KnotScene(room)
    daemon = scene.start_by(by_settings(), f"127.0.0.1:1 {scene.knot.address}:53")
    daemon.wait_served("one.test")
    wait_cleaned(daemon)


class BindScene:
    """It listens on a port that is not 53, so nobody looks before the CA does."""

    def __init__(self, room, policy, algorithm="hmac-sha256"):
        self.room = room
        self.bind = Bind(room.folder, room.ports, "one.test", policy, algorithm)
        room._to_stop.append(self.bind)
        room.dns = Unbound(
            room.folder, room.ports, {"one.test": f"127.0.0.1@{self.bind.port}"}
        )
        room._to_stop.append(room.dns)

    def start(self, key=None):
        at = f"127.0.0.1:{self.bind.port}"
        block = provider(at, f"    key_file = {key or self.bind.key_file}\n")
        return start(self.room, f"one.test={at}", block, "    propagation = none\n")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_bind(room, algorithm):
    scene = BindScene(room, "grant acme zonesub TXT;", algorithm)
    daemon = scene.start()
    daemon.wait_served("one.test")
    wait_cleaned(daemon)
    assert scene.bind.ask(CHALLENGE) == []


def test_bind_refuses_that_name(room):
    scene = BindScene(room, "grant acme name other.one.test TXT;")
    daemon = scene.start()
    row = daemon.wait_state("one.test", "failed")
    assert "REFUSED: it does not let the key acme change that name" in row["error"]


def test_bind_knows_another_secret(room):
    scene = BindScene(room, "grant acme zonesub TXT;")
    path = os.path.join(room.folder, "wrong.key")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'key "acme" {{\n\talgorithm hmac-sha256;\n\tsecret "{OTHER}";\n}};\n')
    os.chmod(path, 0o600)
    daemon = scene.start(path)
    row = daemon.wait_state("one.test", "failed")
    assert "BADSIG: it knows the key acme with another secret" in row["error"]


def test_key_that_everybody_can_read(room):
    scene = BindScene(room, "grant acme zonesub TXT;")
    os.chmod(scene.bind.key_file, 0o644)
    daemon = scene.start()
    row = daemon.wait_state("one.test", "failed")
    assert "its plugin could not be opened" in row["error"]
    assert "everybody can read it, and it has a secret" in daemon.log()
