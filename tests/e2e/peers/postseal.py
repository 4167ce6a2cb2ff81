# SPDX-License-Identifier: GPL-3.0-or-later
"""postseald with a configuration of its own, and postsealctl against it."""

import json
import os
import re
import signal
import socket
import subprocess
import threading

from .process import PeerError, Process, list_children, tail, wait_until

TREE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))

VALGRIND = [
    "valgrind", "--quiet", "--trace-children=yes", "--error-exitcode=99",
    "--leak-check=full", "--errors-for-leak-kinds=definite",
    "--show-leak-kinds=definite", "--child-silent-after-fork=yes",
]  # fmt: skip


class Programs:
    """An installation: where the programs are below its prefix."""

    def __init__(self, prefix=None):
        prefix = prefix or os.environ.get("POSTSEAL_ROOT")
        self.prefix = prefix or os.path.join(TREE, "build", "dev", "root")
        self.daemon = os.path.join(self.prefix, "sbin", "postseald")
        self.ctl = os.path.join(self.prefix, "bin", "postsealctl")
        self.plugins = os.path.join(self.prefix, "lib", "postseal", "plugins")

    def run(self, program, *words, timeout=60, **how):
        """One program to its end, with its output as text."""
        return subprocess.run(
            [program, *map(str, words)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            **how,
        )


def _read_notify(notify, messages):
    """A service manager that does not read would hold up who notifies."""
    while True:
        try:
            data = notify.recv(4096)
        except OSError:
            return
        if not data:
            return
        messages.append(data.decode(errors="replace"))


class Postseald:
    """`folder` must be short: the control socket is below it."""

    def __init__(self, folder, programs, config):
        self.folder = folder
        self.programs = programs
        self.conf_dir = os.path.join(folder, "conf")
        self.state_dir = os.path.join(folder, "state")
        self.run_dir = os.path.join(folder, "run")
        self.database = os.path.join(self.state_dir, "postseal.db")
        self.log_path = os.path.join(folder, "postseald.log")
        self.options = []
        self.env = {}  # besides our own
        self.wrapper = []  # the words of a program that starts it
        self.exit_code_wanted = 0
        self.process = None
        self.n_starts = 0
        self.written = []  # what has been in force, or should have been
        self.messages = []  # what it tells the service manager
        self._sockets = []
        self._notify = None
        os.makedirs(self.conf_dir, mode=0o755, exist_ok=True)
        self.write(config)

    # --- configuration ---------------------------------------------------------

    def write(self, text, name="postseal.conf", mode=0o644):
        path = os.path.join(self.conf_dir, name)
        self.written.append(text)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def config(self, name="postseal.conf"):
        with open(os.path.join(self.conf_dir, name), encoding="utf-8") as file:
            return file.read()

    def replace(self, old, new):
        text = self.config()
        if old not in text:
            raise PeerError(f"the configuration has no {old!r}")
        self.write(text.replace(old, new))

    # --- life --------------------------------------------------------------------

    def start(self, wait=True, timeout=60):
        self._open_notify_socket()
        self.n_starts += 1
        argv = [self.programs.daemon, "-c", self.conf_dir, *self.options]
        if self._sockets:
            argv = [*self._activation(), *argv]
        if os.environ.get("POSTSEAL_VALGRIND"):
            argv = [*VALGRIND, f"--log-file={self.folder}/valgrind.%p", *argv]
            self.env["POSTSEAL_UNCONFINED"] = "yes"
        argv = [*self.wrapper, *argv]
        self.process = Process(
            argv,
            self.log_path,
            env={"NOTIFY_SOCKET": self._notify.getsockname(), **self._sanitizers(), **self.env},
            pass_fds=[one.fileno() for _, one in self._sockets],
        )
        if wait:
            wait_until(self._is_ready, "postseald ready", timeout)
        return self

    def hand_over(self, sockets):
        """(listener, socket) pairs that it is given at its starts, as by systemd."""
        self._sockets = list(sockets)

    def _activation(self):
        """A shell, since LISTEN_PID is known only after the fork."""
        moves = "".join(
            f" {number}<&{one.fileno()}" for number, (_, one) in enumerate(self._sockets, 3)
        )
        names = ":".join(name for name, _ in self._sockets)
        text = (
            f"exec{moves}; export LISTEN_PID=$$ LISTEN_FDS={len(self._sockets)} "
            f'LISTEN_FDNAMES={names}; exec "$@"'
        )
        return ["/bin/bash", "-c", text, "activate"]

    def _sanitizers(self):
        return {
            "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:exitcode=23",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        }

    @property
    def is_sanitized(self):
        """What it needs of memory says nothing then."""
        with open(self.programs.daemon, "rb") as file:
            return b"libasan" in file.read()

    def _open_notify_socket(self):
        self.close()
        self.messages = []
        path = os.path.join(self.folder, "notify")
        if os.path.exists(path):
            os.unlink(path)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(path)
        arguments = (self._notify, self.messages)
        threading.Thread(target=_read_notify, args=arguments, daemon=True).start()

    def _is_ready(self):
        self.process.check_alive()
        return any("READY=1" in text for text in self.messages)

    def is_running(self):
        return self.process is not None and self.process.is_running()

    def stop(self, signo=signal.SIGTERM, timeout=30):
        return self.process.stop(signo, timeout)

    def kill(self):
        """As the service manager would, or the machine: the workers, too."""
        workers = [pid for pid, _ in list_children(self.process.pid)]
        self.process.kill()
        for pid in workers:
            os.kill(pid, signal.SIGKILL)

    def close(self):
        if self._notify:
            self._notify.shutdown(socket.SHUT_RDWR)
            self._notify.close()
            self._notify = None

    def log(self):
        return self.process.log() if self.process else ""

    def log_tail(self):
        return tail(self.log_path)

    # --- postsealctl -----------------------------------------------------------

    def ctl(self, *words, timeout=60, **how):
        return self.programs.run(
            self.programs.ctl, "-c", self.conf_dir, *words, timeout=timeout, **how
        )

    def status(self):
        """{"certificates": […], "summary": {…}}"""
        done = self.ctl("status", "--json")
        if done.returncode not in (0, 2):
            raise PeerError(f"status ended with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def happened(self, kind):
        """What the status says of the latest happening of that kind, without its time."""
        when = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
        told = self.ctl("status").stdout
        found = re.findall(rf"{when}  {kind}(?: [^:\n]*)?: (.+)$", told, re.M)
        return found[0] if found else None

    def slots(self, domain):
        rows = self.status()["certificates"]
        return [row for row in rows if row["domain"] == domain]

    def slot(self, domain):
        rows = self.slots(domain)
        if len(rows) != 1:
            raise PeerError(f"{domain} has {len(rows)} certificates")
        return rows[0]

    def wait_state(self, domain, state, timeout=30):
        """Every certificate of the domain in that state; the first row."""
        seen = []

        def is_there():
            self.process.check_alive()
            seen[:] = self.slots(domain)
            return seen and all(row["state"] == state for row in seen)

        try:
            wait_until(is_there, f"{domain} {state}", timeout, step=0.1)
        except PeerError as error:
            raise PeerError(f"{error}\n{seen}\n{self.log_tail()}") from None
        return seen[0]

    def wait_served(self, *domains, timeout=30):
        return [self.wait_state(domain, "served", timeout) for domain in domains]

    def renew(self, domain, timeout=60):
        """Ordered and waited for, whether it went well or not."""
        return self.ctl("renew", domain, "--force", "--wait", timeout=timeout)

    def events(self, *words):
        done = self.ctl("events", "--json", "-n", "10000", *words)
        if done.returncode != 0:
            raise PeerError(f"events ended with {done.returncode}: {done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines() if line]
