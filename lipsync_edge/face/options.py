"""How faces are followed, and what a tracker needs of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from lipsync_edge.errors import UsageError
from lipsync_edge.face.identity import parse_choice
from lipsync_edge.types import F32, U8, Boxes


class FindFaces(Protocol):
    """What a tracker needs of a detector; `lipsync_edge.face.detector.Detector` is one."""

    def __call__(self, frames_bgr: Sequence[U8], side: int = 0) -> list[Boxes]:
        """Find the faces of frames, uint8 (H, W, 3) each, best first, in frame pixels."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackOptions:
    """How faces are followed.

    Attributes:
        mode: "smooth": detect now and then, interpolate, smooth without lag; "reference": detect every frame, best
            face, whole pixels, mean of five boxes, as the published code does.
        every: frames between two detections (smooth).
        side: long side in pixels of the picture the detector sees; 0 is the frame itself.
        pads: top, bottom, left, right, in frame pixels, added to the face box, which is then clipped to the frame.
        face: who is followed: "largest", "left", "right", or an index counted from the left, as text.
        reference_bgr: uint8 (H, W, 3) picture of the person to follow; goes before `face`.
        box_xyxy: fixed box in frame pixels: only a face inside it is followed, and the box is given as it is.
        hold: frames for which a face that is lost stays where it was, if it still looks like it there, before frames
            pass through (smooth).
        radius: frames before and after that one frame's position is smoothed with (smooth).
    """

    mode: Literal["smooth", "reference"] = "smooth"
    every: int = 4
    side: int = 320
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    face: str = "largest"
    reference_bgr: U8 | None = None
    box_xyxy: tuple[float, float, float, float] | None = None
    hold: int = 6
    radius: int = 3

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        parse_choice(self.face)
        if (
            self.mode not in ("smooth", "reference")
            or self.every < 1
            or self.side < 0
            or min(self.hold, self.radius) < 0
        ):
            raise UsageError(
                expected="mode smooth or reference, every >= 1, side, hold and radius >= 0",
                got=f"mode {self.mode!r}, every {self.every}, side {self.side}, hold {self.hold}, radius {self.radius}",
            )
        if self.box_xyxy is not None and not (
            self.box_xyxy[0] < self.box_xyxy[2] and self.box_xyxy[1] < self.box_xyxy[3]
        ):
            raise UsageError(expected="a box x1,y1,x2,y2 with x1 < x2 and y1 < y2", got=str(self.box_xyxy))

    def within_box(self, boxes: Boxes) -> Boxes:
        """Return the faces whose centre lies in the fixed box; all of them without one."""
        if self.box_xyxy is None or not len(boxes):
            return boxes
        x1, y1, x2, y2 = self.box_xyxy
        x, y = (boxes.xyxy[:, :2] + boxes.xyxy[:, 2:]).T / 2
        inside = (x > x1) & (x < x2) & (y > y1) & (y < y2)
        landmarks = None if boxes.landmarks is None else boxes.landmarks[inside]
        return Boxes(boxes.xyxy[inside], boxes.score[inside], landmarks)

    def final_box(self, box_xyxy: F32, shape: tuple[int, ...]) -> F32 | None:
        """Return the box, float32 (4,), with its pads, clipped to a frame of shape (H, W, ...); None: nothing left."""
        top, bottom, left, right = (0, 0, 0, 0) if self.box_xyxy is not None else self.pads
        box = np.array(self.box_xyxy if self.box_xyxy is not None else box_xyxy, np.float32)
        box += np.array([-left, -top, right, bottom], np.float32)
        box = np.clip(box, 0, np.array([shape[1], shape[0]] * 2, np.float32)).astype(np.float32)
        return box if box[2] - box[0] >= 2 and box[3] - box[1] >= 2 else None
