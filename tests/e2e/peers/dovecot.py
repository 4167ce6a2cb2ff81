# SPDX-License-Identifier: GPL-3.0-or-later
"""A Dovecot of our own: IMAP on loopback behind the PROXY protocol, one mailbox."""

import os
import pwd
import socket

from .process import Process, wait_until

CONFIG = """\
base_dir = {folder}/base
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
haproxy_trusted_networks = 127.0.0.0/8
auth_mechanisms = plain login
first_valid_uid = {uid}
first_valid_gid = {gid}
mail_location = maildir:{folder}/mail
service imap-login {{
  inet_listener imap {{
    port = {port}
    haproxy = {haproxy}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service stats {{
  chroot =
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail
}}
"""

MESSAGE = """\
From: Postseal <postseal@localhost>
To: Demo <demo@localhost>
Subject: Sealed
Date: Mon, 02 Jan 2023 03:04:05 +0000
Message-ID: <1@localhost>

This message was read through Postseal.
"""


class Dovecot:
    """`folder` must be short (socket paths) and passable for other users."""

    user = "demo"
    password = "demo-password"

    def __init__(self, folder, ports, haproxy=True):
        self.folder = folder
        self.port = ports.take()
        self.log_path = os.path.join(folder, "dovecot.log")
        owner = pwd.getpwnam("nobody")
        self._make_files(owner)
        config = CONFIG.format(
            folder=folder,
            port=self.port,
            haproxy="yes" if haproxy else "no",
            uid=owner.pw_uid,
            gid=owner.pw_gid,
        )
        path = os.path.join(folder, "dovecot.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        self.process = Process(
            ["/usr/sbin/dovecot", "-F", "-c", path], os.path.join(folder, "start.log")
        )
        wait_until(self._is_up, "Dovecot", timeout=30)

    def _make_files(self, owner):
        mail = os.path.join(self.folder, "mail")
        for name in ("base", "state", "mail", "mail/new", "mail/cur", "mail/tmp"):
            os.makedirs(os.path.join(self.folder, name), mode=0o755, exist_ok=True)
        with open(os.path.join(mail, "new", "1.localhost"), "w", encoding="utf-8") as file:
            file.write(MESSAGE)
        for path in (mail, *(os.path.join(mail, name) for name in os.listdir(mail))):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        os.chown(os.path.join(mail, "new", "1.localhost"), owner.pw_uid, owner.pw_gid)
        users = os.path.join(self.folder, "users")
        with open(users, "w", encoding="utf-8") as file:
            file.write(f"{self.user}:{self.password}\n")
        os.chmod(users, 0o644)

    def _is_up(self):
        self.process.check_alive()
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        if self.process.is_running():
            self.process.stop()
