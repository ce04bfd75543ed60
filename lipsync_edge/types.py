"""The value types that travel between the stages, shape-checked where they are made."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]
Arrays = dict[str, npt.NDArray[Any]]  # tensors of a graph, by name

MEL_BANDS = 80  # Wav2Lip's mel front end
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


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """Everything the engine needs to know about one output frame.

    Attributes:
        index: number of the output frame, from 0.
        time: its presentation time in seconds.
        frame_bgr: uint8 (H, W, 3), the source picture; never written to.
        mel: float32 (80, T), the card's window of mel columns, range [-4, 4].
        box_xyxy: float32 (4,) face box in frame pixels, pads included; None: the frame passes through.
        landmarks: float32 (5, 2) in frame pixels, or None when the detector gives none.
        gain: 0 (silence) … 1 (speech).
    """

    index: int
    time: Fraction
    frame_bgr: U8
    mel: F32
    box_xyxy: F32 | None = None
    landmarks: F32 | None = None
    gain: float = 1.0

    def __post_init__(self) -> None:
        """Check shapes and types."""
        _check("frame_bgr", self.frame_bgr, (None, None, 3), np.uint8)
        _check("mel", self.mel, (MEL_BANDS, None), np.float32)
        if self.box_xyxy is not None:
            _check("box_xyxy", self.box_xyxy, (4,), np.float32)
        if self.landmarks is not None:
            _check("landmarks", self.landmarks, (POINTS, 2), np.float32)
