# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for the peers' own doors, and looks at what a door serves."""

import hashlib
import os
import socket
import ssl
import subprocess

from .process import PeerError


def openssl(*words, stdin=None):
    """What it printed."""
    done = subprocess.run(
        ["openssl", *map(str, words)], input=stdin, capture_output=True, check=False
    )
    if done.returncode != 0:
        text = done.stderr.decode(errors="replace")
        raise PeerError(f"openssl {words[0]} failed:\n{text}")
    return done.stdout.decode(errors="replace")


class LocalCa:
    """A CA for the HTTPS doors of the peers: ca.pem, and cert.pem, key.pem of localhost."""

    def __init__(self, folder, days=2):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.ca_file = os.path.join(folder, "ca.pem")
        self.cert_file = os.path.join(folder, "cert.pem")
        self.key_file = os.path.join(folder, "key.pem")
        ca_key = os.path.join(folder, "ca-key.pem")
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl(
            "req", "-x509", *curve, "-keyout", ca_key, "-out", self.ca_file,
            "-days", days, "-subj", "/CN=CA of the local peers",
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign",
        )  # fmt: skip
        openssl(
            "req", "-x509", *curve, "-CA", self.ca_file, "-CAkey", ca_key,
            "-keyout", self.key_file, "-out", self.cert_file,
            "-days", days, "-subj", "/CN=localhost",
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        )  # fmt: skip


def connect(port, name=None, ca_file=None, alpn=None, timeout=10.0, version=None):
    """A TLS connection to 127.0.0.1; without ca_file the certificate is not looked at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_file:
        context.load_verify_locations(ca_file)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if name is None:
        context.check_hostname = False
    if alpn:
        context.set_alpn_protocols(alpn)
    if version:
        context.minimum_version = context.maximum_version = version
    raw = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    try:
        return context.wrap_socket(raw, server_hostname=name)
    except BaseException:
        raw.close()
        raise


def served_der(port, name=None, **how):
    with connect(port, name, **how) as connection:
        return connection.getpeercert(binary_form=True)


def served_fingerprint(port, name=None, **how):
    """SHA-256 of the leaf in lower-case hexadecimal digits."""
    return hashlib.sha256(served_der(port, name, **how)).hexdigest()
