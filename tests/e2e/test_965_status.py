# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever has happened, `postsealctl status` tells it in one line, with its time. The
brake, the clock and a faulty plugin do so in their own tests."""

import os

import pytest

from peers.crash import wait_killed
from peers.process import wait_until

DOMAIN = "domain one.example {\n}\n"


def start(room):
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    return daemon


def reloaded(room):
    daemon = start(room)
    assert daemon.ctl("reload").returncode == 0
    return daemon, "reload", "configuration in force: 0 slots added"


def refused(room):
    daemon = start(room)
    daemon.write(daemon.config() + "domain {{{\n")
    assert daemon.ctl("reload").returncode == 78
    return daemon, "reload", "refused, the configuration in force stays"


def killed_with_an_order(room):
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN), start=False)
    daemon.env["POSTSEAL_FAULT"] = "finalize-answered:kill"
    daemon.start(wait=False)
    assert wait_killed(daemon, 30)
    daemon.env.clear()
    daemon.start()
    daemon.wait_served("one.example", timeout=60)
    return daemon, "resumed", "taken up again"


def killed(room):
    daemon = start(room)
    daemon.process.kill()
    daemon.start()
    return daemon, "takeover", "the manager before this one was killed"


def upgraded(room):
    daemon = start(room)
    done = daemon.ctl("upgrade")
    assert done.returncode == 0, done.stderr
    return daemon, "upgrade", "done, postseal"


def upgrade_refused(room):
    daemon = start(room)
    good = daemon.config()
    daemon.write(good + "domain {{{\n")
    assert daemon.ctl("upgrade").returncode == 1
    daemon.write(good)
    return daemon, "upgrade", "refused, postseal"


def spoil(room, daemon):
    room.is_damaged = True
    copies = os.path.join(daemon.state_dir, "served")
    wait_until(lambda: os.path.isdir(copies) and os.listdir(copies), "the copy")
    assert daemon.ctl("backup", os.path.join(room.folder, "backup")).returncode == 0
    assert daemon.stop() == 0
    with open(daemon.database, "r+b") as file:
        file.write(b"\0" * 100)


def rescued(room):
    daemon = start(room)
    spoil(room, daemon)
    daemon.start()
    return daemon, "rescue", "served from the last good copy"


def restored(room):
    daemon = start(room)
    spoil(room, daemon)
    assert daemon.ctl("restore", os.path.join(room.folder, "backup")).returncode == 0
    daemon.start()
    return daemon, "restore", "the database was restored from"


SCENES = [
    reloaded, refused, killed_with_an_order, killed, upgraded, upgrade_refused, rescued,
    restored,
]  # fmt: skip


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_one_line(room, scene):
    daemon, kind, words = scene(room)
    line = daemon.happened(kind)
    assert line and words in line, daemon.ctl("status").stdout
    first = daemon.status()["summary"]["happenings"][0]
    assert first["kind"] == kind and words in first["text"]
