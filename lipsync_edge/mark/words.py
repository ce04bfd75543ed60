"""Words for what was found of a file's marks, line by line, for people."""

from __future__ import annotations

from lipsync_edge.mark.check import MarkCheck
from lipsync_edge.mark.layer import Layer


def report(found: MarkCheck) -> str:
    """Return what was found as lines of text."""
    return "\n".join([f"{found.file}: {verdict(found)}", *(f"  {line}" for line in details(found))])


def verdict(found: MarkCheck) -> str:
    """Return in a few words what the marks come to."""
    if found.marked:
        return "marked as made with AI"
    if not found.layers:
        return "no mark"
    return "marked, but not as made with AI" if found.intact else "marks that do not hold"


def details(found: MarkCheck) -> list[str]:
    """Return what each mark says, and what could not be looked at."""
    return [*(line for layer in found.layers for line in _lines(layer)), *found.notes]


def _lines(layer: Layer) -> list[str]:
    kinds = ", ".join(kind.rsplit("/", 1)[-1] for kind in layer.source_types)
    if layer.kind == "metadata":
        return [f"metadata: {kinds}" + (f" by {layer.by}" if layer.by else "")]
    whom = f"{layer.signer or 'nobody who is named'}" + (" (this machine's own)" if layer.signed_here else "")
    trusted = {
        "trusted": "trusted",
        "valid": "whole, but trusted by no list given",
        "invalid": "does not hold",
    }
    lines = [f"C2PA: {trusted[layer.state]}; signed by {whom}; made by {layer.by or 'nobody who is named'}"]
    for one in layer.actions:
        about = ", ".join(part for part in (one["by"], one["when"], one["description"]) if part)
        lines.append(f"  {one['action']}" + (f": {about}" if about else ""))
    if layer.segments:
        parts = ", ".join(f"{start:.2f}-{end:.2f}" for start, end in layer.segments[:8])
        more = f" and {len(layer.segments) - 8} more" if len(layer.segments) > 8 else ""
        lines.append(f"  changed at seconds {parts}{more}")
    for item in layer.ingredients:
        own = ", with a manifest of its own" if item["manifest"] else ""
        lines.append(f"  made of {item['title'] or 'a file'} ({item['role']}{own})")
    lines += [f"  {problem}" for problem in layer.problems]
    return lines
