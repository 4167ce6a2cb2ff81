# SPDX-License-Identifier: GPL-3.0-or-later
"""postseald below a real systemd, installed as a packager does it: its unit, readiness,
reload, watchdog, sockets, journal, sandbox and end."""

import json
import os
import re
import time

import pytest

from systemd_box import CannotBoot, SystemdBox

CONFIG = "/etc/postseal/postseal.conf"
DROP_IN = "/etc/systemd/system/postseal.service.d/test.conf"

GOOD = """\
workers = 2
log_level = debug
drain_timeout = 1s
notify = skeleton

notify skeleton {
}

authority pebble {
    directory = https://127.0.0.1:14000/dir
    agree_to_terms = yes
    ca_file = /etc/postseal/ca.pem
}

policy default {
    challenge = http-01
}

domain box.example {
}

listener imaps {
    address  = [::]:993
    protocol = imap
    backend  = 127.0.0.1:10143
}

listener https {
    address  = 127.0.0.1:443
    protocol = https
}

listener http {
    address  = 127.0.0.1:80
    protocol = http
}
"""

BACKEND = """
import socket, threading

def serve(client):
    with client:
        client.sendall(b"* OK box\\r\\n")
        while data := client.recv(4096):
            client.sendall(data)

with socket.create_server(("127.0.0.1", 10143)) as server:
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""

# A session that says five times a second whether it lives.
SESSION = """
import socket, ssl, time
context = ssl._create_unverified_context()
raw = socket.create_connection(("127.0.0.1", 993), timeout=10)
with context.wrap_socket(raw, server_hostname="box.example") as client:
    client.recv(100)
    n = 0
    while True:
        client.sendall(b"x\\r\\n")
        if not client.recv(100):
            print("lost", flush=True)
            break
        n += 1
        print("alive", n, flush=True)
        time.sleep(0.2)
"""

# Connections one after the other, for as long as it runs.
VISITOR = """
import socket, ssl, time
context = ssl._create_unverified_context()
n = failed = 0
while True:
    try:
        raw = socket.create_connection(("127.0.0.1", 993), timeout=10)
        with context.wrap_socket(raw, server_hostname="box.example") as client:
            client.recv(100)
        n += 1
    except OSError as error:
        failed += 1
        print(error, flush=True)
    print("visits", n, "failed", failed, flush=True)
    time.sleep(0.02)
"""

PEBBLE = {
    "pebble": {
        "listenAddress": "127.0.0.1:14000",
        "managementListenAddress": "127.0.0.1:15000",
        "certificate": "/etc/postseal/ca.pem",
        "privateKey": "/root/ca.key",
        "httpPort": 80,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
    }
}


def wait_until(condition, what, timeout=30.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout} s"
        time.sleep(0.1)


def start_ca(box):
    box.run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes", "-days", "2", "-subj", "/CN=box", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", "/root/ca.key", "-out", "/etc/postseal/ca.pem", check=True,
    )  # fmt: skip
    box.run("chmod", "644", "/etc/postseal/ca.pem", check=True)
    box.write("/root/pebble.json", json.dumps(PEBBLE))
    box.start(
        "pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
        "-dns01", "127.0.0.1:8053", "-http01", "", "-https01", "", "-tlsalpn01", "",
        "-management", "127.0.0.1:8055", log="/root/challtestsrv.log",
    )  # fmt: skip
    box.start(
        "pebble", "-config", "/root/pebble.json", "-dnsserver", "127.0.0.1:8053",
        log="/root/pebble.log", env={"PEBBLE_VA_NOSLEEP": "1"},
    )  # fmt: skip
    touch = ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/14000"]
    wait_until(lambda: box.run(*touch).returncode == 0, "Pebble")


@pytest.fixture(scope="module")
def machine():
    try:
        box = SystemdBox()
    except CannotBoot as why:
        pytest.skip(str(why))
    try:
        box.install_postseal()
        start_ca(box)
        box.start("python3", "-c", BACKEND, log="/root/backend.log")
        yield box
    finally:
        box.close()


def stop_all(box):
    box.systemctl("stop", "postseal.socket", "postseal-https.socket", "postseal.service")
    box.run("rm", "-rf", os.path.dirname(DROP_IN), "/etc/systemd/system/postseal-https.socket")
    box.systemctl("daemon-reload", check=True)
    box.systemctl("reset-failed")


@pytest.fixture
def box(machine):
    """The machine with the good configuration, and the service not started."""
    machine.write(CONFIG, GOOD)
    yield machine
    stop_all(machine)


@pytest.fixture
def running(box):
    done = box.systemctl("start", "postseal")
    assert done.returncode == 0, box.run("journalctl", "-u", "postseal", "-n", "50")
    return box


def main_pid(box):
    return int(box.show("postseal", "MainPID"))


def messages(box, cursor):
    return [entry["MESSAGE"] for entry in box.journal("--after-cursor", cursor)]


def subject_at(box, port):
    """Of the certificate that is shown; '' for none."""
    done = box.run(
        "sh", "-c",
        f"timeout 10 openssl s_client -connect 127.0.0.1:{port} -servername box.example"
        " </dev/null 2>/dev/null | openssl x509 -noout -issuer -ext subjectAltName",
    )  # fmt: skip
    return done.stdout


def wait_served(box):
    def is_served():
        done = box.run("postsealctl", "status", "--json")
        return done.returncode == 0 and '"served"' in done.stdout

    wait_until(is_served, "a certificate that is served")


def processes(box):
    return [
        line
        for line in box.run("ps", "-eo", "pid,user,args", check=True).stdout.splitlines()
        if "postseald" in line or "postseal-front" in line
    ]


# --- start ------------------------------------------------------------------------------


def test_start_returns_when_ready(running):
    """At once connections are taken, and systemctl status has something to tell."""
    assert running.show("postseal", "SubState") == "running"
    assert "CN" in running.run(
        "sh", "-c", "openssl s_client -connect 127.0.0.1:443 -servername box.example"
        " </dev/null 2>/dev/null"
    ).stdout  # fmt: skip
    status = running.systemctl("status", "--no-pager", "postseal").stdout
    assert re.search(r'Status: "\d+ of 1 certificates served', status), status


def test_works_in_its_sandbox(running):
    """From the order over the look at our own answer to the handshake, on real ports."""
    wait_served(running)
    for port in (443, 993):
        shown = subject_at(running, port)
        assert "Pebble" in shown and "DNS:box.example" in shown
    assert all(" postseal " in line for line in processes(running)), processes(running)
    for line in processes(running):
        status = running.run("cat", f"/proc/{line.split()[0]}/status").stdout
        assert re.search(r"^NoNewPrivs:\s*1$", status, re.M)
        assert re.search(r"^CapBnd:\s*0000000000000400$", status, re.M)


def test_start_with_a_bad_configuration(box):
    """Told at once, and not tried again and again: a person has to mend it."""
    box.write(CONFIG, GOOD + "wrokers = 3\n")
    cursor = box.cursor()
    assert box.systemctl("start", "postseal").returncode != 0
    assert box.show("postseal", "ExecMainStatus") == "78"
    assert box.show("postseal", "ActiveState") == "failed"
    line = GOOD.count("\n") + 1
    assert any(f"{CONFIG} line {line}: wrokers:" in text for text in messages(box, cursor))


# --- reload -------------------------------------------------------------------------------


def test_reload(running):
    pid = main_pid(running)
    running.write(CONFIG, GOOD + "domain two.example {\n}\n")
    done = running.systemctl("reload", "postseal")
    assert done.returncode == 0, done
    assert running.show("postseal", "SubState") == "running"
    assert main_pid(running) == pid
    status = running.systemctl("status", "--no-pager", "postseal").stdout
    assert "of 2 certificates served" in status


def test_reload_of_a_bad_configuration(running):
    """systemctl says that it failed; what runs goes on."""
    pid = main_pid(running)
    cursor = running.cursor()
    running.write(CONFIG, GOOD + "wrokers = 3\n")
    assert running.systemctl("reload", "postseal").returncode != 0
    assert running.show("postseal", "ActiveState") == "active"
    assert running.show("postseal", "SubState") == "running"
    assert main_pid(running) == pid
    line = GOOD.count("\n") + 1
    text = "\n".join(messages(running, cursor))
    assert f"{CONFIG} line {line}: wrokers:" in text
    assert subject_at(running, 443)
    running.write(CONFIG, GOOD)
    assert running.systemctl("reload", "postseal").returncode == 0


def test_hangup(running):
    pid = main_pid(running)
    running.write(CONFIG, GOOD + "domain three.example {\n}\n")
    running.systemctl("kill", "-s", "HUP", "--kill-who=main", "postseal", check=True)
    wait_until(
        lambda: "of 3 certificates" in running.show("postseal", "StatusText")
        or "three.example" in running.run("postsealctl", "status").stdout,
        "the new domain",
    )
    assert running.show("postseal", "SubState") == "running"
    assert main_pid(running) == pid


# --- watchdog, sockets ----------------------------------------------------------------------


def test_watchdog(box):
    box.write(DROP_IN, "[Service]\nWatchdogSec=2\n")
    box.systemctl("daemon-reload", check=True)
    box.systemctl("start", "postseal", check=True)
    pid = main_pid(box)
    time.sleep(4)
    assert main_pid(box) == pid, "it was restarted although it lives"
    box.run("kill", "-STOP", pid, check=True)
    wait_until(lambda: main_pid(box) not in (0, pid), "a new process")
    wait_until(lambda: box.show("postseal", "SubState") == "running", "the restart")
    assert box.show("postseal", "NRestarts") == "1"
    assert "watchdog" in "\n".join(e["MESSAGE"] for e in box.journal("-n", "200"))
    assert subject_at(box, 443)
    # The workers of the dead one had no sessions.
    wait_until(lambda: len(processes(box)) == 3, "the end of the old workers")


def install_sockets(box):
    unit = box.run("cat", "/usr/lib/systemd/system/postseal.socket", check=True).stdout
    unit = unit.replace("imaps", "https").replace("[::]:993", "127.0.0.1:443")
    box.write("/etc/systemd/system/postseal-https.socket", unit)
    box.systemctl("daemon-reload", check=True)
    box.systemctl("start", "postseal.socket", "postseal-https.socket", check=True)


def test_socket_activation(box):
    """Two units, two names; the first client starts the daemon, and all get an answer."""
    install_sockets(box)
    assert box.show("postseal", "ActiveState") == "inactive"
    for port in (993, 443, 993, 443, 993):
        assert subject_at(box, port), port
    assert box.show("postseal", "ActiveState") == "active"
    # The sockets are systemd's: they outlive the daemon, and nobody is refused meanwhile.
    box.systemctl("restart", "postseal", check=True)
    for port in (993, 443):
        assert subject_at(box, port), port


def test_socket_of_no_listener(box):
    """Clients of such a port would wait for ever: it is said."""
    install_sockets(box)
    box.write(CONFIG, GOOD.replace("127.0.0.1:443", "127.0.0.1:8443"))
    cursor = box.cursor()
    box.systemctl("start", "postseal", check=True)
    text = "\n".join(messages(box, cursor))
    assert "127.0.0.1:443" in text and "FileDescriptorName=https" in text, text


# --- journal -----------------------------------------------------------------------------------


def test_journal_fields(running):
    wait_served(running)
    running.run("postsealctl", "renew", "--force", "--wait", "box.example", check=True)
    entries = running.journal()
    for field, value in (
        ("CERT", "box.example"), ("AUTHORITY", "pebble"), ("PLUGIN", "skeleton"),
    ):  # fmt: skip
        assert any(entry.get(field) == value for entry in entries), field
    (last,) = running.journal("-n", "1", "CERT=box.example")
    assert last["SYSLOG_IDENTIFIER"] == "postseald"
    assert last["_SYSTEMD_UNIT"] == "postseal.service"
    fields = {field for entry in entries for field in entry}
    print("fields:", sorted(field for field in fields if not field.startswith("_")))


def test_journal_has_no_key(running):
    wait_served(running)
    assert "PRIVATE KEY" not in json.dumps(running.journal())


# --- the end -------------------------------------------------------------------------------------


def test_stop_leaves_nothing(running):
    assert len(processes(running)) == 3
    running.systemctl("stop", "postseal", check=True)
    assert running.show("postseal", "Result") == "success"
    assert running.show("postseal", "ExecMainStatus") == "0"
    assert processes(running) == []
    assert running.run("test", "-e", "/run/postseal").returncode != 0


def test_stop_after_a_crash_leaves_nothing(running):
    """The next manager has taken the workers of the dead one over, and ended them."""
    pid = main_pid(running)
    running.run("kill", "-KILL", pid, check=True)
    wait_until(
        lambda: main_pid(running) not in (0, pid)
        and running.show("postseal", "SubState") == "running",
        "the restart",
    )
    wait_until(lambda: len(processes(running)) == 3, "the end of the old workers")
    running.systemctl("stop", "postseal", check=True)
    assert processes(running) == []


@pytest.mark.parametrize("pause", [0, 0.02, 0.1, 0.3, 0.6])
def test_stop_in_the_middle_of_a_restart(running, pause):
    """Whatever the moment: after a stop no process is there."""
    pid = main_pid(running)
    done = running.run(
        "sh", "-c", f"kill -KILL {pid}; sleep {pause}; systemctl stop postseal", check=True
    )
    assert done.returncode == 0
    assert processes(running) == []
    assert running.show("postseal", "ActiveState") in ("inactive", "failed")


# --- the manager's death, and its upgrade ---------------------------------------------------------


def last_line(box, path):
    return box.run("tail", "-n", "1", path).stdout.strip()


class Session:
    """One in the box, and what it says of itself."""

    def __init__(self, box, number):
        self.box = box
        self.path = f"/root/session-{number}.log"
        self.pid = box.start("python3", "-c", SESSION, log=self.path)
        wait_until(lambda: self.last().startswith("alive"), "a session")

    def last(self):
        return last_line(self.box, self.path)

    def check(self):
        seen = self.last()
        wait_until(lambda: self.last() != seen, "a sign of life")
        assert self.last().startswith("alive"), self.last()

    def end(self):
        self.box.run("kill", str(self.pid))


def visit(box):
    pid = box.start("python3", "-c", VISITOR, log="/root/visitor.log")
    wait_until(lambda: "visits" in last_line(box, "/root/visitor.log"), "a visitor")
    return pid


def end_visit(box, pid):
    box.run("kill", str(pid), check=True)
    wait_until(lambda: box.run("kill", "-0", str(pid)).returncode != 0, "the visitor's end")
    text = box.run("cat", "/root/visitor.log").stdout
    print(text.splitlines()[-1])
    assert "failed 0" in text.splitlines()[-1], text[-2000:]


def wait_anew(box, pid):
    wait_until(lambda: main_pid(box) not in (0, pid), "a new process")
    wait_until(lambda: box.show("postseal", "SubState") == "running", "the restart")


@pytest.fixture
def patient(box):
    box.write(CONFIG, GOOD.replace("drain_timeout = 1s", "drain_timeout = 60s"))
    box.systemctl("start", "postseal", check=True)
    yield box


def test_sessions_outlive_kills(patient):
    """kill -9 and Restart=: the sockets come from the fd store, the workers by themselves."""
    session = Session(patient, 1)
    visitor = visit(patient)
    assert patient.show("postseal", "NFileDescriptorStore") == "3"
    for _ in range(3):
        pid = main_pid(patient)
        patient.run("kill", "-KILL", pid, check=True)
        wait_anew(patient, pid)
        session.check()
    text = "of an earlier manager is draining, 1 sessions"
    wait_until(lambda: text in patient.run("postsealctl", "status").stdout, "its sessions")
    assert patient.show("postseal", "NFileDescriptorStore") == "3"
    end_visit(patient, visitor)
    session.end()
    wait_until(lambda: len(processes(patient)) == 3, "the end of the old workers")
    patient.systemctl("stop", "postseal", check=True)
    assert processes(patient) == []


def test_sessions_outlive_the_watchdog(patient):
    patient.write(DROP_IN, "[Service]\nWatchdogSec=2\n")
    patient.systemctl("daemon-reload", check=True)
    patient.systemctl("restart", "postseal", check=True)
    session = Session(patient, 2)
    pid = main_pid(patient)
    patient.run("kill", "-STOP", pid, check=True)
    wait_anew(patient, pid)
    session.check()
    session.end()


def test_upgrade(patient):
    """`make install` over what runs, and postsealctl upgrade: the same process."""
    session = Session(patient, 3)
    visitor = visit(patient)
    pid = main_pid(patient)
    patient.run("cp", "/usr/sbin/postseald", "/usr/sbin/postseald.new", check=True)
    patient.run("mv", "/usr/sbin/postseald.new", "/usr/sbin/postseald", check=True)
    done = patient.run("postsealctl", "upgrade")
    assert done.returncode == 0, done
    assert main_pid(patient) == pid
    assert patient.show("postseal", "SubState") == "running"
    assert patient.show("postseal", "NRestarts") == "0"
    session.check()
    end_visit(patient, visitor)
    session.end()
    wait_until(lambda: len(processes(patient)) == 3, "the end of the old workers")
    # It is still one that can be reloaded, watched and stopped.
    assert patient.systemctl("reload", "postseal").returncode == 0
    patient.systemctl("stop", "postseal", check=True)
    assert processes(patient) == []


def test_upgrade_that_is_refused(patient):
    pid = main_pid(patient)
    patient.run("cp", "-p", "/usr/sbin/postseald", "/root/postseald", check=True)
    patient.run("rm", "/usr/sbin/postseald", check=True)
    patient.write("/usr/sbin/postseald", "#!/bin/sh\necho not today >&2\nexit 1\n", 0o755)
    done = patient.run("postsealctl", "upgrade")
    patient.run("cp", "-p", "/root/postseald", "/usr/sbin/postseald.new", check=True)
    patient.run("mv", "/usr/sbin/postseald.new", "/usr/sbin/postseald", check=True)
    assert done.returncode == 1 and "not today" in done.stderr, done
    assert main_pid(patient) == pid
    assert patient.show("postseal", "SubState") == "running"


# --- a manager that dies again and again ----------------------------------------------------------

# Killed by the kernel at each start, in the midst of it.
DEADLY = """\
[Service]
SystemCallFilter=
SystemCallFilter=~socketpair
SystemCallErrorNumber=
"""


def restarts(box):
    return int(box.show("postseal", "NRestarts"))


def test_a_manager_that_dies_at_each_start(patient):
    """It waits longer and longer, its workers serve, and one command brings it back."""
    session = Session(patient, 5)
    patient.write(DROP_IN, DEADLY)
    patient.systemctl("daemon-reload", check=True)
    pid = main_pid(patient)
    cursor = patient.cursor()
    patient.run("kill", "-KILL", pid, check=True)
    wait_until(lambda: restarts(patient) >= 4, "the fourth restart")
    session.check()
    time.sleep(15)
    # 0, 0, 1, 2, 4, 8 and 16 s: so many at most in the half minute.
    assert 4 <= restarts(patient) <= 8
    assert any("SIGSYS" in text or "status=31" in text for text in messages(patient, cursor))
    told = [text for text in messages(patient, cursor) if "postseald has died" in text]
    assert 3 <= len(told) <= 8, told
    session.check()
    patient.run("rm", DROP_IN, check=True)
    patient.systemctl("daemon-reload", check=True)
    wait_until(lambda: "waiting" in patient.show("postseal", "StatusText"), "the next wait")
    patient.systemctl("kill", "--kill-who=main", "-s", "HUP", "postseal", check=True)
    wait_until(lambda: patient.show("postseal", "SubState") == "running", "the service", timeout=15)
    session.check()
    wait_until(lambda: subject_at(patient, 993), "the worker that has had the name", 60)
    text = "of an earlier manager is draining, 1 sessions"
    wait_until(lambda: text in patient.run("postsealctl", "status").stdout, "its sessions")
    session.end()
    patient.systemctl("stop", "postseal", check=True)
    assert processes(patient) == []


def test_stop_during_the_wait(patient):
    """A stop finds a process, and that one the workers."""
    patient.write(DROP_IN, DEADLY)
    patient.systemctl("daemon-reload", check=True)
    patient.run("kill", "-KILL", main_pid(patient), check=True)
    wait_until(lambda: restarts(patient) >= 4, "the fourth restart")
    wait_until(lambda: "waiting" in patient.show("postseal", "StatusText"), "a wait")
    patient.systemctl("stop", "postseal")
    assert processes(patient) == []


@pytest.fixture
def broken(patient):
    """The program cannot be executed, and systemd has given it up."""
    patient.session = Session(patient, 6)
    patient.run("cp", "-p", "/usr/sbin/postseald", "/root/postseald", check=True)
    patient.run("rm", "/usr/sbin/postseald", check=True)
    patient.write("/usr/sbin/postseald", "#!/bin/sh\nkill -9 $$\n", 0o755)
    patient.run("kill", "-KILL", main_pid(patient), check=True)
    try:
        wait_until(lambda: patient.show("postseal", "ActiveState") == "failed", "the limit")
        assert 10 <= restarts(patient) <= 41
    finally:
        patient.run("cp", "-p", "/root/postseald", "/usr/sbin/postseald.new", check=True)
        patient.run("mv", "/usr/sbin/postseald.new", "/usr/sbin/postseald", check=True)
    return patient


def test_a_program_that_cannot_run(broken):
    """What was mended takes sockets and sessions over, from the workers themselves."""
    status = broken.systemctl("status", "--no-pager", "postseal").stdout
    assert "Start request repeated too quickly" in status, status
    broken.session.check()
    # A worker that has not had that name yet waits for a manager to ask.
    wait_until(lambda: "box.example" in subject_at(broken, 993), "the one that has", 60)
    command = "systemctl reset-failed postseal && systemctl start postseal"
    done = broken.run("sh", "-c", command)
    assert done.returncode == 0, broken.run("journalctl", "-u", "postseal", "-n", "50")
    broken.session.check()
    assert "box.example" in subject_at(broken, 993)
    broken.session.end()
    broken.systemctl("stop", "postseal", check=True)
    wait_until(lambda: processes(broken) == [], "the end of all", 20)


def test_workers_that_are_given_up(broken):
    broken.session.check()
    assert len(processes(broken)) > 0
    broken.systemctl("kill", "postseal", check=True)
    wait_until(lambda: processes(broken) == [], "the end of the workers")


# --- the units themselves ---------------------------------------------------------------------


def test_units_are_clean(box):
    done = box.run("systemd-analyze", "verify", "postseal.service", "postseal.socket")
    assert done.returncode == 0 and not (done.stdout + done.stderr).strip(), done


def test_exposure(box):
    done = box.run("systemd-analyze", "security", "--no-pager", "postseal.service", check=True)
    found = re.search(r"exposure level for postseal.service: ([\d.]+)", done.stdout)
    assert found, done
    print(found.group(0))
    assert float(found.group(1)) < 2.5, done.stdout


def test_user_and_folders(running):
    for path, want in (
        ("/var/lib/postseal", "postseal postseal 700"),
        ("/var/lib/postseal/postseal.db", "postseal postseal 600"),
        ("/run/postseal", "postseal postseal 755"),
        ("/run/postseal/control", "postseal postseal 660"),
        ("/etc/postseal/secrets", "root postseal 750"),
    ):
        assert running.run("stat", "-c", "%U %G %a", path).stdout.strip() == want, path
