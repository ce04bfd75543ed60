"""Marks of one run: what its file will say of how it was made, gathered while it goes and written at its end."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from lipsync_edge.mark.apply import MarkReport, mark_file
from lipsync_edge.mark.facts import Facts, Ingredient, Segments, used
from lipsync_edge.mark.identity import identity_of
from lipsync_edge.mark.tags import FORMATS, container_tags
from lipsync_edge.pipeline.job import Job
from lipsync_edge.types import Frame, Rendered


class Marking:
    """Metadata for the muxer, a note of every changed frame, and the mark on the finished file.

    Attributes:
        report: what was marked; nothing before `finish`, and where no mark is wanted.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._segments = Segments(1 / job.video.fps)
        self.report = MarkReport()

    @property
    def tags(self) -> dict[str, str]:
        """What the muxer writes into the container."""
        if not self._job.options.mark.wanted:
            return {}
        return container_tags(self._facts(()), FORMATS[self._job.out.suffix.lower()])

    def look(self, frame: Frame, rendered: Rendered) -> None:
        """Note when a picture is not its source's any more; times grow."""
        if is_changed(frame, rendered):
            self.note(frame.time)

    def note(self, time: Fraction) -> None:
        """Note a frame whose picture is not its source's any more, by its second; times grow."""
        self._segments.add(time)

    def finish(self, path: Path) -> None:
        """Mark the finished file under the name that it still has."""
        wanted = self._job.options.mark
        if wanted.wanted:
            facts = self._facts(tuple(self._segments.seconds))
            self.report = mark_file(path, facts, self._job.signer or identity_of(wanted), tagged=True)

    def _facts(self, segments: tuple[tuple[float, float], ...]) -> Facts:
        job = self._job
        files = [Ingredient("face", job.face, still=job.video.still)]
        voices = [*dict.fromkeys(part.sound.file for part in job.parts)]
        files += [Ingredient("voice", voice, number=k) for k, voice in enumerate(voices, 1)]
        heard = [sound.file for sound in job.heard if sound.file not in voices]
        files += [Ingredient("soundtrack", sound) for sound in heard]
        return Facts(
            networks=used({"detect": job.detector.network, **job.renderer.networks}),
            preset=job.renderer.preset.name,
            ingredients=tuple(files),
            segments=segments,
        )


def is_changed(frame: Frame, rendered: Rendered) -> bool:
    """Whether a picture is not its source's any more."""
    part = rendered.changed
    return part is not None and not np.array_equal(part.view(rendered.image_bgr), part.view(frame.image_bgr))
