# SPDX-License-Identifier: GPL-3.0-or-later
"""An account leaves one machine and comes to another one, sealed by a passphrase."""

import json
import os
import pty
import shutil
import stat
import subprocess

import pytest

from peers.crash import count_at, query

DOMAIN = "domain one.example {\n}\n"
PASSPHRASE = "correct horse b\u00e4ttery"


@pytest.fixture
def daemon(room):
    room.is_forgetful = True
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    return daemon


def write_secret(room, text, name="passphrase", mode=0o600):
    path = os.path.join(room.folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    os.chmod(path, mode)
    return path


def export(room, daemon, *words):
    path = os.path.join(room.folder, "account.pem")
    secret = write_secret(room, PASSPHRASE)
    done = daemon.ctl(
        "account", "export", "pebble", "--output", path, "--passphrase-file", secret, *words
    )
    assert done.returncode == 0, done.stderr
    return path, secret


def import_account(daemon, path, secret, *words):
    return daemon.ctl("account", "import", "pebble", path, "--passphrase-file", secret, *words)


def accounts(daemon):
    done = daemon.ctl("account", "show", "--json")
    return json.loads(done.stdout) if done.returncode == 0 else []


def wipe(room, daemon, config):
    daemon.stop()
    shutil.rmtree(os.path.join(room.folder, "state"))
    daemon.write(config)
    daemon.start()


def test_to_another_machine(room, daemon):
    (before,) = accounts(daemon)
    path, secret = export(room, daemon)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    # openssl reads it, too
    done = subprocess.run(
        ["openssl", "pkey", "-in", path, "-passin", f"file:{secret}", "-noout", "-text_pub"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "prime256v1" in done.stdout, done.stderr

    wipe(room, daemon, room.config(""))
    assert accounts(daemon) == []
    wrong = write_secret(room, "incorrect horse", "wrong")
    done = import_account(daemon, path, wrong)
    assert done.returncode == 1 and "passphrase is wrong" in done.stderr
    assert accounts(daemon) == []
    done = import_account(daemon, path, secret)
    assert done.returncode == 0, done.stderr
    (after,) = accounts(daemon)
    assert after["url"] == before["url"] and after["thumbprint"] == before["thumbprint"]
    assert after["status"] == "valid"
    # once more is no harm
    assert import_account(daemon, path, secret).returncode == 0

    daemon.write(room.config(DOMAIN))
    assert daemon.ctl("reload", "--yes").returncode == 0
    daemon.wait_served("one.example", timeout=60)
    assert count_at(room.pebble)["accounts"] == 1
    # the passphrase and the key are in no log
    assert PASSPHRASE not in daemon.log() and "PRIVATE KEY" not in daemon.log()


def test_another_account_stays(room, daemon):
    """It is replaced by one's word only, and its key is kept."""
    path, secret = export(room, daemon)
    wipe(room, daemon, room.config(""))
    assert daemon.ctl("account", "create", "pebble").returncode == 0
    (other,) = accounts(daemon)
    ((other_pem,),) = query(daemon, "SELECT key_pem FROM account")
    for words in [], ["--replace"]:
        done = import_account(daemon, path, secret, *words)
        assert done.returncode != 0 and "--yes" in done.stderr
        assert accounts(daemon) == [other]
    done = import_account(daemon, path, secret, "--replace", "--yes")
    assert done.returncode == 0, done.stderr
    rows = query(daemon, "SELECT key_pem, status FROM account ORDER BY id")
    assert rows[0] == (other_pem, "deactivated") and rows[1][1] == "valid"
    daemon.write(room.config(DOMAIN))
    assert daemon.ctl("reload", "--yes").returncode == 0
    daemon.wait_served("one.example", timeout=60)
    assert count_at(room.pebble)["accounts"] == 2


def change(path, old, new):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert old in text
    changed = path + ".changed"
    with open(changed, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new, 1))
    return changed


def test_what_does_not_fit(room, daemon):
    """Another directory, another account, another CA's key: nothing changes."""
    (before,) = accounts(daemon)
    path, secret = export(room, daemon)
    wipe(room, daemon, room.config(""))
    directory = change(path, before["directory"], "https://ca.example/directory")
    done = import_account(daemon, directory, secret)
    assert done.returncode == 1 and "https://ca.example/directory" in done.stderr
    done = import_account(daemon, change(path, before["url"], before["url"] + "0"), secret)
    assert done.returncode == 1 and "nothing is changed" in done.stderr
    done = import_account(daemon, change(path, "Account: ", "Acount: "), secret)
    assert done.returncode == 1 and "no exported account" in done.stderr
    # a CA that has never heard of the key
    room.pebble.stop()
    room.pebble.start()
    done = import_account(daemon, path, secret)
    assert done.returncode == 1 and "nothing is changed" in done.stderr
    assert accounts(daemon) == []
    assert count_at(room.pebble)["accounts"] == 1


def test_files(room, daemon):
    path, secret = export(room, daemon)
    with open(path, "rb") as file:
        before = file.read()
    words = ["account", "export", "pebble", "--output", path, "--passphrase-file"]
    done = daemon.ctl(*words, secret)
    assert done.returncode == 1 and "--force" in done.stderr
    with open(path, "rb") as file:
        assert file.read() == before
    assert daemon.ctl(*words, secret, "--force").returncode == 0
    with open(path, "rb") as file:
        assert file.read() != before
    others = write_secret(room, PASSPHRASE, "others", 0o644)
    done = daemon.ctl(*words, others, "--force")
    assert done.returncode == 1 and "chmod" in done.stderr
    short = write_secret(room, "short", "short")
    assert daemon.ctl(*words, short, "--force").returncode == 1
    huge = write_secret(room, "x" * 100000, "huge")
    assert import_account(daemon, huge, secret).returncode == 1


def type_at_terminal(daemon, words, *lines):
    """What is shown, and the exit code; nothing typed is echoed."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(words[0], words)
    shown = b""
    for line in lines:
        while not shown.endswith(b": "):
            shown += os.read(fd, 1024)
        os.write(fd, line)
        shown += b"|"
    try:
        while data := os.read(fd, 1024):
            shown += data
    except OSError:
        pass
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    return shown.decode(), os.waitstatus_to_exitcode(status)


def test_at_a_terminal(room, daemon):
    path = os.path.join(room.folder, "typed.pem")
    words = [daemon.programs.ctl, "-s", f"{room.folder}/run/control"]
    words += ["account", "export", "pebble", "--output", path]
    typed = PASSPHRASE.encode() + b"\n"
    shown, code = type_at_terminal(daemon, words, typed, b"something else\n")
    assert code == 1 and "differ" in shown and not os.path.exists(path)
    shown, code = type_at_terminal(daemon, words, b"begun\x03")
    assert code == 1 and "no passphrase" in shown
    shown, code = type_at_terminal(daemon, words, typed, typed)
    assert code == 0 and os.path.exists(path), shown
    assert "horse" not in shown
    secret = write_secret(room, PASSPHRASE)
    assert "already" in import_account(daemon, path, secret).stdout
