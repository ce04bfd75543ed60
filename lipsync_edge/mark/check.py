"""Check of the marks of any file: which layers are there, whether they hold, who made them, what was changed when."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lipsync_edge.errors import InputError
from lipsync_edge.mark import embed, tags, xmp
from lipsync_edge.mark.facts import MADE_WITH_AI
from lipsync_edge.mark.layer import Layer
from lipsync_edge.mark.read_manifest import read_manifest
from lipsync_edge.mark.sign import library
from lipsync_edge.mark.transport import service_tags
from lipsync_edge.video.container import opened

_PAGES = {  # what a page says of itself: PDF in its description, HTML in its head
    ".pdf": re.compile(rb"/Keywords\s*\(([^)]*)\)"),
    ".html": re.compile(rb"<meta name=\"digital-source-type\" content=\"([^\"]*)\""),
}
_PAGES[".htm"] = _PAGES[".html"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkCheck:
    """What was found in a file.

    Attributes:
        file: the file.
        layers: its marks.
        notes: what could not be looked at.
    """

    file: Path
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        """Whether every mark that is there holds."""
        return all(layer.state != "invalid" for layer in self.layers)

    @property
    def marked(self) -> bool:
        """Whether a mark says that the file was made with AI, and every mark that is there holds."""
        return self.intact and any(layer.made_with_ai for layer in self.layers)

    def plain(self) -> dict[str, Any]:
        """Return what goes into JSON."""
        return {"marked": self.marked, "intact": self.intact, **asdict(self)}


def check_marks(path: Path, trust: Path | None = None) -> MarkCheck:
    """Look for marks in a picture, a video or a sound of anybody.

    Args:
        path: the file.
        trust: PEM file of the roots that are trusted; without it nobody is.

    Raises:
        InputError: there is no such file; UsageError: the roots cannot be read.
    """
    if not path.is_file():
        raise InputError(expected=f"a file at {path}", got="a folder" if path.is_dir() else "nothing there")
    layers, notes = [], []
    if library() is None:
        notes.append("C2PA manifests were not looked at: c2pa-python does not load on this system")
    else:
        manifest = read_manifest(path, trust)
        if manifest is not None:
            layers.append(manifest)
    metadata = _metadata(path)
    if metadata is not None:
        layers.append(metadata)
    return MarkCheck(file=path, layers=tuple(layers), notes=tuple(notes))


def _metadata(path: Path) -> Layer | None:
    try:
        packet = embed.found(path)
    except OSError as error:
        raise InputError(expected=f"a file at {path}", got=error.strerror or str(error)) from error
    named = [xmp.source_type(packet)] if packet else []
    by = xmp.tool(packet) if packet else ""
    named += _of_page(path)
    told = _container_tags(path)
    named += tags.source_types(told)
    lower = {name.lower(): value for name, value in told.items()}
    by = by or lower.get("ai_system", lower.get("service_provider", ""))
    kinds = tuple(dict.fromkeys(kind for kind in named if kind))
    if not kinds:
        return None
    return Layer(
        kind="metadata",
        state="valid",
        made_with_ai=any(kind in MADE_WITH_AI for kind in kinds),
        source_types=kinds,
        by=by,
    )


def _of_page(path: Path) -> list[str]:
    kind = _PAGES.get(path.suffix.lower())
    if kind is None:
        return []
    found = [match.decode("utf-8", "replace") for match in kind.findall(path.read_bytes())]
    return list(tags.source_types({"": "; ".join(found)}))


def _container_tags(path: Path) -> dict[str, str]:
    try:
        with opened(path) as container:
            found = {str(name): str(value) for name, value in container.metadata.items()}
            return found | (service_tags(path) if container.format.name == "mpegts" else {})
    except (InputError, ValueError):  # no medium that FFmpeg knows
        return {}
