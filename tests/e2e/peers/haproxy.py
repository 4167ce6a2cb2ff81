# SPDX-License-Identifier: GPL-3.0-or-later
"""An HAProxy before us: hands connections on as they are, with a PROXY header."""

import os
import socket

from .process import Process, wait_until

CONFIG = """\
global
    maxconn 200
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
"""

WAY = """\
frontend f-{name}
    bind 127.0.0.1:{port}
    default_backend b-{name}
backend b-{name}
    {source}
    server one 127.0.0.1:{behind} {send}
# Whose checks keep nobody away.
backend c-{name}
    {source}
    server one 127.0.0.1:{behind} {send} check check-send-proxy inter 200ms
"""


class Haproxy:
    """version: 1 or 2; source: the address that it comes from."""

    def __init__(self, ports, folder, behind, version=2, source=None):
        send = {1: "send-proxy", 2: "send-proxy-v2"}[version]
        self.port = {name: ports.take() for name in behind}
        text = CONFIG + "".join(
            WAY.format(
                name=name, port=self.port[name], behind=port, send=send,
                source=f"source {source}" if source else "",
            )
            for name, port in behind.items()
        )  # fmt: skip
        path = os.path.join(folder, "haproxy.cfg")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        log_path = os.path.join(folder, "haproxy.log")
        self.process = Process(["/usr/sbin/haproxy", "-db", "-f", path], log_path)
        wait_until(self._is_up, "haproxy")

    def _is_up(self):
        self.process.check_alive()
        try:
            for port in self.port.values():
                socket.create_connection(("127.0.0.1", port), 5).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.stop()
