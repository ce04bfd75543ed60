"""Still pictures in: one file to one upright picture, no larger than players take; what is too large is not decoded."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from lipsync_edge.errors import InputError, NoVideoError
from lipsync_edge.types import U8
from lipsync_edge.video.alpha import WHITE, Color, alpha_of, laid_on_background
from lipsync_edge.video.container import check_file
from lipsync_edge.video.heif import read_heif
from lipsync_edge.video.heif_still import decode_heif
from lipsync_edge.video.picture_size import MOST_PIXELS, MOST_PIXELS_OF_STILL, picture_size
from lipsync_edge.video.still_decoding import decode_still

LEAST_SIDE = 16
MOST_BYTES_OF_STILL = 4 * MOST_PIXELS_OF_STILL
SHOWN_SIDE, SHOWN_PIXELS = 3840, 3840 * 2160  # of a still: what every player of 4K takes


def read_image(path: str | Path, background: Color = WHITE) -> U8:
    """Read a still picture, upright and opaque, uint8 (H, W, 3) BGR; InputError when it is none or too large."""
    image_bgr, alpha = read_image_and_alpha(path)
    return image_bgr if alpha is None else laid_on_background(image_bgr, alpha, background)


def read_image_and_alpha(path: str | Path) -> tuple[U8, U8 | None]:
    """Read a still picture, upright, uint8 (H, W, 3) BGR, and its alpha, uint8 (H, W), where it is transparent.

    One that is larger than what players take is scaled to that.
    """
    image_bgr, alpha = read_whole(Path(path))
    size = shown_size(image_bgr.shape[1], image_bgr.shape[0])
    if size == image_bgr.shape[1::-1]:
        return image_bgr, alpha
    small = np.asarray(cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
    thin = (
        None if alpha is None else np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.uint8)
    )
    return small, thin


def shown_size(width: int, height: int) -> tuple[int, int]:
    """Return the even size that a still of this size is scaled to; its own where players take that."""
    scale = min(1.0, SHOWN_SIDE / max(width, height), (SHOWN_PIXELS / (width * height)) ** 0.5)
    if scale == 1.0:
        return width, height
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


def read_whole(place: Path) -> tuple[U8, U8 | None]:
    """Read a still as it is, upright, uint8 (H, W, 3) BGR, and its alpha, uint8 (H, W), where it is transparent."""
    check_file(place, "a picture")
    heif = read_heif(place)
    if heif is not None:
        for part in (heif, heif.alpha or heif):
            check_size(place, part.width, part.height, MOST_PIXELS_OF_STILL)
        return decode_heif(place, heif, MOST_PIXELS_OF_STILL)
    encoded = np.frombuffer(place.read_bytes(), np.uint8)
    _check_claim(place, encoded)
    picture = decode_still(encoded, cv2.IMREAD_COLOR)
    if picture is None:
        raise _undecodable(place)
    check_size(place, picture.shape[1], picture.shape[0], MOST_PIXELS_OF_STILL)
    image_bgr = np.asarray(picture, np.uint8)
    return image_bgr, alpha_of(encoded, image_bgr)


def _check_claim(place: Path, encoded: U8) -> None:
    """Refuse a picture by what its header says, before a decoder takes the memory for it."""
    claimed = picture_size(encoded.data)
    if claimed is None:
        raise _undecodable(place)
    check_size(place, claimed.width, claimed.height, MOST_PIXELS_OF_STILL)
    if claimed.decoded_bytes > MOST_BYTES_OF_STILL:
        raise InputError(
            expected=f"{place.name} with at most {MOST_BYTES_OF_STILL // 1_000_000} MB of colour",
            got=f"{claimed.width}x{claimed.height} of {claimed.bytes_a_pixel} bytes each",
            fix="scale it first, or save it with 8 bits a channel",
        )


def _undecodable(place: Path) -> NoVideoError:
    return NoVideoError(expected=f"a picture in {place.name}", got="data that does not decode")


def check_size(path: Path, width: int, height: int, most: int = MOST_PIXELS) -> None:
    """Raise InputError for a picture that is too small to hold a face or too large for memory."""
    if min(width, height) < LEAST_SIDE or width * height > most:
        raise InputError(
            expected=f"{path.name} with sides from {LEAST_SIDE} and at most {most / 1e6:.0f} million pixels",
            got=f"{width}x{height}",
            fix="scale it first",
        )
