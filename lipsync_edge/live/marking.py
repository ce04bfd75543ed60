"""Marks of a live output: tags while it runs, a label on the pictures, a mark on the file when it has ended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lipsync_edge.errors import OutputError
from lipsync_edge.live.options import LiveOptions
from lipsync_edge.live.setup import LOG
from lipsync_edge.live.slot import Sink, Slot
from lipsync_edge.mark.apply import mark_file
from lipsync_edge.mark.facts import Facts, Ingredient, Segments, used
from lipsync_edge.mark.identity import identity_of
from lipsync_edge.mark.label import Labeller
from lipsync_edge.mark.sign import check_identity
from lipsync_edge.mark.tags import container_tags
from lipsync_edge.pipeline.picture import WholePicture
from lipsync_edge.pipeline.stream import Stream


class MarkedSink:
    """Sink around another: labels its pictures, and marks its file once that is closed.

    Args:
        sink: what writes.
        options: what `live` was told.
        stream: where the pictures come from.
        file: that the sink writes; None for a pipe, an address or a window, which keep nothing.
    """

    def __init__(self, sink: Sink, options: LiveOptions, stream: Stream, file: Path | None) -> None:
        self._sink, self._options, self._stream, self._file = sink, options, stream, file
        self._segments = Segments(1 / stream.fps)
        self._labeller: Labeller | None = None
        if options.label != "none":
            self._labeller = Labeller(options.label, stream.avatar.size, options.label_size)

    def write(self, slot: Slot) -> None:
        """Label a picture, note that it speaks, and write it."""
        if self._file is not None and slot.state == "speech":
            self._segments.add(slot.time)
        if self._labeller is not None and slot.picture is not None:
            slot = replace(slot, picture=WholePicture(self._labeller.draw(slot.picture.image_bgr)))
        self._sink.write(slot)

    def interrupt(self) -> None:
        """Pass it on."""
        self._sink.interrupt()

    def close(self) -> None:
        """Finish the output and mark its file; OutputError when that fails, with the file as it was."""
        self._sink.close()
        if self._file is None or not self._file.is_file():  # a pipe or a device has a name, too
            return
        facts = facts_of(self._options, self._stream, tuple(self._segments.seconds))
        report = mark_file(self._file, facts, identity_of(self._options.mark), tagged=True)
        LOG.info("marked", extra={"data": {"layers": report.layers, "said": report.said}})
        if report.failure:
            raise OutputError(
                expected=f"{self._file} marked as made with AI",
                got=report.failure,
                fix="the file itself is whole",
            )


def facts_of(
    options: LiveOptions, stream: Stream, segments: tuple[tuple[float, float], ...] | None = None
) -> Facts:
    """Return what the marks of a live output tell."""
    files = [] if options.face is None else [Ingredient("face", options.face, still=True)]
    if options.audio not in ("-", "mic"):
        files.append(Ingredient("voice", Path(options.audio)))
    return Facts(
        networks=used(stream.renderer.networks),
        preset=stream.renderer.preset.name,
        ingredients=tuple(files),
        segments=segments,
    )


def live_tags(options: LiveOptions, stream: Stream, container: str) -> dict[str, str]:
    """Return the metadata of an output; nothing where no mark is wanted.

    Raises:
        UsageError: the user's certificate cannot sign.
    """
    if not options.mark.wanted:
        return {}
    if options.mark.sign_cert is not None:
        check_identity(identity_of(options.mark))
    return container_tags(facts_of(options, stream), container)
