# SPDX-License-Identifier: GPL-3.0-or-later
"""dns-01 by a program, into a real Knot, with a real resolver behind the CA: wildcards,
delegation, what stands in the way, and what is left after a crash."""

import os

import pytest

from peers.crash import wait_killed
from peers.nameserver import DnsScene, Knot, wait_cleaned
from peers.process import wait_until

CHALLENGE = "_acme-challenge.mail.one.test"
DOMAIN = "domain one.test {\n    names = mail.%d\n}\n"
FAULTS = ["value-written-down", "value-added", "value-removed"]


@pytest.fixture
def scene(room):
    return DnsScene(room)


def check_gone(scene, daemon, *names):
    wait_cleaned(daemon)
    for name in names:
        assert scene.knot.ask(name) == []


def asked_for(scene):
    """How often the CA looked, and was not content."""
    return scene.room.pebble.count("Invalid") + scene.room.pebble.count("invalid")


def test_issued_and_cleaned_up(scene):
    daemon = scene.start(DOMAIN)
    daemon.wait_served("one.test")
    check_gone(scene, daemon, CHALLENGE)
    calls = [call[0] for call in scene.hook.calls()]
    # A job that is over before the program has cleaned up has it done once more.
    assert calls[0] == "present" and set(calls[1:]) == {"cleanup"}
    assert {call[1] for call in scene.hook.calls()} == {f"{CHALLENGE}."}
    issued = [row for row in daemon.events("one.test") if row["kind"] == "issued"]
    assert "validated by dns-01" in issued[0]["text"]
    assert daemon.renew("one.test").returncode == 0
    check_gone(scene, daemon, CHALLENGE)


def test_base_and_wildcard_in_one_order(scene):
    """Both values stand at the same name, and a value of somebody else's stays."""
    scene.knot.update('add _acme-challenge.one.test 5 TXT "somebody else\'s"')
    daemon = scene.start("domain one.test {\n    names = %d *.%d\n}\n")
    daemon.wait_served("one.test")
    calls = [call[0] for call in scene.hook.calls()]
    assert calls.count("present") == 2 and calls.count("cleanup") >= 2
    assert len({call[2] for call in scene.hook.calls()}) == 2
    check_gone(scene, daemon)
    assert scene.knot.ask("_acme-challenge.one.test") == ["somebody else's"]
    assert asked_for(scene) == 0


def test_fallback(scene):
    """The first of the list is not offered here, and the status says so."""
    daemon = scene.start(DOMAIN, challenge="dns-account-01 dns-01")
    daemon.wait_served("one.test")
    assert "dns-account-01: not offered by the CA" in daemon.slot("one.test")["challenge"]
    check_gone(scene, daemon, CHALLENGE)


def test_no_provider_then_http(scene):
    scene.room.start_pebble(dns=scene.room.dns)
    text = scene.config(DOMAIN, challenge="dns-01 http-01").replace("    dns = exec\n", "")
    daemon = scene.room.postseald(text)
    daemon.wait_served("one.test")
    told = daemon.slot("one.test")["challenge"]
    assert told.startswith("http-01") and "the policy names none (setting dns)" in told


@pytest.mark.parametrize("has_zone", [True, False])
def test_delegation(room, has_zone):
    """A CNAME is followed into a zone of the provider's, and into no other."""
    scene = DnsScene(room, {"one.test": "", "acme.test": ""})
    scene.knot.update(f"add {CHALLENGE} 5 CNAME x.acme.test")
    zones = "    zones = acme.test\n" if has_zone else "    zones = one.test\n"
    daemon = scene.start(DOMAIN, zones=zones)
    if has_zone:
        daemon.wait_served("one.test")
        assert {call[1] for call in scene.hook.calls()} == {"x.acme.test."}
        check_gone(scene, daemon, "x.acme.test")
        return
    # Beside a CNAME nothing can stand: so it is at the name itself, and never seen.
    wait_until(lambda: "whose zone no provider has" in daemon.log(), "the notice")
    wait_until(lambda: scene.hook.calls(), "the call")
    assert scene.hook.calls()[0][1] == f"{CHALLENGE}."
    assert asked_for(scene) == 0


def test_explicit_delegation(room):
    scene = DnsScene(room, {"one.test": "", "acme.test": ""})
    scene.knot.update(f"add {CHALLENGE} 5 CNAME one.acme.test")
    daemon = scene.start(DOMAIN, policy="    delegation = one.acme.test\n")
    daemon.wait_served("one.test")
    assert {call[1] for call in scene.hook.calls()} == {"one.acme.test."}
    check_gone(scene, daemon, "one.acme.test")


def test_one_server_lags(room):
    """Not before all have it is the CA asked: no validation fails."""
    scene = DnsScene(room)
    other = Knot(room.folder, room.ports, {"one.test": ""})
    room._to_stop.append(other)
    scene.knot.update(
        "add one.test 5 NS ns9.one.test", f"add ns9.one.test 5 A {other.address}"
    )
    daemon = scene.start(DOMAIN, policy="    self_check = require\n")
    wait_until(lambda: scene.hook.calls(), "the value put")
    value = scene.hook.calls()[0][2]
    lags = f"ns9.one.test ({other.address}) does not have it"
    wait_until(lambda: daemon.log().count(lags) > 1, "it waits")
    other.update(f'add {CHALLENGE} 5 TXT "{value}"')
    daemon.wait_served("one.test")
    assert asked_for(scene) == 0
    check_gone(scene, daemon, CHALLENGE)


def test_program_fails(scene):
    with open(scene.hook.path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\necho 'no such zone here'\nexit 3\n")
    daemon = scene.start(DOMAIN)
    row = daemon.wait_state("one.test", "failed")
    assert "no such zone here" in row["error"] and "dns-01" in row["error"]
    assert asked_for(scene) == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_killed_while_it_stands(scene, fault):
    """Whatever stood is taken away, and the same order goes on."""
    scene.room.start_pebble(dns=scene.room.dns, PEBBLE_WFE_NONCEREJECT=0)
    daemon = scene.room.postseald(scene.config(DOMAIN), start=False)
    daemon.env["POSTSEAL_FAULT"] = f"{fault}:kill"
    daemon.start(wait=False)
    assert wait_killed(daemon, 20), "that point was not passed"
    daemon.env.clear()
    daemon.start()
    daemon.wait_served("one.test")
    check_gone(scene, daemon, CHALLENGE)
    counted = scene.room.pebble.count("Issued certificate serial")
    assert counted == 1


def test_domain_removed_while_it_stands(scene):
    """Nobody takes up its order, and still nothing is left of it outside."""
    scene.room.start_pebble(dns=scene.room.dns, PEBBLE_WFE_NONCEREJECT=0)
    daemon = scene.room.postseald(scene.config(DOMAIN), start=False)
    daemon.env["POSTSEAL_FAULT"] = "value-added:kill"
    daemon.start(wait=False)
    assert wait_killed(daemon, 20)
    daemon.env.clear()
    assert len(scene.knot.ask(CHALLENGE)) == 1
    daemon.replace(DOMAIN, "")
    daemon.start()
    check_gone(scene, daemon, CHALLENGE)


def test_wrong_settings(conf_room):
    text = conf_room.config("domain one.test {\n    delegation = nowhere\n}\n")
    daemon = conf_room.postseald("dns_stubs = one.test\n" + text, start=False)
    said = daemon.ctl("check")
    assert said.returncode != 0
    assert "dns_stubs: one.test is not ZONE=ADDRESS:PORT" in said.stderr + said.stdout
    assert "delegation: is neither follow nor none" in said.stderr + said.stdout
    assert os.path.exists(daemon.conf_dir)
