# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA that misbehaves: the job fails with the cause, what is served stays, and when the
CA is well again so are we. See tests/ca."""

import os

import pytest
from evilca import EvilCa

from peers.tls import served_fingerprint

NAME = "mail.one.example"
DOMAIN = "domain one.example {\n    names = mail.%d imap.%d\n}\n"
POST_STEPS = ("newAccount", "newOrder", "authz", "challenge", "finalize", "certificate")
JSON_STEPS = ("newOrder", "authz", "finalize")
WIRE = ("close", "reset", "truncated", "not_http", "endless", "endless_headers")
# What is no answer to the question, whatever it was.
WRONG_BODIES = ("nonsense", "empty", "array", "null", "deep", "huge_string", "bad_utf8",
                "html", "wrong_types")  # fmt: skip
# The kind of chain, and words of which the cause must have one.
CHAINS = [
    ("other_key", ["key"]),
    ("other_names", ["name", "cover"]),
    ("fewer_names", ["name", "cover"]),
    ("expired", ["expired", "ended", "valid"]),
    ("future", ["valid", "begin", "future"]),
    ("leaf_only", []),
    ("wrong_order", []),
    ("broken", []),
    ("forged", []),
    ("private_key", ["key"]),
    ("empty", []),
    ("nonsense", []),
    ("cut", []),
    ("nul", []),
    ("thousand", []),
]


def cases():
    """(step, act, arguments)"""
    for step in JSON_STEPS:
        for act in WRONG_BODIES:
            yield step, act, {}
        yield step, "foreign_urls", {}
        yield step, "plain_urls", {}
    for step in POST_STEPS[1:]:
        for act in WIRE:
            yield step, act, {}
        for code in (400, 403, 404, 429, 500, 503):
            kind = {429: "rateLimited", 403: "unauthorized"}.get(code, "malformed")
            yield step, "status", {"code": code, "kind": kind}
        yield step, "bare_status", {"code": 502}
        yield step, "redirect", {}
        yield step, "hostile_problem", {}
    yield "newOrder", "no_location", {}
    yield "certificate", "html", {}
    yield "certificate", "wrong_type", {}
    for member in ("status", "authorizations", "finalize"):
        yield "newOrder", "without", {"member": member}
    for member in ("status", "identifier", "challenges"):
        yield "authz", "without", {"member": member}
    yield "newOrder", "change", {"authorizations": []}
    yield "newOrder", "change", {"authorizations": ["https://127.0.0.1:1/a"] * 1000}
    yield "newOrder", "change", {"status": "VALID"}
    yield "newOrder", "change", {"status": "invalid"}
    yield "authz", "change", {"status": "deactivated"}
    yield "authz", "change", {"identifier": {"type": "dns", "value": "other.example"}}
    yield "authz", "change", {"challenges": []}
    yield "authz", "change", {"challenges": [{"type": "magic-01", "url": "x", "token": "t"}]}
    yield "finalize", "change", {"status": "invalid"}
    for text in ("../../etc/passwd", "", "a b", "x" * 5000, "$(id)", "a\0b", "%2e%2e"):
        yield "authz", "token", {"text": text}


CASES = list(cases())


def case_id(case):
    step, act, arguments = case
    detail = "-".join(str(one)[:20].strip() for one in arguments.values())
    return f"{step}-{act}-{detail}".strip("-").replace("\0", "0").replace("/", "_")


class Bench:
    """One postseald with a certificate of a CA that was well, until now."""

    def __init__(self, room):
        self.room = room
        self.ca = EvilCa(
            room.ports.take(), room.local_ca.cert_file, room.local_ca.key_file, room.http_port
        )
        self.root_file = self.ca.save_root(os.path.join(room.folder, "evil-root.pem"))
        self.daemon = room.postseald(self._config(), start=False)
        self.daemon.start()
        self.daemon.wait_served("one.example", timeout=60)

    def _config(self):
        room = self.room
        return (
            room.base_config()
            + room.authority(
                "evil", self.ca.directory,
                more="    request_timeout = 2s\n    order_timeout = 10s\n",
            )  # fmt: skip
            + "policy default {\n    authority = evil\n    challenge = http-01\n}\n"
            + DOMAIN
            + room.listeners()
        )

    def served(self):
        """Verified, too."""
        return served_fingerprint(self.room.https_port, NAME, ca_file=self.root_file)


@pytest.fixture(scope="module")
def bench(shared_room):
    made = Bench(shared_room)
    yield made
    made.ca.stop()


def renew(bench):
    return bench.daemon.renew("one.example", timeout=90)


@pytest.fixture(autouse=True)
def well_again(bench):
    """After each of them: the CA is well, and so are we, at the second try at the latest
    (the first may take up an order that the CA has spoilt)."""
    yield
    assert bench.daemon.is_running(), bench.daemon.log_tail()
    bench.ca.behave()
    assert bench.ca.violations == []
    done = renew(bench)
    if done.returncode != 0:
        done = renew(bench)
    slot = bench.daemon.slot("one.example")
    assert done.returncode == 0, slot["error"]
    assert slot["state"] == "served" and slot["error"] is None


def check_refused(bench, words=(), may_recover=False):
    before = bench.served()
    done = renew(bench)
    if done.returncode == 0 and may_recover:
        return
    slot = bench.daemon.slot("one.example")
    assert done.returncode == 1, "it was renewed all the same"
    assert slot["state"] == "failed"
    assert slot["error"] and len(slot["error"]) < 2000
    assert slot["error"].isprintable(), slot["error"]
    assert not words or any(word in slot["error"] for word in words), slot["error"]
    assert bench.served() == before


def check_well(bench):
    before = bench.served()
    done = renew(bench)
    assert done.returncode == 0, bench.daemon.slot("one.example")["error"]
    assert bench.served() != before


def test_a_ca_that_is_well(bench):
    check_well(bench)


@pytest.mark.parametrize("case", CASES, ids=map(case_id, CASES))
def test_refused(bench, case):
    step, act, arguments = case
    bench.ca.misbehave(step, act, **arguments)
    # Whose answer to finalize is lost asks the order how it went: that may go well.
    check_refused(bench, may_recover=step == "finalize")


@pytest.mark.parametrize("chain, words", CHAINS, ids=[row[0] for row in CHAINS])
def test_wrong_certificate(bench, chain, words):
    bench.ca.misbehave("certificate", chain=chain)
    check_refused(bench, words)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["newOrder", "certificate"])
@pytest.mark.parametrize("act", ["drip", "hang"])
def test_slow(bench, step, act):
    bench.ca.misbehave(step, act)
    check_refused(bench)


@pytest.mark.parametrize("step", ["authz", "finalize", "certificate"])
def test_trouble_that_passes(bench, step):
    """One answer that is lost does not fail a job, where asking again is harmless."""
    bench.ca.misbehave(step, "bare_status", times=1, code=503)
    check_well(bench)


@pytest.mark.parametrize("step", POST_STEPS[1:])
def test_bad_nonce_once(bench, step):
    bench.ca.misbehave(step, "status", times=1, code=400, kind="badNonce")
    check_well(bench)


def test_bad_nonce_for_ever(bench):
    """Few questions, then the end."""
    bench.ca.misbehave("newOrder", "status", code=400, kind="badNonce")
    before = bench.ca.count("newOrder")
    check_refused(bench)
    assert bench.ca.count("newOrder") - before <= 40


def test_problem_is_shown_in_words(bench):
    bench.ca.misbehave(
        "newOrder", "status", code=403, kind="rejectedIdentifier",
        detail="we do not like that name",
    )  # fmt: skip
    check_refused(bench, ["we do not like that name"])


def test_well_after_all_that(bench):
    check_well(bench)


def test_one_account(bench):
    """Whatever has happened, no second account was made."""
    assert len(bench.ca.accounts) == 1


def test_log_lines_are_short_and_clean(bench):
    for line in bench.daemon.log().splitlines():
        assert len(line) < 4096, line[:200]
        assert "\x1b" not in line
    assert "PRETEND: log line" not in [
        line[:17] for line in bench.daemon.log().splitlines()
    ]
