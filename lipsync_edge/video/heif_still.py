"""HEIF stills to one upright picture: tiles laid side by side, transparency from the picture beside it."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from lipsync_edge.errors import InputError, NoVideoError
from lipsync_edge.types import U8
from lipsync_edge.video.color import ACCURATE, FULL_CHROMA_OUT, FULL_RANGE, POINT, ColorTags
from lipsync_edge.video.container import opened
from lipsync_edge.video.heif import HeifPicture
from lipsync_edge.video.yuv import plane

if TYPE_CHECKING:
    import av

_ROWS = 64  # that are divided at a time


def decode_heif(path: Path, picture: HeifPicture, most_pixels: int) -> tuple[U8, U8 | None]:
    """Decode a HEIF still.

    Args:
        path: the file.
        picture: what `lipsync_edge.video.heif.read_heif` says of it; of a size that was found acceptable.
        most_pixels: of a tile.

    Returns:
        Upright, uint8 (H, W, 3) BGR, and its alpha, uint8 (H, W), or None where it is opaque.

    Raises:
        NoVideoError: a tile is missing or does not decode; InputError: tiles that do not fit together.
    """
    image_bgr = _upright(_joined(path, picture, most_pixels, gray=False), picture)
    if picture.alpha is None:
        return image_bgr, None
    alpha = _upright(_joined(path, picture.alpha, most_pixels, gray=True)[..., 0], picture.alpha)
    if alpha.shape != image_bgr.shape[:2]:
        alpha = np.asarray(
            cv2.resize(alpha, image_bgr.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8
        )
    if alpha.min() == 255:
        return image_bgr, None
    return _divided(image_bgr, alpha) if picture.premultiplied else image_bgr, alpha


def _joined(path: Path, picture: HeifPicture, most_pixels: int, *, gray: bool) -> U8:
    """Lay tiles side by side, uint8 (height, width, 3), or (height, width, 1) where gray."""
    whole = np.zeros((picture.height, picture.width, 1 if gray else 3), np.uint8)
    size: tuple[int, ...] | None = None
    filled = 0
    for number, frame in _tiles(path, picture.tiles, most_pixels):
        part = _gray(frame) if gray else _bgr(frame, picture)
        size = size or part.shape
        if part.shape != size:
            raise _unequal(path)
        row, column = divmod(number, picture.columns)
        place = whole[row * size[0] :, column * size[1] :][: size[0], : size[1]]
        if not place.size:
            raise _unequal(path)
        place[...] = part[: place.shape[0], : place.shape[1]]
        filled += place.shape[0] * place.shape[1]
    if filled < picture.height * picture.width:
        raise NoVideoError(
            expected=f"{len(picture.tiles)} tiles that make {picture.width}x{picture.height} in {path.name}",
            got="tiles that are missing, too small or do not decode",
            fix="export it again, or as JPEG",
        )
    return whole


def _unequal(path: Path) -> InputError:
    return InputError(
        expected=f"tiles of one size that fill the picture in {path.name}",
        got="others",
        fix="export it as JPEG or PNG",
    )


def _tiles(path: Path, numbers: Sequence[int], most_pixels: int) -> Iterator[tuple[int, av.VideoFrame]]:
    """Decode coded pictures by their numbers in the file, each with a decoder of its own, one after another."""
    import av

    wanted = {item: [i for i, one in enumerate(numbers) if one == item] for item in numbers}
    with opened(path) as container:
        streams = [stream for stream in container.streams.video if stream.id in wanted]
        for packet in container.demux(streams) if streams else ():
            context: Any = packet.stream.codec_context
            if packet.size == 0 or context is None:
                continue
            decoder: Any = av.CodecContext.create(context.name, "r")
            decoder.extradata = context.extradata
            decoder.options = {"max_pixels": str(most_pixels)}
            try:
                frames = [*decoder.decode(packet), *decoder.decode(None)]
            except av.error.FFmpegError:
                continue
            for place in wanted.pop(packet.stream.id, ()) if frames else ():
                yield place, frames[0]


def _bgr(frame: av.VideoFrame, picture: HeifPicture) -> U8:
    """Convert by the colours that the file says, else those of the coded picture, else full range as stills have."""
    if picture.matrix is not None:
        tags = ColorTags(matrix=picture.matrix, range=FULL_RANGE if picture.full_range else 1)
    else:
        tags = ColorTags(matrix=int(frame.colorspace), range=int(frame.color_range) or FULL_RANGE)
    planes = frame.reformat(
        format="gbrp",
        src_colorspace=tags.sws_matrix,
        src_color_range=tags.sws_range,
        dst_color_range=FULL_RANGE,
        interpolation=POINT | ACCURATE | FULL_CHROMA_OUT,
        threads=1,
    )
    green, blue, red = (plane(planes, i) for i in range(3))
    return np.asarray(cv2.merge([blue, green, red]), np.uint8)


def _gray(frame: av.VideoFrame) -> U8:
    shades = frame.reformat(
        format="gray",
        src_color_range=int(frame.color_range) or FULL_RANGE,
        dst_color_range=FULL_RANGE,
        threads=1,
    )
    return plane(shades, 0)[..., None]


def _upright(stored: U8, picture: HeifPicture) -> U8:
    """Cut, turn and mirror, uint8 (H, W) or (H, W, 3), in the order that the file says."""
    for kind, body in picture.turns:
        if kind == b"irot":
            stored = np.rot90(stored, body[0] & 3)
        elif kind == b"imir":
            stored = stored[:, ::-1] if body[0] & 1 else stored[::-1]
        else:
            stored = _cut(stored, body)
    return np.ascontiguousarray(stored)


def _cut(stored: U8, clap: bytes) -> U8:
    """Return the clean aperture, whose fractions are width, height, and offsets of its middle from the picture's."""
    try:
        n = struct.unpack_from(">IIIIiIiI", clap)
        width, height, right, down = (n[i] / n[i + 1] for i in range(0, 8, 2))
    except (struct.error, ZeroDivisionError):
        return stored
    left = round((stored.shape[1] - width) / 2 + right)
    top = round((stored.shape[0] - height) / 2 + down)
    if min(left, top) < 0 or min(width, height) < 1:
        return stored
    cut = stored[top : top + round(height), left : left + round(width)]
    return cut if cut.size else stored


def _divided(image_bgr: U8, alpha: U8) -> U8:
    """Undo the multiplication by alpha, uint8 (H, W), in place."""
    for low in range(0, len(alpha), _ROWS):
        part, weight = image_bgr[low : low + _ROWS], np.maximum(alpha[low : low + _ROWS, :, None], 1)
        part[...] = np.minimum(part.astype(np.uint16) * 255 // weight, 255)
    return image_bgr
