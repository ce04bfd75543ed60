"""Joins video files of one encoder into one, without encoding a picture again; the sound is encoded beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from lipsync_edge.errors import InputError
from lipsync_edge.types import F32
from lipsync_edge.video.container import opened
from lipsync_edge.video.encoder import AudioEncoder
from lipsync_edge.video.output_file import OutputFile
from lipsync_edge.video.writer import CONTAINERS, check_output


class VideoJoiner:
    """Writes the packets of several files, one after another; `close` puts the result in its place.

    As a context manager it closes on success and leaves nothing behind on any exception.

    Args:
        path: of the result.
        files: one encoder's, in order; each holds pictures alone.
        sound_rate: samples a second of the sound that is written, 0 for none.
        sound_channels: 1 or 2.
        tags: metadata of the container, by names that it knows.
        finish: called with the finished file before it takes its name; it may change it, and raises nothing.

    Raises:
        OutputError: it cannot be written there.
        InputError: the files are not of one encoder.
    """

    def __init__(
        self,
        path: Path,
        files: Sequence[Path],
        *,
        sound_rate: int = 0,
        sound_channels: int = 1,
        tags: Mapping[str, str] | None = None,
        finish: Callable[[Path], None] = lambda path: None,
    ) -> None:
        check_output(path)
        self._files = files
        self._file = OutputFile(path, tags or {}, finish)
        with self._file.beginning(), opened(files[0]) as first:
            stream = first.streams.video[0]
            self._head = bytes(stream.codec_context.extradata or b"")
            self._video = self._file.container.add_stream_from_template(stream)
            self._video.time_base = stream.time_base
            self._sound: AudioEncoder | None = None
            if sound_rate:
                encoder = CONTAINERS[path.suffix.lower()][1]
                self._sound = AudioEncoder(
                    self._file.container, encoder, rate=sound_rate, channels=sound_channels
                )
        self._last = -(1 << 62)

    def join(self, begins: Sequence[Fraction], before: Callable[[Fraction], None]) -> None:
        """Write every file's packets.

        Args:
            begins: second at which each file's first picture is shown.
            before: called with the second of each picture, before it is written; writes the sound up to it.
        """
        for file, begin in zip(self._files, begins, strict=True):
            with opened(file) as source:
                stream = source.streams.video[0]
                if bytes(stream.codec_context.extradata or b"") != self._head:
                    raise InputError(expected="parts of one encoder", got=f"other settings in {file.name}")
                tick = Fraction(stream.time_base or 1)
                shift = round(begin / tick)
                for packet in source.demux(stream):
                    if packet.pts is None or packet.dts is None:  # the end
                        continue
                    before(begin + packet.pts * tick)
                    # with uneven times an encoder's order may run a little ahead of the part before
                    packet.dts = self._last = max(packet.dts + shift, self._last + 1)
                    packet.pts += shift
                    packet.stream = self._video
                    self._file.mux(lambda: (packet,))  # noqa: B023  # called at once

    def write_sound(self, samples: F32) -> None:
        """Encode sound, float32 (n, channels), -1…1, that follows what was written before."""
        sound = self._sound
        if sound is not None:
            self._file.mux(lambda: sound.encode(samples))

    def close(self) -> None:
        """Finish the file and rename it to its own name."""
        self._file.close([] if self._sound is None else [self._sound.flush])

    def discard(self) -> None:
        """Remove the unfinished file; nothing happens after `close`."""
        self._file.discard()

    def __enter__(self) -> VideoJoiner:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close after success, discard after an exception."""
        if kind is None:
            self.close()
        else:
            self.discard()
