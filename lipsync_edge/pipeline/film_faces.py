"""Faces of a whole film, as its first look-through found them: a run that shows its frames again finds nothing anew.

A film is played forwards, backwards, from the beginning again; where each face lies in a frame and how its lips lie
there do not depend on that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO

import numpy as np

from lipsync_edge.errors import InputError
from lipsync_edge.face.landmarks import COUNT, Landmarks
from lipsync_edge.face.shots import CutDetector
from lipsync_edge.npz_reader import read_arrays
from lipsync_edge.pipeline.track_memory import Track, TrackRecorder
from lipsync_edge.types import F32, Face, Frame

_NUMBERS = COUNT * 3 + 4  # points, depth, pose, confidence


class FilmFaces:
    """Boxes, five points and landmarks of every face that is followed, by the number of its frame in the film.

    Args:
        track: of every frame from the film's first to its last.
        landmarks: float32 (m, 238), a row for each face of the track: points, depth, pose, confidence; NaN where
            nobody looked.
    """

    def __init__(self, track: Track, landmarks: F32) -> None:
        self._track, self._landmarks = track, landmarks

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

    def landmarks_of(self, frame: Frame, face: Face) -> Landmarks | None:
        """Return the landmarks of a frame's face; None where nobody looked."""
        row = self._track.row(frame.index, face.identity)
        if row is None or np.isnan(self._landmarks[row, -1]):
            return None
        numbers = self._landmarks[row]
        points, depth, pose = np.split(numbers[:-1], (2 * COUNT, 3 * COUNT))
        return Landmarks(points.reshape(COUNT, 2), depth, pose, float(numbers[-1]))

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
        np.savez(file, allow_pickle=False, track=track, landmarks=self._landmarks)
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
        return cls(track, landmarks)


class FilmFacesRecorder:
    """Notes the faces of a film's frames as they go by."""

    def __init__(self) -> None:
        self._track = TrackRecorder()
        self._rows: list[F32] = []

    def note(self, frame: Frame, landmarks: Sequence[Landmarks | None]) -> None:
        """Note the next frame of the film, tracked, and the landmarks of its faces, None where nobody looked."""
        self._track.note(frame)
        self._rows += [_row(found) for found in landmarks]

    def faces(self) -> FilmFaces:
        """Return what was noted."""
        rows = np.stack(self._rows) if self._rows else np.zeros((0, _NUMBERS), np.float32)
        return FilmFaces(self._track.track(), rows)


def _row(found: Landmarks | None) -> F32:
    if found is None:
        return np.full(_NUMBERS, np.nan, np.float32)
    row = np.concatenate([found.points.ravel(), found.depth, found.pose, [found.confidence]])
    return np.asarray(row, np.float32)
