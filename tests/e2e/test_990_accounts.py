# SPDX-License-Identifier: GPL-3.0-or-later
"""An account's key is exchanged, an account is given up, a CA forgets one: against a real
Pebble, with kills in between. No account is ever registered in silence."""

import json
import os
import sqlite3
import threading
import time

import pytest

from peers.crash import count_at, end_orphans, query, wait_killed
from peers.process import wait_until
from peers.tls import served_fingerprint

DOMAIN = "domain one.example {\n}\n"
OTHER = "domain two.example {\n}\n"
KEYS = "SELECT key_pem, pending_key_pem FROM account WHERE status = 'valid'"


@pytest.fixture
def daemon(room):
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    return daemon


def account(daemon):
    """The only one."""
    rows = accounts(daemon)
    assert len(rows) == 1, rows
    return rows[0]


def accounts(daemon):
    done = daemon.ctl("account", "show", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def alarms(daemon):
    return daemon.status()["summary"]["alarms"]


def check_works(daemon):
    """With the key that there is a certificate is ordered."""
    before = daemon.slot("one.example")["serial"]
    done = daemon.renew("one.example")
    assert done.returncode == 0, done.stderr
    assert daemon.slot("one.example")["serial"] != before


# --- rollover ------------------------------------------------------------------------------


def test_rollover(room, daemon):
    before = account(daemon)
    ((old_pem, _),) = query(daemon, KEYS)
    done = daemon.ctl("account", "rollover", "pebble")
    assert done.returncode == 0, done.stderr
    after = account(daemon)
    assert after["url"] == before["url"]
    assert after["thumbprint"] != before["thumbprint"]
    assert after["thumbprint"] in done.stdout
    assert after["pending"] is None
    check_works(daemon)
    # so it is after a restart, and once more
    daemon.stop()
    daemon.start()
    check_works(daemon)
    assert daemon.ctl("account", "rollover", "pebble").returncode == 0
    check_works(daemon)
    assert count_at(room.pebble)["accounts"] == 1
    ((new_pem, pending),) = query(daemon, KEYS)
    assert new_pem != old_pem and pending is None
    assert daemon.status()["summary"]["alarms"] == []
    # the old key is nobody's any more: put back, it is refused, and the account stopped
    daemon.stop()
    restore_key(daemon, old_pem)
    daemon.start()
    for _ in range(2):
        assert daemon.renew("one.example").returncode == 1
    assert account(daemon)["status"] == "stopped" and alarms(daemon)
    assert count_at(room.pebble)["accounts"] == 1


def restore_key(daemon, pem):
    database = sqlite3.connect(daemon.database)
    with database:
        database.execute("UPDATE account SET key_pem = ?", (pem,))
    database.close()


def test_rollover_among_orders(room):
    """Orders under way end, those that come wait, and none fails."""
    room.start_pebble(PEBBLE_VA_NOSLEEP="")
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    domains = "".join(f"domain many{n}.example {{\n}}\n" for n in range(8))
    daemon.write(room.config(DOMAIN + domains))
    assert daemon.ctl("reload", "--yes").returncode == 0
    wait_until(lambda: daemon.status()["summary"]["jobs"] > 0, "orders under way")
    done = daemon.ctl("account", "rollover", "pebble", timeout=120)
    assert done.returncode == 0, done.stderr
    daemon.wait_served(*(f"many{n}.example" for n in range(8)), timeout=120)
    assert not [event for event in daemon.events() if event["kind"] == "failed"]
    counted = count_at(room.pebble)
    assert counted["accounts"] == 1 and counted["certificates"] == counted["orders"] == 9


def test_rollover_of_nothing(room):
    room.start_pebble()
    daemon = room.postseald(room.config(""))
    done = daemon.ctl("account", "rollover", "pebble")
    assert done.returncode == 1 and "no account yet" in done.stderr
    assert daemon.ctl("account", "rollover", "other").returncode == 1
    assert count_at(room.pebble)["accounts"] == 0


def test_rollover_without_the_ca(room, daemon):
    """Nothing has changed for good; it is found out when the CA is back."""
    room.pebble.stop()
    ((old_pem, _),) = query(daemon, KEYS)
    done = daemon.ctl("account", "rollover", "pebble")
    assert done.returncode == 1, done.stdout
    ((pem, _),) = query(daemon, KEYS)
    assert pem == old_pem
    assert count_at(room.pebble)["accounts"] == 1


POINTS = ["pending-key-stored", "key-change-not-sent", "key-change-answered", "new-key-stored"]


@pytest.mark.parametrize("point", POINTS)
def test_killed_in_rollover(room, point):
    """Afterwards one of the two keys works, and the other one is wiped."""
    room.start_pebble()
    authority = "    request_timeout = 2s\n"
    daemon = room.postseald(room.config(DOMAIN, authority=authority), start=False)
    daemon.env["POSTSEAL_FAULT"] = f"{point}:kill"
    daemon.start()
    daemon.wait_served("one.example", timeout=60)
    before = account(daemon)["thumbprint"]
    assert daemon.ctl("account", "rollover", "pebble").returncode != 0
    assert wait_killed(daemon, 20), "that point was not passed"
    ((_, pending),) = query(daemon, KEYS)
    assert (pending is None) == (point == "new-key-stored")
    daemon.env.clear()
    daemon.start()
    wait_until(lambda: query(daemon, KEYS)[0][1] is None, "the key settled", 30)
    is_new = account(daemon)["thumbprint"] != before
    assert is_new == (point in ("key-change-answered", "new-key-stored"))
    check_works(daemon)
    assert daemon.ctl("account", "rollover", "pebble").returncode == 0
    check_works(daemon)
    assert count_at(room.pebble)["accounts"] == 1


def test_killed_blindly_in_rollover(room, daemon):
    """At any time, over and over: the account is never lost."""
    for turn in range(8):
        done = threading.Thread(target=daemon.ctl, args=("account", "rollover", "pebble"))
        done.start()
        time.sleep(0.004 * turn)
        daemon.process.kill()
        done.join()
        end_orphans()
        daemon.start()
        check_works(daemon)
    assert count_at(room.pebble)["accounts"] == 1


# --- deactivation ----------------------------------------------------------------------------


def test_deactivated(room, daemon):
    seen = daemon.slot("one.example")["fingerprint"]
    done = daemon.ctl("account", "deactivate", "pebble")
    assert done.returncode == 64 and "--yes" in done.stderr
    assert account(daemon)["status"] == "valid"
    done = daemon.ctl("account", "deactivate", "pebble", "--yes")
    assert done.returncode == 0, done.stderr
    assert account(daemon)["status"] == "deactivated"
    shown = daemon.ctl("status")
    assert shown.returncode == 2 and "is deactivated" in shown.stdout
    for _ in range(2):
        orders = count_at(room.pebble)["orders"]
        assert daemon.renew("one.example").returncode == 1
        slot = daemon.slot("one.example")
        assert slot["state"] == "held" and "account create pebble --yes" in slot["error"]
        assert count_at(room.pebble)["orders"] == orders
        assert served_fingerprint(room.https_port, "one.example") == seen
        assert alarms(daemon)
        daemon.stop()
        daemon.start()
        assert alarms(daemon)
    # not in silence, not without the word, and then with another key
    done = daemon.ctl("account", "create", "pebble")
    assert done.returncode == 1 and "--yes" in done.stderr
    assert count_at(room.pebble)["accounts"] == 1
    old = account(daemon)
    done = daemon.ctl("account", "create", "pebble", "--yes")
    assert done.returncode == 0, done.stderr
    new = [row for row in accounts(daemon) if row["status"] == "valid"]
    assert len(new) == 1 and new[0]["thumbprint"] != old["thumbprint"]
    assert alarms(daemon) == []
    wait_until(lambda: daemon.slot("one.example")["state"] == "served", "served again")
    check_works(daemon)
    assert count_at(room.pebble)["accounts"] == 2


def test_killed_in_deactivation(room):
    """The CA has done it, and we have not heard of it: the next order finds out."""
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN), start=False)
    daemon.env["POSTSEAL_FAULT"] = "deactivation-answered:kill"
    daemon.start()
    daemon.wait_served("one.example", timeout=60)
    assert daemon.ctl("account", "deactivate", "pebble", "--yes").returncode != 0
    assert wait_killed(daemon, 20)
    daemon.env.clear()
    daemon.start()
    assert account(daemon)["status"] == "valid"
    for _ in range(2):
        assert daemon.renew("one.example").returncode == 1
    assert account(daemon)["status"] == "deactivated"
    assert alarms(daemon)
    orders = room.pebble.count("POST /order-plz")
    assert daemon.renew("one.example").returncode == 1
    assert room.pebble.count("POST /order-plz") == orders
    assert count_at(room.pebble)["accounts"] == 1


# --- an account that the CA does not know ------------------------------------------------------


def test_unknown_to_the_ca(room):
    """Pebble keeps nothing: after its restart nobody knows us there."""
    told = os.path.join(room.folder, "told")
    hook = os.path.join(room.folder, "hook")
    with open(hook, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\necho "$POSTSEAL_KIND: $POSTSEAL_TEXT" >>{told}\n')
    os.chmod(hook, 0o755)
    room.start_pebble()
    block = f"notify exec {{\n    command = {hook}\n    events = account\n}}\n"
    daemon = room.postseald("notify = exec\n" + room.config(block + DOMAIN))
    seen = daemon.wait_served("one.example", timeout=60)[0]["fingerprint"]
    before = account(daemon)
    room.pebble.stop()
    room.pebble.start()
    accounts_before = room.pebble.count("There are now")
    for _ in range(2):
        assert daemon.renew("one.example").returncode == 1
    assert account(daemon)["status"] == "stopped"
    assert account(daemon)["thumbprint"] == before["thumbprint"]
    shown = daemon.ctl("status")
    assert shown.returncode == 2 and "is stopped" in shown.stdout
    assert "account create pebble --yes" in shown.stdout
    wait_until(lambda: os.path.exists(told) and "is stopped" in read(told), "told")
    # nothing more is asked, and a restart changes nothing
    asked = room.pebble.count("POST ")
    assert daemon.renew("one.example").returncode == 1
    daemon.stop()
    daemon.start()
    assert alarms(daemon)
    assert daemon.renew("one.example").returncode == 1
    assert daemon.ctl("account", "rollover", "pebble").returncode == 1
    assert daemon.ctl("account", "create", "pebble").returncode == 1
    assert room.pebble.count("POST ") == asked
    assert room.pebble.count("There are now") == accounts_before
    assert served_fingerprint(room.https_port, "one.example") == seen
    # the operator's word
    done = daemon.ctl("account", "create", "pebble", "--yes")
    assert done.returncode == 0, done.stderr
    assert account(daemon)["status"] == "valid" and alarms(daemon) == []
    wait_until(lambda: daemon.slot("one.example")["state"] == "served", "served again")
    check_works(daemon)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()
