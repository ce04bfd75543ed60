"""The value types that travel between the stages, shape-checked where they are made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import av

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]
Arrays = dict[str, npt.NDArray[Any]]  # tensors of a graph, by name

POINTS = 5  # image-left eye, image-right eye, nose tip, image-left and image-right mouth corner


def _check(
    name: str, array: npt.NDArray[Any], shape: tuple[int | None, ...], dtype: type[np.generic]
) -> None:
    fits = array.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype != dtype:
        wanted = tuple("any" if side is None else side for side in shape)
        raise ValueError(f"{name}: expected {dtype.__name__} {wanted}, got {array.dtype} {array.shape}")


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """Faces of one frame.

    Attributes:
        xyxy: float32 (n, 4), left, top, right, bottom in frame pixels.
        score: float32 (n,), 0…1.
        landmarks: float32 (n, 5, 2) x, y in frame pixels (image-left eye, image-right eye, nose tip,
            image-left mouth corner, image-right mouth corner), or None when the detector gives none.
    """

    xyxy: F32
    score: F32
    landmarks: F32 | None = None

    def __post_init__(self) -> None:
        """Check shapes and types."""
        _check("xyxy", self.xyxy, (None, 4), np.float32)
        _check("score", self.score, (len(self.xyxy),), np.float32)
        if self.landmarks is not None:
            _check("landmarks", self.landmarks, (len(self.xyxy), POINTS, 2), np.float32)

    def __len__(self) -> int:
        """Return how many faces there are."""
        return len(self.xyxy)

    @classmethod
    def empty(cls) -> Boxes:
        """Return the boxes of a frame without a face."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of whole pixels inside a frame: [y1, y2) × [x1, x2)."""

    x1: int
    y1: int
    x2: int
    y2: int

    def view(self, image_bgr: U8) -> U8:
        """Return the rectangle of an image, not a copy."""
        return image_bgr[self.y1 : self.y2, self.x1 : self.x2]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, in OpenCV's order."""
        return self.x2 - self.x1, self.y2 - self.y1

    def within(self, other: Region) -> Region:
        """Return the same rectangle in pixels of another one, counted from its corner."""
        return Region(self.x1 - other.x1, self.y1 - other.y1, self.x2 - other.x1, self.y2 - other.y1)

    def union(self, other: Region | None) -> Region:
        """Return the smallest rectangle that holds both; itself without another."""
        if other is None:
            return self
        low = min(self.x1, other.x1), min(self.y1, other.y1)
        return Region(*low, max(self.x2, other.x2), max(self.y2, other.y2))


class Overlay(Protocol):
    """A mouth that was made elsewhere and is laid over what the networks make of a face."""

    @property
    def strength(self) -> float:
        """0: nothing is laid over; 1: nothing of what the networks make would be seen."""
        ...

    def lay_over(self, image_bgr: U8) -> Region | None:
        """Change a picture in place; return the part that may have changed, None where nothing has."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """Where a face's landmarks are, and the shape that its mouth is asked to take.

    Attributes:
        points: float32 (78, 2), the landmarks of `lipsync_edge.face.landmarks` in units of the aligned crop's side.
        shape: float32 (3,), opening, width and jaw there, in eye distances.
        unit: one eye distance in crop units, as if seen from the front.
        yaw: degrees.
        asked: float32 (3,), opening, width and jaw that are asked, in eye distances.
        trust: 0 (the landmarks may be anything) … 1.
        crop_bgr: uint8 (S, S, 3), the aligned crop that the landmarks were found in; None: it is cut again where it is
            needed.
    """

    points: F32
    shape: F32
    unit: float
    yaw: float
    asked: F32
    trust: float = 1.0
    crop_bgr: U8 | None = None

    def __post_init__(self) -> None:
        """Check shapes and types."""
        _check("points", self.points, (78, 2), np.float32)
        _check("shape", self.shape, (3,), np.float32)
        _check("asked", self.asked, (3,), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face in one frame, and what it hears.

    Attributes:
        box_xyxy: float32 (4,) in frame pixels, pads included.
        landmarks: float32 (5, 2) in frame pixels (see `Boxes`), or None when the detector gives none.
        identity: number of the person who is followed, from 0.
        features: what the audio front end gave for this time, of mel80 float32 (80, T), -4…4; None before a voice
            is laid on it.
        gain: 0 (silence) … 1 (speech).
        own: the person's own mouth, taken from other frames; None where the networks alone make it.
        goal: what the mouth is asked, in numbers; None where the lip network alone knows.
    """

    box_xyxy: F32
    landmarks: F32 | None = None
    identity: int = 0
    features: F32 | None = None
    gain: float = 1.0
    own: Overlay | None = None
    goal: Goal | None = None

    def __post_init__(self) -> None:
        """Check shapes and types."""
        _check("box_xyxy", self.box_xyxy, (4,), np.float32)
        if self.landmarks is not None:
            _check("landmarks", self.landmarks, (POINTS, 2), np.float32)
        if self.features is not None:
            _check("features", self.features, (None, None), np.float32)

    @property
    def size(self) -> float:
        """Geometric mean of the box's width and height, in pixels."""
        width, height = np.maximum(self.box_xyxy[2:] - self.box_xyxy[:2], 1.0)
        return float(np.sqrt(width * height))


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture, and the faces in it.

    Attributes:
        index: number of the frame in its film or sequence, from 0; a film that is shown again shows it again.
        time: its presentation time in seconds.
        image_bgr: uint8 (H, W, 3), upright; never written to.
        source: the same picture as it was decoded, 8 bit 4:2:0, for the writer; None where it was stored otherwise or
            had to be turned or scaled.
        faces: the faces that are followed; empty: the frame passes through.
        shot_start: whether a new shot begins with it (True for the first frame that a tracker saw).
        part: the only part of `image_bgr` that was converted, the rest of it is anything; None: all of it was.
    """

    index: int
    time: Fraction
    image_bgr: U8
    source: av.VideoFrame | None = None
    faces: tuple[Face, ...] = ()
    shot_start: bool = False
    part: Region | None = None

    def __post_init__(self) -> None:
        """Check shape and type."""
        _check("image_bgr", self.image_bgr, (None, None, 3), np.uint8)

    def copy_of_image(self) -> U8:
        """Return a copy of `image_bgr`, of its part alone where that is all there is."""
        if self.part is None:
            return self.image_bgr.copy()
        copy = np.empty_like(self.image_bgr)
        self.part.view(copy)[:] = self.part.view(self.image_bgr)
        return copy

    def hearing(self, features: F32, gain: float) -> Frame:
        """Return the frame with one voice laid on all of its faces."""
        return replace(self, faces=tuple(replace(face, features=features, gain=gain) for face in self.faces))


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A finished picture.

    Attributes:
        image_bgr: uint8 (H, W, 3); the frame's own array where nothing changed.
        changed: the part outside of which it is the frame's own picture, bit for bit; None: all of it is.
    """

    image_bgr: U8
    changed: Region | None = None
