# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured side by side: Postseal, nginx, HAProxy, and the least that GnuTLS allows.
Each has one worker, on the first processor; load and backend have the second."""

import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

from peers.filled import fill  # noqa: E402
from peers.postseal import Postseald, Programs  # noqa: E402
from peers.process import Process, list_children, wait_until  # noqa: E402
from peers.tls import connect  # noqa: E402

ON_FIRST = ["taskset", "-c", "0"]
ON_SECOND = ["taskset", "-c", "1"]


def processes(pid):
    """It and all below it."""
    return [pid] + [one for child, _ in list_children(pid) for one in processes(child)]


def cpu_seconds(pids):
    """Exact, where /proc/PID/stat has hundredths."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
    return total / 1e9


def memory_kib(pids, field="Pss"):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            total += sum(
                int(line.split()[1]) for line in file if line.startswith(f"{field}:")
            )
    return total


def spread(values, form="{:.0f}"):
    """Median, least and most."""
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{form.format(middle)} ({form.format(least)}–{form.format(most)})"


class Terminator:
    """In a folder of its own, with n certificates for d0.example, d1.example …, which all
    have the same key; in front of `backend`."""

    name = None
    reloads = True

    def __init__(self, bench, n=1):
        self.bench = bench
        self.n = n
        self.folder = os.path.join(bench.folder, f"{self.name}-{n}")
        os.makedirs(self.folder, exist_ok=True)
        self.port = bench.ports.take()
        self.process = None
        self.prepare()

    def prepare(self):
        """Writes what it reads; nothing of it is measured."""

    def argv(self):
        raise NotImplementedError

    def start(self):
        """Seconds until the last name is answered."""
        begun = time.monotonic()
        self.process = Process(
            [*ON_FIRST, *self.argv()], os.path.join(self.folder, "log")
        )
        self.wait()
        return time.monotonic() - begun

    def wait(self):
        name = f"d{self.n - 1}.example"

        def answers():
            self.process.check_alive()
            try:
                with connect(self.port, name, timeout=60):
                    return True
            except OSError:
                return False

        wait_until(answers, f"{self.name} ready", 600, step=0.002)

    def pids(self):
        return processes(self.process.pid)

    def worker_pids(self):
        return self.pids()

    def reload(self):
        """Seconds until what it has read anew is in force."""
        raise NotImplementedError

    def stop(self):
        if self.process:
            self.process.stop()
        self.process = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)


class Bare(Terminator):
    name = "bare GnuTLS"
    reloads = False

    def argv(self):
        ca = self.bench.ca
        program = os.path.join(self.bench.tools, "bare_proxy")
        return [program, self.port, self.bench.backend_port, ca.cert_file, ca.key_file]


class Nginx(Terminator):
    """One certificate in the stream module. With many, the http module has one server a
    name: the stream module of that version knows no names."""

    name = "nginx"

    def prepare(self):
        ca = self.bench.ca
        pair = (
            f"ssl_certificate {ca.cert_file}; ssl_certificate_key {ca.key_file};"
            " ssl_protocols TLSv1.2 TLSv1.3;"
        )
        common = (
            "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n"
            f"daemon off; worker_processes 1; pid {self.path('pid')};\n"
            f"error_log {self.path('error.log')} crit; worker_rlimit_nofile 20000;\n"
            "events { worker_connections 8192; }\n"
        )
        listen = f"listen 127.0.0.1:{self.port} ssl;"
        if self.n == 1:
            text = (
                f"stream {{ server {{ {listen} {pair} ssl_session_tickets on;\n"
                f"  proxy_pass 127.0.0.1:{self.bench.backend_port}; }} }}\n"
            )
        else:
            servers = "".join(
                f"server {{ {listen} server_name d{i}.example; {pair}"
                " return 204; }\n"
                for i in range(self.n)
            )
            text = (
                "http { access_log off; server_names_hash_max_size 1048576;\n"
                "server_names_hash_bucket_size 128;\n" + servers + "}\n"
            )
        self.write("nginx.conf", common + text)

    def argv(self):
        return ["/usr/sbin/nginx", "-p", self.folder, "-c", self.path("nginx.conf")]

    def reload(self):
        (old,) = [pid for pid, _ in list_children(self.process.pid)]
        begun = time.monotonic()
        os.kill(self.process.pid, 1)
        wait_until(
            lambda: any(pid != old for pid, _ in list_children(self.process.pid)),
            "nginx's new worker", 300, step=0.002,
        )  # fmt: skip
        return time.monotonic() - begun


class Haproxy(Terminator):
    name = "HAProxy"
    stats = ""  # a line for its runtime interface, at {path}

    def prepare(self):
        ca = self.bench.ca
        with open(ca.cert_file, encoding="ascii") as cert:
            with open(ca.key_file, encoding="ascii") as key:
                pem = cert.read() + key.read()
        os.makedirs(self.path("crt"), exist_ok=True)
        for i in range(self.n):
            self.write(f"crt/d{i}.example.pem", pem)
        self.write("list", "".join(
            f"{self.path('crt')}/d{i}.example.pem d{i}.example\n" for i in range(self.n)
        ))  # fmt: skip
        crt = f"crt-list {self.path('list')}"
        self.write(
            "haproxy.cfg",
            "global\n    maxconn 8192\n    nbthread 1\n    "
            + self.stats.format(path=self.path("admin"))
            + "\n"
            + "defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 10m\n"
            + "    timeout server 10m\n"
            f"frontend f\n    bind 127.0.0.1:{self.port} backlog 4096 ssl {crt}\n"
            "    default_backend b\n"
            f"backend b\n    server one 127.0.0.1:{self.bench.backend_port}\n",
        )

    def argv(self):
        return ["/usr/sbin/haproxy", "-W", "-f", self.path("haproxy.cfg"),
                "-p", self.path("pid")]  # fmt: skip

    def _workers(self):
        return {pid for pid, command in list_children(self.process.pid)}

    def reload(self):
        old = self._workers()
        begun = time.monotonic()
        os.kill(self.process.pid, 12)
        # The master has executed itself, and there is a worker that was not there before.
        wait_until(lambda: self._workers() - old, "HAProxy's new worker", 300, step=0.002)
        self.wait()
        return time.monotonic() - begun


class Postseal(Terminator):
    name = "Postseal"

    def prepare(self):
        self.http_port, self.https_port = self.bench.ports.take(), self.bench.ports.take()
        directory = f"https://127.0.0.1:{self.bench.ports.take()}/dir"
        self.daemon = Postseald(self.folder, Programs(self.bench.root), self.config(directory, 0))
        self.daemon.options = []
        self.daemon.start()
        self.daemon.stop()
        ca = self.bench.ca
        fill(self.daemon.database, ca.cert_file, ca.key_file, directory, self.n)
        self.daemon.write(self.config(directory, self.n))

    def config(self, directory, n):
        return (
            f"state_directory = {self.folder}/state\nrun_directory = {self.folder}/run\n"
            "workers = 1\ndrain_timeout = 1s\nmax_connections = 8192\nlog_level = warning\n"
            f"authority local {{\n    directory = {directory}\n    agree_to_terms = yes\n"
            f"    ca_file = {self.bench.ca.ca_file}\n}}\n"
            "policy default {\n    authority = local\n    challenge = http-01\n}\n"
            + "".join(f"domain d{i}.example {{\n}}\n" for i in range(n))
            + f"listener http {{\n    address = 127.0.0.1:{self.http_port}\n"
            "    protocol = http\n    tls = none\n}\n"
            f"listener imaps {{\n    address = 127.0.0.1:{self.port}\n    protocol = imap\n"
            f"    backend = 127.0.0.1:{self.bench.backend_port}\n}}\n"
        )

    def start(self):
        begun = time.monotonic()
        self.daemon.wrapper = ON_FIRST
        self.daemon.start()
        self.process = self.daemon.process
        self.wait()
        return time.monotonic() - begun

    def worker_pids(self):
        return [pid for pid, command in list_children(self.process.pid)]

    def reload(self):
        begun = time.monotonic()
        done = self.daemon.ctl("reload")
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return time.monotonic() - begun

    def stop(self):
        if self.process:
            self.daemon.stop()
            self.daemon.close()
        self.process = None
