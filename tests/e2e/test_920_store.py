# SPDX-License-Identifier: GPL-3.0-or-later
"""A database that cannot be used: what was proven last is served, and nothing is ordered;
and the way back."""

import glob
import os
import random
import shutil
import sqlite3

import pytest

from peers.process import wait_until
from peers.tls import served_fingerprint

DOMAIN = "domain one.example {\n}\ndomain two.example {\n}\n"
PAGE = 4096


def served(room, name="one.example"):
    return served_fingerprint(room.https_port, name, ca_file=room.pebble.root_file)


def copies(daemon):
    return glob.glob(os.path.join(daemon.state_dir, "served", "slot-*.pem"))


@pytest.fixture
def stopped(room):
    """Two domains that were served by a daemon that has ended; and a backup."""
    room.start_pebble()
    room.is_damaged = True
    daemon = room.daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", "two.example", timeout=60)
    wait_until(lambda: len(copies(daemon)) == 2, "the copies")
    room.fingerprint = served(room)
    room.backup = os.path.join(daemon.folder, "backup.db")
    done = daemon.ctl("backup", room.backup)
    assert done.returncode == 0, done.stderr
    assert daemon.stop() == 0
    return room


def spoil(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def header(path):
    spoil(path, 0, b"\0" * 100)


def schema_page(path):
    spoil(path, 100, b"\xff" * 400)


def truncated(path):
    os.truncate(path, os.path.getsize(path) // 2)


def empty(path):
    os.truncate(path, 0)


def zeroed_pages(path):
    spoil(path, PAGE, b"\0" * (os.path.getsize(path) - 2 * PAGE))


def newer(path):
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")


def expect_rescue(room):
    """Served as before, said in one line, and nothing is asked of the CA."""
    daemon = room.daemon
    orders = room.pebble.log().count("Added order")
    assert served(room) == room.fingerprint
    done = daemon.ctl("status")
    assert done.returncode == 2
    lines = [line for line in done.stdout.splitlines() if line.startswith("alarm: ")]
    assert len(lines) == 1 and "postsealctl restore" in lines[0], done.stdout
    done = daemon.renew("one.example")
    assert done.returncode == 1 and "last good copy" in done.stderr
    done = daemon.ctl("account", "create")
    assert done.returncode == 1 and "last good copy" in done.stderr
    assert any(event["kind"] == "rescue" for event in daemon.events())
    assert room.pebble.log().count("Added order") == orders


@pytest.mark.parametrize(
    "damage", [header, schema_page, truncated, empty, zeroed_pages, newer]
)
def test_served_from_the_copy(stopped, damage):
    daemon = stopped.daemon
    damage(daemon.database)
    with open(daemon.database, "rb") as file:
        before = file.read()
    daemon.start()
    expect_rescue(stopped)
    assert daemon.ctl("reload").returncode == 0
    assert served(stopped) == stopped.fingerprint
    # What is damaged is left as it is, under two names.
    with open(daemon.database, "rb") as file:
        assert damage is newer or file.read() == before
    assert len(glob.glob(daemon.database + ".damaged-*")) == (damage is not newer)
    done = daemon.ctl("restore", stopped.backup)
    assert done.returncode == 0, done.stderr
    assert daemon.stop() == 0
    daemon.start()
    daemon.wait_served("one.example", "two.example")
    assert served(stopped) == stopped.fingerprint
    assert daemon.ctl("status").returncode == 0
    assert daemon.renew("one.example").returncode == 0


def test_accounts_are_not_registered_anew(stopped):
    header(stopped.daemon.database)
    before = stopped.pebble.log().count("new-account")
    stopped.daemon.start()
    expect_rescue(stopped)
    assert stopped.pebble.log().count("new-account") == before


def test_without_a_copy_the_start_fails(stopped):
    daemon = stopped.daemon
    header(daemon.database)
    shutil.rmtree(os.path.join(daemon.state_dir, "served"))
    daemon.start(wait=False)
    assert daemon.process.wait(30) == 1
    daemon.exit_code_wanted = 1
    assert "restore it from a backup" in daemon.log_tail()


def test_a_bad_copy_costs_one_name(stopped):
    daemon = stopped.daemon
    header(daemon.database)
    bad = copies(daemon)[0]
    spoil(bad, os.path.getsize(bad) // 2, b"garbage")
    daemon.start()
    rows = daemon.status()["certificates"]
    assert sorted("fingerprint" in row for row in rows) == [False, True]
    assert "is passed over" in daemon.log_tail()


def test_copies_follow(stopped):
    """They are written anew when they have gone, and go with their slot."""
    daemon = stopped.daemon
    os.unlink(copies(daemon)[0])
    daemon.start()
    wait_until(lambda: len(copies(daemon)) == 2, "both copies")
    before = set(copies(daemon))
    assert daemon.renew("one.example").returncode == 0
    wait_until(
        lambda: len(copies(daemon)) == 2 and set(copies(daemon)) != before, "the new copy"
    )
    assert all(os.stat(path).st_mode & 0o777 == 0o600 for path in copies(daemon))


@pytest.mark.parametrize(
    "column, mark",
    [("chain_pem", "-----BEGIN"), ("chain_pem", "-----END"), ("key_pem", "-----BEGIN")],
    ids=["leaf", "intermediate", "key"],
)
def test_a_certificate_rots(stopped, column, mark):
    """SQLite finds nothing wrong with it; what is served does not change. Who has signed
    the intermediate we do not even know."""
    daemon = stopped.daemon
    with sqlite3.connect(daemon.database) as database:
        rows = database.execute(f"SELECT certificate_id, {column} FROM certificate_pem").fetchall()
        for number, text in rows:
            # In the first line behind the first BEGIN, or before the last END.
            place = text.index("\n") + 40 if "BEGIN" in mark else text.rindex(mark) - 40
            other = "B" if text[place] == "A" else "A"
            database.execute(
                f"UPDATE certificate_pem SET {column} = ? WHERE certificate_id = ?",
                (text[:place] + other + text[place + 1 :], number),
            )
    database.close()
    daemon.start()
    assert served(stopped) == stopped.fingerprint
    served(stopped, "two.example")
    # It is replaced like any other.
    assert daemon.renew("one.example").returncode == 0
    assert served(stopped) != stopped.fingerprint


@pytest.mark.parametrize("rounds", [12, pytest.param(500, marks=pytest.mark.long)])
def test_random_damage(stopped, rounds):
    """The daemon starts, whatever was done to the file, and serves what it should."""
    daemon = stopped.daemon
    dice = random.Random(7)
    with open(daemon.database, "rb") as file:
        whole = file.read()
    for _ in range(rounds):
        data = bytearray(whole)
        kind = dice.randrange(3)
        if kind == 0:
            for _ in range(dice.randrange(1, 50)):
                data[dice.randrange(len(data))] = dice.randrange(256)
        elif kind == 1:
            del data[dice.randrange(len(data) // PAGE) * PAGE :]
        else:
            page = dice.randrange(len(data) // PAGE) * PAGE
            data[page : page + PAGE] = bytes(PAGE)
        for path in glob.glob(daemon.database + "*"):
            os.unlink(path)
        with open(daemon.database, "wb") as file:
            file.write(data)
        os.chmod(daemon.database, 0o600)
        daemon.start()
        assert served(stopped) == stopped.fingerprint
        assert daemon.stop() == 0
