"""The eight ways in which a file may ask for its pictures to be turned and mirrored, and how they are obeyed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from lipsync_edge.types import U8

if TYPE_CHECKING:
    import av


@dataclass(frozen=True, slots=True)
class Orientation:
    """What makes a stored picture upright: first transposed, then its columns and its rows reversed.

    Attributes:
        transposed: rows become columns.
        columns_reversed: left becomes right.
        rows_reversed: the top becomes the bottom.
    """

    transposed: bool = False
    columns_reversed: bool = False
    rows_reversed: bool = False

    @property
    def as_stored(self) -> bool:
        """Whether nothing has to be done."""
        return not (self.transposed or self.columns_reversed or self.rows_reversed)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height of the upright picture of a stored one, or the other way round, which is the same."""
        return (height, width) if self.transposed else (width, height)

    def upright(self, image_bgr: U8) -> U8:
        """Turn and mirror a picture, uint8 (H, W, 3) or (H, W), its sides exchanged where transposed; contiguous."""
        if self.transposed:
            image_bgr = np.asarray(cv2.transpose(image_bgr), np.uint8)
        if not (self.columns_reversed or self.rows_reversed):
            return image_bgr
        both = self.columns_reversed and self.rows_reversed
        return np.asarray(cv2.flip(image_bgr, -1 if both else int(self.columns_reversed)), np.uint8)

    def view(self, picture: U8) -> U8:
        """Turn and mirror a picture, uint8 (H, W, 3) or (H, W), without copying it."""
        turned = picture.swapaxes(0, 1) if self.transposed else picture
        rows, columns = (
            slice(None, None, -1 if back else 1) for back in (self.rows_reversed, self.columns_reversed)
        )
        return turned[rows, columns]


AS_STORED = Orientation()


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Read the display matrix that a decoded frame carries; one that turns by odd angles is taken as the nearest.

    The matrix (nine int32, by rows: a b u, c d v, x y w) puts pixel (p, q) at (a·p + c·q + x, b·p + d·q + y).
    """
    attached: Any = frame.side_data
    matrix = attached.get("DISPLAYMATRIX")
    if matrix is None:
        return AS_STORED
    a, b, _, c, d = (int(number) for number in np.frombuffer(matrix, np.int32, 5))
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(transposed=True, columns_reversed=c < 0, rows_reversed=b < 0)
    return Orientation(columns_reversed=a < 0, rows_reversed=d < 0)
