# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that is wrong: no order, an alarm, and the end of both when it is right."""

import sqlite3
import time

import pytest
from evilca import EvilCa

from peers.process import wait_until

DOMAIN = "domain one.example {\n    names = mail.%d\n}\n"


class Lane:
    """postseald with a CA whose clock can be set."""

    def __init__(self, room, offset):
        self.room = room
        self.ca = EvilCa(room.ports.take(), room.local_ca.cert_file, room.local_ca.key_file)
        self.ca.date_offset = offset
        self.daemon = room.postseald(
            room.base_config()
            + room.authority("evil", self.ca.directory)
            + "policy default {\n    authority = evil\n    challenge = http-01\n"
            + "    self_check = off\n}\n"
            + DOMAIN
            + room.listeners()
        )

    def alarms(self):
        return self.daemon.status()["summary"]["alarms"]


@pytest.fixture
def wrong(room):
    """The CA's clock is two hours ahead: by its word ours is behind."""
    lane = Lane(room, 7200)
    yield lane
    lane.ca.stop()


def test_no_order_and_an_alarm(wrong):
    daemon = wrong.daemon
    wait_until(wrong.alarms, "an alarm")
    [alarm] = wrong.alarms()
    assert alarm.startswith("this machine's clock says ")
    assert "authority evil says" in alarm
    done = daemon.ctl("status")
    assert done.returncode == 2
    # Both times go on with each answer of the CA's.
    assert "alarm: this machine's clock says " in done.stdout
    assert "no order is made" in daemon.happened("clock")
    wait_until(lambda: daemon.slot("one.example")["error"], "the end of the first try")
    assert daemon.slot("one.example")["attempts"] == 0
    # by the operator's word the CA is asked once more, and not for an order
    assert daemon.renew("one.example").returncode == 1
    assert "no order before it is right" in daemon.slot("one.example")["error"]
    assert wrong.ca.count("newOrder") == 0
    [event] = [one for one in daemon.events() if one["kind"] == "clock"]
    assert "no order is made" in event["text"]


def test_the_end_of_the_alarm(wrong):
    daemon = wrong.daemon
    wait_until(wrong.alarms, "an alarm")
    wait_until(lambda: daemon.slot("one.example")["error"], "the end of the first try")
    wrong.ca.date_offset = 0
    done = daemon.renew("one.example")
    assert done.returncode == 0, done.stderr
    assert wrong.alarms() == []
    assert daemon.ctl("status").returncode == 0
    assert daemon.slot("one.example")["error"] is None
    texts = [one["text"] for one in daemon.events() if one["kind"] == "clock"]
    assert len(texts) == 2 and "right again" in texts[1]


def test_tolerance_is_a_setting(wrong):
    daemon = wrong.daemon
    wait_until(wrong.alarms, "an alarm")
    daemon.replace("policy default", "clock_tolerance = 3h\npolicy default")
    assert daemon.ctl("reload").returncode == 0
    assert wrong.alarms() == []
    assert daemon.renew("one.example").returncode == 0


def test_a_time_far_ahead_is_not_waited_for(room):
    """What a clock that was ahead has put off is due again at a start with the right one."""
    room.start_pebble()
    room.pebble.stop()
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_state("one.example", "failed")
    daemon.kill()
    room.pebble.start()
    ten_years = int((time.time() + 10 * 365 * 86400) * 1e6)
    with sqlite3.connect(daemon.database) as db:
        db.execute("UPDATE slot SET due_usec = ?, attempted_usec = ?", (ten_years, ten_years))
    daemon.start()
    daemon.wait_served("one.example", timeout=60)


@pytest.mark.long
def test_the_kernel_says_that_the_clock_is_set(room):
    """Set to what it is: that counts as well, and costs nothing."""
    room.start_pebble()
    daemon = room.postseald(room.config(DOMAIN))
    daemon.wait_served("one.example", timeout=60)
    before = daemon.slot("one.example")
    try:
        time.clock_settime(time.CLOCK_REALTIME, time.time())
    except PermissionError:
        pytest.skip("may not set the clock")
    wait_until(lambda: "the clock was set" in daemon.log(), "the word of it")
    assert daemon.slot("one.example")["serial"] == before["serial"]
