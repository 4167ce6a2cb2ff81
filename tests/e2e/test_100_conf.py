# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's mistakes, as postsealctl check tells them; and postsealctl conf."""

import os

import pytest

AUTHORITY = """\
authority ca {
    directory = https://ca.example/directory
    agree_to_terms = yes
}
policy default {
    authority = ca
    challenge = http-01
}
"""
DOMAIN = "domain example.org {\n    names = mail.%d\n}\n"
GOOD = AUTHORITY + DOMAIN

# name, text behind AUTHORITY, line below AUTHORITY, what the message must have
MISTAKES = [
    ("unknown setting", "wrokers = 2\n", 1, ["wrokers", "workers"]),
    ("unknown block", "domian example.org {\n}\n", 1, ["domian", "domain"]),
    ("unknown setting in a block", "domain a.org {\n    namse = a.org\n}\n", 2,
     ["namse", "names"]),
    ("no value", "workers =\n", 1, ["workers"]),
    ("number too large", "workers = 65\n", 1, ["workers", "64"]),
    ("number is a word", "workers = many\n", 1, ["workers", "many"]),
    ("duration with a wrong unit", "drain_timeout = 10x\n", 1, ["drain_timeout"]),
    ("neither yes nor no", "listener i {\n    address = 127.0.0.1:993\n    protocol = https\n"
     "    acme = perhaps\n}\n", 4, ["acme"]),
    ("unknown word", "log_level = loud\n", 1, ["log_level", "loud", "debug"]),
    ("undefined $name", "admin_contact = $nobody\n", 1, ["nobody"]),
    ("block not closed", "domain a.org {\n    names = a.org\n", 2, ["domain a.org"]),
    ("closed without block", "}\n", 1, []),
    ("nested block", "domain a.org {\n    policy x {\n    }\n}\n", 2, []),
    ("no equals sign", "workers 2\n", 1, ["workers"]),
    ("quote not closed", 'admin_contact = "postmaster@example.org\n', 1, []),
    ("wrong name", "domain exa_mple..org {\n}\n", 1, ["exa_mple..org"]),
    ("wrong name in a list", "domain a.org {\n    names = mail.a.org -x.a.org\n}\n", 2,
     ["-x.a.org"]),
    ("unknown policy", "domain a.org {\n    policy = webb\n}\n", 2, ["policy", "webb"]),
    ("unknown authority", "domain a.org {\n    authority = cb\n}\n", 2, ["authority", "cb"]),
    ("unknown challenge", "domain a.org {\n    challenge = http-02\n}\n", 2,
     ["http-02", "http-01"]),
    ("unknown deployer", "domain a.org {\n    deploy = forntend\n}\n", 2, ["forntend"]),
    ("wildcard without a way", "domain a.org {\n    names = *.a.org\n}\n", 2,
     ["*.a.org", "wildcard"]),
    ("name of two domains", "domain a.org {\n    names = x.org\n}\n"
     "domain b.org {\n    names = x.org\n}\n", 5, ["x.org", "a.org"]),
    ("address without port", "listener i {\n    address = 127.0.0.1\n"
     "    protocol = https\n}\n", 2, ["address"]),
    ("address is a name", "listener i {\n    address = localhost:993\n"
     "    protocol = https\n}\n", 2, ["address"]),
    ("port too large", "listener i {\n    address = 127.0.0.1:99999\n"
     "    protocol = https\n}\n", 2, ["address"]),
    ("no address", "listener i {\n    protocol = https\n}\n", 1, ["address"]),
    ("no protocol", "listener i {\n    address = 127.0.0.1:443\n}\n", 1, ["protocol"]),
    ("unknown protocol", "listener i {\n    address = 127.0.0.1:443\n"
     "    protocol = gopher\n}\n", 3, ["protocol", "gopher"]),
    ("no backend", "listener i {\n    address = 127.0.0.1:993\n    protocol = imap\n}\n", 1,
     ["backend"]),
    ("same address twice", "listener i {\n    address = 127.0.0.1:443\n"
     "    protocol = https\n}\nlistener k {\n    address = 127.0.0.1:443\n"
     "    protocol = https\n}\n", 6, ["127.0.0.1:443"]),
    ("imap without TLS", "listener i {\n    address = 127.0.0.1:143\n    protocol = imap\n"
     "    tls = none\n    backend = 127.0.0.1:1\n}\n", 4, ["tls"]),
    ("directory is no URL", "authority other {\n    directory = ca.example\n}\n", 2,
     ["directory"]),
    ("no directory", "authority other {\n    agree_to_terms = yes\n}\n", 1, ["directory"]),
    ("half a binding", "authority other {\n    directory = https://x.example/\n"
     "    eab_kid = 7\n}\n", 3, ["eab_kid", "eab_hmac_key"]),
    ("unknown key type", "domain a.org {\n    key_type = dsa\n}\n", 2,
     ["key_type", "ecdsa-p256"]),
    ("no mail address", "admin_contact = postmaster\n", 1, ["admin_contact"]),
    ("version from the future", "config_version = 7\n", 1, ["config_version"]),
    ("no such file", "!include /nonexistent/postseal.conf\n", 1,
     ["/nonexistent/postseal.conf"]),
    ("no such secret", "authority other {\n    directory = https://x.example/\n"
     "    eab_kid = 7\n    eab_hmac_key = </nonexistent/secret\n}\n", 4,
     ["/nonexistent/secret"]),
    ("duration below the least", "domain a.org {\n    renew_before = 1m\n}\n", 2,
     ["renew_before"]),
]  # fmt: skip


@pytest.fixture
def daemon(conf_room):
    made = conf_room.postseald(GOOD, start=False)
    made.options = [
        "-o", f"state_directory={conf_room.folder}/state",
        "-o", f"run_directory={conf_room.folder}/run",
    ]  # fmt: skip
    return made


def test_good(daemon):
    done = daemon.ctl("check")
    assert done.returncode == 0, done.stderr
    assert "configuration ok" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    "text, line, wanted", [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_mistake(daemon, text, line, wanted):
    daemon.write(AUTHORITY + text)
    done = daemon.ctl("check")
    assert done.returncode == 78, done.stdout + done.stderr
    place = f"{daemon.conf_dir}/postseal.conf line {AUTHORITY.count(chr(10)) + line}:"
    said = [row for row in done.stderr.splitlines() if row.startswith(place)]
    assert said, done.stderr
    for word in wanted:
        assert any(word in row for row in said), done.stderr
    assert not os.path.exists(daemon.state_dir)


def test_all_mistakes_at_once(daemon):
    """In one go, in the order of files and lines, from all files."""
    daemon.write("wrokers = 2\n", "more.conf")
    daemon.write(
        "log_level = loud\n" + AUTHORITY + "domain a.org {\n    namse = a.org\n}\n"
        "!include more.conf\nlistener i {\n    protocol = gopher\n}\n"
    )
    done = daemon.ctl("check")
    assert done.returncode == 78
    for word in ("log_level", "namse", "wrokers", "gopher", "address"):
        assert word in done.stderr
    assert "more.conf line 1:" in done.stderr


def test_setting_twice_warns_with_both_lines(daemon):
    daemon.write("workers = 1\n" + GOOD + "workers = 2\n")
    done = daemon.ctl("check")
    assert done.returncode == 0
    last = GOOD.count("\n") + 2
    assert f"line {last}" in done.stderr and "line 1" in done.stderr
    assert daemon.ctl("conf", "-h", "workers").stdout == "2\n"


def test_no_configuration(daemon):
    os.unlink(os.path.join(daemon.conf_dir, "postseal.conf"))
    done = daemon.ctl("check")
    assert done.returncode == 78
    assert "postseal.conf" in done.stderr


def test_daemon_says_the_same(daemon):
    daemon.write(AUTHORITY + "wrokers = 2\n")
    daemon.start(wait=False)
    assert daemon.process.wait() == 78
    assert "wrokers" in daemon.log()
    assert not os.path.exists(daemon.database)


def test_secret_that_others_can_read(daemon):
    path = daemon.write("c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0\n", "secret", mode=0o644)
    daemon.write(
        "authority ca {\n    directory = https://ca.example/\n    eab_kid = 7\n"
        f"    eab_hmac_key = <{path}\n}}\npolicy default {{\n    authority = ca\n}}\n"
    )
    done = daemon.ctl("check")
    assert done.returncode == 78
    assert path in done.stderr and "chmod" in done.stderr
    os.chmod(path, 0o640)
    assert daemon.ctl("check").returncode == 0


def test_include_order_and_globs(daemon):
    daemon.write(GOOD + "!include_try domains.d/*.conf\n")
    daemon.write("domain b.org {\n}\n", "domains.d/20.conf")
    daemon.write("domain a.org {\n}\n", "domains.d/10.conf")
    done = daemon.ctl("check", "-v")
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("a.org") < done.stdout.index("b.org")


def test_conf_all_and_changed(daemon):
    everything = daemon.ctl("conf").stdout
    changed = daemon.ctl("conf", "-n").stdout
    assert "log_level = info" in everything
    assert "log_level" not in changed
    assert "directory = https://ca.example/directory" in changed


def test_conf_defaults(daemon):
    daemon.write("workers = 5\n" + GOOD)
    assert "workers = 5" in daemon.ctl("conf").stdout
    assert "workers = 0" in daemon.ctl("conf", "-d").stdout


def test_conf_is_read_back(daemon):
    """What conf prints is a configuration that means the same."""
    daemon.write("workers = 3\n" + GOOD)
    text = daemon.ctl("conf", "-n").stdout
    daemon.write(text)
    assert daemon.ctl("conf", "-n").stdout == text
    assert daemon.ctl("check").returncode == 0


def test_conf_one_name(daemon):
    assert daemon.ctl("conf", "log_level").stdout == "log_level = info\n"
    assert daemon.ctl("conf", "-h", "log_level").stdout == "info\n"
    block = daemon.ctl("conf", "authority ca").stdout
    assert "https://ca.example/directory" in block
    assert daemon.ctl("conf", "nothing").returncode == 1


def test_conf_expanded(daemon):
    daemon.write("admin_contact = a@example.org\n" + GOOD)
    assert "names = mail.example.org" in daemon.ctl("conf", "-x", "domain example.org").stdout


def test_conf_hides_secrets(daemon):
    secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
    daemon.write(
        "authority ca {\n    directory = https://ca.example/\n    eab_kid = 7\n"
        f"    eab_hmac_key = {secret}\n}}\npolicy default {{\n    authority = ca\n}}\n",
        mode=0o600,
    )
    for flags in ([], ["-n"], ["-x"], ["-h"]):
        assert secret not in daemon.ctl("conf", *flags).stdout
    assert secret in daemon.ctl("conf", "-P").stdout


def test_option_goes_before_the_files(daemon):
    daemon.write("workers = 3\n" + GOOD)
    assert daemon.ctl("-o", "workers=7", "conf", "-h", "workers").stdout == "7\n"
    done = daemon.ctl("-o", "workers=700", "check")
    assert done.returncode == 78
    assert "workers" in done.stderr


def test_plugin_folder_that_others_can_write(daemon, conf_room):
    folder = os.path.join(conf_room.folder, "plugins")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    done = daemon.ctl("-o", f"plugin_directory={folder}", "check")
    assert done.returncode == 78
    assert folder in done.stderr


def test_installed_sample(daemon, programs):
    """What the package ships as an example is right."""
    path = os.path.join(programs.prefix, "share/doc/postseal/examples/postseal.conf.sample")
    with open(path, encoding="utf-8") as file:
        daemon.write(file.read())
    done = daemon.ctl("check")
    assert done.returncode == 0, done.stderr
