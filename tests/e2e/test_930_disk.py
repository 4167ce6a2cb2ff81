# SPDX-License-Identifier: GPL-3.0-or-later
"""The state database: backup, restore, and a disk that fails."""

import os
import re
import shutil
import sqlite3
import stat

from peers.crash import query
from peers.tls import served_fingerprint

DOMAIN = "domain one.example {\n}\n"


def mark(path, text):
    """A row that tells one database from another."""
    with sqlite3.connect(path) as database:
        database.execute(
            "INSERT INTO event (at_usec, kind, subject, text) VALUES (1, 'test', NULL, ?)", (text,)
        )
    database.close()


def marks(path):
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT text FROM event WHERE kind = 'test'").fetchall()
    database.close()
    return [row[0] for row in rows]


def kept(daemon, pattern):
    return sorted(name for name in os.listdir(daemon.state_dir) if re.search(pattern, name))


# --- backup and restore ---------------------------------------------------------------------------


def test_backup_and_restore(room):
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example")
    served = served_fingerprint(room.https_port, "one.example")
    path = os.path.join(room.folder, "copy.db")
    done = daemon.ctl("backup", path)
    assert done.returncode == 0, done.stderr
    assert "holds all keys" in done.stdout
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.listdir(room.folder).count("copy.db-wal") == 0
    # Neither over a file, nor under a daemon.
    done = daemon.ctl("backup", path)
    assert done.returncode == 1 and "exists already" in done.stderr
    done = daemon.ctl("restore", path)
    assert done.returncode == 1 and "stop postseald first" in done.stderr
    orders = room.pebble.count("Added order")
    daemon.stop()
    mark(daemon.database, "after the backup")
    done = daemon.ctl("restore", path)
    assert done.returncode == 0, done.stderr
    aside = kept(daemon, r"\.before-restore-\d{8}T\d{6}Z$")
    assert len(aside) == 1 and aside[0] in done.stdout
    assert marks(daemon.database) == []
    assert marks(os.path.join(daemon.state_dir, aside[0])) == ["after the backup"]
    daemon.start()
    daemon.wait_served("one.example")
    assert served_fingerprint(room.https_port, "one.example") == served
    assert room.pebble.count("Added order") == orders


RESTORE_CALLS = ["link", "rename", "unlink", "fsync", "fdatasync", "pwrite64", "openat", "ftruncate"]


def run_to_the_call(daemon, call, number, *words):
    """postsealctl, killed at its nth call of a kind. True: it was."""
    argv = ["-o", "/dev/null", "-e", f"trace={call}", "-e",
            f"inject={call}:signal=SIGKILL:when={number}", daemon.programs.ctl, "-c",
            daemon.conf_dir, *words]  # fmt: skip
    # LeakSanitizer needs what strace has taken.
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = daemon.programs.run("strace", *argv, env=environment)
    # Done already, but for its row in the audit trail, and again within the second: what
    # it would keep has the name of what it has kept.
    if done.returncode == 1 and "before-restore" in done.stderr:
        assert "File exists" in done.stderr
        return True
    assert done.returncode in (0, -9, 137), done.stderr
    return done.returncode != 0


def put_back(folder, state):
    shutil.rmtree(state)
    shutil.copytree(folder, state)
    os.chmod(state, 0o700)


def test_restore_killed(conf_room):
    """At whichever call: the next start finds the old or the new one, whole."""
    daemon = conf_room.postseald(conf_room.config("").replace("http-01", "tls-alpn-01"))
    daemon.stop()
    backup = os.path.join(conf_room.folder, "copy.db")
    mark(daemon.database, "new")
    assert daemon.ctl("backup", backup).returncode == 0
    with sqlite3.connect(daemon.database) as database:
        database.execute("DELETE FROM event WHERE kind = 'test'")
    database.close()
    mark(daemon.database, "old")
    folder = os.path.join(conf_room.folder, "before")
    shutil.copytree(daemon.state_dir, folder)
    found = []
    for call in RESTORE_CALLS:
        number, step = 1, 1
        while True:
            put_back(folder, daemon.state_dir)
            if not run_to_the_call(daemon, call, number, "restore", backup):
                break
            # A second kill, in the middle of the next try; and then nobody tries again.
            if number % 2 == 0:
                run_to_the_call(daemon, call, number // 2, "restore", backup)
            daemon.start()
            daemon.stop()
            state = marks(daemon.database)
            assert state in (["old"], ["new"]), (call, number, state)
            assert query(daemon, "PRAGMA integrity_check") == [("ok",)]
            if state == ["new"]:
                assert kept(daemon, r"\.before-restore-\w+$")
            found.append((call, number, state[0]))
            # Most of the opened files are libraries.
            step = 7 if call == "openat" else 1 if call != "pwrite64" else 3
            number += step
    print(f"\n{len(found)} kills: {sum(row[2] == 'old' for row in found)} times the old one")
    assert {row[2] for row in found} == {"old", "new"}


def test_backup_killed(conf_room):
    """What has the wanted name is whole."""
    daemon = conf_room.postseald(conf_room.config("").replace("http-01", "tls-alpn-01"))
    mark(daemon.database, "here")
    backup = os.path.join(conf_room.folder, "copy.db")
    kills = 0
    for call in RESTORE_CALLS:
        number = 1
        while run_to_the_call(daemon, call, number, "backup", backup):
            kills += 1
            if os.path.exists(backup):
                assert marks(backup) == ["here"]
                os.unlink(backup)
            number += 9 if call == "openat" else 1
        assert marks(backup) == ["here"]
        os.unlink(backup)
    assert kills > 10
