# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at each point of an order's and an account's life that is named by a FAULT() in
the sources.

After the restart the same order with the same key goes on: accounts, orders and
certificates are counted at the CA. tests/check-faults compares POINTS with the sources.
"""

import json
import os
import socket
import stat
import time
from dataclasses import dataclass

import pytest
from evilca import Answer, EvilCa

from peers.backend import Backend
from peers.crash import check_issued, count_at, query, wait_killed
from peers.nameserver import DnsScene
from peers.process import wait_until

DOMAIN = "domain one.example {\n}\n"
ROLLOVER = ("account", "rollover", "pebble")
REVOKE = ("revoke", "one.example", "--yes")
DEACTIVATE = ("account", "deactivate", "pebble", "--yes")
TAKEN_UP = "1 certificate was under way at the last end, and taken up again"


@dataclass
class Point:
    name: str
    orphans: int = 0  # orders that may be left open at the CA by one crash
    scene: str = "plain"
    under_way: bool = True  # and so status speaks of it
    command: tuple = ()  # what an operator says when all is served
    certificates: int = 1

    def __str__(self):
        return self.name


# In the order in which they are passed.
POINTS = [
    Point("account-key-made"),
    Point("account-key-stored"),
    Point("account-answered"),
    Point("account-not-stored"),
    Point("account-stored"),
    Point("order-key-made"),
    Point("order-key-stored"),
    Point("order-answered", orphans=1),
    Point("order-url-stored"),
    Point("authorization-read"),
    Point("answer-not-presented"),
    Point("value-written-down", scene="dns"),
    Point("value-added", scene="dns"),
    Point("answer-presented"),
    Point("challenge-answered", scene="slow"),
    Point("authorization-pending", scene="slow"),
    Point("authorization-valid"),
    Point("value-removed", scene="dns"),
    Point("answer-cleaned-up"),
    Point("finalize-not-sent"),
    Point("finalize-answered"),
    Point("order-processing"),
    Point("certificate-answered"),
    Point("certificate-not-committed"),
    Point("certificate-stored"),
    Point("front-switched"),
    Point("deployed", scene="deploy"),
    Point("installed"),
    Point("proven"),
    Point("served-stored", under_way=False),
    Point("hook-running", scene="hook", under_way=False),
    Point("renewal-info-answered", scene="ari", under_way=False),
    Point("pending-key-stored", under_way=False, command=ROLLOVER),
    Point("key-change-not-sent", under_way=False, command=ROLLOVER),
    Point("key-change-answered", under_way=False, command=ROLLOVER),
    Point("new-key-stored", under_way=False, command=ROLLOVER),
    Point("deactivation-answered", under_way=False, command=DEACTIVATE),
    Point("revocation-not-sent", under_way=False, command=REVOKE, certificates=2),
    Point("revocation-answered", under_way=False, command=REVOKE, certificates=2),
]
ROUNDS = [1, 2, 3]


# --- scenes: what is around the daemon -----------------------------------------------------


class SlowDoor(Backend):
    """Whoever comes in is let through to `port` after a while, and as soon as somebody is
    there: a look of the CA's does not fail because it fell between two lives."""

    def __init__(self, ports, port, delay):
        self._behind = port
        self._delay = delay
        super().__init__(ports)

    def talk(self, connection):
        question = connection.recv(65536)
        time.sleep(self._delay)
        with self._reach() as behind:
            behind.sendall(question)
            behind.shutdown(socket.SHUT_WR)
            while data := behind.recv(65536):
                connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)

    def _reach(self):
        for _ in range(100):
            try:
                return socket.create_connection(("127.0.0.1", self._behind), timeout=10)
            except ConnectionRefusedError:
                time.sleep(0.1)
        raise ConnectionRefusedError(self._behind)


def plain(room):
    room.start_pebble(PEBBLE_WFE_NONCEREJECT=0)
    return room.config(DOMAIN)


def slow(room):
    """What validates waits for its answer."""
    port = room.http_port
    room.http_port = room.start_backend(SlowDoor, port=port, delay=1.5).port
    room.start_pebble(PEBBLE_WFE_NONCEREJECT=0)
    room.http_port = port
    return room.config(DOMAIN)


def deploy(room):
    text = plain(room)
    folder = os.path.join(room.folder, "files")
    os.mkdir(folder)
    block = (
        f"deploy files {{\n    chain_file = {folder}/chain.pem\n"
        f"    key_file = {folder}/key.pem\n    reload = /bin/true\n}}\n"
    )
    return text.replace(DOMAIN, block + DOMAIN.replace("{\n", "{\n    deploy = front files\n"))


def hook(room):
    """A program that is told of what is served, and takes a while."""
    path = os.path.join(room.folder, "hook")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\nsleep 0.3\necho \"$POSTSEAL_KIND\" >>{room.folder}/told\n")
    os.chmod(path, stat.S_IRWXU)
    block = f"notify exec {{\n    command = {path}\n    events = served\n}}\n"
    return "notify = exec\n" + plain(room).replace(DOMAIN, block + DOMAIN)


class AriCa(EvilCa):
    """Says when to renew (RFC 9773): the middle of its window is a day from now."""

    def _directory(self):
        answer = super()._directory()
        value = json.loads(answer.body)
        value["renewalInfo"] = f"{self.base}/renewalInfo"
        return answer.with_json(value)

    def _dispatch(self, method, step, key, body, headers):
        if step != "renewalInfo":
            return super()._dispatch(method, step, key, body, headers)
        now = time.time()
        window = {
            name: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + offset))
            for name, offset in (("start", 80000), ("end", 92800))
        }
        return Answer(200, b"", {"Retry-After": "3600"}).with_json({"suggestedWindow": window})

    def counted(self):
        return {
            "accounts": len(self.accounts),
            "orders": len(self.orders),
            "certificates": len(self.certificates),
        }


def dns(room):
    """The answer is a value in the DNS."""
    scene = DnsScene(room, {"one.example": ""})
    room.start_pebble(dns=room.dns, PEBBLE_WFE_NONCEREJECT=0)
    return scene.config(DOMAIN)


def ari(room):
    room.ca = room.start_backend(make_ari_ca, room=room)
    return room.config(DOMAIN)


def make_ari_ca(ports, room):
    ca = AriCa(
        ports.take(), room.local_ca.cert_file, room.local_ca.key_file, room.http_port
    )
    ca.root_file = os.path.join(room.folder, "root.pem")
    ca.save_root(ca.root_file)
    room.pebble = ca
    return ca


SCENES = {scene.__name__: scene for scene in (plain, slow, deploy, hook, dns, ari)}


# --- killed, started again, and what must be so at the end -----------------------------------


def start_and_die(daemon, fault, command=()):
    """True: it has killed itself there."""
    daemon.env["POSTSEAL_FAULT"] = fault
    daemon.start(wait=bool(command))
    if command:
        daemon.wait_served("one.example")
        daemon.ctl(*command)
    killed = wait_killed(daemon, 20)
    daemon.env.clear()
    return killed


def check_end(room, daemon, point, orphans):
    counted = room.pebble.counted() if room.ca else None
    waiting = "SELECT count(*) FROM revocation WHERE state <> 'revoked'"
    wait_until(lambda: query(daemon, waiting) == [(0,)], "the revocation")
    check_issued(room, daemon, "one.example", orphans, counted, point.certificates)


def check_told(daemon, point):
    said = daemon.ctl("status").stdout
    assert "served" in said
    assert (TAKEN_UP in said) == point.under_way
    resumed = [event for event in daemon.events() if event["kind"] == "resumed"]
    assert bool(resumed) == point.under_way


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_killed_at(room, point):
    daemon = room.postseald(SCENES[point.scene](room), start=False)
    assert start_and_die(daemon, f"{point.name}:kill", point.command), "that point was not passed"
    assert f"fault: {point.name}\n" in daemon.log()
    daemon.start()
    daemon.wait_served("one.example", timeout=10)
    check_end(room, daemon, point, point.orphans)
    check_told(daemon, point)


def test_answers_of_a_domain_that_was_removed(room):
    """Nobody takes up its order, and still nothing is left of it outside."""
    daemon = room.postseald(plain(room), start=False)
    assert start_and_die(daemon, "answer-presented:kill")
    count = "SELECT count(*) FROM authorization WHERE presented"
    assert query(daemon, count) == [(1,)]
    daemon.replace(DOMAIN, "")
    daemon.start()
    wait_until(lambda: query(daemon, count) == [(0,)], "the answer cleaned up")
    assert "http-01 answer for one.example, which was left over, is cleaned up" in daemon.log()
    assert count_at(room.pebble)["orders"] == 1


@pytest.mark.long
@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_killed_again_in_recovery(room, point, turn):
    """At the point, and then at the first, third or sixth of any that follow."""
    daemon = room.postseald(SCENES[point.scene](room), start=False)
    assert start_and_die(daemon, f"{point.name}:kill", point.command), "that point was not passed"
    again = start_and_die(daemon, f"*:kill:{[1, 3, 6][turn - 1]}")
    if not again:
        daemon.stop()
    orphans = daemon.log().count("fault: order-answered")
    daemon.start()
    daemon.wait_served("one.example", timeout=10)
    check_end(room, daemon, point, orphans)


@pytest.mark.long
@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_killed_at_long(room, point, turn):
    test_killed_at(room, point)
