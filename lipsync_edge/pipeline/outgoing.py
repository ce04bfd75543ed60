"""Finished pictures on their way to the writer: labelled, and without the pixels that nobody changed."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from lipsync_edge.mark.label import Labeller
from lipsync_edge.pipeline.job import Job
from lipsync_edge.types import U8, Frame, Region, Rendered
from lipsync_edge.video.encoder import Patch
from lipsync_edge.video.writer import VideoWriter

if TYPE_CHECKING:
    import av


@dataclass(frozen=True, slots=True, eq=False)
class Outgoing:
    """A picture that waits to be encoded.

    Attributes:
        time: seconds from which on it is shown.
        source: the decoded picture it was made from, or None.
        picture: what differs from the source, or all of it, uint8 (H, W, 3).
        changed: where a whole picture differs from its source.
    """

    time: Fraction
    source: av.VideoFrame | None
    picture: Patch | U8
    changed: Region | None = None


class Outlet:
    """Takes finished pictures in one thread and writes them in another.

    Args:
        job: says whether they get a label.
        writer: of the result, or of a part of it.
    """

    def __init__(self, job: Job, writer: VideoWriter) -> None:
        size, where = (job.video.width, job.video.height), job.options.label
        self._labeller = None if where == "none" else Labeller(where, size, job.options.label_size)
        self._writer = writer

    def take(self, frame: Frame, rendered: Rendered, time: Fraction) -> Outgoing:
        """Return what must be kept of a picture, shown from `time` on, until it is written."""
        image_bgr, changed = rendered.image_bgr, rendered.changed
        part = frame.part
        assert part is None or changed is None or part.union(changed) == part, "changed beyond what was there"
        patch = None if self._labeller else self._writer.patch(image_bgr, frame.source, changed)
        assert part is None or patch is not None, "a part of a picture is none"
        return Outgoing(time, frame.source, image_bgr if patch is None else patch, changed)

    def write(self, one: Outgoing) -> None:
        """Encode a picture; times grow."""
        picture, changed = one.picture, one.changed
        if isinstance(picture, Patch):
            assert one.source is not None, "a patch of nothing"
            self._writer.write_patch(picture, one.time, one.source)
            return
        if self._labeller is not None:
            picture, changed = self._labeller.draw(picture), self._labeller.region.union(changed)
        self._writer.write(picture, one.time, one.source, changed)
