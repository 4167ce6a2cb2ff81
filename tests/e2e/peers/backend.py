# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain TCP backend that can be looked at: it echoes, and reads PROXY headers."""

import socket
import struct
import threading

PROXY_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def _read_exactly(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError("closed in a header")
        data += piece
    return data


def read_proxy_header(connection):
    """{"source": (address, port), "destination": …, "tlvs": {type: bytes}}"""
    head = _read_exactly(connection, 16)
    if head[:12] != PROXY_SIGNATURE:
        raise ConnectionError(f"no PROXY v2 header: {head!r}")
    family, size = head[13], struct.unpack("!H", head[14:])[0]
    body = _read_exactly(connection, size)
    header = {"version": head[12] >> 4, "command": head[12] & 15, "tlvs": {}}
    if family == 0x11:
        source, target, sport, dport = struct.unpack("!4s4sHH", body[:12])
        header["source"] = (socket.inet_ntoa(source), sport)
        header["destination"] = (socket.inet_ntoa(target), dport)
        body = body[12:]
    while len(body) >= 3:
        kind, length = struct.unpack("!BH", body[:3])
        header["tlvs"][kind] = body[3 : 3 + length]
        body = body[3 + length :]
    return header


class Backend:
    """Says `greeting`, then gives back what it is sent; half-close is answered in kind."""

    def __init__(self, ports, greeting=b"", proxy=False):
        self.greeting = greeting
        self.proxy = proxy
        self.headers = []
        self.received = []
        self.n_ended = 0  # connections, in whatever way
        self.port = ports.take()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                if self.proxy:
                    self.headers.append(read_proxy_header(connection))
                connection.sendall(self.greeting)
                self.talk(connection)
            except OSError:
                pass
        self.n_ended += 1

    def talk(self, connection):
        total = 0
        while data := connection.recv(65536):
            total += len(data)
            connection.sendall(data)
        self.received.append(total)
        connection.shutdown(socket.SHUT_WR)

    def stop(self):
        # A thread that waits in accept() keeps the socket listening until it is woken.
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
