# SPDX-License-Identifier: GPL-3.0-or-later
"""A reload in the midst of orders, with ten thousand domains: it touches what has changed,
and nothing else."""

import datetime
import json
import os
import sqlite3
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from evilca import EvilCa

from peers.backend import Backend
from peers.crash import query
from peers.process import wait_until
from peers.tls import connect

N = 10000
AT_ONCE = 8
DUE = 20
DAY = 24 * 3600
POLICY = "    max_orders = 8\n"


class SlowCa(EvilCa):
    """Finalizes nothing as long as its gate is shut."""

    def __init__(self, *arguments):
        self.gate = threading.Event()
        super().__init__(*arguments)

    def _serve_finalize(self, key, account, payload):
        super()._serve_finalize(key, account, payload)
        if not self.gate.is_set():
            self.orders[key]["status"] = "processing"
        return self._show_order(key)

    def _serve_order(self, key, account, payload):
        if self.orders.get(key, {}).get("status") == "processing" and self.gate.is_set():
            self.orders[key]["status"] = "valid"
        return super()._serve_order(key, account, payload)

    def ordered(self):
        """The names of each order, sorted."""
        with self._lock:
            orders = list(self.orders.values())
        return [tuple(sorted(one["value"] for one in o["identifiers"])) for o in orders]

    def n_processing(self):
        with self._lock:
            return sum(one["status"] == "processing" for one in self.orders.values())


def start_ca(room):
    def make(ports):
        return SlowCa(
            ports.take(), room.local_ca.cert_file, room.local_ca.key_file, room.http_port
        )

    room.ca = room.pebble = room.start_backend(make)
    return room.ca


def name_of(i):
    return f"d{i:05}.example"


def domains(more=""):
    text = "".join(f"domain {name_of(i)} {{\n}}\n" for i in range(N - 1))
    return text + f"domain {name_of(N - 1)} {{\n{more}}}\n"


# --- a database as months of work would leave it --------------------------------------------


class Issuer:
    """One key for all, since keys are not what this is about."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Months ago")])
        self.key_pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()  # fmt: skip

    def issue(self, serial, name, begin, end):
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.name)
            .public_key(self.key.public_key())
            .serial_number(serial)
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode(), (
            made.fingerprint(hashes.SHA256()).hex()
        )


def fill(room, daemon, directory):
    """A certificate for each; the first DUE of them are due for renewal. Their last good
    copies seem to be there, since to write them takes its time."""
    issuer = Issuer()
    copies = os.path.join(daemon.state_dir, "served")
    os.makedirs(copies, mode=0o700, exist_ok=True)
    for i in range(1, N + 1):
        os.close(os.open(os.path.join(copies, f"slot-{i}-{i}.pem"), os.O_CREAT, 0o600))
    now = int(time.time())
    database = sqlite3.connect(daemon.database)
    with database:
        for i in range(N):
            left = 10 * DAY if i < DUE else 80 * DAY
            begin, end = now - 90 * DAY + left, now + left
            dates = [datetime.datetime.utcfromtimestamp(at) for at in (begin, end)]
            pem, fingerprint = issuer.issue(i + 1000, name_of(i), *dates)
            due = now if i < DUE else now + 50 * DAY
            usec = [at * 10**6 for at in (begin, end, begin, due)]
            database.execute("INSERT INTO domain (name) VALUES (?)", [name_of(i)])
            database.execute(
                "INSERT INTO slot (id, domain, key_type, names, authority, due_usec,"
                " attempts, attempted_usec, removed, expires_usec)"
                " VALUES (?, ?, 'ecdsa-p256', ?, ?, ?, 0, ?, 0, ?)",
                [i + 1, name_of(i), name_of(i), directory, usec[3], usec[0], usec[1]],
            )
            database.execute(
                "INSERT INTO certificate (id, slot_id, authority, names, serial, fingerprint,"
                " issuer, not_before_usec, not_after_usec, issued_usec, state)"
                " VALUES (?, ?, ?, ?, ?, ?, 'CN=Months ago', ?, ?, ?, 'served')",
                [i + 1, i + 1, directory, name_of(i), f"{i + 1000:x}", fingerprint, *usec[:3]],
            )
            database.execute(
                "INSERT INTO certificate_pem (certificate_id, chain_pem, key_pem)"
                " VALUES (?, ?, ?)", [i + 1, pem, issuer.key_pem],
            )  # fmt: skip
            database.execute("UPDATE slot SET certificate_id = id WHERE id = ?", [i + 1])
            database.execute(
                "INSERT INTO install (certificate_id, target, address, done_usec, proven_usec,"
                " next_usec, attempts) VALUES (?, 'front', ?, ?, ?, 0, 0)",
                [i + 1, f"127.0.0.1:{room.https_port}", usec[0], usec[0]],
            )
    database.close()


# --- looking -----------------------------------------------------------------------------------


def rss(daemon):
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def summary(daemon):
    return json.loads(daemon.ctl("status", name_of(1), "--json").stdout)["summary"]


def talk(session, text):
    session.sendall(text)
    return session.recv(100) == text


def once(ca):
    ordered = ca.ordered()
    return len(ordered) == len(set(ordered))


@pytest.fixture
def busy(room):
    """Ten thousand domains, eight orders under way, and a session."""
    ca = start_ca(room)
    backend = room.start_backend(Backend)
    empty = room.config("", backend.port, authority=POLICY)
    daemon = room.postseald(empty)
    assert daemon.stop() == 0
    fill(room, daemon, ca.directory)
    daemon.write(room.config(domains(), backend.port, authority=POLICY))
    daemon.start(timeout=120)
    wait_until(lambda: ca.n_processing() == AT_ONCE, "orders under way", 60)
    return room, daemon, ca


def test_reloads_in_the_midst_of_orders(busy, record_property):
    room, daemon, ca = busy
    good = daemon.config()
    begun = ca.ordered()
    assert len(begun) == AT_ONCE and once(ca)
    with connect(room.imaps_port, name_of(5000)) as session:
        assert talk(session, b"before")

        # one slice
        more = f"    names = %d imap.{name_of(N - 1)}\n"
        one_more = good.replace(domains(), domains(more))
        daemon.write(one_more)
        plan = json.loads(daemon.ctl("plan", "--json").stdout)
        assert [change["domain"] for change in plan["changes"]] == [name_of(N - 1)]
        assert daemon.ctl("reload").returncode == 0
        assert "0 slots added, 1 changed, 0 removed" in daemon.events()[-1]["text"]
        assert talk(session, b"one slice")
        assert ca.n_processing() == AT_ONCE and ca.ordered() == begun

        # nothing that can be read
        daemon.write(one_more + "domain {{{\n")
        assert daemon.ctl("reload").returncode == 78
        assert ca.n_processing() == AT_ONCE and ca.ordered() == begun

        # everything, which nobody has meant
        all_of_them = one_more.replace(
            "policy default {\n", "policy default {\n    names = %d mail.%d\n"
        )
        daemon.write(all_of_them)
        plan = daemon.ctl("plan", "--json", timeout=120)
        assert plan.returncode == 2, plan.stderr
        assert len(json.loads(plan.stdout)["changes"]) == N - 1
        done = daemon.ctl("reload")
        assert done.returncode == 2 and f"of {N}" in done.stdout + done.stderr
        assert ca.n_processing() == AT_ONCE and ca.ordered() == begun
        before = rss(daemon)

        # what was under way goes on to its end, and what is due follows; each once
        daemon.write(one_more)
        assert daemon.ctl("reload").returncode == 0
        ca.gate.set()
        last = tuple(sorted([name_of(N - 1), f"imap.{name_of(N - 1)}"]))
        wanted = {(name_of(i),) for i in range(DUE)} | {last}
        wait_until(lambda: set(ca.ordered()) == wanted, "what is due", 120)
        wait_until(
            lambda: sum(one["kind"] == "served" for one in daemon.events()) == DUE + 1,
            "all of it served", 120,
        )  # fmt: skip
        assert ca.ordered()[:AT_ONCE] == begun and once(ca)
        assert talk(session, b"renewed")

        # everything, and somebody means it
        ca.gate.clear()
        daemon.write(all_of_them)
        assert daemon.ctl("reload", "--yes", timeout=120).returncode == 0
        wait_until(lambda: ca.n_processing() == AT_ONCE, "the first of them", 60)
        assert all(len(names) == 2 for names in ca.ordered()[DUE + 1:])
        assert once(ca) and len(ca.ordered()) == DUE + 1 + AT_ONCE
        assert talk(session, b"all")
        with connect(room.imaps_port, name_of(7777)) as another:
            assert talk(another, b"served as before")

    turn = summary(daemon)["loop"]["worst"]
    record_property("worst_turn", turn)
    record_property("rss_kib", [before, rss(daemon)])
    print("worst turn", turn, "KiB", before, rss(daemon))
    assert turn["cpu_usec"] < 10 * 10**6
    assert rss(daemon) < 2 * before + 50 * 1024
    assert ca.violations == []


def n_changed(daemon):
    return query(daemon, "SELECT count(*) FROM slot WHERE names LIKE '% %'")[0][0]


def test_killed_in_the_midst_of_a_reload(busy):
    """What somebody has said yes to is carried out to its end, and only that."""
    room, daemon, ca = busy
    ca.gate.set()
    wait_until(lambda: len(ca.ordered()) == DUE and ca.n_processing() == 0, "what is due", 120)
    text = daemon.config().replace(
        "policy default {\n", "policy default {\n    names = %d mail.%d\n"
    )
    with connect(room.imaps_port, name_of(5000)) as session:
        daemon.write(text)
        asked = threading.Thread(target=daemon.ctl, args=("reload", "--yes"))
        asked.start()
        wait_until(lambda: n_changed(daemon) > 0, "the first portion", 60, step=0.01)
        daemon.process.kill()
        asked.join()
        assert 0 < n_changed(daemon) < N
        assert talk(session, b"nobody is there")
        ca.gate.clear()
        daemon.start(timeout=120)
        assert n_changed(daemon) == N
        assert "held" not in daemon.ctl("status", name_of(1)).stdout
        wait_until(lambda: ca.n_processing() == AT_ONCE, "the first of them", 60)
        assert once(ca) and len(ca.ordered()) == DUE + AT_ONCE
        # Another wish is asked about again.
        daemon.write(text.replace("mail.%d", "smtp.%d"))
        assert daemon.ctl("reload", timeout=120).returncode == 2
    assert ca.violations == []


@pytest.mark.long
def test_reloads_all_the_time(busy, record_property):
    """A hundred reloads, each of another slice, while a thousand certificates come."""
    room, daemon, ca = busy
    ca.gate.set()
    good = daemon.config()
    blocks = [f"domain {name_of(i)} {{\n" for i in range(N)]
    text, wanted = good, {(name_of(i),) for i in range(DUE)}
    sizes = []
    with connect(room.imaps_port, name_of(5000)) as session:
        for n in range(100):
            for i in range(DUE + 10 * n, DUE + 10 * n + 10):
                extra = f"imap.{name_of(i)}"
                text = text.replace(blocks[i], f"{blocks[i]}    names = %d {extra}\n")
                wanted.add(tuple(sorted([name_of(i), extra])))
            daemon.write(text)
            assert daemon.ctl("reload").returncode == 0
            assert talk(session, b"%d" % n)
            sizes.append(rss(daemon))
    wait_until(lambda: set(ca.ordered()) == wanted, "all of them", 600)
    wait_until(
        lambda: sum(one["kind"] == "served" for one in daemon.events()) == len(wanted),
        "all of them served", 600,
    )  # fmt: skip
    assert once(ca)
    record_property("rss_kib", sizes)
    assert sizes[-1] < 2 * sizes[10] + 50 * 1024
    assert ca.violations == []
