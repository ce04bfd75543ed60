"""Certificates of this machine's own: one for signing, by a root whose key is thrown away at once.

C2PA refuses certificates that sign themselves, and asks for an end entity with certain purposes. Neither names a
person or a machine.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography import x509

OWN = "lipsync-edge on this machine"
# A machine without a battery for its clock starts in 1970.
_BEGINS, _ENDS = datetime(1970, 1, 1, tzinfo=timezone.utc), datetime(2099, 12, 31, tzinfo=timezone.utc)
_DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36"


def make_identity() -> bytes:
    """Return a new key (P-256, PKCS #8, no password), its certificate and the root's, as one PEM text."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    number = secrets.token_hex(4)
    root_name, name = f"lipsync-edge local root {number}", f"lipsync-edge local identity {number}"
    root = _certificate(root_name, root_name, root_key, root_key, is_root=True)
    leaf = _certificate(name, root_name, key, root_key, is_root=False)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = [one.public_bytes(serialization.Encoding.PEM) for one in (leaf, root)]
    return secret + b"".join(public)


def _certificate(subject: str, issuer: str, key: Any, issuer_key: Any, *, is_root: bool) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    def named(name: str) -> x509.Name:
        maker = x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, f"{OWN}, verified by nobody")
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name), maker])

    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGINS)
        .not_valid_after(_ENDS)
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=0 if is_root else None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root, **usage),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    if not is_root:
        purposes = [ExtendedKeyUsageOID.EMAIL_PROTECTION, x509.ObjectIdentifier(_DOCUMENT_SIGNING)]
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
