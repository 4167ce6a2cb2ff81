# SPDX-License-Identifier: GPL-3.0-or-later
"""postseald as a service: reload, signals, deaths, and what it tells the service manager."""

import os
import signal
import socket
import sqlite3
import subprocess
import time

import pytest

from peers.process import list_children, wait_until
from peers.tls import connect, served_fingerprint

DOMAIN = "domain one.example {\n}\n"


def served(room):
    return served_fingerprint(room.https_port, "one.example", ca_file=room.pebble.root_file)


def workers_of(pid):
    return [child for child, command in list_children(pid) if "postseal-front" in command]


@pytest.fixture
def running(room):
    """One domain that is served."""
    room.start_pebble()
    room.backend = room.start_backend(greeting=b"* OK\r\n")
    room.daemon = room.postseald(room.config(DOMAIN, room.backend.port, workers=2))
    room.daemon.wait_served("one.example", timeout=60)
    return room


# --- reload ---------------------------------------------------------------------------


def test_reload_adds_a_domain(running):
    daemon = running.daemon
    daemon.replace(DOMAIN, DOMAIN + "domain two.example {\n}\n")
    done = daemon.ctl("reload")
    assert done.returncode == 0, done.stderr
    daemon.wait_served("one.example", "two.example")


def test_reload_of_a_bad_file_changes_nothing(running):
    daemon = running.daemon
    before = served(running)
    good = daemon.config()
    daemon.write(good.replace(DOMAIN, "domian one.example {\n}\n") + "wrokers = 3\n")
    done = daemon.ctl("reload")
    assert done.returncode == 78
    assert "domian" in done.stderr and "wrokers" in done.stderr
    assert "line " in done.stderr
    assert served(running) == before
    assert daemon.slot("one.example")["state"] == "served"
    daemon.write(good)
    assert daemon.ctl("reload").returncode == 0


def test_reload_with_a_port_that_is_taken(running):
    """Listeners are bound before anything is changed."""
    daemon = running.daemon
    with socket.create_server(("127.0.0.1", running.ports.take())) as other:
        taken = other.getsockname()[1]
        daemon.replace(f"127.0.0.1:{running.imaps_port}\n", f"127.0.0.1:{taken}\n")
        done = daemon.ctl("reload")
        assert done.returncode != 0
        assert str(taken) in done.stderr
    with connect(running.imaps_port, "one.example"):
        pass


def test_reload_moves_a_listener(running):
    daemon = running.daemon
    live = connect(running.imaps_port, "one.example")
    port = running.ports.take()
    daemon.replace(f"127.0.0.1:{running.imaps_port}\n", f"127.0.0.1:{port}\n")
    assert daemon.ctl("reload").returncode == 0
    with connect(port, "one.example", ca_file=running.pebble.root_file):
        pass
    wait_until(lambda: not can_connect(running.imaps_port), "the old port closed")
    live.sendall(b"x\r\n")
    assert live.recv(100)
    live.close()


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
        return True
    except OSError:
        return False


def test_hangup_reloads(running):
    daemon = running.daemon
    daemon.replace(DOMAIN, DOMAIN + "domain two.example {\n}\n")
    daemon.process.send(signal.SIGHUP)
    wait_until(lambda: daemon.slots("two.example"), "the new domain")
    daemon.wait_served("two.example")


def test_hangup_with_a_bad_file(running):
    daemon = running.daemon
    daemon.write(daemon.config() + "wrokers = 3\n")
    daemon.process.send(signal.SIGHUP)
    wait_until(lambda: "wrokers" in daemon.log(), "the error in the log")
    assert daemon.slot("one.example")["state"] == "served"


def test_many_reloads_under_load(running):
    """No connection is refused or reset."""
    for _ in range(20):
        assert running.daemon.ctl("reload").returncode == 0
        for _ in range(5):
            served(running)


# --- the end ---------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGINT])
def test_clean_end(running, signo):
    begin = time.monotonic()
    assert running.daemon.stop(signo) == 0
    if not os.environ.get("POSTSEAL_VALGRIND"):
        assert time.monotonic() - begin < 5
    assert not os.path.exists(os.path.join(running.daemon.run_dir, "control"))
    assert not can_connect(running.https_port)


def test_end_waits_for_sessions(running):
    """As long as drain_timeout (2 s here), and no new ones."""
    live = connect(running.imaps_port, "one.example")
    live.recv(100)
    begin = time.monotonic()
    running.daemon.process.send(signal.SIGTERM)
    time.sleep(0.5)
    live.sendall(b"x\r\n")
    assert live.recv(100) == b"x\r\n"
    assert running.daemon.process.wait(20) == 0
    assert time.monotonic() - begin >= 1.5
    live.close()


def test_second_signal_ends_at_once(running):
    live = connect(running.imaps_port, "one.example")
    begin = time.monotonic()
    running.daemon.process.send(signal.SIGTERM)
    time.sleep(0.2)
    running.daemon.process.send(signal.SIGTERM)
    assert running.daemon.process.wait(20) == 0
    assert time.monotonic() - begin < 1.9
    live.close()


# --- deaths ------------------------------------------------------------------------------


def test_killed_worker_is_replaced(running):
    daemon = running.daemon
    before = workers_of(daemon.process.pid)
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)

    def is_replaced():
        now = workers_of(daemon.process.pid)
        return len(now) == 2 and before[0] not in now

    wait_until(is_replaced, "a new worker")
    for _ in range(20):
        served(running)
    assert "worker" in daemon.log()


def test_all_workers_killed(running):
    """Connections wait in the socket's queue until there is a worker again."""
    daemon = running.daemon
    for pid in workers_of(daemon.process.pid):
        os.kill(pid, signal.SIGKILL)
    assert served(running)
    assert daemon.slot("one.example")["state"] == "served"


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.1, 0.2, 0.4, 0.8])
def test_killed_during_an_order(room, delay):
    """The same account, and the order is finished."""
    room.start_pebble(PEBBLE_VA_NOSLEEP="", PEBBLE_VA_SLEEPTIME=1)
    daemon = room.postseald(room.config(DOMAIN))
    time.sleep(delay)
    daemon.kill()
    daemon.start()
    daemon.wait_state("one.example", "served", timeout=150)
    assert room.pebble.count("There are now 2 accounts in memory") == 0
    assert room.pebble.count("Added order") <= 2


def test_killed_after_it_was_served(running):
    before = served(running)
    running.daemon.kill()
    running.daemon.start()
    running.daemon.wait_served("one.example")
    assert served(running) == before


def test_sessions_outlive_the_manager(running):
    """And new ones are accepted meanwhile."""
    live = connect(running.imaps_port, "one.example")
    live.recv(100)
    workers = workers_of(running.daemon.process.pid)
    running.daemon.process.kill()
    time.sleep(0.5)
    live.sendall(b"x\r\n")
    assert live.recv(100) == b"x\r\n"
    for _ in range(10):
        assert served(running)
    live.close()
    for pid in workers:
        os.kill(pid, signal.SIGKILL)


def listen(port):
    listener = socket.create_server(("127.0.0.1", port))
    listener.set_inheritable(True)
    return listener


def test_sockets_from_the_service_manager(room):
    """They are found by name, and stay when the manager is started anew."""
    room.start_pebble()
    sockets = {"http": listen(room.http_port), "https": listen(room.https_port)}
    daemon = room.postseald(room.config(DOMAIN), start=False)
    daemon.hand_over(sockets.items())
    daemon.start()
    daemon.wait_served("one.example", timeout=60)
    before = served(room)
    assert daemon.stop() == 0
    # Nobody refuses meanwhile: the connection waits.
    with socket.create_connection(("127.0.0.1", room.https_port), timeout=5):
        pass
    daemon.start()
    assert served(room) == before
    for one in sockets.values():
        one.close()


# --- one of its kind, and its files ---------------------------------------------------------


def test_second_one_is_refused(running):
    other = running.programs.run(
        running.programs.daemon, "-c", running.daemon.conf_dir, timeout=30
    )
    assert other.returncode not in (0, 78)
    assert other.stderr
    assert running.daemon.slot("one.example")["state"] == "served"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o666])
def test_database_that_others_can_read_is_refused(running, mode):
    daemon = running.daemon
    daemon.stop()
    os.chmod(daemon.database, mode)
    daemon.start(wait=False)
    assert daemon.process.wait() not in (0, None)
    assert "chmod" in daemon.log() and daemon.database in daemon.log()
    os.chmod(daemon.database, 0o600)
    daemon.start()


def test_database_of_a_newer_version_is_left_alone(running):
    """What was proven is served meanwhile (test_920_store)."""
    daemon = running.daemon
    daemon.stop()
    with sqlite3.connect(daemon.database) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        database.execute("PRAGMA user_version = 9999")
    database.close()
    daemon.start()
    assert "has schema 9999" in daemon.ctl("status").stdout
    assert daemon.stop() == 0
    with sqlite3.connect(daemon.database) as database:
        assert database.execute("PRAGMA user_version").fetchone()[0] == 9999
        database.execute(f"PRAGMA user_version = {version}")
    database.close()
    daemon.start()
    assert daemon.ctl("status").returncode == 0


def test_port_is_taken(room):
    room.start_pebble()
    with socket.create_server(("127.0.0.1", room.https_port)):
        daemon = room.postseald(room.config(DOMAIN), start=False)
        daemon.start(wait=False)
        assert daemon.process.wait() not in (0, None)
        assert str(room.https_port) in daemon.log()


# --- what the service manager hears ------------------------------------------------------------


def test_notifications(running):
    daemon = running.daemon
    first = next(one for one in daemon.messages if "READY=1" in one)  # behind the sockets
    assert f"MAINPID={daemon.process.pid}" in "\n".join(daemon.messages)
    assert "READY=1" in first and "STATUS=" in first
    assert daemon.ctl("reload").returncode == 0
    wait_until(lambda: sum("READY=1" in one for one in daemon.messages) > 1, "ready again")
    text = "\n".join(daemon.messages)
    assert "RELOADING=1" in text and "MONOTONIC_USEC=" in text
    assert text.index("RELOADING=1") < text.rindex("READY=1")
    daemon.stop()
    wait_until(lambda: any("STOPPING=1" in one for one in daemon.messages), "the end told")


def test_status_counts(running):
    summary = running.daemon.status()["summary"]
    assert summary["domains"] == 1 and summary["workers"] == 2
    assert summary["attention"] == 0


def test_status_of_a_name(running):
    done = running.daemon.ctl("status", "one.example")
    assert done.returncode == 0
    for word in ("one.example", "served", "ecdsa-p256", "http-01", "Pebble"):
        assert word in done.stdout
    assert running.daemon.ctl("status", "nowhere.example").returncode == 1


def test_events_are_followed(running):
    daemon = running.daemon
    with subprocess.Popen(
        [daemon.programs.ctl, "-c", daemon.conf_dir, "events", "-f", "--json", "-n", "0"],
        stdout=subprocess.PIPE, text=True,
    ) as follower:  # fmt: skip
        time.sleep(0.5)
        assert daemon.renew("one.example").returncode == 0
        lines = [follower.stdout.readline() for _ in range(3)]
        follower.terminate()
    assert [word for word in ("issued", "installed", "served") if word in "".join(lines)] == [
        "issued", "installed", "served",
    ]  # fmt: skip


def test_control_socket_is_not_for_everybody(running):
    path = os.path.join(running.daemon.run_dir, "control")
    assert os.stat(path).st_mode & 0o007 == 0
