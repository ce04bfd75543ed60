"""Transparent pictures, laid on one colour: what lies hidden under the transparency is not meant to be seen."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.errors import UsageError
from lipsync_edge.types import U8
from lipsync_edge.video.orientation import Orientation
from lipsync_edge.video.still_decoding import decode_still
from lipsync_edge.video.yuv import plane

if TYPE_CHECKING:
    import av

Color = tuple[int, int, int]  # blue, green, red, 0…255
WHITE: Color = (255, 255, 255)  # as pages are
NAMED: dict[str, Color] = {"white": WHITE, "black": (0, 0, 0), "gray": (128, 128, 128), "green": (64, 177, 0)}
OPAQUE = 255
_ROWS = 64  # that are compared at a time


def color_of(text: str) -> Color:
    """Return the colour that a name or #RRGGBB says; UsageError for anything else."""
    digits = text.removeprefix("#")
    if text in NAMED:
        return NAMED[text]
    try:
        red, green, blue = bytes.fromhex(digits) if len(digits) == 6 else b""
    except ValueError as error:
        raise UsageError(
            expected=f"a background out of {', '.join(NAMED)}, or #RRGGBB", got=repr(text)
        ) from error
    return blue, green, red


def has_alpha(frame: av.VideoFrame) -> bool:
    """Whether a decoded picture has a transparency channel."""
    return any(component.is_alpha for component in frame.format.components)


def alpha_plane(frame: av.VideoFrame) -> U8:
    """Return the transparency of a decoded picture that has one, uint8 (H, W), 255 where it is opaque."""
    return plane(frame.reformat(format="gbrap", threads=1), 3)


def laid_on_background(image_bgr: U8, alpha: U8, background: Color = WHITE) -> U8:
    """Blend a picture, uint8 (H, W, 3), with the background by its alpha, uint8 (H, W); 255 leaves every bit."""
    weight = alpha[..., None].astype(np.uint16)
    under = np.array(background, np.uint16)
    mixed = (image_bgr * weight + under * (OPAQUE - weight) + OPAQUE // 2) // OPAQUE
    return mixed.astype(np.uint8)


def alpha_of(encoded: U8, image_bgr: U8) -> U8 | None:
    """Return the alpha, uint8 (H, W), of a still that OpenCV decodes, or None where it has none.

    OpenCV gives it only as it was stored; it is turned the way in which the picture as stored becomes the upright one.

    Args:
        encoded: the file's bytes, uint8 (n,).
        image_bgr: the picture that it holds, upright, uint8 (H, W, 3).
    """
    if bytes(encoded[:2]) == b"\xff\xd8":  # a JPEG has none
        return None
    stored = decode_still(encoded, cv2.IMREAD_UNCHANGED)
    if stored is None or stored.ndim != 3 or stored.shape[2] != 4:
        return None
    four = _in_bytes(stored)
    del stored
    alpha = np.ascontiguousarray(four[..., 3])
    if alpha.min() == OPAQUE:
        return None
    for orientation in (Orientation(*flags) for flags in product((False, True), repeat=3)):
        if _same(orientation.view(four[..., :3]), image_bgr):
            return np.ascontiguousarray(orientation.view(alpha))
    return alpha if alpha.shape == image_bgr.shape[:2] else None


def _in_bytes(stored: npt.NDArray[Any]) -> U8:
    """Return a picture of 8 or 16 bits as one of 8; by rows, for the whole may be a large part of the memory."""
    if stored.dtype == np.uint8:
        return np.asarray(stored, np.uint8)
    four = np.empty(stored.shape, np.uint8)
    for low in range(0, len(stored), _ROWS):
        four[low : low + _ROWS] = stored[low : low + _ROWS] // 256
    return four


def _same(one: U8, other: U8) -> bool:
    """Whether two pictures, uint8 (H, W, 3), differ by a rounding at most."""
    return one.shape == other.shape and all(
        np.abs(one[low : low + _ROWS].astype(np.int16) - other[low : low + _ROWS]).max() <= 1
        for low in range(0, len(one), _ROWS)
    )
