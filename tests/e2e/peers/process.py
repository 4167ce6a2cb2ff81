# SPDX-License-Identifier: GPL-3.0-or-later
"""One program under our care: started with a log file, ended by its process id."""

import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


class PeerError(Exception):
    """A peer did not do what it was there for; the text says which and how."""


def become_subreaper():
    """Whoever our children leave behind becomes our child, so that it can be seen."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def wait_until(condition, what, timeout=20.0, step=0.05):
    """The first true value of condition(), or a PeerError that says what was missing."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise PeerError(f"{what}: not within {timeout:g} s")
        time.sleep(step)


def tail(path, lines=30):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])
    except OSError as error:
        return f"({error})\n"


def list_children(parent):
    """(pid, command line) of each living child of `parent`."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="latin-1") as file:
                fields = file.read().rpartition(")")[2].split()
            with open(f"/proc/{entry}/cmdline", encoding="latin-1") as file:
                command = file.read().replace("\0", " ").strip()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append((int(entry), command))
    return found


class Process:
    """argv[0] is also what it is called in messages."""

    def __init__(self, argv, log_path, env=None, cwd=None, pass_fds=()):
        self.argv = [str(word) for word in argv]
        self.name = os.path.basename(self.argv[0])
        self.log_path = str(log_path)
        with open(self.log_path, "ab") as log:
            self._popen = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                pass_fds=pass_fds,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self.pid = self._popen.pid

    def is_running(self):
        return self._popen.poll() is None

    @property
    def exit_code(self):
        return self._popen.poll()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def send(self, signo):
        if self.is_running():
            os.kill(self.pid, signo)

    def wait(self, timeout=20.0):
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise PeerError(f"{self.name} did not end within {timeout:g} s") from None

    def stop(self, signo=signal.SIGTERM, timeout=20.0):
        """Its exit code. What does not end in time is killed, and that is an error."""
        self.send(signo)
        try:
            return self.wait(timeout)
        except PeerError:
            self.kill()
            raise

    def kill(self):
        self.send(signal.SIGKILL)
        return self._popen.wait()

    def check_alive(self):
        if not self.is_running():
            raise PeerError(
                f"{self.name} ended with {self.exit_code}:\n{tail(self.log_path)}"
            )
        return True
