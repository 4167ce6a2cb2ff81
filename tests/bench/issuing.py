# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA that believes every challenge, and a Postseal that is issued to by it."""

import os
import sqlite3
import time

from terminators import cpu_seconds, processes
from peers.pebble import Challtestsrv, Pebble
from peers.ports import reserve
from peers.postseal import Postseald, Programs
from peers.process import wait_until
from peers.tls import LocalCa


class Ca:
    """Pebble, and how many requests it has been asked."""

    def __init__(self, folder):
        self.folder = folder
        self.ports = reserve()
        self.local = LocalCa(os.path.join(folder, "ca"))
        self.http_port, self.tls_port = self.ports.take(), self.ports.take()
        self.dns = Challtestsrv(folder, self.ports)
        self.pebble = Pebble(
            folder, self.ports, self.local, self.dns, self.http_port, self.tls_port,
            PEBBLE_VA_ALWAYS_VALID=1, PEBBLE_WFE_NONCEREJECT=0,
        )  # fmt: skip

    def requests(self):
        with open(os.path.join(self.folder, "pebble.log"), encoding="utf-8") as file:
            return sum("-> calling handler()" in line for line in file)

    def stop(self):
        self.pebble.stop()
        self.dns.stop()


class IssuingPostseal:
    """Running, with an account and one certificate: so that nothing is done for the first
    time."""

    name = "Postseal"

    def __init__(self, ca, root, backend_port=None):
        self.ca = ca
        self.imaps_port = ca.ports.take()
        self._backend_port = backend_port
        folder = os.path.join(ca.folder, "postseal")
        self.daemon = Postseald(folder, Programs(root), self.config(1))
        self.daemon.start()
        self.n = 0
        self.issue(1)

    def config(self, n):
        return (
            f"state_directory = {self.ca.folder}/postseal/state\n"
            f"run_directory = {self.ca.folder}/postseal/run\nworkers = 1\n"
            f"authority pebble {{\n    directory = {self.ca.pebble.directory}\n"
            f"    agree_to_terms = yes\n    ca_file = {self.ca.local.ca_file}\n"
            "    max_orders = 16\n}\n"
            "policy default {\n    authority = pebble\n    challenge = http-01\n}\n"
            + "".join(f"domain d{i}.example {{\n}}\n" for i in range(n))
            + f"listener http {{\n    address = 127.0.0.1:{self.ca.http_port}\n"
            "    protocol = http\n    tls = none\n}\n"
            f"listener https {{\n    address = 127.0.0.1:{self.ca.tls_port}\n"
            "    protocol = https\n}\n"
            + self._imaps()
        )

    def _imaps(self):
        if self._backend_port is None:
            return ""
        return (
            f"listener imaps {{\n    address = 127.0.0.1:{self.imaps_port}\n"
            f"    protocol = imap\n    backend = 127.0.0.1:{self._backend_port}\n}}\n"
        )

    def events(self, kind):
        """When each was, in seconds since 1970."""
        with sqlite3.connect(f"file:{self.daemon.database}?mode=ro", uri=True) as base:
            rows = base.execute(
                "SELECT at_usec FROM event WHERE kind = ? ORDER BY id", (kind,)
            ).fetchall()
        return [at / 1e6 for (at,) in rows]

    def served(self):
        return self.events("served")

    def cpu(self):
        return cpu_seconds(processes(self.daemon.process.pid))

    def issue(self, n):
        """(seconds, seconds of CPU) for n more of them, all due at once."""
        self.n += n
        self.daemon.write(self.config(self.n))
        before, begun = self.cpu(), time.time()
        if self.n > 1:
            self.daemon.ctl("reload", "--yes")
        wait_until(lambda: len(self.served()) == self.n, f"{self.n} served", 600, step=0.2)
        time.sleep(0.2)
        return max(self.served()) - begun, self.cpu() - before

    def stop(self):
        self.daemon.stop()
        self.daemon.close()
