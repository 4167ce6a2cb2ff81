# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of the DNS: Knot with zones of a test's own, on port 53 of addresses of its own,
and Unbound as the resolver that the CA asks."""

import os
import shutil
import subprocess

import dns.exception
import dns.message
import dns.query
import dns.rdatatype
import dns.resolver

from .crash import query
from .process import Process, wait_until

KNOT = """\
server:
    rundir: "{folder}"
    listen: [ {listen} ]
log:
  - target: stderr
    any: info
database:
    storage: "{folder}"
{keys}acl:
{acls}template:
  - id: default
    storage: "{folder}"
    file: "%s.zone"
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: changes
    semantic-checks: off
zone:
"""

ACL = "  - id: {name}\n    action: update\n{more}"

ZONE = """\
$ORIGIN {zone}.
$TTL 5
@ SOA ns1 hostmaster 1 3600 600 86400 1
{servers}* A 127.0.0.1
"""


def take_address(ports):
    """An address of this machine that no other test has: port 53 of it is free."""
    port = ports.take()
    return f"127.53.{port >> 8}.{port & 255}"


def wait_cleaned(daemon):
    """Until no value of ours stands, and the store knows it."""
    left = (
        "SELECT (SELECT count(*) FROM txt_value)"
        " + (SELECT count(*) FROM authorization WHERE presented)"
    )
    wait_until(lambda: query(daemon, left) == [(0,)], "nothing of ours left")


def ask(server, name, kind, port=53, timeout=5):
    """The texts of what one server has at a name."""
    question = dns.message.make_query(name, kind)
    answer = dns.query.udp(question, server, timeout=timeout, port=port)
    wanted = dns.rdatatype.from_text(kind)
    found = [
        record
        for rrset in answer.answer
        if rrset.rdtype == wanted and str(rrset.name).rstrip(".").lower() == name.lower()
        for record in rrset
    ]
    if kind == "TXT":
        return sorted(b"".join(record.strings).decode() for record in found)
    return sorted(str(record) for record in found)


class Knot:
    """zones: name to lines besides the usual. keys: name to (algorithm, secret); with them
    nobody updates without one, else everybody of this machine does."""

    def __init__(self, folder, ports, zones, keys=None, servers=1):
        self.folder = os.path.join(folder, f"knot-{ports.take()}")
        os.makedirs(self.folder)
        self.addresses = [take_address(ports) for _ in range(servers)]
        self.zones = list(zones)
        self._keys = keys or {}
        for zone, lines in zones.items():
            self._write_zone(zone, lines)
        self.config = os.path.join(self.folder, "knot.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(self._format_config())
        self.log_path = os.path.join(self.folder, "log")
        self.start()

    def _write_zone(self, zone, lines):
        servers = "".join(
            f"@ NS ns{i}\nns{i} A {address}\n" for i, address in enumerate(self.addresses, 1)
        )
        with open(os.path.join(self.folder, f"{zone}.zone"), "w", encoding="utf-8") as file:
            file.write(ZONE.format(zone=zone, servers=servers) + lines)

    def _format_config(self):
        listen = ", ".join(f"{address}@53" for address in self.addresses)
        keys = "".join(
            f'  - id: {name}\n    algorithm: {algorithm}\n    secret: "{secret}"\n'
            for name, (algorithm, secret) in self._keys.items()
        )
        acls = "".join(
            ACL.format(name=f"update-{name}", more=f"    key: {name}\n") for name in self._keys
        ) or ACL.format(name="update", more="    address: 127.0.0.0/8\n")
        names = ", ".join(f"update-{name}" for name in self._keys) or "update"
        text = KNOT.format(
            folder=self.folder, listen=listen, keys=f"key:\n{keys}" if keys else "", acls=acls
        )
        return text + "".join(f"  - domain: {zone}\n    acl: [ {names} ]\n" for zone in self.zones)

    def start(self):
        self.process = Process(["/usr/sbin/knotd", "-c", self.config], self.log_path)
        wait_until(self._is_up, "knotd")

    def _is_up(self):
        self.process.check_alive()
        try:
            return all(
                ask(address, zone, "SOA", timeout=0.3)
                for address in self.addresses
                for zone in self.zones
            )
        except (OSError, dns.exception.DNSException):
            return False

    @property
    def address(self):
        return self.addresses[0]

    def ask(self, name, kind="TXT"):
        return ask(self.address, name, kind)

    def update(self, *lines):
        """nsupdate's own, such as "add x.test 5 TXT hello"."""
        text = "".join(f"{line}\n" for line in (f"server {self.address}", *lines, "send"))
        subprocess.run(["nsupdate"], input=text, text=True, check=True, capture_output=True)

    def stop(self):
        if self.process.is_running():
            self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


BIND = """\
options {{
    directory "{folder}";
    pid-file none;
    session-keyfile none;
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion no;
    dnssec-validation no;
    notify no;
}};
controls {{ }};
include "{folder}/key";
zone "{zone}" {{ type primary; file "{folder}/zone"; update-policy {{ {policy} }}; }};
"""


class Bind:
    """One zone, that a key of its own may change as the policy says."""

    def __init__(self, folder, ports, zone, policy, algorithm="hmac-sha256"):
        self.folder = os.path.join(folder, f"bind-{ports.take()}")
        self.port = ports.take()
        self.dns_port = self.port
        self.zone = zone
        os.makedirs(self.folder)
        self.key_file = os.path.join(self.folder, "key")
        made = subprocess.run(
            ["tsig-keygen", "-a", algorithm, "acme"], capture_output=True, text=True, check=True
        )
        self._write("key", made.stdout)
        self._write("zone", ZONE.format(zone=zone, servers="@ NS ns1\nns1 A 127.0.0.1\n"))
        config = self._write(
            "named.conf",
            BIND.format(folder=self.folder, port=self.port, zone=zone, policy=policy),
        )
        log_path = os.path.join(self.folder, "log")
        self.process = Process(["/usr/sbin/named", "-g", "-c", config], log_path)
        wait_until(self._is_up, "named")

    def _write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o640)
        return path

    def _is_up(self):
        self.process.check_alive()
        try:
            return ask("127.0.0.1", self.zone, "SOA", port=self.port, timeout=0.3)
        except (OSError, dns.exception.DNSException):
            return False

    def ask(self, name, kind="TXT"):
        return ask("127.0.0.1", name, kind, port=self.port)

    def stop(self):
        self.process.stop()


UNBOUND = """\
server:
    interface: 127.0.0.1@{port}
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: ""
    use-syslog: no
    logfile: ""
    do-not-query-localhost: no
    do-ip6: no
    module-config: "iterator"
    cache-max-ttl: 0
    cache-max-negative-ttl: 0
    local-zone: "test." transparent
remote-control:
    control-enable: no
"""


class Unbound:
    """Asks each zone's own server: zone to "address" or "address@port"."""

    def __init__(self, folder, ports, stubs):
        self.dns_port = ports.take()
        text = UNBOUND.format(port=self.dns_port, folder=folder) + "".join(
            f'stub-zone:\n    name: "{zone}"\n    stub-addr: {server}\n'
            for zone, server in stubs.items()
        )
        path = os.path.join(folder, "unbound.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.zones = list(stubs)
        self.process = Process(
            ["/usr/sbin/unbound", "-d", "-c", path], os.path.join(folder, "unbound.log")
        )
        wait_until(self._is_up, "unbound")

    def _is_up(self):
        self.process.check_alive()
        try:
            return ask("127.0.0.1", self.zones[0], "SOA", port=self.dns_port, timeout=0.3)
        except (OSError, dns.exception.DNSException):
            return False

    def stop(self):
        self.process.stop()


HOOK = """\
#!/bin/sh
# What lego's exec does: present|cleanup NAME. VALUE
case $1 in
present) what="add $2 5 TXT \\"$3\\"" ;;
cleanup) what="delete $2 TXT \\"$3\\"" ;;
esac
echo "$1 $2 $3" >>"{log}"
printf 'server {server}\\n%s\\nsend\\n' "$what" | nsupdate
"""


class Hook:
    """A program for the provider exec."""

    def __init__(self, folder, server):
        self.path = os.path.join(folder, "dns-hook")
        self.log_path = os.path.join(folder, "dns-hook.log")
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(HOOK.format(server=server, log=self.log_path))
        os.chmod(self.path, 0o755)

    def calls(self):
        try:
            with open(self.log_path, encoding="utf-8") as file:
                return [line.split() for line in file]
        except FileNotFoundError:
            return []


class DnsScene:
    """A room with nameservers; the CA's resolver is told of its zones."""

    def __init__(self, room, zones=None, servers=1, keys=None):
        self.room = room
        self.knot = Knot(room.folder, room.ports, zones or {"one.test": ""}, keys, servers)
        room._to_stop.append(self.knot)
        stubs = {zone: self.knot.address for zone in self.knot.zones}
        room.dns = Unbound(room.folder, room.ports, stubs)
        room._to_stop.append(room.dns)
        self.hook = Hook(room.folder, self.knot.address)

    def config(self, domains, challenge="dns-01", policy="", zones="", more=""):
        stubs = " ".join(f"{zone}={self.knot.address}:53" for zone in self.knot.zones)
        return (
            f"dns_stubs = {stubs}\ninsecure_zones = test example\n{more}"
            f"dns exec {{\n    command = {self.hook.path}\n{zones}}}\n"
            + self.room.config(
                domains,
                challenge=challenge,
                policy=f"    dns = exec\n    propagation_interval = 1s\n{policy}",
            )
        )

    def start(self, *words, **how):
        self.room.start_pebble(dns=self.room.dns)
        return self.room.postseald(self.config(*words, **how))
