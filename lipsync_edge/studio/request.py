"""Requests: what somebody wants made of which files, checked; and what a preview gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from lipsync_edge.audio.reader import probe_sound
from lipsync_edge.batch.job import Option, Wishes
from lipsync_edge.errors import InputError, UsageError
from lipsync_edge.pipeline.result import RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class DubRequest:
    """What somebody wants made.

    Attributes:
        face: file of a video or a still.
        voice: file with sound; None where the options give each person their own.
        options: as the command line takes them.
        wishes: the same, read.
        title: for people.
    """

    face: Path
    voice: Path | None
    options: tuple[Option, ...]
    wishes: Wishes
    title: str

    @property
    def heard(self) -> Path:
        """The sound by whose times previews are chosen: that of the first who speaks."""
        return self.voice or next(iter(self.wishes.options.voices.values()))

    @property
    def told(self) -> str:
        """The options as they would be typed, files by their last names."""
        return " ".join(
            f"--{one.name}" + (f" {one.text}{Path(one.file).name if one.file else ''}" if one.value else "")
            for one in self.options
        )


@dataclass(frozen=True, slots=True)
class FramePair:
    """One frame of the source and what became of it, as PNG files."""

    source: Path
    result: Path
    at_s: float


@dataclass(frozen=True, slots=True)
class Clip:
    """A short result and the source beside it, as MP4 files."""

    source: Path
    result: Path
    at_s: float


def checked_second(request: DubRequest, at_s: float) -> float:
    """Return a second that was named; UsageError where the voice has none."""
    length = probe_sound(request.heard).duration
    if not 0 <= at_s < (inf if length is None else float(length)):
        said = "" if length is None else f" and before {float(length):.1f}"
        raise UsageError(expected=f"a preview from second 0 on{said}", got=f"{at_s:g}")
    return at_s


def part_of(request: DubRequest, start_s: float, end_s: float) -> DubRequest:
    """Return the request for a part of the same, in seconds of the result."""
    options = replace(request.wishes.options, start=start_s, end=end_s)
    return replace(request, wishes=replace(request.wishes, options=options))


def check_inputs(
    face: str | None, voice: str | None, *, has_voices: bool = False
) -> tuple[Path, Path | None]:
    """Return the files that were given; UsageError where one was not, InputError where it is gone.

    Args:
        face: a video or a still.
        voice: a sound; not needed where the options have voices.
        has_voices: whether they have.
    """
    for what, given in (("face", face), ("voice", voice)):
        if not given and what == "voice" and has_voices:
            continue
        if not given:
            raise UsageError(
                expected=f"a {what}",
                got="none yet",
                fix=f"choose or record a {what} first, or use the example",
            )
        if not Path(given).is_file():
            raise InputError(
                expected=f"the {what} that was given", got="nothing any more", fix="give it again"
            )
    assert face
    return Path(face), Path(voice) if voice else None


def summary(result: RunResult) -> str:
    """Return in one line what a result is and how long it took."""
    fps = result.frames / max(result.elapsed_s, 1e-9)
    where = "+".join(dict.fromkeys(result.devices.values()))
    passed = result.frames_without_face
    faceless = f", {passed} of them without a face" if passed else ""
    return (
        f"{result.duration_s:.1f} s, {result.width}×{result.height}, {result.frames} frames{faceless}; "
        f"made in {result.elapsed_s:.1f} s ({fps:.0f} frames a second) on {where}, preset {result.preset}"
    )
