# SPDX-License-Identifier: GPL-3.0-or-later
"""A database in which many certificates are served already."""

import sqlite3
import time

DAY = 24 * 3600 * 10**6


def fill(database, chain_file, key_file, directory, n, names="d{i}.example"):
    """As if each of the domains d0.example, d1.example … had been ordered and proven
    yesterday. One key and chain for all."""
    with open(chain_file, encoding="ascii") as file:
        chain = file.read()
    with open(key_file, encoding="ascii") as file:
        key = file.read()
    now = int(time.time() * 10**6)
    end = now + 89 * DAY
    names = [names.format(i=i) for i in range(n)]
    ids = range(1, n + 1)
    with sqlite3.connect(database) as base:
        base.executemany("INSERT INTO domain VALUES (?)", [(f"d{i}.example",) for i in range(n)])
        base.executemany(
            "INSERT INTO slot (id, domain, key_type, names, authority, due_usec, attempts,"
            " attempted_usec, removed, expires_usec)"
            " VALUES (?, ?, 'ecdsa-p256', ?, ?, ?, 0, ?, 0, ?)",
            [
                (i, f"d{i - 1}.example", names[i - 1], directory, now + 50 * DAY, now - DAY, end)
                for i in ids
            ],
        )
        base.executemany(
            "INSERT INTO certificate (id, slot_id, authority, names, serial, fingerprint,"
            " issuer, not_before_usec, not_after_usec, issued_usec, state)"
            " VALUES (?, ?, ?, ?, '01', ?, 'CN=test', ?, ?, ?, 'served')",
            [
                (i, i, directory, names[i - 1], f"{i:064x}", now - DAY, end, now - DAY)
                for i in ids
            ],
        )
        base.executemany(
            "INSERT INTO certificate_pem (certificate_id, chain_pem, key_pem)"
            " VALUES (?, ?, ?)",
            [(i, chain, key) for i in ids],
        )
        base.executemany(
            "INSERT INTO install (certificate_id, target, address, done_usec, proven_usec,"
            " next_usec, attempts) VALUES (?, 'front', '', ?, ?, 0, 0)",
            [(i, now - DAY, now - DAY) for i in ids],
        )
        base.execute("UPDATE slot SET certificate_id = id")
    base.close()
