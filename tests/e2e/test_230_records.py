# SPDX-License-Identifier: GPL-3.0-or-later
"""Wanted records: shown before any order, watched on all servers, and the order goes on by
itself when they are there."""

import json
import subprocess

import pytest

from peers.crash import query
from peers.nameserver import DnsScene, Knot, wait_cleaned
from peers.process import wait_until

OWNER = "_acme-challenge.mail.one.test"
TARGET = "one.acme.test"
DOMAIN = "domain one.test {\n    names = mail.%d\n}\n"
DELEGATED = f"    delegation = {TARGET}\n"


@pytest.fixture
def scene(room):
    return DnsScene(room, {"one.test": "", "acme.test": ""})


def records(daemon, *words):
    done = daemon.ctl("records", "--format", "json", *words)
    assert done.returncode in (0, 2), done.stderr
    return json.loads(done.stdout)


@pytest.fixture(autouse=True)
def cleaned(room):
    """A test is not over while an answer is being taken back."""
    yield
    for daemon in room.daemons:
        if daemon.is_running():
            wait_cleaned(daemon)


def n_orders(scene):
    return scene.room.pebble.count("POST /order-plz")


def start(scene, **how):
    daemon = scene.start(DOMAIN, policy=DELEGATED, **how)
    daemon.wait_state("one.test", "waiting")
    return daemon


def test_order_goes_on_by_itself(scene):
    """Nothing is ordered before, nothing is refused by the CA, nobody has to say a word."""
    daemon = start(scene)
    row = records(daemon)[0]
    assert (row["owner"], row["type"], row["value"]) == (OWNER, "CNAME", TARGET)
    assert row["state"] == "pending" and row["challenge"] == "dns-01"
    assert n_orders(scene) == 0
    slot = daemon.slot("one.test")
    assert slot["attempts"] == 0 and f"{OWNER} CNAME {TARGET} is not there" in slot["error"]
    scene.knot.update(f"add {OWNER} 5 CNAME {TARGET}")
    said = daemon.ctl("records", "--check")
    assert said.returncode == 0, said.stdout
    assert "there" in said.stdout
    daemon.wait_served("one.test")
    assert n_orders(scene) == 1
    assert scene.room.pebble.count("invalid") == 0
    kinds = [event["kind"] for event in daemon.events("one.test")]
    assert kinds.index("record-wanted") < kinds.index("waiting") < kinds.index("record-seen")
    assert kinds.index("record-seen") < kinds.index("issued") and "failed" not in kinds


def test_seen_at_once_after_a_restart(scene):
    daemon = start(scene)
    daemon.stop()
    scene.knot.update(f"add {OWNER} 5 CNAME {TARGET}")
    daemon.start()
    daemon.wait_served("one.test", timeout=20)
    assert n_orders(scene) == 1


@pytest.mark.slow
def test_seen_within_a_minute(scene):
    daemon = start(scene)
    wait_until(lambda: records(daemon)[0]["checked"], "the first look")
    scene.knot.update(f"add {OWNER} 5 CNAME {TARGET}")
    daemon.wait_served("one.test", timeout=75)


def test_next_challenge_meanwhile(scene):
    """What is possible is used, and the status says why it was not the first."""
    daemon = scene.start(DOMAIN, challenge="dns-01 http-01", policy=DELEGATED)
    daemon.wait_served("one.test")
    told = daemon.slot("one.test")["challenge"]
    assert told.startswith("http-01 (dns-01: ") and "is not there" in told
    assert records(daemon, "--pending")[0]["owner"] == OWNER
    assert daemon.ctl("records", "--pending").returncode == 2


def test_what_differs_is_named(scene):
    daemon = start(scene)
    scene.knot.update(f"add {OWNER} 5 CNAME two.acme.test")
    daemon.ctl("records", "--check")
    row = records(daemon)[0]
    assert row["state"] == "differs" and "two.acme.test" in row["detail"]
    assert f"({scene.knot.address})" in row["detail"]


def test_one_server_of_two(room):
    """Not there as long as one of the servers does not have it."""
    scene = DnsScene(room, {"one.test": "", "acme.test": ""})
    other = Knot(room.folder, room.ports, {"one.test": ""})
    room._to_stop.append(other)
    scene.knot.update(
        "add one.test 5 NS ns9.one.test", f"add ns9.one.test 5 A {other.address}"
    )
    daemon = start(scene)
    scene.knot.update(f"add {OWNER} 5 CNAME {TARGET}")
    daemon.ctl("records", "--check")
    row = records(daemon)[0]
    assert row["state"] == "pending"
    assert row["detail"] == f"not at ns9.one.test ({other.address})"
    other.update(f"add {OWNER} 5 CNAME {TARGET}")
    daemon.ctl("records", "--check")
    daemon.wait_served("one.test")


def test_vanishes_and_comes_back(scene):
    scene.knot.update(f"add {OWNER} 5 CNAME {TARGET}")
    daemon = scene.start(DOMAIN, policy=DELEGATED)
    daemon.wait_served("one.test")
    scene.knot.update(f"delete {OWNER} CNAME")
    assert daemon.ctl("records", "--check").returncode == 2
    assert records(daemon)[0]["state"] == "vanished"
    assert [e["kind"] for e in daemon.events("one.test")].count("record-vanished") == 1
    assert daemon.slot("one.test")["state"] == "served"
    scene.knot.update(f"add {OWNER} 5 CNAME {TARGET}")
    assert daemon.ctl("records", "--check").returncode == 0
    assert records(daemon)[0]["state"] == "there"


def test_what_nobody_wants_may_be_taken_away(scene):
    scene.knot.update(f"add {OWNER} 5 CNAME {TARGET}")
    daemon = scene.start(DOMAIN, policy=DELEGATED)
    daemon.wait_served("one.test")
    daemon.replace(DOMAIN, "")
    assert daemon.ctl("reload", "--yes").returncode == 0
    row = records(daemon)[0]
    assert row["state"] == "removed" and "take it away" in row["detail"]
    done = daemon.ctl("records", "--format", "nsupdate")
    assert f"update delete {OWNER}. CNAME {TARGET}." in done.stdout
    scene.knot.update(f"delete {OWNER} CNAME")
    daemon.ctl("records", "--check")
    wait_until(lambda: records(daemon) == [], "nothing is left")
    assert query(daemon, "SELECT count(*) FROM wanted_record") == [(0,)]


def test_formats(scene):
    """Each is taken by the program that it is for, as far as that is a package."""
    daemon = start(scene)
    zone = daemon.ctl("records", "--format", "zone").stdout
    assert f"{OWNER}. 3600 IN CNAME {TARGET}." in zone
    terraform = daemon.ctl("records", "--format", "terraform").stdout
    assert 'resource "dns_cname_record"' in terraform
    assert 'zone = "one.test."' in terraform and f'cname = "{TARGET}."' in terraform
    table = daemon.ctl("records", "mail.one.test").stdout
    assert "mail.one.test (one.test, dns-01): pending" in table
    assert daemon.ctl("records", "--format", "xml").returncode == 64
    assert daemon.ctl("records", "nobody.test").returncode == 1
    update = daemon.ctl("records", "--format", "nsupdate").stdout
    subprocess.run(
        ["nsupdate"], input=f"server {scene.knot.address}\n{update}",
        text=True, check=True, capture_output=True,
    )  # fmt: skip
    daemon.ctl("records", "--check")
    daemon.wait_served("one.test")


def test_waiting_is_no_failure_after_a_crash(scene):
    daemon = start(scene)
    daemon.kill()
    daemon.start()
    daemon.wait_state("one.test", "waiting")
    assert daemon.slot("one.test")["attempts"] == 0
    assert n_orders(scene) == 0
    waiting = [e for e in daemon.events("one.test") if e["kind"] == "waiting"]
    assert len(waiting) == 1
