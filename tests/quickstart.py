#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second half of ./quickstart: a CA, a Dovecot and postseald on loopback.

Everything lives in one folder of its own and is gone at the end.
"""

import argparse
import imaplib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "e2e"))

from peers.dovecot import Dovecot  # noqa: E402
from peers.pebble import Challtestsrv, Pebble  # noqa: E402
from peers.ports import Ports, reserve  # noqa: E402
from peers.postseal import Postseald, Programs  # noqa: E402
from peers.process import PeerError, become_subreaper, tail  # noqa: E402
from peers.tls import LocalCa  # noqa: E402

DOMAINS = {
    "alpha.example": "mail.alpha.example",
    "beta.example": "mail.beta.example",
    "gamma.example": "gamma.example",
}
RENEWED = "beta.example"


def say(text=""):
    print(text, flush=True)


class Quickstart:
    """The peers, in the order in which they are started."""

    def __init__(self, port_base):
        self.folder = make_folder()
        self.ports = Ports(port_base, 65536) if port_base else reserve()
        self.port = {name: self.ports.take() for name in ("imaps", "https", "http")}
        self.started = []
        self.pebble = None
        self.dovecot = None
        self.daemon = None

    def start(self):
        self._start_ca()
        self._start_dovecot()
        self._start_postseald()

    def _start_ca(self):
        ca = LocalCa(os.path.join(self.folder, "local-ca"))
        dns = Challtestsrv(self.folder, self.ports)
        self.started.append(dns)
        self.pebble = Pebble(
            self.folder, self.ports, ca, dns, self.port["http"], self.port["https"]
        )
        self.started.append(self.pebble)
        say(f"  Pebble, an ACME CA, at {self.pebble.directory}")

    def _start_dovecot(self):
        folder = os.path.join(self.folder, "dovecot")
        os.mkdir(folder, mode=0o755)
        self.dovecot = Dovecot(folder, self.ports)
        self.started.append(self.dovecot)
        say(f"  Dovecot, IMAP without TLS, at 127.0.0.1:{self.dovecot.port}")

    def _start_postseald(self):
        folder = os.path.join(self.folder, "postseal")
        os.mkdir(folder, mode=0o700)
        values = {
            "folder": folder,
            "directory": self.pebble.directory,
            "ca_file": self.pebble.local_ca.ca_file,
            "imap_port": self.dovecot.port,
            **{f"{name}_port": port for name, port in self.port.items()},
        }
        self.daemon = Postseald(folder, Programs(), fill_in_sample(values))
        self.started.append(self.daemon)
        self.daemon.start()
        for name in self.port:
            say(f"  postseald, listener {name}, at 127.0.0.1:{self.port[name]}")

    def stop(self):
        """Also after a start that failed half-way."""
        for peer in reversed(self.started):
            try:
                peer.stop()
            except (OSError, PeerError, AttributeError) as error:
                say(f"  {type(peer).__name__}: {error}")
        if self.daemon:
            self.daemon.close()

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- what is looked at ---------------------------------------------------------

    def look(self, name):
        """{"serial", "issuer", "not after"} of what openssl s_client is shown."""
        command = s_client_command(self.port["imaps"], name, self.pebble.root_file)
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
            check=False,
        )  # fmt: skip
        if "Verify return code: 0 (ok)" not in done.stdout:
            raise PeerError(f"{' '.join(command)} does not verify:\n{done.stdout[-2000:]}")
        shown = subprocess.run(
            ["openssl", "x509", "-noout", "-serial", "-issuer", "-enddate"],
            input=done.stdout, capture_output=True, text=True, check=True,
        )  # fmt: skip
        fields = dict(line.split("=", 1) for line in shown.stdout.splitlines())
        return {
            "serial": fields["serial"],
            "issuer": fields["issuer"].strip(),
            "not after": fields["notAfter"],
        }

    def log_in(self, name):
        """An IMAP session through the listener, with the certificate verified."""
        context = ssl.create_default_context(cafile=self.pebble.root_file)
        # The name is asked for and verified; the connection goes to loopback.
        client = Imap(name, self.port["imaps"], context)
        client.login(Dovecot.user, Dovecot.password)
        return client


class Imap(imaplib.IMAP4_SSL):
    """IMAP with TLS, for a name that no DNS needs to know."""

    def __init__(self, name, port, context):
        self.name = name
        super().__init__(name, port, ssl_context=context, timeout=30)

    def _create_socket(self, timeout):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout)
        return self.ssl_context.wrap_socket(raw, server_hostname=self.name)


# --- parts ---------------------------------------------------------------------------


def make_folder():
    """Short, since sockets are below it, and passable, since Dovecot's processes change
    their user; what is secret is in folders of its own."""
    parent = "/run" if os.access("/run", os.W_OK) else "/tmp"
    folder = tempfile.mkdtemp(prefix="postseal-quickstart.", dir=parent)
    os.chmod(folder, 0o711)
    return folder


def fill_in_sample(values):
    path = os.path.join(HERE, "..", "conf", "quickstart.conf.in")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return re.sub(r"@(\w+)@", lambda match: str(values[match.group(1)]), text)


def s_client_command(port, name, ca_file):
    return ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name,
            "-verify_hostname", name, "-CAfile", ca_file]  # fmt: skip


def read_message(client):
    """Its subject."""
    client.select("INBOX", readonly=True)
    data = client.fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    return data[0][1].decode().strip()


def show_certificates(quickstart):
    for domain, name in DOMAINS.items():
        slot = quickstart.daemon.wait_state(domain, "served")
        seen = quickstart.look(name)
        say(f"  {name}: serial {seen['serial']}, until {seen['not after']}")
        say(f"    obtained by {slot['challenge']}")


def renew_under_connections(quickstart):
    """Nothing of a renewal is seen by who is connected."""
    clients = {name: quickstart.log_in(name) for name in DOMAINS.values()}
    name = DOMAINS[RENEWED]
    before = quickstart.look(name)["serial"]
    say(f"  {len(clients)} IMAP sessions are open; renewing {RENEWED}")
    done = quickstart.daemon.renew(RENEWED)
    if done.returncode != 0:
        raise PeerError(f"the renewal failed: {done.stdout}{done.stderr}")
    after = quickstart.look(name)["serial"]
    if after == before:
        raise PeerError(f"{name} is still served with serial {before}")
    say(f"  serial {before} was served before, {after} is served now")
    for owner, client in clients.items():
        if client.noop()[0] != "OK":
            raise PeerError(f"the open session at {owner} does not answer")
        client.logout()
    say("  the sessions that were open answer NOOP: nobody was disturbed")


def show_commands(quickstart):
    daemon = quickstart.daemon
    ctl = f"{os.path.relpath(daemon.programs.ctl)} -c {daemon.conf_dir}"
    s_client = " ".join(
        s_client_command(
            quickstart.port["imaps"], "mail.alpha.example", quickstart.pebble.root_file
        )
    )
    say("To look further, in another terminal:")
    for command in ("status", "status gamma.example", "events", "plugins",
                    "renew beta.example --force --wait", "conf -n"):  # fmt: skip
        say(f"  {ctl} {command}")
    say(f"  {s_client}")
    say(f"    a1 LOGIN {Dovecot.user} {Dovecot.password}")
    say(f"  less {daemon.log_path}")
    say(f"  less {os.path.join(daemon.conf_dir, 'postseal.conf')}")


def show_failure(quickstart, error):
    say(f"quickstart failed: {error}")
    for name in ("postseal/postseald.log", "pebble.log", "dovecot/dovecot.log"):
        path = os.path.join(quickstart.folder, name)
        if os.path.exists(path):
            say(f"--- the end of {path}\n{tail(path, 20)}")


def run(quickstart, once):
    say("starting")
    quickstart.start()
    say("three domains get their certificates")
    show_certificates(quickstart)
    say("a mailbox is read through the listener")
    with quickstart.log_in("mail.alpha.example") as client:
        say(f"  logged in as {Dovecot.user}; the message says: {read_message(client)}")
    if once:
        say("one certificate is renewed under open connections")
        renew_under_connections(quickstart)
        say("Done: 3 certificates obtained, served and verified; 1 mailbox read; "
            "1 certificate renewed under open connections.")  # fmt: skip
        return
    show_commands(quickstart)
    say("Everything runs until Ctrl-C.")
    while True:
        signal.pause()


def read_arguments():
    parser = argparse.ArgumentParser(prog="./quickstart", description="See Postseal at work.")
    parser.add_argument("--once", action="store_true", help="end after one renewal")
    parser.add_argument(
        "--port-base", type=int, metavar="N", help="take free ports from N on"
    )
    arguments = parser.parse_args()
    if arguments.port_base and not 1024 <= arguments.port_base <= 65000:
        parser.error("--port-base is a number from 1024 to 65000")
    return arguments


def on_signal(signo, _frame):
    raise KeyboardInterrupt


def main():
    arguments = read_arguments()
    for signo in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signo, on_signal)
    become_subreaper()
    code = 0
    quickstart = Quickstart(arguments.port_base)
    try:
        run(quickstart, arguments.once)
    except KeyboardInterrupt:
        say("\nstopping")
        code = 0 if not arguments.once else 1
    except (PeerError, OSError, imaplib.IMAP4.error, subprocess.SubprocessError) as error:
        show_failure(quickstart, error)
        code = 1
    quickstart.stop()
    quickstart.remove()
    return code


if __name__ == "__main__":
    sys.exit(main())
