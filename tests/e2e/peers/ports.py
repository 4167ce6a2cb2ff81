# SPDX-License-Identifier: GPL-3.0-or-later
"""Free ports on loopback."""

import socket

# Below what the kernel gives to outgoing connections (ip_local_port_range).
FIRST = 20000
LAST = 32000
BLOCK = 500


class Ports:
    """Hands out ports that nobody listens on, from `base` up to `end`."""

    def __init__(self, base=FIRST, end=LAST):
        self.base = base
        self.end = end
        self._next = base

    def take(self):
        for _ in range(self.base, self.end):
            port = self._next
            self._next = port + 1 if port + 1 < self.end else self.base
            if is_free(port):
                return port
        raise RuntimeError(f"no free port from {self.base} to {self.end - 1}")


def reserve():
    """Ports of a block that no other run on this machine takes from meanwhile: whose mark
    is a name in the kernel, that goes with its process."""
    for base in range(FIRST, LAST, BLOCK):
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            mark.bind(f"\0postseal-ports-{base}")
        except OSError:
            mark.close()
            continue
        ports = Ports(base, base + BLOCK)
        ports.mark = mark
        return ports
    raise RuntimeError("too many runs at once")


def is_free(port):
    for address in ("127.0.0.1", "0.0.0.0"):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((address, port))
            except OSError:
                return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
