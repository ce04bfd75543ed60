"""A part of a frame that is made anew, and the grid of crop pixels that lies over it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.face.align import AlignedCrop
from lipsync_edge.render.exemplars.reading import Reading
from lipsync_edge.types import F32, U8, Region

F64 = npt.NDArray[np.float64]


class Canvas:
    """Whole crop pixels of a window of an aligned crop, and the rectangle of the frame that they cover.

    Args:
        crop: where the crop lies in the frame.
        shape: of the frame, (H, W, ...).
        window: left, top, right, bottom in crop pixels; may reach beyond the crop.

    Attributes:
        crop: the same.
        x: float32 (h, w), the columns of the grid.
        y: float32 (h, w), its rows.
        to_region: float64 (2, 3), crop pixels → pixels of the region.
        region: the rectangle of the frame; what lies beyond the window there is not to be used.
    """

    def __init__(self, crop: AlignedCrop, shape: tuple[int, ...], window: tuple[int, int, int, int]) -> None:
        self.crop = crop
        to_frame = crop.to_frame
        left, top, right, bottom = window
        self.x, self.y = _grid(*window)
        corners = np.array([(px, py, 1.0) for px in (left, right - 1) for py in (top, bottom - 1)])
        there = corners @ to_frame.T
        low = np.maximum(np.floor(there.min(0)).astype(int), 0)
        high = np.minimum(np.ceil(there.max(0)).astype(int) + 1, shape[1::-1])
        self.region = Region(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
        self.to_region = to_frame.copy()
        self.to_region[:, 2] -= low
        self._from_grid = self.to_region.copy()
        self._from_grid[:, 2] += to_frame[:, :2] @ np.array([left, top])

    @property
    def empty(self) -> bool:
        """Whether the window lies outside the frame."""
        return min(self.region.size) < 8

    def spread(self, plane: F32, finer: int = 1) -> F32:
        """Return a plane of the grid, float32 (h, w[, c]), or of a grid so many times finer, over the region."""
        spread_out = cv2.warpAffine(plane, self._from_finer(finer), self.region.size, flags=cv2.INTER_LINEAR)
        return np.asarray(spread_out, np.float32)

    def grid(self, finer: int) -> tuple[F32, F32]:
        """Return columns and rows of a grid over the same window that is so many times finer, in crop pixels."""
        if finer == 1:
            return self.x, self.y
        height, width = self.x.shape
        across, down = ((np.arange(n * finer) + 0.5) / finer - 0.5 for n in (width, height))
        x, y = np.meshgrid(across + self.x[0, 0], down + self.y[0, 0])
        return x.astype(np.float32), y.astype(np.float32)

    def read(self, picture: U8, x: F32, y: F32, to_picture: F64, finer: int = 1) -> U8:
        """Return a picture at places of the grid, or of a finer one, given in crop pixels, over the region."""
        return self.reading(picture, x, y, to_picture, finer).over(Region(0, 0, *self.region.size))

    def reading(self, picture: U8, x: F32, y: F32, to_picture: F64, finer: int = 1) -> Reading:
        """Return the same, to be read over parts of the region, which begins at (0, 0)."""
        return Reading.of(picture, *moved_by(to_picture, x, y), self._from_finer(finer))

    def mask(self, outline: F32, margin: float, feather: float, finer: int = 2) -> F32:
        """Return a soft mask of what an outline encloses, float32 0…1, over the region.

        Args:
            outline: float32 (k, 2), in crop pixels.
            margin: crop pixels that the mask reaches beyond the outline.
            feather: standard deviation of its edge in crop pixels.
            finer: it is drawn on a grid so many times finer.
        """
        corner = np.array([self.x[0, 0], self.y[0, 0]])
        places = (outline - corner + 0.5) * finer - 0.5
        mask: npt.NDArray[Any] = np.zeros([n * finer for n in self.x.shape], np.uint8)
        cv2.fillPoly(mask, [np.rint(places * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
        if reach := round(margin * finer):
            kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
            mask = cv2.dilate(mask, kernel)
        # in float32 it takes a fifth of the time
        soft = cv2.GaussianBlur(mask.astype(np.float32), _kernel(feather * finer), feather * finer)
        return self.spread(np.asarray(soft, np.float32) * np.float32(1 / 255), finer)

    def _from_finer(self, finer: int) -> F64:
        """Return float64 (2, 3), places of a grid that is so many times finer → pixels of the region."""
        matrix = self._from_grid.copy()
        if finer > 1:
            matrix[:, 2] += matrix[:, :2] @ np.full(2, 0.5 / finer - 0.5)
            matrix[:, :2] /= finer
        return matrix

    def inner(self, points: F32, reach: float) -> tuple[int, int, int, int]:
        """Return the window round points, float32 (k, 2) in crop pixels, that lies inside this one."""
        low, high = np.floor(points.min(0) - reach), np.ceil(points.max(0) + reach)
        left, top = max(int(low[0]), int(self.x[0, 0])), max(int(low[1]), int(self.y[0, 0]))
        right, bottom = min(int(high[0]), int(self.x[0, -1])), min(int(high[1]), int(self.y[-1, 0]))
        return left, top, max(right, left + 8) + 1, max(bottom, top + 8) + 1


@lru_cache(maxsize=64)
def _grid(left: int, top: int, right: int, bottom: int) -> tuple[F32, F32]:
    """Return columns and rows of whole crop pixels of a window, float32 (h, w) each; not to be written to."""
    columns, rows = np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32)
    x, y = np.meshgrid(columns, rows)
    for plane in (x, y):
        plane.flags.writeable = False
    return x, y


def _kernel(sigma: float) -> tuple[int, int]:
    """Return the size of a Gaussian's kernel that holds what eight bits show of it."""
    side = round(6 * sigma + 1) | 1
    return side, side


def moved_by(matrix: F64, x: F32, y: F32) -> tuple[F32, F32]:
    """Return places, float32 (h, w) each, where an affine map, float64 (2, 3), takes them."""
    (a, b, c), (d, e, f) = matrix.astype(np.float32)
    return a * x + b * y + c, d * x + e * y + f


def plane_of(plane: F32, canvas: Canvas) -> F32:
    """Read a plane over a canvas's crop, float32 (h, w), at the canvas's own places; its border is repeated."""
    side = canvas.crop.side
    if plane.shape != (side, side):
        return read_plane(plane, canvas.x, canvas.y, side)
    rows, columns = (np.clip(line.astype(int), 0, side - 1) for line in (canvas.y[:, 0], canvas.x[0]))
    return plane[rows[:, None], columns]


def read_plane(plane: F32, x: F32, y: F32, side: int) -> F32:
    """Read a plane over a crop of `side` pixels, float32 (h, w), at places in crop pixels; its border is repeated."""
    scale = np.float32(plane.shape[1] / side)
    half = np.float32(0.5)
    made = cv2.remap(
        plane,
        np.asarray((x + half) * scale - half, np.float32),
        np.asarray((y + half) * scale - half, np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(made, np.float32)
