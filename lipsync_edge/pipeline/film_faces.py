"""Faces of a whole film, as its first look-through found them: a run that shows its frames again finds nothing anew.

A film is played forwards, backwards, from the beginning again; where each face lies in a frame and how its lips lie
there do not depend on that.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from io import BytesIO
from math import isqrt

import numpy as np

from lipsync_edge.errors import InputError
from lipsync_edge.face.landmarks import COUNT, Landmarks
from lipsync_edge.face.shots import CutDetector
from lipsync_edge.npz_reader import read_arrays
from lipsync_edge.pipeline.avatar_window import window
from lipsync_edge.pipeline.track_memory import Track, TrackRecorder
from lipsync_edge.render.exemplars.watcher import levels_of, paste_of
from lipsync_edge.types import F32, Face, Frame, Region

_NUMBERS = COUNT * 3 + 4  # points, depth, pose, confidence
_NOTHING = Region(0, 0, 0, 0)
_FASTEST = 1  # of zlib


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What the networks find in the aligned crop of a face.

    Attributes:
        landmarks: of the crop.
        paste: float32 (h, w), 0…1, where it may be replaced; kept in steps of 1/255.
    """

    landmarks: Landmarks
    paste: F32


class FilmFaces:
    """Boxes, five points and what the networks find of every followed face, by the number of its frame in the film.

    Args:
        track: of every frame from the film's first to its last.
        landmarks: float32 (m, 238), a row for each face of the track: points, depth, pose, confidence; NaN where
            nobody looked.
        pastes: of each row where somebody looked, its mask of what may be replaced, uint8 (side, side), packed.
    """

    def __init__(self, track: Track, landmarks: F32, pastes: Sequence[bytes]) -> None:
        self._track, self._landmarks = track, landmarks
        self._pastes = pastes
        self._looked = np.cumsum(~np.isnan(landmarks[:, -1])) - 1  # row → which of the masks

    def __len__(self) -> int:
        """Return the number of frames of the film."""
        return len(self._track)

    def on(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Give frames of the film, in whatever order they are shown, with their faces.

        Raises:
            InputError: the film has more frames than it had.
        """
        last: Frame | None = None
        for frame in frames:
            if frame.index >= len(self):
                raise InputError(
                    expected=f"the {len(self)} frames seen before", got="a file that grew meanwhile"
                )
            yield replace(self._track.on(frame, frame.index), shot_start=self._is_cut(last, frame))
            last = frame

    def part_of(self, index: int, size: tuple[int, int]) -> Region | None:
        """Return the part of a frame, of a size (width, height), that its faces need; None: all of it.

        Where a film begins and ends all of a picture is needed, to see whether it shows another shot.
        """
        if not 0 < index < len(self) - 1:
            return None
        parts = [window(face, size) for face in self._track.faces(index)]
        found = [part for part in parts if part is not None]
        return reduce(Region.union, found) if found else _NOTHING

    def found_of(self, frame: Frame, face: Face) -> Found | None:
        """Return what was found in a frame's face; None where nobody looked."""
        row = self._track.row(frame.index, face.identity)
        if row is None or np.isnan(self._landmarks[row, -1]):
            return None
        numbers = self._landmarks[row]
        points, depth, pose = np.split(numbers[:-1], (2 * COUNT, 3 * COUNT))
        landmarks = Landmarks(points.reshape(COUNT, 2), depth, pose, float(numbers[-1]))
        return Found(landmarks, _unpacked(self._pastes[self._looked[row]]))

    def _is_cut(self, last: Frame | None, frame: Frame) -> bool:
        """Whether a new shot begins with a frame, after another one of the film."""
        if last is None:
            return True
        if abs(frame.index - last.index) <= 1:
            return frame.index != last.index and bool(self._track.shots[max(frame.index, last.index)])
        cuts = CutDetector()
        return cuts.push(last.image_bgr) and cuts.push(frame.image_bgr)

    def to_bytes(self) -> bytes:
        """Return it as bytes."""
        file = BytesIO()
        track = np.frombuffer(self._track.to_bytes(), np.uint8)
        np.savez(
            file,
            allow_pickle=False,
            track=track,
            landmarks=self._landmarks,
            pastes=np.frombuffer(b"".join(self._pastes), np.uint8),
            lengths=np.array([len(one) for one in self._pastes], np.int64),
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> FilmFaces:
        """Read what `to_bytes` gave.

        Raises:
            ValueError, KeyError: it is something else, or damaged.
        """
        stored = read_arrays(data)
        track, landmarks = Track.from_bytes(stored["track"].tobytes()), stored["landmarks"]
        if track is None or landmarks.shape != (len(track.of_frame), _NUMBERS):
            raise ValueError("its faces are damaged")
        packed, ends = stored["pastes"].tobytes(), np.cumsum(stored["lengths"])
        if len(ends) != np.count_nonzero(~np.isnan(landmarks[:, -1])) or (ends[-1:] != len(packed)).any():
            raise ValueError("its masks are damaged")
        return cls(track, landmarks, [packed[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)])


class FilmFacesRecorder:
    """Notes the faces of a film's frames as they go by."""

    def __init__(self) -> None:
        self._track = TrackRecorder()
        self._rows: list[F32] = []
        self._pastes: list[bytes] = []

    def note(self, frame: Frame, found: Sequence[Found | None]) -> None:
        """Note the next frame of the film, tracked, and what was found in its faces, None where nobody looked."""
        self._track.note(frame)
        self._rows += [_row(None if one is None else one.landmarks) for one in found]
        self._pastes += [_packed(one.paste) for one in found if one is not None]

    def faces(self) -> FilmFaces:
        """Return what was noted."""
        rows = np.stack(self._rows) if self._rows else np.zeros((0, _NUMBERS), np.float32)
        return FilmFaces(self._track.track(), rows, self._pastes)


def _packed(paste: F32) -> bytes:
    """Return a square mask, float32 0…1, as bytes in steps of 1/255, packed."""
    return zlib.compress(levels_of(paste).tobytes(), _FASTEST)


def _unpacked(data: bytes) -> F32:
    """Return a mask that `_packed` took; ValueError for anything else."""
    try:
        levels = np.frombuffer(zlib.decompress(data), np.uint8)
    except zlib.error as error:
        raise ValueError("a mask is damaged") from error
    side = isqrt(len(levels))
    return paste_of(levels.reshape(side, side))


def _row(found: Landmarks | None) -> F32:
    if found is None:
        return np.full(_NUMBERS, np.nan, np.float32)
    row = np.concatenate([found.points.ravel(), found.depth, found.pose, [found.confidence]])
    return np.asarray(row, np.float32)
