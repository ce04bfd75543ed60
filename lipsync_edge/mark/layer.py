"""One mark of a file, as it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

State = Literal["trusted", "valid", "invalid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One mark of a file.

    Attributes:
        kind: "metadata" or "c2pa".
        state: "trusted": whole, by somebody whom a given list knows; "valid": whole, by somebody whom none knows;
            "invalid": it or the file was changed since, or it is damaged. Metadata is "valid": anybody can write it.
        made_with_ai: whether it says that the file was made with trained networks, in whole or in part.
        source_types: the digital source types that it names, as addresses.
        by: the program that made the file, as far as it is told.
        signer: common name of the certificate; empty for metadata.
        signed_here: whether this machine's own identity signed.
        actions: what was done, by which program and when.
        segments: start and end in seconds of what was changed.
        ingredients: what went in: title, role, and whether it came with a manifest of its own.
        problems: codes of what does not hold.
    """

    kind: Literal["metadata", "c2pa"]
    state: State
    made_with_ai: bool
    source_types: tuple[str, ...] = ()
    by: str = ""
    signer: str = ""
    signed_here: bool = False
    actions: tuple[dict[str, str], ...] = ()
    segments: tuple[tuple[float, float], ...] = ()
    ingredients: tuple[dict[str, Any], ...] = ()
    problems: tuple[str, ...] = ()
