# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of RFC 7515, 7517, 7518 and 7638 that an ACME server needs."""

import base64
import hashlib
import json

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

CURVES = {"P-256": (ec.SECP256R1(), SHA256(), 32), "P-384": (ec.SECP384R1(), SHA384(), 48)}
ALGORITHMS = {"ES256": "P-256", "ES384": "P-384"}


class JoseError(Exception):
    """What is wrong with a request's signature or form."""


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    if not isinstance(text, str) or "=" in text:
        raise JoseError("not base64url without padding")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise JoseError(str(error)) from None


def _number(text):
    return int.from_bytes(decode(text), "big")


def thumbprint(jwk):
    needed = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}[jwk["kty"]]
    text = json.dumps({name: jwk[name] for name in needed}, separators=(",", ":"))
    return encode(hashlib.sha256(text.encode()).digest())


def _verify_ec(jwk, algorithm, signature, data):
    if ALGORITHMS.get(algorithm) != jwk.get("crv"):
        raise JoseError(f"{algorithm} with a key of {jwk.get('crv')}")
    curve, digest, size = CURVES[jwk["crv"]]
    if len(signature) != 2 * size:
        raise JoseError("signature of a wrong length")
    numbers = ec.EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), curve)
    halves = (int.from_bytes(part, "big") for part in (signature[:size], signature[size:]))
    key = numbers.public_key()
    key.verify(utils.encode_dss_signature(*halves), data, ec.ECDSA(digest))


def _verify_rsa(jwk, algorithm, signature, data):
    if algorithm != "RS256":
        raise JoseError(f"{algorithm} with an RSA key")
    key = rsa.RSAPublicNumbers(_number(jwk["e"]), _number(jwk["n"])).public_key()
    key.verify(signature, data, padding.PKCS1v15(), SHA256())


def verify(jwk, algorithm, signature, data):
    """JoseError if it is not right."""
    check = {"EC": _verify_ec, "RSA": _verify_rsa}.get(jwk.get("kty"))
    if not check:
        raise JoseError(f"key type {jwk.get('kty')}")
    try:
        check(jwk, algorithm, signature, data)
    except InvalidSignature:
        raise JoseError("the signature is wrong") from None


def parse(body):
    """(protected header, payload or None for POST-as-GET, signature, signed bytes)"""
    try:
        jws = json.loads(body)
        protected = json.loads(decode(jws["protected"]))
        text = decode(jws["payload"])
        payload = json.loads(text) if text else None
        signature = decode(jws["signature"])
    except (KeyError, TypeError, ValueError) as error:
        raise JoseError(f"not a flattened JWS: {error}") from None
    return protected, payload, signature, f"{jws['protected']}.{jws['payload']}".encode()
