# SPDX-License-Identifier: GPL-3.0-or-later
"""What a notifier was to be told is told, whenever we die: at least once, and not for
ever."""

import os

from peers.process import wait_until

DOMAIN = "domain one.example {\n}\n"
# Says that it has begun, takes its time, and says that it has ended.
PROGRAM = """\
#!/bin/sh
echo "$POSTSEAL_KIND $POSTSEAL_SUBJECT" >>{folder}/begun
while [ -e {folder}/slow ]; do sleep 0.05; done
echo "$POSTSEAL_KIND $POSTSEAL_SUBJECT" >>{folder}/ended
"""


def write(path, text="", mode=0o644):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def lines(room, name):
    path = os.path.join(room.folder, name)
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def set_slow(room, is_slow):
    path = os.path.join(room.folder, "slow")
    if is_slow:
        write(path)
    elif os.path.exists(path):
        os.unlink(path)


def config(room, events="issued served"):
    program = os.path.join(room.folder, "program")
    write(program, PROGRAM.format(folder=room.folder), 0o755)
    return (
        "notify = exec\n"
        + room.config(DOMAIN)
        + f"notify exec {{\n    command = {program}\n    events = {events}\n}}\n"
    )


def n_begun(room):
    return len(lines(room, "begun"))


def test_killed_while_the_program_runs(room):
    room.start_pebble()
    daemon = room.postseald(config(room), start=False)
    set_slow(room, True)
    daemon.start()
    wait_until(lambda: lines(room, "begun") == ["issued one.example"], "the program", 60)
    daemon.wait_served("one.example", timeout=30)
    daemon.kill()
    set_slow(room, False)  # what is left of it ends, for nobody
    daemon.start()
    wait_until(lambda: "served one.example" in lines(room, "ended"), "both told", 30)
    assert lines(room, "begun")[:2] == ["issued one.example"] * 2
    assert lines(room, "ended").count("served one.example") == 1
    # and when all is told, a restart tells nothing
    assert daemon.stop() == 0
    before = lines(room, "begun")
    daemon.start()
    assert daemon.renew("one.example").returncode == 0
    wait_until(lambda: lines(room, "ended")[-1] == "served one.example", "the next", 30)
    wait_until(lambda: n_begun(room) == len(before) + 2, "two more", 30)


def test_not_for_ever(room):
    """What was under way at each of three deaths is given up, and the next is told."""
    room.start_pebble()
    daemon = room.postseald(config(room), start=False)
    set_slow(room, True)
    daemon.start()
    daemon.wait_served("one.example", timeout=60)
    for n in range(1, 4):
        wait_until(lambda n=n: n_begun(room) == n, f"try {n}", 30)
        daemon.kill()
        daemon.start()
    wait_until(lambda: lines(room, "begun")[-1] == "served one.example", "the next one", 30)
    assert lines(room, "begun") == ["issued one.example"] * 3 + ["served one.example"]
    assert "was not told" in daemon.log()
    set_slow(room, False)
    wait_until(lambda: "served one.example" in lines(room, "ended"), "its end", 30)


def test_who_is_new_hears_no_history(room):
    room.start_pebble()
    text = config(room)
    daemon = room.postseald(text.replace("notify = exec\n", ""))
    daemon.wait_served("one.example", timeout=60)
    daemon.write(text)
    assert daemon.ctl("reload").returncode == 0
    assert daemon.renew("one.example").returncode == 0
    wait_until(lambda: len(lines(room, "ended")) == 2, "the renewal", 30)
    # taken out, and in again: nothing of what was meanwhile
    daemon.write(text.replace("notify = exec\n", ""))
    assert daemon.ctl("reload").returncode == 0
    assert daemon.renew("one.example").returncode == 0
    assert daemon.stop() == 0
    daemon.write(text)
    daemon.start()
    assert daemon.renew("one.example").returncode == 0
    wait_until(lambda: len(lines(room, "ended")) >= 4, "the next renewal", 30)
    assert len(lines(room, "ended")) == 4
