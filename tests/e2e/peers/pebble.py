# SPDX-License-Identifier: GPL-3.0-or-later
"""Pebble, the ACME CA for tests, and pebble-challtestsrv, the DNS that it asks."""

import json
import os
import ssl
import subprocess
import urllib.request

from .process import Process, wait_until


def find_newer():
    """A Pebble with ARI, if there is one on the PATH or among Go's programs: Debian's is
    of 2022 and has none. It alone knows -version."""
    folders = os.environ.get("PATH", "").split(":") + [os.path.expanduser("~/go/bin")]
    for folder in folders:
        path = os.path.join(folder, "pebble")
        if not os.access(path, os.X_OK):
            continue
        told = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)
        if told.returncode == 0 and "version" in told.stdout + told.stderr:
            return path
    return None


class Challtestsrv:
    """Answers 127.0.0.1 to every question unless told otherwise."""

    def __init__(self, folder, ports):
        self.dns_port = ports.take()
        self.management_port = ports.take()
        self.process = Process(
            ["pebble-challtestsrv",
             "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
             "-dns01", f"127.0.0.1:{self.dns_port}",
             "-http01", "", "-https01", "", "-tlsalpn01", "",
             "-management", f"127.0.0.1:{self.management_port}"],
            os.path.join(folder, "challtestsrv.log"),
        )  # fmt: skip
        wait_until(self._is_up, "pebble-challtestsrv", timeout=30)

    def _is_up(self):
        self.process.check_alive()
        try:
            self.tell("clear-a", host="nobody.invalid")
            return True
        except OSError:
            return False

    def tell(self, command, **arguments):
        """A command of its management interface, such as add-a or set-servfail."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.management_port}/{command}",
            data=json.dumps(arguments).encode(),
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()

    def stop(self):
        self.process.stop()


class Pebble:
    """Validates at http_port and tls_port of 127.0.0.1."""

    def __init__(self, folder, ports, local_ca, dns, http_port, tls_port, **how):
        self.folder = folder
        self.local_ca = local_ca
        self.dns = dns
        self.port = how.pop("port", None) or ports.take()
        self.management_port = ports.take()
        self.root_file = os.path.join(folder, "pebble-root.pem")
        self._log_path = os.path.join(folder, "pebble.log")
        self._config_path = os.path.join(folder, "pebble.json")
        validity = how.pop("validity", None)
        binding = how.pop("external_account_keys", None)
        self._binary = how.pop("binary", "/usr/bin/pebble")
        self._env = {
            "PEBBLE_VA_NOSLEEP": "1",
            "PEBBLE_AUTHZREUSE": "0",
            "PEBBLE_WFE_NONCEREJECT": "5",
            **{key: str(value) for key, value in how.items()},
        }
        self._env = {key: text for key, text in self._env.items() if text}
        self._write_config(http_port, tls_port, validity, binding)
        self.start()

    @property
    def directory(self):
        return f"https://127.0.0.1:{self.port}/dir"

    def _write_config(self, http_port, tls_port, validity, binding):
        config = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management_port}",
            "certificate": self.local_ca.cert_file,
            "privateKey": self.local_ca.key_file,
            "httpPort": http_port,
            "tlsPort": tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": bool(binding),
        }
        if binding:
            config["externalAccountMACKeys"] = binding
        if validity:
            config["certificateValidityPeriod"] = validity
        with open(self._config_path, "w", encoding="utf-8") as file:
            json.dump({"pebble": config}, file, indent=2)

    def start(self):
        """Also after stop(); it then knows nothing of its former life."""
        self.process = Process(
            [self._binary, "-config", self._config_path,
             "-dnsserver", f"127.0.0.1:{self.dns.dns_port}"],
            self._log_path,
            env=self._env,
        )  # fmt: skip
        wait_until(self._is_up, "Pebble", timeout=60)
        with open(self.root_file, "w", encoding="utf-8") as file:
            file.write(self.fetch("roots/0"))

    def _is_up(self):
        self.process.check_alive()
        try:
            return self.fetch("roots/0")
        except OSError:
            return None

    def fetch(self, path):
        """From the management port."""
        context = ssl.create_default_context(cafile=self.local_ca.ca_file)
        url = f"https://127.0.0.1:{self.management_port}/{path}"
        with urllib.request.urlopen(url, timeout=10, context=context) as answer:
            return answer.read().decode()

    def log(self):
        return self.process.log()

    def count(self, text):
        """How often a text stands in its log."""
        return self.log().count(text)

    def stop(self):
        if self.process.is_running():
            self.process.stop()
