# SPDX-License-Identifier: GPL-3.0-or-later
"""Plugins that crash, hang or lie take nobody else down with them (promise 8). The
plugin is built as doc/plugins.md says, against the installed header."""

import json
import os
import signal
import sqlite3

import pytest

from peers.plugin import build, make_folder
from peers.process import list_children, wait_until

DOMAINS = (
    "domain bad.example {\n    deploy = front faulty\n}\n"
    "domain good.example {\n    deploy = front\n}\n"
)


@pytest.fixture(scope="module")
def faulty_so(programs, tmp_path_factory):
    return build(programs, "deploy-faulty", tmp_path_factory.mktemp("faulty"))


class Faulty:
    """A daemon with the plugin, and a command that writes down what it is told."""

    def __init__(self, room, plugin):
        self.folder = make_folder(room, plugin)
        self.mode_file = os.path.join(room.folder, "mode")
        self.told = os.path.join(room.folder, "told")
        script = os.path.join(room.folder, "tell")
        with open(script, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\necho "$POSTSEAL_TEXT" >> {self.told}\n')
        os.chmod(script, 0o755)
        self.set_mode("")
        room.start_pebble()
        self.daemon = room.postseald(
            f"plugin_directory = {self.folder}\n"
            "plugin_timeout = 1s\n"
            f"notify = exec\nnotify exec {{\n    command = {script}\n}}\n"
            f"deploy faulty {{\n    mode_file = {self.mode_file}\n}}\n" + room.config(DOMAINS),
            start=False,
        )
        # It is to die as it would without a sanitizer, which has signal handlers of its own.
        self.daemon.env["ASAN_OPTIONS"] = ":".join(
            ["exitcode=23", "detect_leaks=0", "use_sigaltstack=0"]
            + [f"handle_{name}=0" for name in ("segv", "sigbus", "abort", "sigill", "sigfpe")]
        )

    def set_mode(self, mode):
        with open(self.mode_file, "w", encoding="utf-8") as file:
            file.write(mode)

    def text_told(self):
        if not os.path.exists(self.told):
            return ""
        with open(self.told, encoding="utf-8") as file:
            return file.read()

    def plugin(self):
        done = self.daemon.ctl("plugins", "--json")
        assert done.returncode in (0, 2), done.stderr
        rows = [row for row in json.loads(done.stdout) if row["name"] == "faulty"]
        assert (rows[0]["disabled"] is not None) == (done.returncode == 2)
        return rows[0]

    def wait_disabled(self):
        wait_until(lambda: self.plugin()["disabled"], "the plugin disabled", 30)
        return self.plugin()["disabled"]

    def wait_death(self, *signals):
        """It dies on its own; its workers, who are ours then, with it, as the service
        manager would do."""
        code = self.daemon.process.wait(60)
        assert code in signals, (code, self.daemon.log_tail())
        for pid, command in list_children(os.getpid()):
            if "postseal-front" in command:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    def make_due(self):
        """What waits for its next try is due again."""
        with sqlite3.connect(self.daemon.database) as database:
            database.execute("UPDATE slot SET due_usec = 0")
        database.close()


@pytest.fixture
def faulty(room, faulty_so):
    return Faulty(room, faulty_so)


CRASHES = {
    "segv": (-signal.SIGSEGV, -signal.SIGBUS),
    "abort": (-signal.SIGABRT,),
    "exit": (0,),
    "stack": (-signal.SIGSEGV,),
    "callback": (-signal.SIGABRT,),
}


@pytest.mark.parametrize("mode", sorted(CRASHES))
def test_two_deaths_disable(faulty, mode):
    daemon = faulty.daemon
    faulty.set_mode(mode)
    for deaths in (1, 2):
        daemon.start(wait=deaths == 1)
        faulty.wait_death(*CRASHES[mode])
        faulty.make_due()
    daemon.start()

    daemon.wait_served("good.example", timeout=60)
    row = daemon.wait_state("bad.example", "held")
    assert "postseald has died in its" in row["error"]
    assert "plugins enable faulty" in row["error"]
    assert "it is disabled" in faulty.plugin()["disabled"]
    assert faulty.plugin()["deaths"] == 2
    told = [event["text"] for event in daemon.events() if event["kind"] == "plugin"]
    assert len(told) == 2 and "after another time" in told[0] and "twice" in told[1]
    wait_until(lambda: "twice" in faulty.text_told(), "somebody told")
    assert "twice" in daemon.happened("plugin")
    assert daemon.ctl("status").returncode == 2

    # It stays so across a restart, until somebody lifts it.
    daemon.stop()
    daemon.start()
    assert faulty.plugin()["disabled"]
    faulty.set_mode("")
    assert daemon.ctl("plugins", "enable", "faulty").returncode == 0
    daemon.wait_served("bad.example", timeout=60)
    assert not faulty.plugin()["disabled"]
    assert faulty.plugin()["deaths"] == 0


def test_dying_while_it_is_opened(faulty):
    daemon = faulty.daemon
    faulty.set_mode("open")
    for _ in range(2):
        daemon.start(wait=False)
        faulty.wait_death(-signal.SIGSEGV)
    daemon.start()
    daemon.wait_served("good.example", timeout=60)
    assert "in its open twice" in daemon.wait_state("bad.example", "held")["error"]


def test_a_kill_from_outside_is_not_held_against_it(faulty):
    daemon = faulty.daemon
    faulty.set_mode("kill")
    for _ in range(3):
        daemon.start(wait=False)
        faulty.wait_death(-signal.SIGKILL)
        faulty.make_due()
    faulty.set_mode("")
    daemon.start()
    daemon.wait_served("bad.example", "good.example", timeout=60)
    assert "not held against it" in daemon.log()


@pytest.mark.parametrize(
    "mode, what", [("twice", "ended a call"), ("late", "ended a call that was over")]
)
def test_one_that_breaks_the_contract_is_disabled_alive(faulty, mode, what):
    daemon = faulty.daemon
    faulty.set_mode(mode)
    daemon.start()
    assert what in faulty.wait_disabled()
    daemon.wait_served("good.example", timeout=60)
    assert daemon.is_running()
    assert faulty.plugin()["deaths"] == 0
    wait_until(lambda: "is disabled" in faulty.text_told(), "somebody told")
    faulty.set_mode("")
    assert daemon.ctl("plugins", "enable", "faulty").returncode == 0
    daemon.wait_served("bad.example", timeout=90)


def test_one_that_never_answers_has_a_deadline(faulty):
    daemon = faulty.daemon
    faulty.set_mode("hang")
    daemon.start()
    row = daemon.wait_state("bad.example", "failed")
    assert "the plugin's install did not end within 1s" in row["error"]
    daemon.wait_served("good.example", timeout=60)
    assert not faulty.plugin()["disabled"]


def test_enabling_what_is_not_disabled(faulty):
    daemon = faulty.daemon
    daemon.start()
    done = daemon.ctl("plugins", "enable", "faulty")
    assert done.returncode == 1
    assert "nothing stands against a plugin faulty" in done.stderr
