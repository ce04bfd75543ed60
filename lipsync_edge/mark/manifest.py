"""C2PA manifest of a result: what was done to what by which networks, as the JSON that c2pa's builder takes."""

from __future__ import annotations

import mimetypes
from datetime import datetime, timezone
from typing import Any

from lipsync_edge.mark.facts import SOURCE_TYPE, TOOL, Facts, Ingredient
from lipsync_edge.mark.tags import SAID

NETWORKS = "io.github.lipsync-edge.networks"  # our own assertion
FORMATS = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".m4s": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".svg": "image/svg+xml",
    ".wav": "audio/wav",
}


def mime_type(suffix: str) -> str:
    """Return the media type of an extension, "application/octet-stream" for one that nobody knows."""
    known = FORMATS.get(suffix.lower()) or mimetypes.guess_type(f"a{suffix}")[0]
    return known or "application/octet-stream"


def definition(facts: Facts, *, parent: bool) -> dict[str, Any]:
    """Return the manifest without its ingredients, which its actions name by `label_of`.

    Args:
        facts: what it tells.
        parent: whether the face is the film that was opened and changed; else the result is new, made of others.
    """
    face = next((one for one in facts.ingredients if one.role == "face"), None)
    others = [one for one in facts.ingredients if one is not face or not parent]
    actions = [_opened(face) if parent and face is not None else _created()]
    if others:
        actions.append(
            {"action": "c2pa.placed", "parameters": {"ingredientIds": [_id(one) for one in others]}}
        )
    if facts.speaks:
        actions.append(_edited(facts))
    agent = {"name": TOOL, "version": facts.tool_version}
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    for action in actions:
        action |= {"softwareAgent": agent, "when": now}
    return {
        "claim_generator_info": [agent],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions, "allActionsIncluded": True}},
            {"label": NETWORKS, "data": _networks(facts)},
        ],
    }


def ingredient(one: Ingredient, *, parent: bool) -> dict[str, Any]:
    """Return an ingredient as c2pa's builder takes it."""
    return {
        "title": one.title,
        "format": mime_type(one.path.suffix),
        "relationship": "parentOf" if parent else "componentOf",
        "label": _id(one),
    }


def _id(one: Ingredient) -> str:
    return f"{one.role}_{one.number}"


def _created() -> dict[str, Any]:
    return {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}


def _opened(face: Ingredient) -> dict[str, Any]:
    return {"action": "c2pa.opened", "parameters": {"ingredientIds": [_id(face)]}}


def _edited(facts: Facts) -> dict[str, Any]:
    action: dict[str, Any] = {
        "action": "c2pa.edited",
        "digitalSourceType": SOURCE_TYPE,
        "description": f"{SAID}: the mouth speaks another sound",
    }
    if facts.segments:
        times = [
            {"type": "temporal", "time": {"type": "npt", "start": f"{start:.3f}", "end": f"{end:.3f}"}}
            for start, end in facts.segments
        ]
        action["changes"] = [{"region": times, "description": "the face speaks"}]
    return action


def _networks(facts: Facts) -> dict[str, Any]:
    return {
        "preset": facts.preset,
        "networks": [
            {"stage": one.stage, "name": one.name, "precision": one.precision, "sha256": one.sha256}
            for one in facts.networks
        ],
        "ingredients": [{"role": one.role, "sha256": one.sha256()} for one in facts.ingredients],
        "segments": [list(part) for part in facts.segments or ()],
    }
