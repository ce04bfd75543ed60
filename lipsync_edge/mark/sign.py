"""Signing with c2pa: a manifest goes into a copy of a file, by a library that is told to ask nobody on the network."""

from __future__ import annotations

import json
import zlib
from contextlib import ExitStack
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

from lipsync_edge.errors import UsageError
from lipsync_edge.mark.called_back import apart
from lipsync_edge.mark.embed import PNG_START, png_chunk
from lipsync_edge.mark.facts import Facts, Ingredient
from lipsync_edge.mark.identity import Identity
from lipsync_edge.mark.manifest import definition, ingredient, mime_type

# Nothing is fetched: no manifest that lies elsewhere, no list of revoked certificates, no time stamp. No thumbnails:
# they would keep a small copy of the face in every file.
SETTINGS: dict[str, Any] = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "builder": {
        "thumbnail": {"enabled": False},
        "actions": {
            "auto_created_action": {"enabled": False},
            "auto_opened_action": {"enabled": False},
            "auto_placed_action": {"enabled": False},
        },
    },
}


def library() -> Any | None:
    """Import c2pa; None where there is no build of it for this system."""
    try:
        return import_module("c2pa")
    except (ImportError, OSError, RuntimeError):
        return None


def takes(suffix: str) -> bool:
    """Whether c2pa writes manifests into files of an extension."""
    c2pa = library()
    return c2pa is not None and mime_type(suffix) in c2pa.Builder.get_supported_mime_types()


def sign(source: Path, out: Path, facts: Facts, identity: Identity) -> int:
    """Copy a finished file with a manifest in it; return the manifest's bytes.

    Args:
        source: the file; its extension says its kind.
        out: the copy.
        facts: what the manifest tells.
        identity: who signs.

    Raises:
        Exception: c2pa's own of many kinds, OSError, ValueError: the copy is no good, or does not read as valid.
    """
    with source.open("rb") as file, out.open("w+b") as copy:
        size, problems = apart(lambda: _signed_and_read(file, copy, source.suffix, facts, identity))
    if problems:
        raise ValueError(f"signed, but it does not hold: {problems}")
    return size


def check_identity(identity: Identity) -> None:
    """Sign a picture of one pixel, to see whether an identity can; UsageError says why not."""
    c2pa = library()
    if c2pa is None:
        raise UsageError(
            expected="c2pa-python, which signs with your certificate",
            got="a system that it does not load on",
            fix="leave --sign-cert out, or run where it does",
        )
    out = BytesIO()
    try:
        _, problems = apart(lambda: _signed_and_read(BytesIO(_one_pixel()), out, ".png", Facts(), identity))
    except c2pa.C2paError as error:
        problems = str(error)
    if problems:
        raise UsageError(expected="a certificate that C2PA takes", got=problems)


def _signed_and_read(source: Any, out: Any, suffix: str, facts: Facts, identity: Identity) -> tuple[int, str]:
    """Return the manifest's bytes, and what is wrong with the signed copy."""
    return _signed(source, out, suffix, facts, identity), _problems(out, suffix)


def _problems(out: Any, suffix: str) -> str:
    """Return what c2pa's own reader finds wrong with a signed file; nothing when it is valid."""
    c2pa: Any = library()
    out.seek(0)
    with (
        c2pa.Context.from_dict(SETTINGS) as context,
        c2pa.Reader(mime_type(suffix), out, context=context) as reader,
    ):
        read = json.loads(reader.json())
    if read.get("validation_state") in ("Valid", "Trusted"):
        return ""
    return ", ".join(one["code"] for one in read.get("validation_status") or ()) or "an invalid signature"


def _signed(source: Any, out: Any, suffix: str, facts: Facts, identity: Identity) -> int:
    c2pa = library()
    if c2pa is None:
        raise RuntimeError("c2pa-python does not load on this system")
    info = c2pa.C2paSignerInfo(identity.algorithm, identity.certificates, identity.key, None)
    with ExitStack() as stack:
        context = stack.enter_context(c2pa.Context.from_dict(SETTINGS))
        signer = stack.enter_context(c2pa.Signer.from_info(info))
        builder = stack.enter_context(_filled(c2pa, context, facts, _looked_into(c2pa, facts)))
        return len(builder.sign(signer, mime_type(suffix), source, out))


def _filled(c2pa: Any, context: Any, facts: Facts, looked_into: frozenset[Ingredient]) -> Any:
    """Return a builder with the manifest.

    Args:
        c2pa: the library.
        context: its settings.
        facts: what is told.
        looked_into: ingredients that c2pa reads itself, so that their own manifests are kept; of the others it is
            told what they were. One that it cannot read after all is of the others.
    """
    face = next((one for one in facts.ingredients if one.role == "face"), None)
    parent = face if face is not None and not face.still else None
    told = definition(facts, parent=parent is not None)
    rest = [one for one in facts.ingredients if one not in looked_into]
    told["ingredients"] = [ingredient(one, parent=one is parent) for one in rest]
    builder = c2pa.Builder(told, context)
    for one in facts.ingredients:
        if one in looked_into:
            said = ingredient(one, parent=one is parent)
            try:
                with one.path.open("rb") as file:
                    builder.add_ingredient(said, said["format"], file)
            except (c2pa.C2paError, OSError):  # damaged, not what its name says, or gone since it was read
                builder.close()
                return _filled(c2pa, context, facts, looked_into - {one})
    return builder


def _looked_into(c2pa: Any, facts: Facts) -> frozenset[Ingredient]:
    known = c2pa.Reader.get_supported_mime_types()
    return frozenset(one for one in facts.ingredients if mime_type(one.path.suffix) in known)


def _one_pixel() -> bytes:
    head = (1).to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
    return (
        PNG_START
        + png_chunk(b"IHDR", head)
        + png_chunk(b"IDAT", zlib.compress(b"\0\0"))
        + png_chunk(b"IEND", b"")
    )
