"""A face prepared once: its frames, and where the face is in each.

The pictures are kept as JPEGs (quality 97, no colour subsampling, about 170 kB for a frame of 1280x720) in a file
that is mapped into memory, and a picture is decoded when its turn comes, so that a long clip costs no memory. Frames
of an avatar are therefore not bit for bit those of the video.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.errors import InputError, ManifestError, NoFaceError, NoVideoError
from lipsync_edge.face.options import TrackedFrame
from lipsync_edge.types import F32, U8
from lipsync_edge.video.color import STILL_COLOR, ColorTags

if TYPE_CHECKING:
    from lipsync_edge.engine import Engine

NUMBERS = 14  # box and five landmarks, NaN where there is none
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 97, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarOrigin:
    """What an avatar was made with; an engine that differs refuses it.

    Attributes:
        detector: name of the detector's card.
        spec_digest: sha256 of that card's graph fields.
        model_sha256: sha256 of the detector's model file.
        tracking: the preset's tracking settings, as text.
    """

    detector: str
    spec_digest: str
    model_sha256: str
    tracking: str

    @classmethod
    def of(cls, engine: Engine) -> AvatarOrigin:
        """Return what avatars of this engine are made with."""
        network, preset = engine.detector.network, engine.preset
        tracking = (
            f"{preset.tracking} every={preset.detect_every} side={preset.detect_side} pads={preset.pads}"
        )
        return cls(
            detector=network.spec.name,
            spec_digest=network.spec.digest(),
            model_sha256=network.sha256,
            tracking=tracking,
        )


class Avatar:
    """A prepared face; made by `build_avatar` or `load_avatar`, safe to share between threads and streams.

    Attributes:
        fps: frames a second of its own video.
        size: width and height in pixels.
        origin: what it was made with.
        faces: float32 (n, 14), box and five landmarks of each frame in its pixels; NaN where there is none.
        offsets: int64 (n + 1), where each JPEG begins in `data`.
        data: the JPEGs, in memory or in a mapped file.
        color: the tags of the file that it was made of.
    """

    def __init__(
        self,
        *,
        fps: Fraction,
        size: tuple[int, int],
        origin: AvatarOrigin,
        faces: F32,
        offsets: npt.NDArray[np.int64],
        data: mmap.mmap | bytes,
        color: ColorTags = STILL_COLOR,
    ) -> None:
        self.fps = fps
        self.size = size
        self.origin = origin
        self.faces = faces
        self.offsets = offsets
        self.data = data
        self.color = color

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.faces)

    @property
    def duration(self) -> Fraction:
        """Length of its own video in seconds, once forward."""
        return len(self) / self.fps

    def picture(self, position: int) -> U8:
        """Decode frame `position`, 0 to len - 1; uint8 (H, W, 3) BGR, a new array."""
        low, high = int(self.offsets[position]), int(self.offsets[position + 1])
        jpeg = np.frombuffer(self.data, np.uint8, high - low, low)
        picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
        if picture is None or picture.shape[1::-1] != self.size:
            raise InputError(
                expected="a whole avatar file",
                got=f"a damaged picture {position}",
                fix="prepare the face again",
            )
        return np.asarray(picture, np.uint8)

    def face(self, position: int) -> tuple[F32 | None, F32 | None]:
        """Box float32 (4,) and landmarks float32 (5, 2) of frame `position`; None where there is none."""
        row = self.faces[position]
        box = None if np.isnan(row[0]) else row[:4].copy()
        landmarks = None if np.isnan(row[4]) else row[4:].reshape(5, 2).copy()
        return box, landmarks

    def position(self, time: Fraction) -> int:
        """Frame shown at `time` seconds of an endless ping-pong: forward, back, forward, its ends shown once."""
        period = max(1, 2 * len(self) - 2)
        step = int(time * self.fps) % period
        return min(step, period - step) if len(self) > 1 else 0

    def frame(self, index: int, time: Fraction, *, at: Fraction | None = None) -> TrackedFrame:
        """Output frame `index` of presentation time `time`, showing the ping-pong at `at` (`time` without it)."""
        position = self.position(time if at is None else at)
        box, landmarks = self.face(position)
        return TrackedFrame(index, self.picture(position), time, box, landmarks, index == 0)

    def playback(self, fps: Fraction | None = None) -> Iterator[TrackedFrame]:
        """Endless frames at a constant rate (its own without one), from its beginning, back and forth."""
        rate, index = fps or self.fps, 0
        while True:
            yield self.frame(index, Fraction(index) / rate)
            index += 1

    def check(self, engine: Engine) -> None:
        """Raise ManifestError when the avatar was made with another detector or other tracking than the engine's."""
        now = AvatarOrigin.of(engine)
        for field in fields(AvatarOrigin):
            before, wanted = getattr(self.origin, field.name), getattr(now, field.name)
            if before != wanted:
                raise ManifestError(
                    expected=f"an avatar made with {field.name} {wanted[:60]}",
                    got=before[:60],
                    fix="prepare the face again",
                )

    @property
    def first_face(self) -> int:
        """Position of the first frame with a face."""
        return int(np.argmax(~np.isnan(self.faces[:, 0])))

    def save(self, path: str | Path) -> None:
        """Write the avatar to one file, in the layout of `avatar_file`; OutputError when it cannot."""
        from lipsync_edge.pipeline.avatar_file import save_avatar

        save_avatar(self, Path(path))


def build_avatar(
    tracked: Iterable[TrackedFrame], fps: Fraction, origin: AvatarOrigin, *, color: ColorTags = STILL_COLOR
) -> Avatar:
    """Make an avatar of tracked frames, all of one size; the pictures go to a temporary file, not to memory.

    Args:
        tracked: the frames; where their times do not keep to `fps`, their mean rate is taken.
        fps: nominal frames a second.
        origin: what they were tracked with.
        color: the tags of the file that they come from.

    Raises:
        NoVideoError: not one frame.
        NoFaceError: not one face.
    """
    faces: list[F32] = []
    offsets, times = [0], []
    size = (0, 0)
    with tempfile.TemporaryFile() as file:
        for frame in tracked:
            picture = frame.frame_bgr
            height, width = picture.shape[:2]
            size = size if faces else (width, height)
            if (width, height) != size:
                raise InputError(expected=f"frames of one size, {size[0]}x{size[1]}", got=f"{width}x{height}")
            jpeg = cv2.imencode(".jpg", picture, _JPEG)[1]
            file.write(jpeg.tobytes())
            offsets.append(offsets[-1] + len(jpeg))
            faces.append(_numbers(frame))
            times.append(frame.time)
        _check_faces(faces)
        file.flush()
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return Avatar(
        fps=_rate(times, fps),
        size=size,
        origin=origin,
        faces=np.stack(faces),
        offsets=np.array(offsets, np.int64),
        data=data,
        color=color,
    )


def _check_faces(faces: list[F32]) -> None:
    if not faces:
        raise NoVideoError(expected="a face video or picture", got="no frame")
    if all(np.isnan(row[0]) for row in faces):
        raise NoFaceError(
            expected="a face in the video",
            got=f"none in {len(faces)} frames",
            fix="use a clearer face, or --box",
        )


def _rate(times: list[Fraction], fps: Fraction) -> Fraction:
    """Nominal rate, or the mean one where the last frame stands more than half a frame away from its place."""
    length = times[-1] - times[0]
    if abs(length - (len(times) - 1) / fps) <= 1 / (2 * fps):
        return fps
    return ((len(times) - 1) / length).limit_denominator(100_000)


def _numbers(frame: TrackedFrame) -> F32:
    row = np.full(NUMBERS, np.nan, np.float32)
    if frame.box_xyxy is not None:
        row[:4] = frame.box_xyxy
    if frame.landmarks is not None:
        row[4:] = frame.landmarks.ravel()
    return row
