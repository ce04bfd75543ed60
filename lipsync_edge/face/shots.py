"""Scene cuts, told from a tiny grey copy of each frame."""

from __future__ import annotations

import cv2
import numpy as np

from lipsync_edge.types import F32, U8

_WIDTH, _HEIGHT = 32, 18
_LEAST_CHANGE = 8.0  # mean grey levels; talking heads stay below 5, cuts between them lie above 13
_LEAST_LIKENESS = (
    0.82  # a flash or a fade keeps the picture's detail (0.89 and more from frame to frame), a cut does not
)
_LARGEST_USUAL = 15.0  # one cut must not hide the next
_COARSE = 3.0  # standard deviation in pixels of the thumbnail
_SUDDEN = 3.0  # a cut stands out from the motion before it


def thumbnail(frame_bgr: U8) -> F32:
    """Return a tiny grey copy, float32 (18, 32), of a frame uint8 (H, W, 3)."""
    height, width = frame_bgr.shape[:2]
    step = max(1, min(height, width) // 120)
    size = max(1, width // step), max(1, height // step)
    grey = cv2.cvtColor(cv2.resize(frame_bgr, size, interpolation=cv2.INTER_NEAREST), cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA), np.float32)


class CutDetector:
    """Says of each frame whether a new shot begins with it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget; the next frame is a first frame."""
        self._last: F32 | None = None
        self._usual = 0.0

    def push(self, frame_bgr: U8) -> bool:
        """Take the next frame, uint8 (H, W, 3); True for the first frame and for the first of a new shot."""
        now, before = thumbnail(frame_bgr), self._last
        self._last = now
        if before is None:
            return True
        change = float(np.abs(now - before).mean())
        sudden = change > max(_LEAST_CHANGE, _SUDDEN * self._usual)
        cut = sudden and _likeness(now, before) < _LEAST_LIKENESS
        self._usual = 0.8 * self._usual + 0.2 * min(change, _LARGEST_USUAL)
        return cut


def _likeness(a: F32, b: F32) -> float:
    """Correlation, -1 to 1, of the detail of two thumbnails; coarse light and dark, black bars too, do not count."""
    x, y = (thumb - cv2.GaussianBlur(thumb, (0, 0), _COARSE) for thumb in (a, b))
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / max(float(np.sqrt((x * x).sum() * (y * y).sum())), 1e-6))
