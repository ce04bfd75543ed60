"""Metadata that a muxer writes into a container: what made the pictures, in the container's own tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lipsync_edge.mark.facts import SOURCE_TYPE, VOCABULARY, Facts

SAID = "Contains a face changed by trained networks (AI)"
# Matroska, WebM and FLV take any name; MP4 and MOV only those of iTunes; a transport stream has two lines for a title.
FREE = ("matroska", "webm", "flv")
TITLE_ONLY = ("mpegts",)
FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}


def container_tags(facts: Facts, container: str) -> dict[str, str]:
    """Return the tags of a result.

    Args:
        facts: what they tell.
        container: FFmpeg's name of the container.
    """
    if container in TITLE_ONLY:
        return {"service_provider": facts.tool, "service_name": SOURCE_TYPE}
    comment = f"{SAID}; {SOURCE_TYPE}; {facts.tool}; {facts.models}"
    if container in FREE:
        return {
            "comment": comment,
            "digital_source_type": SOURCE_TYPE,
            "ai_system": facts.tool,
            "ai_models": facts.models,
        }
    return {"comment": comment}


def source_types(tags: Mapping[str, str]) -> Iterator[str]:
    """Give every digital source type that tags name, as its address."""
    for value in tags.values():
        for word in value.replace(";", " ").split():
            if word.removeprefix("https").removeprefix("http").startswith(VOCABULARY.removeprefix("http")):
                yield VOCABULARY + word.rsplit("/", 1)[1]
