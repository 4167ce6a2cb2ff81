# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of where certificates go, and of nothing else: what there is goes there at
once, and no certificate is ordered for it."""

import json
import os

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from peers.process import wait_until

FRONT = "domain one.example {\n}\n"
FILES = "domain one.example {\n    deploy = front files\n}\n"


@pytest.fixture
def files(room):
    """Two folders that a deployer may write to."""
    folders = [os.path.join(room.folder, name) for name in ("first", "second")]
    for folder in folders:
        os.mkdir(folder)
    return folders


def block(folder):
    return (
        f"deploy files {{\n    chain_file = {folder}/chain.pem\n"
        f"    key_file = {folder}/key.pem\n}}\n"
    )


def has(folder, slot):
    path = os.path.join(folder, "chain.pem")
    if not os.path.exists(path):
        return False
    with open(path, "rb") as file:
        leaf = x509.load_pem_x509_certificate(file.read())
    return leaf.fingerprint(hashes.SHA256()).hex() == slot["fingerprint"]


def plan(daemon):
    done = daemon.ctl("plan", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def n_issued(daemon):
    return len([one for one in daemon.events() if one["kind"] == "issued"])


def reload(daemon):
    done = daemon.ctl("reload")
    assert done.returncode == 0, done.stdout + done.stderr


def targets(daemon):
    return {row["target"]: row["state"] for row in daemon.slot("one.example")["served"]}


def test_added_changed_and_removed(room, files):
    room.start_pebble()
    first, second = files
    daemon = room.postseald(room.config(block(first) + FRONT))
    slot = daemon.wait_served("one.example", timeout=60)[0]
    assert not has(first, slot)

    daemon.replace(FRONT, FILES)
    shown = plan(daemon)
    (change,) = shown["changes"]
    assert change["action"] == "install" and change["install"] == ["files"]
    assert not change["order"] and shown["summary"]["orders"] == 0 and not shown["costs"]
    assert "install at files, no order" in daemon.ctl("plan").stdout
    reload(daemon)
    wait_until(lambda: has(first, slot), "it at the new target", 30)
    wait_until(lambda: targets(daemon) == {"front": "proven", "files": "proven"}, "proof", 30)

    daemon.replace(block(first), block(second))
    assert plan(daemon)["changes"][0]["install"] == ["files"]
    reload(daemon)
    wait_until(lambda: has(second, slot), "it where the deployer writes now", 30)
    daemon.wait_served("one.example")
    assert plan(daemon)["changes"] == []

    daemon.replace(FILES, FRONT)
    (change,) = plan(daemon)["changes"]
    assert change["action"] == "leave" and change["leave"] == ["files"]
    reload(daemon)
    wait_until(lambda: targets(daemon) == {"front": "proven"}, "one target", 30)
    assert has(second, slot)
    assert daemon.slot("one.example")["serial"] == slot["serial"]
    assert n_issued(daemon) == 1


def test_changed_while_it_was_down(room, files):
    """The same by a restart; and a target that does not work orders nothing either."""
    room.start_pebble()
    first, second = files
    daemon = room.postseald(room.config(block(first) + FILES))
    slot = daemon.wait_served("one.example", timeout=60)[0]
    assert has(first, slot)
    assert daemon.stop() == 0
    daemon.replace(block(first), block("/nonexistent"))
    daemon.start()
    failed = daemon.wait_state("one.example", "failed", timeout=30)
    assert "files" in failed["error"]
    daemon.replace(block("/nonexistent"), block(second))
    reload(daemon)
    wait_until(lambda: has(second, slot), "it at the new target", 30)
    daemon.wait_served("one.example")
    assert n_issued(daemon) == 1
