# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine with systemd, for as long as it is needed (tests/with-systemd), with Postseal
installed in it as a packager would do it. A helper inside runs what it is told, so that
one boot serves many tests."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

TREE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
CANNOT = 77
SKELETON = "plugins/notify-skeleton/notify-skeleton.la"

CONFIGURE = [
    "-q", "--prefix=/usr", "--sysconfdir=/etc", "--localstatedir=/var",
    "--runstatedir=/run",
]  # fmt: skip


class BoxError(Exception):
    pass


class CannotBoot(Exception):
    """This machine has no namespaces for us; the text says which."""


# --- the build ----------------------------------------------------------------------------


def _configure(folder):
    configure = os.path.join(TREE, "configure")
    status = os.path.join(folder, "config.status")
    if not os.path.exists(status) or os.path.getmtime(status) < os.path.getmtime(configure):
        subprocess.run([configure, *CONFIGURE], cwd=folder, check=True)


def _make(folder, *words):
    subprocess.run(
        ["make", "-s", f"-j{os.cpu_count()}", *words],
        cwd=folder, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def _pack(build):
    """What `make install` puts below DESTDIR, and the plugin of the guide, which says
    something in the log."""
    with tempfile.TemporaryDirectory(prefix="postseal-") as destination:
        _make(build, "install", f"DESTDIR={destination}")
        shutil.copy(
            os.path.join(build, os.path.dirname(SKELETON), ".libs", "notify-skeleton.so"),
            os.path.join(destination, "usr/lib/postseal/plugins"),
        )
        return subprocess.run(
            ["tar", "-C", destination, "-cf", "-", "."], check=True, stdout=subprocess.PIPE
        ).stdout


def pack_installation():
    """An archive of Postseal as a package would have it; built when it has not been, in
    build/system or the folder that POSTSEAL_SYSTEM_BUILD names."""
    folder = os.environ.get("POSTSEAL_SYSTEM_BUILD", os.path.join(TREE, "build", "system"))
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other pytest processes want it, too
        _configure(folder)
        _make(folder, "all", SKELETON)
        return _pack(folder)


# --- outside ------------------------------------------------------------------------------


class Done:
    def __init__(self, answer):
        self.returncode = answer["code"]
        self.stdout = answer["out"]
        self.stderr = answer["err"]

    def __repr__(self):
        return f"exit {self.returncode}\n{self.stdout}\n{self.stderr}"


class SystemdBox:
    def __init__(self):
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [os.path.join(TREE, "tests", "with-systemd"),
             sys.executable, os.path.realpath(__file__)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip
        try:
            self._read(90)
        except BoxError as error:
            self.close()
            if self._process.returncode == CANNOT:
                raise CannotBoot(str(error)) from None
            raise

    def _why(self):
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-4000:]

    def _read(self, timeout):
        """One line of JSON; nothing is buffered, so that select() can be believed."""
        line = b""
        deadline = time.monotonic() + timeout
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                raise BoxError(f"no answer in {timeout} s\n{self._why()}")
            part = os.read(self._process.stdout.fileno(), 65536)
            if not part:
                self._process.wait(30)
                raise BoxError(self._why())
            line += part
        return json.loads(line)

    def _ask(self, timeout=120, **question):
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        return self._read(timeout)

    def run(self, *argv, timeout=60, check=False):
        """A program to its end."""
        done = Done(self._ask(timeout + 10, run=[str(a) for a in argv], seconds=timeout))
        if check and done.returncode != 0:
            raise BoxError(f"{argv}: {done!r}")
        return done

    def start(self, *argv, log, env=None):
        """A program that goes on."""
        return self._ask(start=[str(a) for a in argv], log=log, env=env or {})["pid"]

    def write(self, path, text, mode=0o644):
        data = text if isinstance(text, bytes) else text.encode()
        self._ask(write=path, data=base64.b64encode(data).decode(), mode=mode)

    def close(self):
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    # --- systemd and Postseal ---------------------------------------------------------

    def install_postseal(self):
        self.write("/root/installation.tar", pack_installation())
        # Folders that are there keep their modes.
        self.run(
            "tar", "-C", "/", "-xf", "/root/installation.tar", "--no-overwrite-dir",
            "--keep-directory-symlink", "--owner=root", "--group=root", check=True,
        )  # fmt: skip
        self.run("systemctl", "daemon-reload", check=True)
        self.run("systemd-sysusers", check=True)
        self.run("systemd-tmpfiles", "--create", "postseal.conf", check=True)

    def systemctl(self, *words, **how):
        return self.run("systemctl", *words, **how)

    def show(self, unit, name):
        return self.systemctl("show", "-P", name, unit, check=True).stdout.strip()

    def journal(self, *words, unit="postseal"):
        """Entries of the journal, each with its fields."""
        self.run("journalctl", "--sync", check=True)
        text = self.run("journalctl", "-u", unit, "-o", "json", "--all", *words, check=True).stdout
        return [json.loads(line) for line in text.splitlines()]

    def cursor(self):
        """Of the last entry: what comes after it is new."""
        self.run("journalctl", "--sync", check=True)
        text = self.run("journalctl", "-n", "1", "-o", "json", check=True).stdout
        return json.loads(text)["__CURSOR"]


# --- inside -------------------------------------------------------------------------------


def _run(question):
    try:
        done = subprocess.run(
            question["run"], stdin=subprocess.DEVNULL, capture_output=True,
            timeout=question["seconds"], check=False,
        )  # fmt: skip
        code, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        code, out, err = 124, late.stdout or b"", (late.stderr or b"") + b"too late"
    except OSError as error:
        code, out, err = 127, b"", str(error).encode()
    return {
        "code": code,
        "out": out.decode(errors="replace"),
        "err": err.decode(errors="replace"),
    }


def _start(question):
    with open(question["log"], "wb") as log:
        process = subprocess.Popen(  # ends with the box
            question["start"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**os.environ, **question["env"]},
        )  # fmt: skip
    return {"pid": process.pid}


def _write(question):
    path = question["write"]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(base64.b64decode(question["data"]))
    os.chmod(path, question["mode"])
    return {}


def _answer(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main():
    _answer({"ready": True})
    for line in sys.stdin:
        question = json.loads(line)
        if "run" in question:
            _answer(_run(question))
        elif "start" in question:
            _answer(_start(question))
        else:
            _answer(_write(question))


if __name__ == "__main__":
    main()
