"""Options of marking: whether, and whose keys sign."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lipsync_edge.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkOptions:
    """How results are marked as made with trained networks.

    Attributes:
        wanted: write metadata and a C2PA manifest into what is made.
        sign_cert: PEM file with the signer's certificate and what leads from it to a root; None signs with this
            machine's own identity, which nobody else trusts.
        sign_key: PEM file with the private key of that certificate, without a password.
    """

    wanted: bool = True
    sign_cert: Path | None = None
    sign_key: Path | None = None

    def __post_init__(self) -> None:
        """Refuse one half of a pair."""
        if (self.sign_cert is None) != (self.sign_key is None):
            missing = "sign_key" if self.sign_key is None else "sign_cert"
            raise UsageError(
                expected="a certificate and its key", got=f"no {missing}", fix="give both or neither"
            )
        if not self.wanted and self.sign_cert is not None:
            raise UsageError(expected="a result that is marked where keys are given", got="no mark wanted")
