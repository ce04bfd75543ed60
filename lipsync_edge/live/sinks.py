"""Sinks write playout slots: raw frames, a transport stream or fragmented MP4 with sound, a window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np

from lipsync_edge.choices import LiveFormat
from lipsync_edge.errors import OutputError, UsageError
from lipsync_edge.live.slot import Slot
from lipsync_edge.types import U8
from lipsync_edge.video.color import STILL_COLOR, ColorTags
from lipsync_edge.video.container import media_url
from lipsync_edge.video.encoder import LIVE_ENCODER, AudioEncoder, PictureFormat, VideoEncoder, live_settings

FORMATS: dict[LiveFormat, str] = {"raw": "rawvideo", "ts": "mpegts", "mp4": "mp4"}
EXTENSIONS: dict[str, LiveFormat] = {
    ".ts": "ts",
    ".mts": "ts",
    ".m2ts": "ts",
    ".mp4": "mp4",
    ".m4s": "mp4",
    ".bgr": "raw",
    ".raw": "raw",
}
SCHEMES = {"udp": "mpegts", "tcp": "mpegts", "srt": "mpegts", "unix": "mpegts", "rtmp": "flv", "rtmps": "flv"}
FRAGMENTS = {"movflags": "frag_keyframe+delay_moov+default_base_moof"}


class RawSink:
    """Raw frame sink: frames one after another, uint8 H * W * 3 bytes BGR, no sound.

    A slot without a new picture repeats the last one, so that picture n stands at n / fps; only a late one is
    missing, because what is behind cannot take more.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._last: U8 | None = None

    def write(self, slot: Slot) -> None:
        """Write the picture."""
        self._last = self._last if slot.picture is None else slot.picture.image_bgr
        if self._last is None or slot.state == "late":
            return
        try:
            self._file.write(np.ascontiguousarray(self._last).data)
            self._file.flush()
        except (OSError, ValueError) as error:
            raise OutputError(expected="a reader of the frames", got=str(error)) from error

    def interrupt(self) -> None:
        """Hold nothing back: pictures go out as they come."""

    def close(self) -> None:
        """Flush; a reader that has gone is not an error any more."""
        try:
            self._file.flush()
        except (OSError, ValueError):
            return


class MediaSink:
    """Media sink: H.264 and AAC in MPEG-TS, fragmented MP4 or FLV, each with the time of its slot.

    Args:
        target: a file, a URL, or a file object opened for writing.
        container: FFmpeg's name: "mpegts", "mp4" or "flv".
        size: width and height of the pictures; an odd last column or row is repeated (4:2:0 needs even sizes).
        fps: slots a second.
        rate: samples a second.
        color: the tags of the file that the pictures come from; the output is converted and marked by what they say.
        tags: metadata of the container.
    """

    def __init__(
        self,
        target: Path | str | IO[bytes],
        *,
        container: str,
        size: tuple[int, int],
        fps: Fraction,
        rate: int,
        color: ColorTags = STILL_COLOR,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        import av

        self._errors = (av.FFmpegError, OSError, ValueError)
        self._name = str(target) if isinstance(target, (str, Path)) else "the output"
        options = FRAGMENTS if container == "mp4" else {}
        pictures = PictureFormat(
            encoder=LIVE_ENCODER,
            settings=live_settings(),
            size=size,
            fps=fps,
            time_base=1 / fps,
            color=color.stated(),
            key_every=round(fps),  # who tunes in sees a picture within a second
        )
        try:
            where = media_url(target) if isinstance(target, Path) else target
            self._container: Any = av.open(where, "w", format=container, options=options)
            self._container.metadata.update(tags or {})
            self._video = VideoEncoder(self._container, pictures)
            self._sound = AudioEncoder(self._container, "aac", rate=rate)
        except self._errors as error:
            raise OutputError(expected=f"to write {container} to {self._name}", got=str(error)) from error

    def write(self, slot: Slot) -> None:
        """Encode and send one slot."""
        try:
            if slot.picture is not None:
                picture = self._video.convert(slot.picture.image_bgr)
                self._container.mux(self._video.encode(picture, slot.index))
            self._container.mux(self._sound.encode(slot.pcm))
        except self._errors as error:
            raise OutputError(expected=f"{self._name} to take the stream", got=str(error)) from error

    def interrupt(self) -> None:
        """Hold nothing back: what is encoded has gone out."""

    def close(self) -> None:
        """Write the last packets and the trailer."""
        try:
            for encoder in (self._video, self._sound):
                self._container.mux(encoder.flush())
            self._container.close()
        except self._errors as error:
            raise OutputError(expected=f"to finish {self._name}", got=str(error)) from error


class WindowSink:
    """Window sink: a window on the screen, without sound (`serve` gives sound on a screen).

    Args:
        on_close: called when the window is closed, or q or Escape is pressed in it.
        title: of the window.
    """

    def __init__(self, on_close: Callable[[], object], title: str = "lipsync-edge") -> None:
        self._on_close, self._title = on_close, title
        try:
            cv2.namedWindow(title, cv2.WINDOW_NORMAL)
        except cv2.error as error:
            raise OutputError(
                expected="a screen, and OpenCV with windows",
                got="an OpenCV or a machine without",
                fix="use `lipsync-edge serve` and a browser, or install opencv-python",
            ) from error

    def write(self, slot: Slot) -> None:
        """Show the picture."""
        if slot.picture is not None:
            cv2.imshow(self._title, slot.picture.image_bgr)
        key = cv2.waitKey(1) & 0xFF
        if key in (ord("q"), 27) or cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
            self._on_close()

    def interrupt(self) -> None:
        """Hold nothing back: pictures go out as they come."""

    def close(self) -> None:
        """Take the window away."""
        cv2.destroyAllWindows()


def container_of(out: str, wanted: LiveFormat | None = None) -> str:
    """Return FFmpeg's name of the container for an output; "rawvideo" for raw frames.

    Args:
        out: "-", a file name or a URL.
        wanted: None goes by the name ("-" is raw then).
    """
    if wanted is not None:
        if wanted not in FORMATS:
            raise UsageError(expected=f"--format {', '.join(FORMATS)}", got=wanted)
        return FORMATS[wanted]
    if out == "-":
        return FORMATS["raw"]
    scheme = out.split("://")[0].lower() if "://" in out else ""
    if scheme in SCHEMES:
        return SCHEMES[scheme]
    extension = Path(out).suffix.lower()
    if scheme or extension not in EXTENSIONS:
        raise UsageError(
            expected=f"an output ending in {', '.join(EXTENSIONS)} or a URL of {', '.join(SCHEMES)}",
            got=out,
            fix="say --format",
        )
    return FORMATS[EXTENSIONS[extension]]
