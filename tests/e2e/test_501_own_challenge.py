# SPDX-License-Identifier: GPL-3.0-or-later
"""A challenge is added by a plugin alone, and 80 lines are enough for one: a certificate is
obtained by tests/plugins/challenge-webroot.c, of which no other source knows."""

import functools
import http.server
import os
import subprocess
import threading

import pytest

from peers import plugin
from peers.postseal import TREE

LINES_MAX = 80
DOMAIN = "domain one.example {\n    names = mail.%d\n}\n"


@pytest.fixture(scope="module")
def webroot_so(programs, tmp_path_factory):
    return plugin.build(programs, "challenge-webroot", tmp_path_factory.mktemp("webroot"))


class WebServer:
    """The web server that is there already: it serves a folder on the CA's port."""

    def __init__(self, folder, port):
        self.challenges = os.path.join(folder, ".well-known", "acme-challenge")
        os.makedirs(self.challenges)
        self.asked = asked = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *words):
                asked.append(self.path)

        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", port), functools.partial(Handler, directory=folder)
        )
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def web(room):
    server = WebServer(os.path.join(room.folder, "www"), room.http_port)
    yield server
    server.stop()


def start(room, webroot_so, folder):
    """Without a listener for http: that port is the web server's."""
    room.start_pebble()
    text = room.config(DOMAIN, challenge="webroot")
    http_listener = text[text.index("listener http {") : text.index("listener https {")]
    return room.postseald(
        f"plugin_directory = {plugin.make_folder(room, webroot_so)}\n"
        f"challenge webroot {{\n    folder = {folder}\n}}\n" + text.replace(http_listener, "")
    )


def test_source_is_short():
    with open(plugin.source_of("challenge-webroot"), encoding="utf-8") as file:
        assert len(file.readlines()) <= LINES_MAX


def test_no_other_source_knows_it():
    done = subprocess.run(
        ["grep", "-rlI", "webroot", "src", "plugins"],
        cwd=TREE, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")


def test_certificate_is_obtained(room, webroot_so, web):
    daemon = start(room, webroot_so, web.challenges)
    daemon.wait_served("one.example", timeout=60)
    issued = [row for row in daemon.events("one.example") if row["kind"] == "issued"]
    assert len(issued) == 1 and "validated by webroot" in issued[0]["text"]
    assert any(path.startswith("/.well-known/acme-challenge/") for path in web.asked)
    assert os.listdir(web.challenges) == []  # it was cleaned up


def test_what_it_says_is_shown(room, webroot_so, web):
    daemon = start(room, webroot_so, os.path.join(web.challenges, "nowhere"))
    row = daemon.wait_state("one.example", "failed", timeout=60)
    assert "webroot" in row["error"] and "nowhere" in row["error"]
    assert daemon.is_running()
