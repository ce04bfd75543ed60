"""The frame that gets a mouth."""

from __future__ import annotations

from dataclasses import dataclass

from lipsync_edge.face.align import AlignedCrop
from lipsync_edge.render.exemplars.reshape import FaceShape
from lipsync_edge.types import F32, U8


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The frame that gets a mouth.

    Attributes:
        frame_bgr: uint8 (H, W, 3).
        crop: its aligned crop.
        face: its landmarks in that crop.
        grey: float32 (S, S), the crop's grey levels, smoothed.
        paste: float32 (h, w) over the crop: 1 may be replaced.
    """

    frame_bgr: U8
    crop: AlignedCrop
    face: FaceShape
    grey: F32
    paste: F32
