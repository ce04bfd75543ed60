"""A run's track, recorded and played again: what a tracker gave for each frame, kept in the cache of faces.

What a tracker gives for a frame does not depend on frames that come much later; so a track that was recorded for a
short sound is the beginning of the one for a long sound, and a run that plays it gives the very same pictures as one
that tracks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from itertools import islice

import numpy as np
import numpy.typing as npt

from lipsync_edge.npz_reader import read_arrays
from lipsync_edge.pipeline.face_cache import FaceCache
from lipsync_edge.types import F32, Face, Frame

_NUMBERS = 14  # box and five landmarks, NaN where there are none
Follow = Callable[[Iterable[Frame]], Iterator[Frame]]


class Track:
    """The faces of frames in order.

    Attributes:
        shots: uint8 (n,), 1 where a shot begins.
        of_frame: int64 (m,), the frame of each face, rising.
        identity: int64 (m,).
        numbers: float32 (m, 14), box and landmarks.
        ended: whether the frames ended there.
    """

    def __init__(
        self,
        shots: npt.NDArray[np.uint8],
        of_frame: npt.NDArray[np.int64],
        identity: npt.NDArray[np.int64],
        numbers: F32,
        ended: bool,
    ) -> None:
        self.shots, self.of_frame, self.identity, self.numbers = shots, of_frame, identity, numbers
        self.ended = ended
        self._first = np.searchsorted(of_frame, np.arange(len(shots) + 1))

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.shots)

    def on(self, frame: Frame, position: int) -> Frame:
        """Return frame `position` with its faces."""
        return replace(frame, faces=self.faces(position), shot_start=bool(self.shots[position]))

    def faces(self, position: int) -> tuple[Face, ...]:
        """Return the faces of frame `position`."""
        return tuple(self._face(row) for row in range(self._first[position], self._first[position + 1]))

    def row(self, position: int, identity: int) -> int | None:
        """Return where in `numbers` somebody's face of frame `position` stands; None where they have none."""
        for row in range(self._first[position], self._first[position + 1]):
            if self.identity[row] == identity:
                return row
        return None

    def _face(self, row: int) -> Face:
        numbers = self.numbers[row]
        landmarks = None if np.isnan(numbers[4]) else numbers[4:].reshape(-1, 2).copy()
        return Face(numbers[:4].copy(), landmarks, identity=int(self.identity[row]))

    def to_bytes(self) -> bytes:
        """Return it as bytes."""
        file = BytesIO()
        np.savez(
            file,
            allow_pickle=False,
            shots=self.shots,
            of_frame=self.of_frame,
            identity=self.identity,
            numbers=self.numbers,
            ended=np.array(self.ended),
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Track | None:
        """Read what `to_bytes` gave; None of what is damaged."""
        try:
            found = read_arrays(data)
            ended = bool(found.pop("ended"))
            return cls(**found, ended=ended)
        except (ValueError, KeyError, TypeError):
            return None


class TrackRecorder:
    """Notes the faces of frames that go by."""

    def __init__(self) -> None:
        self._shots: list[int] = []
        self._faces: list[tuple[int, int, F32]] = []
        self.ended = False

    def __len__(self) -> int:
        """Return the number of frames noted."""
        return len(self._shots)

    def noting(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Give frames as they come, and note them."""
        for frame in frames:
            self.note(frame)
            yield frame
        self.ended = True

    def note(self, frame: Frame) -> None:
        """Note the faces of the next frame."""
        for face in frame.faces:
            row = np.full(_NUMBERS, np.nan, np.float32)
            row[:4] = face.box_xyxy
            if face.landmarks is not None:
                row[4:] = face.landmarks.ravel()
            self._faces.append((len(self._shots), face.identity, row))
        self._shots.append(int(frame.shot_start))

    def track(self) -> Track:
        """Return what was noted."""
        rows = [row for *_, row in self._faces]
        return Track(
            np.array(self._shots, np.uint8),
            np.array([position for position, *_ in self._faces], np.int64),
            np.array([identity for _, identity, _ in self._faces], np.int64),
            np.stack(rows) if rows else np.zeros((0, _NUMBERS), np.float32),
            self.ended,
        )


class TrackMemory:
    """The track of one run's frames: played from the cache where it is there, else recorded for the next run.

    Args:
        cache: where it is kept.
        key: digest of everything that decides the track.
        wanted: frames that the run needs, or None where nobody knows.
    """

    def __init__(self, cache: FaceCache, key: str, wanted: int | None) -> None:
        self._cache, self._name = cache, f"{key}.track"
        data = cache.read(self._name)
        known = None if data is None else Track.from_bytes(data)
        serves = known is not None and (known.ended or (wanted or 0) <= len(known))
        self._played = known if serves else None
        self._recorder = TrackRecorder()

    def track(
        self, frames: Iterable[Frame], follow: Follow, again: Callable[[], Iterable[Frame]]
    ) -> Iterator[Frame]:
        """Give frames with their faces.

        Args:
            frames: of the run, from its first on.
            follow: tracks frames from the first on.
            again: opens the frames from the first on once more, should the run turn out to be longer than was known.
        """
        if self._played is None:
            yield from self._recorder.noting(follow(frames))
            return
        played = self._played
        for position, frame in enumerate(frames):
            if position == len(played):
                yield from islice(self._recorder.noting(follow(again())), position, None)
                return
            yield played.on(frame, position)

    def keep(self) -> None:
        """Keep what was recorded, unless a longer one was kept meanwhile."""
        if not len(self._recorder):
            return
        data = self._cache.read(self._name)
        known = None if data is None else Track.from_bytes(data)
        if known is None or (not known.ended and len(known) < len(self._recorder)):
            self._cache.write(self._name, self._recorder.track().to_bytes())
