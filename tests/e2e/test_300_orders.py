# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates from Pebble: each challenge, each type of key, and a CA that is not well."""

import os
import socket
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from peers.process import wait_until
from peers.tls import openssl, served_der, served_fingerprint

# Nobody answers acme-tls/1 then.
NO_ACME = "    acme = no\n    backend = 127.0.0.1:1\n"
DOMAIN = "domain one.example {\n    names = mail.%d\n}\n"


def names_of(der):
    leaf = x509.load_der_x509_certificate(der)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return set(names.value.get_values_for_type(x509.DNSName))


def served_names(room, name):
    """Verified against Pebble's root."""
    return names_of(served_der(room.https_port, name, ca_file=room.pebble.root_file))


@pytest.mark.smoke
def test_http_01(room):
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    slot = daemon.slot("one.example")
    assert slot["challenge"].startswith("http-01")
    assert slot["error"] is None and slot["attempts"] == 0
    assert served_names(room, "mail.one.example") == {"mail.one.example"}
    assert slot["fingerprint"] == served_fingerprint(room.https_port, "mail.one.example")
    assert all(where["state"] == "proven" for where in slot["served"])


@pytest.mark.smoke
def test_tls_alpn_01(room):
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN, challenge="tls-alpn-01"))
    daemon.wait_served("one.example", timeout=60)
    assert daemon.slot("one.example")["challenge"].startswith("tls-alpn-01")
    assert served_names(room, "mail.one.example") == {"mail.one.example"}


def test_placeholder_until_there_is_one(room):
    """A listener answers from the start, with something that nobody trusts."""
    room.start_pebble()
    room.pebble.stop()
    room.postseald(room.config(DOMAIN))
    leaf = x509.load_der_x509_certificate(served_der(room.https_port, "mail.one.example"))
    assert leaf.issuer == leaf.subject


def test_falls_to_the_next_and_keeps_the_reason(room):
    """Nobody answers acme-tls/1 here, so the first challenge is not possible."""
    room.start_pebble()
    config = room.config(DOMAIN, challenge="tls-alpn-01 http-01", https=NO_ACME)
    daemon = room.postseald(config)
    daemon.wait_served("one.example", timeout=60)
    note = daemon.slot("one.example")["challenge"]
    assert note.startswith("http-01")
    assert "tls-alpn-01" in note


def test_no_challenge_is_possible(room):
    room.start_pebble()
    config = room.config(DOMAIN, challenge="tls-alpn-01", https=NO_ACME)
    daemon = room.postseald(config)
    slot = daemon.wait_state("one.example", "failed")
    assert "tls-alpn-01" in slot["error"]
    assert daemon.ctl("status").returncode == 2


def test_ca_cannot_validate(room):
    """The CA finds another machine under the name."""
    room.start_pebble()
    room.dns.tell("add-a", host="mail.one.example", addresses=["127.0.0.99"])
    daemon = room.postseald(room.config(DOMAIN))
    slot = daemon.wait_state("one.example", "failed", timeout=60)
    assert "mail.one.example" in slot["error"]
    assert slot["attempts"] == 1


def test_one_domain_fails_and_the_other_does_not(room):
    room.start_pebble()
    room.dns.tell("add-a", host="mail.two.example", addresses=["127.0.0.99"])
    daemon = room.postseald(room.config(DOMAIN + DOMAIN.replace("one", "two")))
    daemon.wait_served("one.example", timeout=60)
    daemon.wait_state("two.example", "failed", timeout=60)


@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01"])
def test_half_of_all_nonces_rejected(room, challenge):
    room.start_pebble(PEBBLE_WFE_NONCEREJECT=50)
    names = [f"n{number}.example" for number in range(5)]
    domains = "".join(f"domain {name} {{\n}}\n" for name in names)
    daemon = room.postseald(room.config(domains, challenge=challenge))
    for slot in daemon.wait_served(*names, timeout=90):
        assert slot["attempts"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01"])
def test_validation_takes_its_time(room, challenge):
    room.start_pebble(PEBBLE_VA_NOSLEEP="", PEBBLE_VA_SLEEPTIME=4)
    daemon = room.postseald(room.config(DOMAIN, challenge=challenge))
    daemon.wait_served("one.example", timeout=90)
    assert daemon.slot("one.example")["attempts"] == 0


def test_authorizations_are_reused(room):
    """The second order finds them valid already."""
    room.start_pebble(PEBBLE_AUTHZREUSE=100)
    daemon = room.postseald(room.config(DOMAIN))
    before = daemon.wait_served("one.example", timeout=60)[0]
    done = daemon.renew("one.example")
    assert done.returncode == 0, done.stderr
    assert daemon.slot("one.example")["serial"] != before["serial"]


def test_several_names_in_one_certificate(room):
    room.start_pebble()
    names = {"one.example", *(f"n{number}.one.example" for number in range(9))}
    daemon = room.postseald(
        room.config(f"domain one.example {{\n    names = {' '.join(names)}\n}}\n")
    )
    daemon.wait_served("one.example", timeout=60)
    assert served_names(room, "n7.one.example") == names


@pytest.mark.parametrize("key_type", ["ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072"])
def test_key_types(room, key_type):
    room.start_pebble()
    daemon = room.postseald(
        room.config(f"domain one.example {{\n    key_type = {key_type}\n}}\n")
    )
    daemon.wait_served("one.example", timeout=90)
    key = x509.load_der_x509_certificate(
        served_der(room.https_port, "one.example")
    ).public_key()
    kind, size = key_type.split("-")
    if kind == "rsa":
        assert isinstance(key, rsa.RSAPublicKey)
    else:
        assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.key_size == int(size.lstrip("p"))


def test_rsa_and_ecdsa_side_by_side(room):
    """Each client gets the one that it can use."""
    room.start_pebble()
    daemon = room.postseald(
        room.config("domain one.example {\n    key_type = ecdsa-p256 rsa-2048\n}\n")
    )
    daemon.wait_served("one.example", timeout=90)
    assert len(daemon.slots("one.example")) == 2
    for sigalgs, kind in (("ecdsa_secp256r1_sha256", "EC"), ("rsa_pss_rsae_sha256", "RSA")):
        shown = openssl(
            "s_client", "-connect", f"127.0.0.1:{room.https_port}", "-servername",
            "one.example", "-sigalgs", sigalgs, stdin=b"",
        )  # fmt: skip
        assert f"Peer signature type: {'RSA-PSS' if kind == 'RSA' else 'ECDSA'}" in shown


def test_idn(room):
    room.start_pebble()
    daemon = room.postseald(room.config("domain bücher.example {\n}\n"))
    daemon.wait_served("xn--bcher-kva.example", timeout=60)
    assert served_names(room, "xn--bcher-kva.example") == {"xn--bcher-kva.example"}


# --- accounts --------------------------------------------------------------------------


def test_account_ahead_of_any_order(room):
    room.start_pebble()
    daemon = room.postseald(room.config(""))
    assert daemon.ctl("account", "show").returncode == 1
    done = daemon.ctl("account", "create")
    assert done.returncode == 0, done.stderr
    assert room.pebble.directory.rsplit("/", 1)[0] in done.stdout
    again = daemon.ctl("account", "create")
    assert again.returncode == 0
    assert daemon.ctl("account", "show").stdout == done.stdout
    assert room.pebble.count("There are now 1 accounts in memory") == 1
    assert room.pebble.count("There are now 2 accounts in memory") == 0


def test_account_with_an_imported_key(room):
    """The same key is the same account, also on another machine."""
    room.start_pebble()
    path = os.path.join(room.folder, "account.pem")
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    os.chmod(path, 0o600)
    daemon = room.postseald(room.config(DOMAIN), start=False)
    daemon.write(daemon.config().replace(DOMAIN, ""))
    daemon.start()
    done = daemon.ctl("account", "create", "pebble", "--key", path)
    assert done.returncode == 0, done.stderr
    daemon.write(room.config(DOMAIN))
    assert daemon.ctl("reload").returncode == 0
    daemon.wait_served("one.example", timeout=60)
    assert room.pebble.count("There are now 2 accounts in memory") == 0


def test_imported_key_that_others_can_read(room):
    room.start_pebble()
    path = os.path.join(room.folder, "account.pem")
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    os.chmod(path, 0o644)
    daemon = room.postseald(room.config(""))
    done = daemon.ctl("account", "create", "--key", path)
    assert done.returncode != 0
    assert "chmod" in done.stderr


def test_terms_not_agreed(room):
    room.start_pebble()
    daemon = room.postseald(
        room.config(DOMAIN).replace("agree_to_terms = yes", "agree_to_terms = no")
    )
    slot = daemon.wait_state("one.example", "failed")
    assert "agree_to_terms" in slot["error"]


@pytest.mark.parametrize("is_known", [True, False], ids=["right", "wrong"])
def test_external_account_binding(room, is_known):
    mac = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    room.start_pebble(external_account_keys={"kid-1": mac})
    kid = "kid-1" if is_known else "kid-2"
    daemon = room.postseald(
        room.config(
            DOMAIN, authority=f"    eab_kid = {kid}\n    eab_hmac_key = {mac}\n"
        )
    )
    if is_known:
        daemon.wait_served("one.example", timeout=60)
    else:
        assert daemon.wait_state("one.example", "failed")["error"]
    assert mac not in daemon.log()


# --- a CA that is not well --------------------------------------------------------------


def test_ca_down_then_back(room):
    room.start_pebble()
    room.pebble.stop()
    daemon = room.postseald(room.config(DOMAIN))
    slot = daemon.wait_state("one.example", "failed")
    assert slot["attempts"] == 1 and slot["error"]
    assert slot["due"] is not None
    shown = daemon.ctl("status").stdout
    assert "one.example" in shown and "failed" in shown
    room.pebble.start()
    done = daemon.ctl("renew", "one.example", "--wait")
    assert done.returncode == 0, done.stderr
    assert daemon.slot("one.example")["attempts"] == 0


def test_ca_forgets_everything(room):
    """Pebble keeps nothing: after a restart our account is unknown to it. The account is
    not replaced by itself, and what is served stays."""
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN))
    before = daemon.wait_served("one.example", timeout=60)[0]
    room.pebble.stop()
    room.pebble.start()
    assert daemon.renew("one.example").returncode == 1
    assert daemon.slot("one.example")["error"]
    assert served_fingerprint(room.https_port, "mail.one.example") == before["fingerprint"]


def test_wrong_ca_file(room):
    room.start_pebble()
    config = room.config(DOMAIN).replace(room.local_ca.ca_file, room.pebble.root_file)
    slot = room.postseald(config).wait_state("one.example", "failed")
    assert "certificate" in slot["error"]


def test_no_ca_file(room):
    """The system's CAs do not know ours."""
    room.start_pebble()
    config = room.config(DOMAIN).replace(f"    ca_file = {room.local_ca.ca_file}\n", "")
    assert room.postseald(config).wait_state("one.example", "failed")["error"]


@pytest.mark.parametrize("path", ["", "nonsense", "nonce-plz", "dir/../roots"])
def test_directory_is_something_else(room, path):
    room.start_pebble()
    wrong = room.pebble.directory.replace("/dir", "/" + path)
    config = room.config(DOMAIN).replace(room.pebble.directory, wrong)
    slot = room.postseald(config).wait_state("one.example", "failed")
    assert "directory" in slot["error"]


def test_ca_that_never_answers(room):
    room.start_pebble()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        wrong = f"https://127.0.0.1:{silent.getsockname()[1]}/dir"
        config = room.config(DOMAIN, authority="    request_timeout = 2s\n")
        daemon = room.postseald(config.replace(room.pebble.directory, wrong))
        assert daemon.wait_state("one.example", "failed", timeout=60)["error"]


def test_secrets_are_private(room):
    """Of what is on the disk nobody else can read the keys."""
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    for name in os.listdir(daemon.state_dir):
        mode = os.stat(os.path.join(daemon.state_dir, name)).st_mode
        assert stat.S_IMODE(mode) & 0o007 == 0, name
    assert daemon.ctl("events").stdout.count("PRIVATE") == 0


def test_events_tell_the_story(room):
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    kinds = [event["kind"] for event in daemon.events("one.example")]
    assert kinds == ["issued", "installed", "served"]


@pytest.mark.slow
def test_many_domains_at_once(room):
    """At most max_orders of them are at the CA at a time, and all get there."""
    room.start_pebble(PEBBLE_WFE_NONCEREJECT=10)
    names = [f"d{number:02}.example" for number in range(40)]
    domains = "".join(f"domain {name} {{\n}}\n" for name in names)
    daemon = room.postseald(room.config(domains, authority="    max_orders = 2\n"))

    def all_served():
        rows = daemon.status()["certificates"]
        return len(rows) == 40 and all(row["state"] == "served" for row in rows)

    wait_until(all_served, "40 domains served", timeout=120, step=0.5)
    assert served_names(room, "d39.example") == {"d39.example"}
