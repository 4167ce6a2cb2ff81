# SPDX-License-Identifier: GPL-3.0-or-later
"""postseald killed on purpose, and what the CA and the database have counted since."""

import os
import re
import signal
import sqlite3

from .process import PeerError, list_children, wait_until


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
