"""What a frame's mouth looks like: its shape, the head's pose, light, sharpness, and small pictures to compare."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from lipsync_edge.face.landmarks import INNER_LIP, Landmarks
from lipsync_edge.types import F32, U8

THUMB = (30, 24)  # width and height of the mouth's small picture
THUMB_WINDOW = (0.3, 0.5, 0.7, 0.82)  # of the crop: left, top, right, bottom
RIM_SIDE = 16  # the crop is compared round the mouth at this side
CHEEKS = ((0.2, 0.44, 0.34, 0.6), (0.66, 0.44, 0.8, 0.6))
SHARP_WINDOW = (0.3, 0.5, 0.7, 0.8)
LEAST_OPEN = 0.06  # eye distances: from here on the inside of the mouth can be judged


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One frame's mouth.

    Attributes:
        shape: float32 (3,), opening, width and jaw in eye distances.
        pose: float32 (3,), yaw, pitch, roll in degrees.
        cheek: float32 (3,), mean BGR of the cheeks, 0…255.
        sharpness: standard deviation of the mouth's Laplacian, grey levels.
        thumb: float32 (720,), the mouth in grey levels.
        rim: float32 (k,), what lies round the mouth in grey levels, the mean taken out.
        inside: mean grey level between the lips; -1 where they are too near each other to tell.
        visible: 0…1, how much of the mouth nothing covers.
    """

    shape: F32
    pose: F32
    cheek: F32
    sharpness: float
    thumb: F32
    rim: F32
    inside: float
    visible: float


def look_at(crop_bgr: U8, landmarks: Landmarks) -> Look:
    """Describe a frame by its aligned crop, uint8 (S, S, 3), and the landmarks found in it."""
    mouth = landmarks.mouth()
    grey = np.asarray(cv2.cvtColor(crop_bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    cheeks = [_window(crop_bgr, window).reshape(-1, 3).mean(0) for window in CHEEKS]
    edges = cv2.Laplacian(_window(grey, SHARP_WINDOW), cv2.CV_32F)
    thumb = cv2.resize(_window(grey, THUMB_WINDOW), THUMB, interpolation=cv2.INTER_AREA)
    small = cv2.resize(grey, (RIM_SIDE, RIM_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    rim = small[_rim()]
    return Look(
        shape=np.array([mouth.opening, mouth.width, mouth.jaw], np.float32),
        pose=landmarks.pose.astype(np.float32),
        cheek=np.mean(cheeks, 0).astype(np.float32),
        sharpness=float(edges.std()),
        thumb=thumb.astype(np.float32).ravel(),
        rim=(rim - rim.mean()).astype(np.float32),
        inside=_inside(grey, landmarks, mouth.opening),
        visible=float(landmarks.confidence),
    )


def _inside(grey: U8, landmarks: Landmarks, opening: float) -> float:
    """Return the mean grey level between the inner lips, -1 below the least opening."""
    if opening < LEAST_OPEN:
        return -1.0
    places = np.rint((landmarks.points[INNER_LIP] * len(grey) - 0.5) * 16).astype(np.int32)
    mask = np.zeros(grey.shape, np.uint8)
    cv2.fillPoly(mask, [places], 1, shift=4)
    return float(np.float32(grey[mask > 0].mean())) if mask.any() else -1.0  # float32: as libraries keep it


def _window(picture: U8, window: tuple[float, float, float, float]) -> U8:
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = (
        round(part * size) for part, size in zip(window, (width, height, width, height), strict=True)
    )
    return np.ascontiguousarray(picture[y1:y2, x1:x2])


@lru_cache(maxsize=1)
def _rim() -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which of the small crop's pixels lie round the mouth: below the eyes, inside the face, not the mouth itself."""
    centre = (np.arange(RIM_SIDE) + 0.5) / RIM_SIDE
    x, y = np.meshgrid(centre, centre)
    face = ((x - 0.5) / 0.3) ** 2 + ((y - 0.62) / 0.26) ** 2 < 1
    mouth = ((x - 0.5) / 0.19) ** 2 + ((y - 0.65) / 0.12) ** 2 < 1
    return np.asarray(face & ~mouth)
