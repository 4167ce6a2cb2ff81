# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, right ones and wrong ones."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def now():
    return datetime.datetime.utcnow().replace(microsecond=0)


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def pem_of_key(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Issuer:
    """One CA certificate with its key."""

    def __init__(self, name, parent=None):
        self.name = name
        self.key = new_key()
        signer = parent or self
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(signer.name))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() - DAY)
            .not_valid_after(now() + 3650 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_ca_usage(), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()),
                critical=False,
            )
        )
        self.certificate = builder.sign(signer.key, SHA256())

    def issue(self, public_key, names, **how):
        """how: begin, end (datetimes), ca (bool)"""
        begin = how.get("begin") or now() - datetime.timedelta(minutes=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(_name(self.name))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(how.get("end") or begin + 90 * DAY)
            .add_extension(
                x509.BasicConstraints(ca=how.get("ca", False), path_length=None),
                critical=True,
            )
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in names]),
                critical=True,
            )
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
        )
        return builder.sign(self.key, SHA256())


def _ca_usage():
    wanted = ("key_cert_sign", "crl_sign")
    others = ("digital_signature", "content_commitment", "key_encipherment",
              "data_encipherment", "key_agreement", "encipher_only",
              "decipher_only")  # fmt: skip
    return x509.KeyUsage(
        **{name: True for name in wanted}, **{name: False for name in others}
    )


class Chains:
    """chain(kind, csr) is the PEM text that a CA in that mood would send."""

    def __init__(self):
        self.root = Issuer("Evil Root")
        self.intermediate = Issuer("Evil Intermediate", self.root)
        self.stranger = Issuer("Stranger")

    def chain(self, kind, csr):
        names = csr.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value.get_values_for_type(x509.DNSName)
        make = getattr(self, f"_{kind}")
        return make(csr.public_key(), names)

    def _pem(self, leaf, *above):
        return "".join(pem(one) for one in (leaf, *(above or (self.intermediate.certificate,))))

    def _right(self, key, names):
        return self._pem(self.intermediate.issue(key, names))

    def _other_key(self, _key, names):
        return self._pem(self.intermediate.issue(new_key().public_key(), names))

    def _other_names(self, key, _names):
        return self._pem(self.intermediate.issue(key, ["elsewhere.example"]))

    def _fewer_names(self, key, names):
        return self._pem(self.intermediate.issue(key, names[1:] or ["elsewhere.example"]))

    def _expired(self, key, names):
        begin = now() - 90 * DAY
        return self._pem(self.intermediate.issue(key, names, begin=begin, end=now() - DAY))

    def _future(self, key, names):
        return self._pem(self.intermediate.issue(key, names, begin=now() + DAY))

    def _leaf_only(self, key, names):
        return pem(self.intermediate.issue(key, names))

    def _wrong_order(self, key, names):
        return pem(self.intermediate.certificate) + pem(self.intermediate.issue(key, names))

    def _broken(self, key, names):
        return self._pem(self.intermediate.issue(key, names), self.stranger.certificate)

    def _forged(self, key, names):
        """Says that the intermediate has issued it; somebody else has signed."""
        forger = Issuer(self.intermediate.name)
        return self._pem(forger.issue(key, names))

    def _private_key(self, key, names):
        return self._right(key, names) + pem_of_key(new_key())

    def _empty(self, _key, _names):
        return ""

    def _nonsense(self, _key, _names):
        return "-----BEGIN CERTIFICATE-----\nAAAA%%%%\n-----END CERTIFICATE-----\n"

    def _cut(self, key, names):
        return self._right(key, names)[:-300]

    def _nul(self, key, names):
        return self._right(key, names).replace("MII", "MI\0", 1)

    def _thousand(self, key, names):
        return self._right(key, names) + pem(self.root.certificate) * 1000
