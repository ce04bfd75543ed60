"""C2PA manifests of anybody, read: does it hold, who signed, what was done when to what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lipsync_edge.errors import InputError, UsageError
from lipsync_edge.mark.called_back import apart
from lipsync_edge.mark.facts import MADE_WITH_AI
from lipsync_edge.mark.identity import own_file, own_identity, serial_of
from lipsync_edge.mark.layer import Layer
from lipsync_edge.mark.manifest import mime_type
from lipsync_edge.mark.sign import SETTINGS, library


def _settings(trust: Path | None) -> dict[str, Any]:
    if trust is None:
        return SETTINGS
    try:
        return SETTINGS | {"trust": {"trust_anchors": trust.read_text("ascii")}}
    except (OSError, ValueError) as error:
        raise UsageError(expected=f"a PEM file of certificates at {trust}", got=str(error)) from error


def read_manifest(path: Path, trust: Path | None = None) -> Layer | None:
    """Return the mark that a file's active manifest is; None without one, or for a kind of file that has none.

    Args:
        path: any file.
        trust: PEM file of the roots that are trusted; without it nobody is.

    Raises:
        InputError: the file cannot be read; UsageError: the roots cannot be.
    """
    c2pa = library()
    assert c2pa is not None, "asked before"
    settings, known = _settings(trust), mime_type(path.suffix)
    kind = (
        known if known in c2pa.Reader.get_supported_mime_types() else ""
    )  # a hint; what lies in the file decides
    try:
        with path.open("rb") as file:
            store = apart(lambda: _store(c2pa, kind, file, settings))
        return _layer(store) if store is not None else None
    except c2pa.C2paError.NotSupported:
        return None
    except (c2pa.C2paError, ValueError, KeyError) as error:
        if _is_no_manifest(str(error)):
            return None
        return Layer(kind="c2pa", state="invalid", made_with_ai=False, problems=(_short(error),))
    except OSError as error:
        raise InputError(expected=f"a file at {path}", got=error.strerror or str(error)) from error


def _store(c2pa: Any, kind: str, file: Any, settings: dict[str, Any]) -> dict[str, Any] | None:
    """Return what c2pa reads in a file; None where there is no manifest."""
    with c2pa.Context.from_dict(settings) as context:
        reader = c2pa.Reader.try_create(kind, file, context=context)
        if reader is None:
            return None
        with reader:
            read: dict[str, Any] = json.loads(reader.json())
            return read


def _is_no_manifest(text: str) -> bool:
    """Whether c2pa says that it found no kind of file that it knows."""
    return any(words in text for words in ("unsupported", "NotSupported", "no JUMBF", "ManifestNotFound"))


def _layer(store: dict[str, Any]) -> Layer:
    manifests: dict[str, Any] = store.get("manifests", {})
    active = manifests[store["active_manifest"]]
    state = {"Trusted": "trusted", "Valid": "valid"}.get(str(store.get("validation_state")), "invalid")
    actions = list(_actions(active))
    everything = [action for manifest in manifests.values() for action in _actions(manifest)]
    kinds = tuple(
        dict.fromkeys(str(one["digitalSourceType"]) for one in everything if one.get("digitalSourceType"))
    )
    generators = active.get("claim_generator_info") or [{"name": active.get("claim_generator", "")}]
    signature = active.get("signature_info") or {}
    problems = [one["code"] for one in store.get("validation_status", ()) if one.get("code")]
    return Layer(
        kind="c2pa",
        state=state,  # type: ignore[arg-type]
        made_with_ai=any(_https_alike(kind) in MADE_WITH_AI for kind in kinds),
        source_types=kinds,
        by=_agent(generators[0]),
        signer=str(signature.get("common_name") or signature.get("issuer") or ""),
        signed_here=_is_ours(str(signature.get("cert_serial_number", ""))),
        actions=tuple(
            {
                "action": str(one.get("action", "")),
                "by": _agent(one.get("softwareAgent", "")),
                "when": str(one.get("when", "")),
                "description": str(one.get("description", "")),
            }
            for one in actions
        ),
        segments=tuple(part for one in actions for part in _segments(one)),
        ingredients=tuple(
            {
                "title": str(one.get("title", "")),
                "role": str(one.get("relationship", "")),
                "manifest": one.get("active_manifest") is not None,
            }
            for one in active.get("ingredients", ())
        ),
        problems=tuple(dict.fromkeys(code for code in problems if state == "invalid" or "untrusted" in code)),
    )


def _actions(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for assertion in manifest.get("assertions", ()):
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            yield from assertion.get("data", {}).get("actions", ())


def _segments(action: dict[str, Any]) -> Iterator[tuple[float, float]]:
    for change in action.get("changes") or ():
        for region in change.get("region", ()):
            time = region.get("time") or {}
            if region.get("type") == "temporal" and time.get("type", "npt") == "npt":
                try:
                    yield float(time["start"]), float(time["end"])
                except (KeyError, ValueError):  # open at an end, or written as hours and minutes
                    continue


def _agent(told: Any) -> str:
    if isinstance(told, dict):
        return " ".join(str(told[key]) for key in ("name", "version") if told.get(key))
    return str(told)


def _https_alike(kind: str) -> str:
    return kind.replace("https://", "http://", 1)


def _is_ours(serial: str) -> bool:
    place = own_file()
    return bool(serial) and place is not None and place.is_file() and serial_of(own_identity(place)) == serial


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
