"""Marking of a finished file, before it takes its name: metadata first, then a signed manifest; what fails is said."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lipsync_edge.atomic_write import replacing
from lipsync_edge.mark import embed, xmp
from lipsync_edge.mark.facts import Facts
from lipsync_edge.mark.identity import Identity
from lipsync_edge.mark.sign import library, sign, takes

LayerName = Literal["metadata", "c2pa"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkReport:
    """What was marked, and how.

    Attributes:
        layers: that were written.
        said: the same, and who signed, for people.
        signer: common name of the certificate; empty without a manifest.
        trusted: False where this machine's own identity signed; None without a manifest, or where that is for those
            to say who know the certificate.
        failure: why a layer that belongs there is missing; empty: none is.
        elapsed_s: how long it took.
        added_bytes: that the file grew by after encoding.
    """

    layers: tuple[LayerName, ...] = ()
    said: str = "not marked, as asked"
    signer: str = ""
    trusted: bool | None = None
    failure: str = ""
    elapsed_s: float = 0.0
    added_bytes: int = 0


def mark_file(path: Path, facts: Facts, identity: Identity, *, tagged: bool) -> MarkReport:
    """Mark a finished file in place; whatever fails, the file is whole and keeps what was written before.

    Args:
        path: the file, still under the name that it was written to.
        facts: what the marks tell.
        identity: who signs.
        tagged: whether its muxer wrote `lipsync_edge.mark.tags.container_tags`.
    """
    began, size = time.perf_counter(), path.stat().st_size
    failures = []
    layers: list[LayerName] = ["metadata"] if tagged else []
    try:
        if embed.put(path, xmp.packet(facts)) and not tagged:
            layers.append("metadata")
    except (OSError, ValueError) as error:
        failures.append(f"metadata: {_reason(error)}")
    can_sign = takes(path.suffix)
    if can_sign:
        try:
            _sign_in_place(path, facts, identity)
            layers.append("c2pa")
        except (
            Exception
        ) as error:  # c2pa's own have no common base in all its versions; the result must not be lost
            full = shutil.disk_usage(path.parent).free < 2 * size  # C2PA's words for it say nothing
            failures.append(f"C2PA manifest: {'no space left on device' if full else _reason(error)}")
    failure = "; ".join(failures)
    return MarkReport(
        layers=tuple(layers),
        said=_said(path.suffix, layers, identity, failure, can_sign=can_sign),
        signer=identity.name if "c2pa" in layers else "",
        trusted=False if "c2pa" in layers and identity.own else None,
        failure=failure,
        elapsed_s=round(time.perf_counter() - began, 4),
        added_bytes=path.stat().st_size - size,
    )


def _sign_in_place(path: Path, facts: Facts, identity: Identity) -> None:
    with replacing(path) as copy:
        sign(path, copy, facts, identity)


def _said(suffix: str, layers: list[LayerName], identity: Identity, failure: str, *, can_sign: bool) -> str:
    names = " and ".join("a C2PA manifest" if layer == "c2pa" else layer for layer in layers) or "nothing"
    text = f"marked as AI in {names}"
    if failure:
        return f"{text}; not marked in full: {failure}"
    if "c2pa" in layers:
        return f"{text}, {identity.said}"
    if not can_sign and library() is None:
        return f"{text}; no C2PA manifest: c2pa-python does not load on this system"
    return f"{text}; {suffix} files take no C2PA manifest"


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]
