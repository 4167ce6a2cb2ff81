# SPDX-License-Identifier: GPL-3.0-or-later
"""What `postsealctl plan` says of a change before it is made: what would be published, and
what it takes of the CA's limits."""

import json

HEAD = "domain one.example {\n}\n"
MORE = (
    "domain one.example {\n    names = one.example imap.one.example\n}\n"
    "domain a.two.example {\n}\n"
    "domain b.two.example {\n    key_type = ecdsa-p256 rsa-2048\n}\n"
)
LIMITS = "    certificate_limit = 2\n    duplicate_limit = 1\n"


def plan(daemon):
    done = daemon.ctl("plan", "--json")
    assert done.returncode in (0, 2), done.stderr
    return json.loads(done.stdout)


def by_name(rows):
    return {row["name"]: (row["new"], row["renewals"], row["counted"]) for row in rows}


def test_what_is_published_and_what_it_costs(room):
    room.start_pebble()
    text = room.config(HEAD).replace("agree_to_terms = yes\n", f"agree_to_terms = yes\n{LIMITS}")
    daemon = room.postseald(text)
    daemon.wait_served("one.example", timeout=60)
    nothing = plan(daemon)
    for part in ("changes", "costs", "domain_costs", "same_names_costs", "listeners",
                 "answers", "names_added", "names_removed"):  # fmt: skip
        assert nothing[part] == [], part

    port = room.ports.take()
    daemon.replace(HEAD, MORE)
    daemon.write(
        daemon.config() + f"listener more {{\n    address = 127.0.0.1:{port}\n"
        "    protocol = https\n}\n"
    )
    shown = plan(daemon)
    assert shown["names_added"] == ["a.two.example", "b.two.example", "imap.one.example"]
    assert shown["names_removed"] == []
    assert [(row["name"], row["action"]) for row in shown["listeners"]] == [("more", "add")]
    assert shown["answers"] == [{"action": "add", "challenge": "http-01", "names": 5}]
    # what one.example has is replaced; the second key type of b has the names of the first
    assert by_name(shown["domain_costs"]) == {
        "one.example": (0, 1, 1), "two.example": (2, 1, 0),
    }  # fmt: skip
    assert by_name(shown["same_names_costs"]) == {"b.two.example": (2, 0, 0)}
    (cost,) = shown["costs"]
    assert cost["certificate_limit"] == 2 and cost["duplicate_limit"] == 1

    told = daemon.ctl("plan").stdout
    assert "names added at every worker: a.two.example b.two.example imap.one.example" in told
    assert "listener more: add" in told
    assert "two.example: 2 new and 1 renewal, and 0 in the last 7d, of 2\n" in told
    assert "b.two.example: 2 for the same names" in told and "more than the CA takes" in told

    assert daemon.ctl("reload").returncode == 0
    daemon.wait_served("one.example", "a.two.example", "b.two.example", timeout=60)
    daemon.replace(MORE, "domain c.two.example {\n}\n")
    shown = plan(daemon)
    assert by_name(shown["domain_costs"]) == {"two.example": (1, 0, 2)}
    assert shown["names_added"] == ["c.two.example"]
    assert len(shown["names_removed"]) == 4
    assert "of 2: more than the CA takes at once" in daemon.ctl("plan").stdout
