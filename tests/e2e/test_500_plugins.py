# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugins that ship, inside a real postseald."""

import os
import shutil
import ssl
import stat
import threading
import socket

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from peers.process import wait_until
from peers.tls import openssl, served_fingerprint

DOMAIN = "domain one.example {\n    names = mail.%d\n    deploy = front files\n}\n"


class FileServer:
    """A daemon that does its own TLS: it reads its files when it is told to reload, which
    means that the flag file is there."""

    def __init__(self, ports, chain_file, key_file, flag_file):
        self.port = ports.take()
        self.files = (chain_file, key_file)
        self.flag_file = flag_file
        self._context = None
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._serve(connection)

    def _serve(self, connection):
        if os.path.exists(self.flag_file):
            os.unlink(self.flag_file)
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*self.files)
        with connection:
            try:
                if self._context:
                    connection.settimeout(5)
                    self._context.wrap_socket(connection, server_side=True).close()
            except OSError:
                pass

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def files(room):
    """The paths that the deployer writes, in a folder of their own."""
    folder = os.path.join(room.folder, "files")
    os.mkdir(folder)
    return {
        name: os.path.join(folder, name)
        for name in ("chain.pem", "key.pem", "both.pem", "flag")
    }


def deploy_block(files, more=""):
    return (
        "deploy files {\n"
        f"    chain_file = {files['chain.pem']}\n    key_file = {files['key.pem']}\n"
        f"    combined_file = {files['both.pem']}\n    mode = 0640\n"
        f"    reload = /usr/bin/touch {files['flag']}\n{more}}}\n"
    )


def read(path):
    with open(path, "rb") as file:
        return file.read()


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def leaf_of(path):
    return x509.load_pem_x509_certificate(read(path))


def public_pem(key):
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def test_files_are_written(room, files):
    room.start_pebble()
    daemon = room.postseald(room.config(deploy_block(files) + DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    assert mode_of(files["chain.pem"]) == 0o644
    assert mode_of(files["key.pem"]) == 0o640
    assert mode_of(files["both.pem"]) == 0o640
    key = serialization.load_pem_private_key(read(files["key.pem"]), None).public_key()
    assert public_pem(key) == public_pem(leaf_of(files["chain.pem"]).public_key())
    assert read(files["both.pem"]) == read(files["key.pem"]) + read(files["chain.pem"])
    assert read(files["chain.pem"]).count(b"BEGIN CERTIFICATE") >= 2
    assert os.path.exists(files["flag"])
    openssl("verify", "-CAfile", room.pebble.root_file, "-untrusted", files["chain.pem"],
            files["chain.pem"])  # fmt: skip
    leftovers = set(os.listdir(os.path.dirname(files["flag"]))) - set(files)
    assert leftovers == set()


def test_files_follow_a_renewal(room, files):
    room.start_pebble()
    daemon = room.postseald(room.config(deploy_block(files) + DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    before = leaf_of(files["chain.pem"]).serial_number
    os.unlink(files["flag"])
    assert daemon.renew("one.example").returncode == 0
    assert leaf_of(files["chain.pem"]).serial_number != before
    assert os.path.exists(files["flag"])


def test_daemon_is_proven(room, files):
    room.start_pebble()
    server = FileServer(room.ports, files["chain.pem"], files["key.pem"], files["flag"])
    prove = f"    prove = 127.0.0.1:{server.port}\n"
    daemon = room.postseald(room.config(deploy_block(files, prove) + DOMAIN))
    slot = daemon.wait_served("one.example", timeout=60)[0]
    assert slot["fingerprint"] == served_fingerprint(server.port, "mail.one.example")
    rows = [row for row in slot["served"] if row["target"] == "files"]
    assert [row["state"] for row in rows] == ["proven"]
    server.stop()


def test_daemon_that_does_not_reload_is_noticed(room, files):
    """Issued, installed and served are three states."""
    room.start_pebble()
    server = FileServer(room.ports, files["chain.pem"], files["key.pem"], "/nonexistent")
    prove = f"    prove = 127.0.0.1:{server.port}\n"
    daemon = room.postseald(room.config(deploy_block(files, prove) + DOMAIN))
    slot = daemon.wait_state("one.example", "failed", timeout=90)
    assert str(server.port) in slot["error"]
    assert os.path.exists(files["chain.pem"])
    server.stop()


def test_reload_command_fails(room, files):
    """The front has it all the same; nothing is ordered anew."""
    room.start_pebble()
    config = room.config(deploy_block(files) + DOMAIN).replace("/usr/bin/touch", "/bin/false")
    daemon = room.postseald(config)
    slot = daemon.wait_state("one.example", "failed", timeout=60)
    assert "files" in slot["error"]
    issued = slot["serial"]
    daemon.replace("/bin/false", "/usr/bin/touch")
    assert daemon.ctl("reload").returncode == 0
    assert daemon.wait_state("one.example", "served")["serial"] == issued


def test_folder_is_missing(room, files):
    room.start_pebble()
    shutil.rmtree(os.path.dirname(files["flag"]))
    daemon = room.postseald(room.config(deploy_block(files) + DOMAIN))
    slot = daemon.wait_state("one.example", "failed", timeout=60)
    assert "files" in slot["error"]


def test_no_shell(room, files):
    """What stands in a command is a word, not a program."""
    room.start_pebble()
    flag = os.path.join(room.folder, "shell-was-here")
    config = room.config(deploy_block(files) + DOMAIN).replace(
        f"/usr/bin/touch {files['flag']}", f'/usr/bin/touch "{files["flag"]};touch {flag}"'
    )
    daemon = room.postseald(config)
    daemon.wait_state("one.example", "failed", timeout=60)
    assert not os.path.exists(flag)


NOTIFY = """\
#!/bin/sh
printf '%s|%s|%s|%s\\n' "$POSTSEAL_KIND" "$POSTSEAL_SUBJECT" "$POSTSEAL_TEXT" "$POSTSEAL_TIME" >>{out}
"""


def notify_script(room, text=NOTIFY):
    out = os.path.join(room.folder, "told")
    path = os.path.join(room.folder, "notify.sh")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.format(out=out))
    os.chmod(path, 0o755)
    return path, out


def told(out):
    if not os.path.exists(out):
        return []
    return [line.split("|") for line in read(out).decode().splitlines()]


def test_notify_exec_is_told(room):
    room.start_pebble()
    path, out = notify_script(room)
    config = (
        "notify = exec\n"
        + room.config("domain one.example {\n    names = mail.%d\n}\n")
        + f"notify exec {{\n    command = {path}\n    events = issued served failed\n}}\n"
    )
    daemon = room.postseald(config)
    daemon.wait_served("one.example", timeout=60)
    rows = wait_until(lambda: len(told(out)) >= 2 and told(out), "two events", timeout=20)
    assert [(row[0], row[1]) for row in rows] == [
        ("issued", "one.example"), ("served", "one.example"),
    ]  # fmt: skip
    assert "mail.one.example" in rows[0][2]
    assert rows[0][3].isdigit()


def test_notify_exec_that_fails_holds_up_nothing(room):
    room.start_pebble()
    path, _ = notify_script(room, "#!/bin/sh\nexit 3\n")
    config = (
        "notify = exec\n"
        + room.config("domain one.example {\n}\n")
        + f"notify exec {{\n    command = {path}\n}}\n"
    )
    daemon = room.postseald(config)
    daemon.wait_served("one.example", timeout=60)
    assert "not told" in daemon.log()


def test_plugins_are_listed(room):
    room.start_pebble()
    daemon = room.postseald(room.config(""))
    done = daemon.ctl("plugins")
    assert done.returncode == 0
    for words in ("challenge http-01", "challenge tls-alpn-01", "deploy files", "notify exec"):
        kind, name = words.split()
        assert any(
            line.split()[:2] == [kind, name] for line in done.stdout.splitlines()
        ), done.stdout


def test_folder_that_others_can_write_is_refused(room, programs):
    room.start_pebble()
    folder = os.path.join(room.folder, "plugins")
    shutil.copytree(programs.plugins, folder)
    os.chmod(folder, 0o777)
    daemon = room.postseald(f"plugin_directory = {folder}\n" + room.config(""), start=False)
    daemon.start(wait=False)
    assert daemon.process.wait() == 78
    assert folder in daemon.log()


def test_plugin_that_others_can_write_is_refused(room, programs):
    room.start_pebble()
    folder = os.path.join(room.folder, "plugins")
    shutil.copytree(programs.plugins, folder)
    os.chmod(folder, 0o755)
    os.chmod(os.path.join(folder, "challenge-http-01.so"), 0o666)
    daemon = room.postseald(f"plugin_directory = {folder}\n" + room.config(""), start=False)
    done = daemon.ctl("check")
    assert "challenge-http-01.so" in done.stderr
    assert done.returncode == 78


def test_plugin_that_is_none(room, programs):
    """It is named, and the others work."""
    room.start_pebble()
    folder = os.path.join(room.folder, "plugins")
    shutil.copytree(programs.plugins, folder)
    os.chmod(folder, 0o755)
    with open(os.path.join(folder, "dns-broken.so"), "w", encoding="utf-8") as file:
        file.write("this is no shared object\n")
    daemon = room.postseald(
        f"plugin_directory = {folder}\n" + room.config("domain one.example {\n}\n")
    )
    daemon.wait_served("one.example", timeout=60)
    assert "dns-broken.so" in daemon.log()
