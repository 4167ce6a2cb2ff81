#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An ACME server (RFC 8555) that can be told to misbehave, step by step.

Written against the specification and not against our client. It issues real certificates
and by default believes every challenge without a look. Whatever a client does against the
specification is kept in `violations`.

    ca = EvilCa(port, "cert.pem", "key.pem")
    ca.misbehave("newOrder", "status", code=503)   # always, until behave()
    ca.misbehave("finalize", "close", times=1)     # once
    ca.misbehave("certificate", chain="expired")   # a wrong certificate
    ca.behave()

Steps: directory newNonce newAccount newOrder order authz challenge finalize certificate.
"""

import argparse
import dataclasses
import http.server
import itertools
import json
import secrets
import signal
import ssl
import threading
import time
import urllib.request

import jose
import misbehaviour
from cryptography import x509
from issue import Chains, pem
from misbehaviour import Answer, problem

HOST = "127.0.0.1"


class Refusal(Exception):
    """An answer that is a problem document."""

    def __init__(self, status, kind, detail):
        super().__init__(detail)
        self.answer = problem(status, kind, detail)


@dataclasses.dataclass
class Rule:
    step: str
    act: str
    arguments: dict
    times: int
    skip: int


class EvilCa:
    def __init__(self, port, cert_file, key_file, http_port=None):
        self.port = port
        self.date_offset = 0  # seconds that its clock is wrong by
        self.base = f"https://{HOST}:{port}"
        self.directory = f"{self.base}/directory"
        self.http_port = http_port  # set: http-01 is really looked at
        self.chains = Chains()
        self.violations = []
        self.requests = []  # steps, in the order of their requests
        self.accounts = {}
        self.orders = {}
        self.authorizations = {}
        self.certificates = {}
        self._nonces = set()
        self._rules = []
        self._chain = "right"
        self._ids = itertools.count(1)
        self._lock = threading.RLock()
        self._server = _Server((HOST, port), _Handler)
        self._server.ca = self
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert_file, key_file)
        self._server.context = context
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def save_root(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(pem(self.chains.root.certificate))
        return path

    # --- the script ------------------------------------------------------------------

    def misbehave(self, step, act=None, times=10**9, skip=0, chain=None, **arguments):
        with self._lock:
            if chain:
                self._chain = chain
            if act:
                getattr(misbehaviour, act)
                self._rules.append(Rule(step, act, arguments, times, skip))

    def behave(self):
        with self._lock:
            self._rules.clear()
            self._chain = "right"

    def count(self, step):
        with self._lock:
            return self.requests.count(step)

    def _find_act(self, step):
        for rule in self._rules:
            if rule.step != step or rule.times == 0:
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            rule.times -= 1
            return rule
        return None

    # --- a request -----------------------------------------------------------------------

    def handle(self, method, path, body, headers):
        """(Answer, rule that spoils it or None)"""
        step, _, key = path.strip("/").partition("/")
        with self._lock:
            self.requests.append(step)
            try:
                answer = self._dispatch(method, step, key, body, headers)
            except Refusal as refusal:
                answer = refusal.answer
            except jose.JoseError as error:
                self.violations.append(f"{step}: {error}")
                answer = problem(400, "malformed", str(error))
            if method == "POST" or step == "newNonce":
                answer.headers["Replay-Nonce"] = self._new_nonce()
            answer.headers.setdefault("Content-Type", misbehaviour.JSON_TYPE)
            return answer, self._find_act(step)

    def _dispatch(self, method, step, key, body, headers):
        if not headers.get("User-Agent"):
            self.violations.append(f"{step}: no User-Agent (RFC 8555 6.1)")
        if step == "directory" and method == "GET":
            return self._directory()
        if step == "newNonce" and method in ("GET", "HEAD"):
            return Answer(200 if method == "HEAD" else 204, b"", {"Cache-Control": "no-store"})
        serve = getattr(self, f"_serve_{step}", None)
        if not serve or method != "POST":
            raise Refusal(404, "malformed", f"no {method} of {step}")
        if headers.get("Content-Type") != "application/jose+json":
            self.violations.append(f"{step}: Content-Type {headers.get('Content-Type')}")
        return serve(key, *self._authenticate(step, key, body))

    def _authenticate(self, step, key, body):
        """(account, payload); for newAccount the key instead of the account."""
        protected, payload, signature, signed = jose.parse(body)
        path = f"{step}/{key}" if key else step
        if protected.get("url") != f"{self.base}/{path}":
            raise jose.JoseError(f"url {protected.get('url')} for {path}")
        if ("jwk" in protected) == ("kid" in protected):
            raise jose.JoseError("exactly one of jwk and kid is wanted")
        account = self._find_account(step, protected)
        jwk = protected.get("jwk") or account["jwk"]
        jose.verify(jwk, protected.get("alg"), signature, signed)
        if protected.get("nonce") not in self._nonces:
            raise Refusal(400, "badNonce", "that nonce is none of ours")
        self._nonces.discard(protected["nonce"])
        return (jwk if step == "newAccount" else account), payload

    def _find_account(self, step, protected):
        if step == "newAccount":
            if "kid" in protected:
                raise jose.JoseError("newAccount is signed with jwk (RFC 8555 6.2)")
            return None
        for account in self.accounts.values():
            if account["url"] == protected.get("kid"):
                return account
        raise Refusal(400, "accountDoesNotExist", "there is no such account")

    def _new_nonce(self):
        nonce = jose.encode(secrets.token_bytes(16))
        self._nonces.add(nonce)
        return nonce

    def _url(self, step, key):
        return f"{self.base}/{step}/{key}"

    # --- resources -------------------------------------------------------------------------

    def _directory(self):
        steps = ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange")
        value = {step: f"{self.base}/{step}" for step in steps}
        value["meta"] = {"termsOfService": f"{self.base}/terms"}
        return Answer().with_json(value)

    def _serve_newAccount(self, _key, jwk, payload):
        name = jose.thumbprint(jwk)
        account = self.accounts.get(name)
        if account:
            return Answer(200, b"", {"Location": account["url"]}).with_json(
                {"status": "valid"}
            )
        if payload.get("onlyReturnExisting"):
            raise Refusal(400, "accountDoesNotExist", "there is no such account")
        if not payload.get("termsOfServiceAgreed"):
            raise Refusal(403, "userActionRequired", "agree to the terms")
        url = self._url("account", next(self._ids))
        self.accounts[name] = {"url": url, "jwk": jwk, "contact": payload.get("contact")}
        return Answer(201, b"", {"Location": url}).with_json({"status": "valid"})

    def _serve_newOrder(self, _key, account, payload):
        order_id = str(next(self._ids))
        order = {"account": account["url"], "status": "pending", "authorizations": []}
        order["identifiers"] = payload["identifiers"]
        for identifier in payload["identifiers"]:
            key = str(next(self._ids))
            self.authorizations[key] = {
                "status": "pending", "identifier": identifier, "order": order_id,
                "account": account, "token": jose.encode(secrets.token_bytes(24)),
            }  # fmt: skip
            order["authorizations"].append(self._url("authz", key))
        self.orders[order_id] = order
        answer = self._show_order(order_id)
        answer.status = 201
        return answer

    def _show_order(self, key):
        order = self.orders[key]
        value = {
            "status": order["status"],
            "identifiers": order["identifiers"],
            "authorizations": order["authorizations"],
            "finalize": self._url("finalize", key),
        }
        if order["status"] == "valid":
            value["certificate"] = self._url("certificate", key)
        return Answer(200, b"", {"Location": self._url("order", key)}).with_json(value)

    def _own(self, table, key, account):
        found = table.get(key)
        owner = found and found["account"]
        if not found or account["url"] not in (owner, isinstance(owner, dict) and owner["url"]):
            raise Refusal(404, "malformed", "there is no such thing")
        return found

    def _expect_get(self, step, payload):
        if payload is not None:
            self.violations.append(f"{step}: POST-as-GET has an empty payload (6.3)")

    def _serve_order(self, key, account, payload):
        self._own(self.orders, key, account)
        self._expect_get("order", payload)
        return self._show_order(key)

    def _serve_authz(self, key, account, payload):
        authorization = self._own(self.authorizations, key, account)
        self._expect_get("authz", payload)
        return Answer().with_json(
            {
                "status": authorization["status"],
                "identifier": authorization["identifier"],
                "challenges": [
                    self._challenge(key, kind) for kind in ("http-01", "tls-alpn-01")
                ],
            }
        )

    def _challenge(self, key, kind):
        authorization = self.authorizations[key]
        return {
            "type": kind,
            "url": self._url("challenge", f"{key}/{kind}"),
            "token": authorization["token"],
            "status": authorization["status"],
        }

    def _serve_challenge(self, key, account, payload):
        key, _, kind = key.partition("/")
        authorization = self._own(self.authorizations, key, account)
        if payload != {}:
            self.violations.append("challenge: the payload is {} (7.5.1)")
        is_right = kind != "http-01" or not self.http_port or self._look(authorization)
        authorization["status"] = "valid" if is_right else "invalid"
        self._follow(authorization["order"])
        return Answer().with_json(self._challenge(key, kind))

    def _look(self, authorization):
        name, token = authorization["identifier"]["value"], authorization["token"]
        request = urllib.request.Request(
            f"http://{HOST}:{self.http_port}/.well-known/acme-challenge/{token}",
            headers={"Host": name},
        )
        wanted = f"{token}.{jose.thumbprint(authorization['account']['jwk'])}"
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.read(1024).decode().rstrip() == wanted
        except OSError:
            return False

    def _follow(self, order_id):
        """What an order's authorizations mean for it."""
        states = {
            one["status"] for one in self.authorizations.values() if one["order"] == order_id
        }
        if "invalid" in states:
            self.orders[order_id]["status"] = "invalid"
        elif states == {"valid"}:
            self.orders[order_id]["status"] = "ready"

    def _serve_finalize(self, key, account, payload):
        order = self._own(self.orders, key, account)
        if order["status"] != "ready":
            raise Refusal(403, "orderNotReady", f"it is {order['status']}")
        csr = x509.load_der_x509_csr(jose.decode(payload["csr"]))
        self._check_csr(csr, order)
        self.certificates[key] = self.chains.chain(self._chain, csr)
        order["status"] = "valid"
        return self._show_order(key)

    def _check_csr(self, csr, order):
        wanted = {one["value"] for one in order["identifiers"]}
        names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        if not csr.is_signature_valid:
            raise Refusal(400, "badCSR", "its signature is wrong")
        if set(names.value.get_values_for_type(x509.DNSName)) != wanted:
            raise Refusal(400, "badCSR", "its names are not the order's")

    def _serve_certificate(self, key, account, payload):
        self._own(self.orders, key, account)
        self._expect_get("certificate", payload)
        return Answer(
            200,
            self.certificates[key].encode(),
            {"Content-Type": "application/pem-certificate-chain"},
        )


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    context = None
    ca = None

    def finish_request(self, request, client_address):
        """The handshake is done in the connection's own thread."""
        try:
            request.settimeout(60)
            with self.context.wrap_socket(request, server_side=True) as connection:
                super().finish_request(connection, client_address)
        except OSError:
            pass

    def shutdown_request(self, request):
        request.close()

    def handle_error(self, request, client_address):
        self.ca.violations.append("our own server failed; see its output")
        super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "evilca"

    def _serve(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        answer, rule = self.server.ca.handle(self.command, self.path, body, self.headers)
        if rule:
            act = getattr(misbehaviour, rule.act)
            answer = act(answer, connection=self.connection, **rule.arguments)
        if answer is None:
            self.close_connection = True
            return
        self._write(answer)

    def _write(self, answer):
        self.send_response(answer.status)
        for name, text in answer.headers.items():
            self.send_header(name, text)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def date_time_string(self, timestamp=None):
        """Of the Date of each answer."""
        return super().date_time_string(time.time() + self.server.ca.date_offset)

    do_GET = do_HEAD = do_POST = _serve

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        """What was asked is in EvilCa.requests."""


def main():
    parser = argparse.ArgumentParser(description="An ACME server that can misbehave.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cert", required=True, help="PEM file of its own certificate")
    parser.add_argument("--key", required=True, help="PEM file with the key for it")
    parser.add_argument("--http-port", type=int, help="validate http-01 at this port")
    parser.add_argument("--script", default="[]", help='[{"step": …, "act": …, …}, …]')
    arguments = parser.parse_args()
    ca = EvilCa(arguments.port, arguments.cert, arguments.key, arguments.http_port)
    for rule in json.loads(arguments.script):
        ca.misbehave(**rule)
    print(f"directory: {ca.directory}", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
