# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs by themselves: help, versions, exit codes."""

import os
import re

import pytest

PROGRAMS = ("daemon", "ctl")


@pytest.mark.parametrize("which", PROGRAMS)
def test_help(programs, which):
    done = programs.run(getattr(programs, which), "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "usage: postseal" in done.stdout.lower()
    own = done.stdout.replace(programs.prefix, "")  # where it is installed is not ours
    assert max(map(len, own.splitlines())) <= 100


@pytest.mark.parametrize("which", PROGRAMS)
def test_version(programs, which):
    done = programs.run(getattr(programs, which), "--version")
    assert done.returncode == 0
    assert re.match(r"postseal\w+ \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize("which", PROGRAMS)
def test_unknown_option(programs, which):
    done = programs.run(getattr(programs, which), "--hepl")
    assert done.returncode == 64
    assert "hepl" in done.stderr
    assert done.stdout == ""


def test_no_command(programs):
    assert programs.run(programs.ctl).returncode == 64


def test_nearest_command(programs):
    done = programs.run(programs.ctl, "statsu")
    assert done.returncode == 64
    assert "status" in done.stderr


@pytest.mark.parametrize("words", [["renew"], ["status", "a", "b"], ["account"]])
def test_wrong_number_of_words(programs, words):
    assert programs.run(programs.ctl, *words).returncode == 64


@pytest.mark.parametrize(
    "command", ["status", "renew", "reload", "check", "conf", "events", "plugins",
                "account show", "account create"],
)  # fmt: skip
def test_help_of_each_command(programs, command):
    done = programs.run(programs.ctl, "help", *command.split())
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: postsealctl {command}")


@pytest.mark.parametrize("words", [["status"], ["reload"], ["events"], ["plugins"]])
def test_daemon_not_there(conf_room, words):
    daemon = conf_room.postseald(conf_room.config(""), start=False)
    done = daemon.ctl(*words)
    assert done.returncode == 69
    assert done.stderr


def test_installed_files(programs):
    prefix = programs.prefix
    for path in (
        "sbin/postseald", "bin/postsealctl", "libexec/postseal/postseal-front",
        "lib/postseal/plugins/challenge-http-01.so", "include/postseal/postseal-plugin.h",
        "share/man/man8/postseald.8", "share/man/man5/postseal.conf.5",
        "share/man/man1/postsealctl.1",
    ):  # fmt: skip
        assert os.path.exists(os.path.join(prefix, path)), path


def test_every_plugin_exports_one_symbol(programs):
    for name in os.listdir(programs.plugins):
        if not name.endswith(".so"):
            continue
        done = programs.run("nm", "-D", "--defined-only", os.path.join(programs.plugins, name))
        symbols = [line.split()[-1] for line in done.stdout.splitlines()]
        assert symbols == ["postseal_plugin"], name


def test_worker_by_hand(programs):
    """It lives on its link to the manager; by hand it says so and ends."""
    worker = os.path.join(programs.prefix, "libexec", "postseal", "postseal-front")
    done = programs.run(worker, timeout=20)
    assert done.returncode not in (0, -11, -6)
