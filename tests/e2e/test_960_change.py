# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration changes: what is ordered, what goes on being served, and what is held
until somebody says yes."""

import json

from peers.process import wait_until
from peers.tls import connect, served_fingerprint

ONE = "domain one.example {\n}\n"
MORE = "domain one.example {\n    names = one.example two.example\n}\n"
RSA = "domain one.example {\n    key_type = rsa-2048\n}\n"


def served(room, name="one.example"):
    return served_fingerprint(room.https_port, name, ca_file=room.pebble.root_file)


def wait_other(room, before, name="one.example"):
    """Whoever looks meanwhile always sees a good certificate."""
    wait_until(lambda: served(room, name) != before, "another certificate", 60)


def plan(daemon):
    done = daemon.ctl("plan", "--json")
    return done.returncode, json.loads(done.stdout)


def test_a_name_more_and_a_name_less(room):
    room.start_pebble()
    daemon = room.postseald(room.config(ONE))
    daemon.wait_served("one.example", timeout=60)
    before = served(room)
    assert plan(daemon)[1]["changes"] == []
    daemon.replace(ONE, MORE)
    code, shown = plan(daemon)
    assert code == 0
    assert [one["why"] for one in shown["changes"]] == ["names added: two.example"]
    assert shown["costs"][0]["orders"] == 1 and shown["costs"][0]["counted"] == 1
    assert "names added: two.example" in daemon.ctl("plan").stdout
    assert served(room) == before
    assert daemon.ctl("reload").returncode == 0
    wait_other(room, before)
    wait_until(lambda: daemon.slot("one.example")["served"], "its proof", 30)
    assert served(room, "two.example") == served(room)
    before = served(room)
    daemon.replace(MORE, ONE)
    assert daemon.ctl("reload").returncode == 0
    wait_other(room, before)


def test_another_key_type_and_a_restart(room):
    room.start_pebble()
    daemon = room.postseald(room.config(ONE))
    daemon.wait_served("one.example", timeout=60)
    before = served(room)
    room.pebble.stop()
    daemon.replace(ONE, RSA)
    assert daemon.ctl("reload").returncode == 0
    assert served(room) == before
    assert daemon.stop() == 0
    daemon.start()
    assert served(room) == before


def test_out_and_in_again_costs_no_order(room):
    room.start_pebble()
    daemon = room.postseald(room.config(ONE))
    daemon.wait_served("one.example", timeout=60)
    before = served(room)
    daemon.replace(ONE, "")
    assert daemon.ctl("reload").returncode == 0
    with connect(room.https_port, "one.example") as connection:
        assert connection.getpeercert(binary_form=True)
    daemon.write(daemon.config() + ONE)
    code, shown = plan(daemon)
    assert code == 0 and shown["summary"]["orders"] == 0
    assert shown["changes"][0]["action"] == "return"
    assert daemon.ctl("reload").returncode == 0
    assert served(room) == before


def test_the_brake(room):
    room.start_pebble()
    many = "".join(f"domain d{i}.example {{\n}}\n" for i in range(12))
    daemon = room.postseald(room.config(many))
    for i in range(12):
        daemon.wait_served(f"d{i}.example", timeout=90)
    daemon.replace(many, ONE)
    assert plan(daemon)[0] == 2
    done = daemon.ctl("reload")
    assert done.returncode == 2
    assert "12 of 12" in done.stdout + done.stderr
    assert served(room, "d3.example")
    assert daemon.status()["summary"]["held"]
    assert "12 of 12" in daemon.happened("held")
    assert daemon.stop() == 0
    daemon.start()
    assert served(room, "d3.example")
    assert daemon.slots("one.example") == []
    assert daemon.ctl("reload", "--yes").returncode == 0
    daemon.wait_served("one.example", timeout=60)
    assert daemon.slots("d3.example") == []
