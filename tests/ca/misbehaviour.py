# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways in which an answer can be wrong, by name.

Each changes an Answer, or writes to the connection itself and returns None. All are
bounded, so that a client that waits for ever does not make us wait for ever.
"""

import dataclasses
import json
import socket
import struct
import time

ENDLESS_BYTES = 64 * 1024 * 1024
SLOW_SECONDS = 20
JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"
ERRORS = "urn:ietf:params:acme:error:"


@dataclasses.dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict = dataclasses.field(default_factory=dict)

    def json(self):
        return json.loads(self.body)

    def with_json(self, value):
        return dataclasses.replace(self, body=json.dumps(value).encode())


def problem(status, kind, detail, **more):
    body = json.dumps({"type": ERRORS + kind, "detail": detail, "status": status, **more})
    return Answer(status, body.encode(), {"Content-Type": PROBLEM_TYPE})


# --- whole answers ---------------------------------------------------------------------


def _as_json(answer, body):
    headers = {**answer.headers, "Content-Type": JSON_TYPE}
    return dataclasses.replace(answer, body=body, headers=headers)


def nonsense(answer, **_):
    return _as_json(answer, b"{]this is not JSON")


def empty(answer, **_):
    return dataclasses.replace(answer, body=b"")


def array(answer, **_):
    return _as_json(answer, b"[1, 2, 3]")


def null(answer, **_):
    return _as_json(answer, b"null")


def deep(answer, **_):
    return _as_json(answer, b"[" * 100000 + b"]" * 100000)


def huge_string(answer, **_):
    return _as_json(answer, b'{"status": "' + b"x" * 10_000_000 + b'"}')


def bad_utf8(answer, **_):
    return _as_json(answer, b'{"status": "\xff\xfe\xc0\x80"}')


def wrong_types(answer, **_):
    """A number wherever a text should be, and a text instead of a list."""
    value = answer.json()
    swap = {str: 42, list: "list", dict: [], bool: "yes"}
    return answer.with_json({key: swap.get(type(one), None) for key, one in value.items()})


def html(answer, **_):
    body = b"<html><title>502 Bad Gateway</title></html>"
    return Answer(200, body, {**answer.headers, "Content-Type": "text/html"})


def wrong_type(answer, **_):
    return dataclasses.replace(
        answer, headers={**answer.headers, "Content-Type": "text/plain"}
    )


def status(answer, code=500, kind="serverInternal", detail="out of order", **_):
    refused = problem(code, kind, detail)
    nonce = answer.headers.get("Replay-Nonce")
    if nonce:
        refused.headers["Replay-Nonce"] = nonce
    return refused


def bare_status(answer, code=500, **_):
    return Answer(code, b"", {})


def hostile_problem(answer, **_):
    """Control bytes, markup and format strings where a person will read."""
    return status(answer, 403, "unauthorized", "\x1b[2J\u202e<script>%n%s\r\nPRETEND: log line")


def redirect(answer, target="https://127.0.0.1:1/elsewhere", **_):
    return Answer(302, b"", {"Location": target})


def no_location(answer, **_):
    headers = {k: v for k, v in answer.headers.items() if k != "Location"}
    return dataclasses.replace(answer, headers=headers)


def _map_texts(value, change):
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_map_texts(one, change) for one in value]
    if isinstance(value, dict):
        return {key: _map_texts(one, change) for key, one in value.items()}
    return value


def _move_urls(answer, change):
    def change_url(text):
        return change(text) if text.startswith("https://") else text

    headers = {
        key: change_url(text) if key == "Location" else text
        for key, text in answer.headers.items()
    }
    moved = answer.with_json(_map_texts(answer.json(), change_url))
    return dataclasses.replace(moved, headers=headers)


def foreign_urls(answer, **_):
    return _move_urls(
        answer, lambda url: "https://evil.example/" + url.split("/", 3)[-1]
    )


def plain_urls(answer, **_):
    return _move_urls(answer, lambda url: "http" + url[5:])


def without(answer, member="status", **_):
    value = answer.json()
    value.pop(member, None)
    return answer.with_json(value)


def change(answer, **members):
    members.pop("connection", None)
    return answer.with_json({**answer.json(), **members})


def token(answer, text="../../etc/passwd", **_):
    value = answer.json()
    for challenge in value.get("challenges", []):
        challenge["token"] = text
    return answer.with_json(value)


# --- on the wire --------------------------------------------------------------------------


def close(answer, connection, **_):
    connection.shutdown(socket.SHUT_RDWR)


def reset(answer, connection, **_):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang(answer, connection, **_):
    time.sleep(SLOW_SECONDS)


def _head(answer, *lines):
    fields = [f"{name}: {text}" for name, text in answer.headers.items()]
    return "\r\n".join([f"HTTP/1.1 {answer.status} X", *fields, *lines, "", ""]).encode()


def endless(answer, connection, **_):
    connection.sendall(_head(answer, "Transfer-Encoding: chunked"))
    piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    for _ in range(ENDLESS_BYTES // 0x10000):
        connection.sendall(piece)


def endless_headers(answer, connection, **_):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(ENDLESS_BYTES // 4096):
        connection.sendall(b"X-%d: %s\r\n" % (number, b"y" * 4080))


def drip(answer, connection, **_):
    connection.sendall(_head(answer, f"Content-Length: {len(answer.body) + 1000}"))
    for _ in range(SLOW_SECONDS * 5):
        connection.sendall(b" ")
        time.sleep(0.2)


def truncated(answer, connection, **_):
    connection.sendall(_head(answer, f"Content-Length: {len(answer.body) + 100}"))
    connection.sendall(answer.body[: len(answer.body) // 2])
    connection.shutdown(socket.SHUT_RDWR)


def not_http(answer, connection, **_):
    connection.sendall(b"220 mail.example ESMTP\r\n")
    connection.shutdown(socket.SHUT_RDWR)
