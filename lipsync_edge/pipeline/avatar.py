"""A face prepared once: its frames, and where the face is in each.

The pictures are kept as JPEGs (quality 97, no colour subsampling, about 170 kB for a frame of 1280x720) in a file,
and a picture is read and decoded when its turn comes, so that a long clip costs no memory. They
are cut into tiles, so that a part is decoded alone. Frames
of an avatar are therefore not bit for bit those of the video.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.errors import InputError, ManifestError
from lipsync_edge.face.detector import Detector
from lipsync_edge.models.preset import Preset
from lipsync_edge.pipeline.avatar_file import Stored, damaged_file, read_avatar, write_avatar
from lipsync_edge.pipeline.file_bytes import FileBytes
from lipsync_edge.render.exemplars.library import Library
from lipsync_edge.render.exemplars.library_file import from_bytes, to_bytes
from lipsync_edge.types import F32, U8, Face, Frame, Region
from lipsync_edge.video.color import STILL_COLOR, ColorTags
from lipsync_edge.video.tiles import TiledJpeg


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
    def of(cls, detector: Detector, preset: Preset) -> AvatarOrigin:
        """Return what avatars of this detector and preset are made with."""
        network = detector.network
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
    """A prepared face; made by `Engine.prepare` or `load_avatar`, safe to share between threads and streams.

    Attributes:
        fps: frames a second of its own video.
        size: width and height in pixels.
        origin: what it was made with.
        faces: float32 (n, 14), box and five landmarks of each frame in its pixels; NaN where there is none.
        offsets: int64 (n + 1), where each JPEG begins in `data`.
        data: the JPEGs, in memory, in a mapped temporary file or in the avatar's own.
        color: the tags of the file that it was made of.
        library: the person's own mouths; None where there are none.
        checksums: CRC-32 of each JPEG, each compared when it is first read; None in files that have none.
    """

    def __init__(
        self,
        *,
        fps: Fraction,
        size: tuple[int, int],
        origin: AvatarOrigin,
        faces: F32,
        offsets: npt.NDArray[np.int64],
        data: mmap.mmap | bytes | FileBytes,
        color: ColorTags = STILL_COLOR,
        library: Library | None = None,
        checksums: tuple[int, ...] | None = None,
    ) -> None:
        self.fps = fps
        self.size = size
        self.origin = origin
        self.faces = faces
        self.offsets = offsets
        self.data = data
        self.color = color
        self.library = library
        self.checksums = checksums
        self._whole: set[int] = set()  # positions whose checksum was compared
        self._only: U8 | None = None

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.faces)

    @property
    def duration(self) -> Fraction:
        """Length of its own video in seconds, once forward."""
        return len(self) / self.fps

    def picture(self, position: int) -> U8:
        """Decode frame `position`, 0 to len - 1; uint8 (H, W, 3) BGR, not to be written to."""
        if self._only is not None:
            return self._only
        picture = _decoded(self._jpeg(position), position, self.size)
        if len(self) == 1:  # of a still picture the same is asked for again and again
            self._only = picture
        return picture

    def part(self, position: int, region: Region) -> tuple[U8, Region]:
        """Decode a part of frame `position` that holds a region; uint8 (h, w, 3), and where it lies.

        It is the whole frame where its JPEG was written without tiles.
        """
        try:
            tiled = TiledJpeg(self._jpeg(position))
            around = tiled.around(region)
            jpeg = tiled.cut(around)
        except ValueError:
            return self.picture(position), Region(0, 0, *self.size)
        return _decoded(jpeg, position, around.size), around

    def _jpeg(self, position: int) -> memoryview:
        begins, ends = int(self.offsets[position]), int(self.offsets[position + 1])
        data = self.data
        jpeg = memoryview(data[begins:ends] if isinstance(data, FileBytes) else memoryview(data)[begins:ends])
        if self.checksums is not None and position not in self._whole:
            if zlib.crc32(jpeg) != self.checksums[position]:
                raise _damaged(position)
            self._whole.add(position)
        return jpeg

    def face(self, position: int) -> Face | None:
        """Return the face of frame `position`, or None where there is none."""
        row = self.faces[position]
        if np.isnan(row[0]):
            return None
        return Face(row[:4].copy(), None if np.isnan(row[4]) else row[4:].reshape(5, 2).copy())

    def position(self, time: Fraction) -> int:
        """Return which frame an endless ping-pong shows at `time` seconds: forward, back, forward, its ends once."""
        period = max(1, 2 * len(self) - 2)
        step = int(time * self.fps) % period
        return min(step, period - step) if len(self) > 1 else 0

    def frame(self, index: int, time: Fraction, *, at: Fraction | None = None) -> Frame:
        """Return output frame `index` of presentation time `time`, showing the ping-pong at `at`, or at `time`."""
        position = self.position(time if at is None else at)
        face = self.face(position)
        faces = () if face is None else (face,)
        return Frame(index, time, self.picture(position), faces=faces, shot_start=index == 0)

    def playback(self, fps: Fraction | None = None) -> Iterator[Frame]:
        """Return endless frames at a constant rate (its own without one), from its beginning, back and forth."""
        rate, index = fps or self.fps, 0
        while True:
            yield self.frame(index, Fraction(index) / rate)
            index += 1

    def check(self, now: AvatarOrigin) -> None:
        """Raise ManifestError when the avatar was made with another detector or other tracking than those of `now`."""
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
        """Write the avatar to one file, in the layout of `avatar_file`; OutputError when that cannot be done."""
        first, last = int(self.offsets[0]), int(self.offsets[-1])
        header = {
            "fps": [self.fps.numerator, self.fps.denominator],
            "size": list(self.size),
            "origin": asdict(self.origin),
            "color": asdict(self.color),
            "checksums": [zlib.crc32(self._jpeg(position)) for position in range(len(self))],
        }
        exemplars = b"" if self.library is None else to_bytes(self.library)
        data = self.data
        pictures = data.cut(first, last) if isinstance(data, FileBytes) else memoryview(data)[first:last]
        stored = Stored(header, self.faces, self.offsets - first, pictures, exemplars)
        write_avatar(Path(path), stored)


def _decoded(jpeg: bytes | memoryview, position: int, size: tuple[int, int]) -> U8:
    # the file may have been changed since it was opened, and OpenCV raises for no bytes at all
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if len(jpeg) else None
    if picture is None or picture.shape[1::-1] != size:
        raise _damaged(position)
    return np.asarray(picture, np.uint8)


def _damaged(position: int) -> InputError:
    return InputError(
        expected="a whole avatar file", got=f"a damaged picture {position}", fix="prepare the face again"
    )


def load_avatar(path: str | Path) -> Avatar:
    """Open an avatar's file; its pictures stay in the file until they are shown.

    Raises:
        InputError: not there, not an avatar, or cut short.
    """
    with damaged_file(Path(path)):
        stored, data = read_avatar(Path(path))
        checksums = stored.header.get("checksums")
        return Avatar(
            fps=Fraction(*stored.header["fps"]),
            size=(int(stored.header["size"][0]), int(stored.header["size"][1])),
            origin=AvatarOrigin(**stored.header["origin"]),
            faces=stored.faces,
            offsets=stored.offsets,
            data=data,
            color=ColorTags(**stored.header.get("color", asdict(STILL_COLOR))),
            library=from_bytes(stored.exemplars) if stored.exemplars else None,
            checksums=None if checksums is None else tuple(checksums),
        )
