"""Signers that the package did not make: a root, a certificate by it, and C2PA files signed with c2pa itself."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

CAPTURE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
KEYS = {
    "es256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ps256": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


class Newsroom:
    """A root and a signer by it, in files.

    Args:
        folder: where root.pem, cert.pem and key.pem are put.
        algorithm: of the signer's key.
        purpose: extended key usage of the certificate.
        days: from now until it ends.
    """

    def __init__(
        self,
        folder: Path,
        algorithm: str = "es256",
        purpose: x509.ObjectIdentifier = x509.ExtendedKeyUsageOID.EMAIL_PROTECTION,
        days: int = 30,
    ) -> None:
        root_key, key = KEYS["es256"](), KEYS[algorithm]()
        root = _certificate("Newsroom root", "Newsroom root", root_key, root_key, None, 30)
        leaf = _certificate("Newsroom", "Newsroom root", key, root_key, purpose, days)
        self.algorithm = algorithm
        self.root, self.cert, self.key = folder / "root.pem", folder / "cert.pem", folder / "key.pem"
        self.root.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        self.cert.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def publish(self, path: Path, mime: str, source_type: str = CAPTURE) -> Path:
        """Sign a file in place with a manifest that says where it came from."""
        told = {
            "claim_generator_info": [{"name": "Their camera", "version": "7"}],
            "assertions": [
                {
                    "label": "c2pa.actions.v2",
                    "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": source_type}]},
                }
            ],
        }
        info = c2pa.C2paSignerInfo(self.algorithm, self.cert.read_bytes(), self.key.read_bytes(), None)
        out = BytesIO()
        with c2pa.Signer.from_info(info) as signer, c2pa.Builder(told) as builder, path.open("rb") as file:
            builder.sign(signer, mime, file, out)
        path.write_bytes(out.getvalue())
        return path


def as_c2pa_reads(path: Path, root: Path | None = None) -> dict[str, Any]:
    """What c2pa's own reader says of a file, with its own settings but for the network and the roots."""
    settings: dict[str, Any] = {"verify": {"remote_manifest_fetch": False}}
    if root is not None:
        settings["trust"] = {"trust_anchors": root.read_text("ascii")}
    with c2pa.Context.from_dict(settings) as context, c2pa.Reader(path, context=context) as reader:
        return json.loads(reader.json())


def active(store: dict[str, Any]) -> dict[str, Any]:
    """The manifest of the file itself."""
    return store["manifests"][store["active_manifest"]]


def actions(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """What was done."""
    return next(a["data"]["actions"] for a in manifest["assertions"] if a["label"].startswith("c2pa.actions"))


def _certificate(
    subject: str, issuer: str, key: Any, by: Any, purpose: x509.ObjectIdentifier | None, days: int
) -> x509.Certificate:
    now, is_root = datetime.now(timezone.utc), purpose is None
    names = [
        x509.Name(
            [
                x509.NameAttribute(x509.NameOID.COMMON_NAME, name),
                x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "News"),
            ]
        )
        for name in (subject, issuer)
    ]
    no = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    builder = (
        x509.CertificateBuilder(*reversed(names), key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=40))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_root,
                content_commitment=False,
                key_cert_sign=is_root,
                crl_sign=is_root,
                **no,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    return builder.sign(by, hashes.SHA256())
