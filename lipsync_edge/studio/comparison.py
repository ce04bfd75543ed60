"""Comparison clip: the source as the result shows it, frame by frame, small enough for browsers to lay over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from lipsync_edge.errors import OutputError
from lipsync_edge.pipeline.job import Job
from lipsync_edge.types import U8, Frame
from lipsync_edge.video.loop import endless_frames
from lipsync_edge.video.probe import probe
from lipsync_edge.video.reader import VideoReader
from lipsync_edge.video.writer import VideoFormat, VideoWriter

HEIGHT = 540  # pixels of the clip at most
POSTER_HEIGHT = 320
CRF = 26
JPEG_QUALITY = 85


def source_frames(job: Job) -> Iterator[Frame]:
    """Yield the frames of a run's face file as its result shows them, times counted from its start."""
    return endless_frames(
        job.face, job.video, job.options.loop, job.start, job.end, background=job.background
    )


def first_frames(job: Job, count: int) -> Iterator[U8]:
    """Yield that many pictures, uint8 (H, W, 3), of a run's face file."""
    return (frame.image_bgr for frame in islice(source_frames(job), count))


def write_source(job: Job, frames: int, path: Path, check: Callable[[], None]) -> None:
    """Write the clip of a run that gave so many frames.

    Args:
        job: the run.
        frames: of its result.
        path: of the clip, .mp4.
        check: called before every frame; what it raises ends the work and leaves no file.
    """
    size = fitted((job.video.width, job.video.height), HEIGHT)
    what = VideoFormat(
        width=size[0], height=size[1], fps=job.video.fps, time_base=job.video.time_base, crf=CRF
    )
    with VideoWriter(path, what) as writer:
        for frame in islice(source_frames(job), frames):
            check()
            writer.write(scaled(frame.image_bgr, size), frame.time)


def write_poster(video: Path, path: Path) -> None:
    """Write a small picture of a video's middle as a JPEG."""
    half = (probe(video).duration or Fraction(0)) / 2
    middle = _picture(video, lambda frame: frame.time >= half)
    small = scaled(middle, fitted((middle.shape[1], middle.shape[0]), POSTER_HEIGHT))
    write_picture(path, small)


def last_frame(video: Path) -> U8:
    """Return the last picture of a short video, uint8 (H, W, 3); OutputError where there is none."""
    return _picture(video, lambda frame: False)


def _picture(video: Path, enough: Callable[[Frame], bool]) -> U8:
    """The picture at which it is enough, or the last one."""
    picture: U8 | None = None
    for frame in VideoReader(video):
        picture = frame.image_bgr
        if enough(frame):
            break
    if picture is None:
        raise OutputError(expected=f"a picture in {video.name}", got="none")
    return picture


def fitted(size: tuple[int, int], height: int) -> tuple[int, int]:
    """Return the even width and height of a picture that is scaled down to a height, never up."""
    scale = min(1.0, height / size[1])
    width, tall = (max(2, round(side * scale / 2) * 2) for side in size)
    return width, tall


def scaled(image_bgr: U8, size: tuple[int, int]) -> U8:
    """Return a picture, uint8 (H, W, 3), in another width and height."""
    if image_bgr.shape[1::-1] == size:
        return image_bgr
    return np.asarray(cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA), np.uint8)


def write_picture(path: Path, image_bgr: U8) -> None:
    """Write a picture, uint8 (H, W, 3), as its name says: .png or .jpg.

    Raises:
        OutputError: it cannot be written.
    """
    how = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.suffix == ".jpg" else []
    done, data = cv2.imencode(path.suffix, image_bgr, how)
    try:
        assert done, "a picture of our own"
        path.write_bytes(data.tobytes())
    except OSError as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise OutputError(expected=f"a picture at {path}", got=error.strerror or str(error)) from error


def loudest_s(samples: np.ndarray, rate: int, window_s: float = 0.2) -> float:
    """Return the second in whose middle a sound, float32 (n,), is loudest; 0 for one that is shorter than a window."""
    step = int(rate * window_s)
    count = len(samples) // step
    if not count:
        return 0.0
    power = (samples[: count * step].reshape(count, step).astype(np.float64) ** 2).mean(1)
    return float((int(np.argmax(power)) + Fraction(1, 2)) * step / rate)
