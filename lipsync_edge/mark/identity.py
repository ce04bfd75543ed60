"""Identity that signs: the user's certificate and key, or one that this machine makes itself, once.

The own one lies in the user's data folder, readable by its owner alone. The environment variable
LIPSYNC_EDGE_IDENTITY names another file; empty, or where there is no home, an identity lives as long as the process.
It names no person and no machine. Nobody else knows it: it shows that files come from one place and were not changed
since, not who made them.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lipsync_edge.errors import UsageError
from lipsync_edge.mark.certificate import make_identity
from lipsync_edge.mark.options import MarkOptions

VARIABLE = "LIPSYNC_EDGE_IDENTITY"
FILE = "identity.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate and its key.

    Attributes:
        certificates: PEM, the signer's own first.
        key: PEM, PKCS #8, not encrypted.
        algorithm: in C2PA's words: "es256", "es384", "es512", "ps256" or "ed25519".
        name: common name of the certificate.
        own: whether this machine made it itself, so that nobody else trusts it.
        kept: the file that it is kept in; None when it lives as long as the process.
    """

    certificates: bytes
    key: bytes
    algorithm: str
    name: str
    own: bool = False
    kept: Path | None = None

    @property
    def said(self) -> str:
        """Who signs, for people."""
        if not self.own:
            return f"signed by {self.name}"
        where = "" if self.kept else ", made for this run alone"
        return f"signed by this machine's own identity{where}, which is not a trusted one"


def identity_of(options: MarkOptions) -> Identity:
    """Return the user's identity, or this machine's own, which is made when there is none yet.

    Raises:
        UsageError: the user's certificate and key cannot be used.
    """
    if options.sign_cert is None or options.sign_key is None:
        return own_identity(own_file())
    return read_identity(options.sign_cert, options.sign_key)


def read_identity(cert: Path, key: Path) -> Identity:
    """Read a user's PEM files; UsageError when one cannot be read or the two do not belong together."""
    found = []
    for what, path in (("certificate", cert), ("private key", key)):
        try:
            found.append(path.read_bytes())
        except OSError as error:
            raise UsageError(expected=f"a {what} at {path}", got=error.strerror or str(error)) from error
    try:
        return _parsed(found[0], found[1])
    except (ValueError, TypeError) as error:  # TypeError: the key has a password
        raise UsageError(
            expected="a PEM certificate and its own private key, without a password",
            got=str(error).splitlines()[0].lower(),
        ) from error


def own_file() -> Path | None:
    """Return where this machine's own identity is kept; None when it is not."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named) if named else None
    from platformdirs import user_data_path

    try:
        return user_data_path("lipsync-edge", appauthor=False) / FILE
    except (RuntimeError, KeyError):  # no HOME, and a user whom the system does not know
        return None


def own_identity(place: Path | None) -> Identity:
    """Return the identity kept in a file; made, and kept if that can be, when there is none that can be read."""
    if place is not None:
        kept = _read_own(place)
        if kept is not None:
            return kept
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _keep(place, make_identity())
            kept = _read_own(place)
            if kept is not None:
                return kept
    return _of_process()


def serial_of(identity: Identity) -> str:
    """Return the serial number of the signer's certificate, in decimal digits."""
    from cryptography import x509

    return str(x509.load_pem_x509_certificates(identity.certificates)[0].serial_number)


@lru_cache(maxsize=1)
def _of_process() -> Identity:
    pem = make_identity()
    return _own(pem, None)


def _read_own(place: Path) -> Identity | None:
    try:
        return _own(place.read_bytes(), place)
    except (OSError, ValueError, TypeError):  # not there, not readable, damaged
        return None


def _own(pem: bytes, place: Path | None) -> Identity:
    one = _parsed(pem, pem)
    return Identity(
        certificates=one.certificates,
        key=one.key,
        algorithm=one.algorithm,
        name=one.name,
        own=True,
        kept=place,
    )


def _keep(place: Path, pem: bytes) -> None:
    """Write the file so that only its owner reads it; another process that was faster keeps its own."""
    beside = place.with_name(f".{place.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        if _read_own(place) is None:
            beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)


def _parsed(certificates: bytes, key: bytes) -> Identity:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    chain = x509.load_pem_x509_certificates(certificates)
    private = serialization.load_pem_private_key(key, None)
    if _public(private.public_key()) != _public(chain[0].public_key()):
        raise ValueError("a key of another certificate")
    names = chain[0].subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return Identity(
        certificates=b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain),
        key=private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        algorithm=_algorithm(private),
        name=str(names[0].value) if names else chain[0].subject.rfc4514_string(),
    )


def _public(key: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return bytes(
        key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _algorithm(private: Any) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(private, ec.EllipticCurvePrivateKey):
        curves = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
        if private.curve.name in curves:
            return curves[private.curve.name]
    elif isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    elif isinstance(private, rsa.RSAPrivateKey) and private.key_size >= 2048:
        return "ps256"
    raise ValueError("a key that is none of P-256, P-384, P-521, Ed25519 or RSA from 2048 bits")
