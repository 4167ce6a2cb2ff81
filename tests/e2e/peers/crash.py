# SPDX-License-Identifier: GPL-3.0-or-later
"""postseald killed on purpose, and what the CA and the database have counted since."""

import os
import re
import signal
import sqlite3

from .process import PeerError, list_children, wait_until
from .tls import served_fingerprint


def end_orphans():
    """Workers that a killed manager left behind: they are our children now."""

    def left():
        rows = list_children(os.getpid())
        return [pid for pid, command in rows if "postseal-front" in command]

    for pid in left():
        os.kill(pid, signal.SIGKILL)

    def reap():
        try:
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        except ChildProcessError:
            pass
        return not left()

    wait_until(reap, "end of the orphans")


def wait_killed(daemon, timeout=30):
    """True: it has killed itself; False: it lives on."""
    try:
        daemon.process.wait(timeout)
    except PeerError:
        return False
    if daemon.process.exit_code != -signal.SIGKILL:
        raise PeerError(f"it ended with {daemon.process.exit_code}\n{daemon.log_tail()}")
    end_orphans()
    return True


def count_at(pebble):
    """{"accounts": …, "orders": …, "certificates": …} as its log tells them."""
    log = pebble.log()
    accounts = [int(text) for text in re.findall(r"There are now (\d+) accounts", log)]
    return {
        "accounts": max(accounts, default=0),
        "orders": log.count("Added order"),
        "certificates": log.count("Issued certificate serial"),
    }


def query(daemon, text, *values):
    """Rows of its database, which it may have open."""
    database = sqlite3.connect(daemon.database, timeout=10)
    try:
        return database.execute(text, values).fetchall()
    finally:
        database.close()


def check_issued(room, daemon, domain, orphans, counted=None, certificates=1):
    """One account, one certificate (or so many), one order for each and no more than
    `orphans` besides; nothing is left open, neither here nor outside."""
    counted = counted or count_at(room.pebble)
    assert counted["accounts"] == 1, counted
    assert counted["certificates"] == certificates, counted
    assert certificates <= counted["orders"] <= certificates + orphans, counted
    slot = daemon.slot(domain)
    assert slot["attempts"] == 0 and slot["error"] is None, slot
    seen = served_fingerprint(room.https_port, domain, ca_file=room.pebble.root_file)
    assert seen == slot["fingerprint"]
    assert query(daemon, "SELECT count(*) FROM account") == [(1,)]
    assert query(daemon, "SELECT count(*) FROM acme_order WHERE finished = 0") == [(0,)]
    wait_until(
        lambda: query(daemon, "SELECT count(*) FROM authorization WHERE presented") == [(0,)],
        "all answers cleaned up",
    )
