"""JPEGs in tiles: a part of a picture is decoded, or made anew, without touching the rest.

A JPEG with restart markers is a row of tiles that know nothing of each other (ITU T.81, E.1.4). Tiles of a rectangle
with a header of its own are a JPEG of that rectangle; tiles that were encoded with the same tables take the place of
others. Either is exact: the bytes are those that encoding the whole picture would give, and so are the decoded pixels
where colour is not subsampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.types import U8, Region

LONGEST = 8  # blocks of a tile; longer ones cost less bytes, shorter ones fit a face better
_START, _FRAME, _SCAN, _INTERVAL, _END = 0xD8, 0xC0, 0xDA, 0xDD, b"\xff\xd9"
_RESTARTS = range(0xD0, 0xD8)


def encode(image_bgr: U8, *, quality: int, full_color: bool = False, tile: int | None = None) -> bytes:
    """Encode a picture, uint8 (H, W, 3) BGR, in tiles.

    Args:
        image_bgr: the picture.
        quality: 1 to 100.
        full_color: colour at every pixel (4:4:4); else at every fourth (4:2:0).
        tile: blocks of a tile; without it as many as `tile_of` says.
    """
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444 if full_color else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    block = 8 if full_color else 16
    settings = {
        cv2.IMWRITE_JPEG_QUALITY: quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR: sampling,
        cv2.IMWRITE_JPEG_RST_INTERVAL: tile or tile_of(image_bgr.shape[1], block),
    }
    flat = [number for setting in settings.items() for number in setting]
    return cv2.imencode(".jpg", np.ascontiguousarray(image_bgr), flat)[1].tobytes()


def tile_of(width: int, block: int) -> int:
    """Return the blocks of a tile: the most up to `LONGEST` by which a row of `width` pixels can be divided."""
    blocks = -(-width // block)
    return max(tile for tile in range(1, LONGEST + 1) if blocks % tile == 0)


def aligned(region: Region, width: int, height: int) -> Region:
    """Return the smallest rectangle of whole 4:2:0 tiles, as `encode` makes them, that holds a region of a picture."""
    return _widened(region, (16 * tile_of(width, 16), 16), (width, height))


def _widened(region: Region, tile: tuple[int, int], size: tuple[int, int]) -> Region:
    (across, down), (width, height) = tile, size
    right, bottom = -(-region.x2 // across) * across, -(-region.y2 // down) * down
    x, y = region.x1 // across * across, region.y1 // down * down
    return Region(x, y, min(right, width), min(bottom, height))


@dataclass(frozen=True, slots=True)
class _Header:
    """Where things stand in the head of a JPEG, and what they say."""

    size: tuple[int, int]  # width, height
    size_at: int  # of the height in the frame header
    block: int  # pixels
    tile: int  # blocks
    end: int  # where the tiles begin


class TiledJpeg:
    """A JPEG whose rows of blocks are cut into tiles.

    Args:
        data: the file.

    Raises:
        ValueError: it is no baseline JPEG of three components, or its tiles do not end with its rows.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = memoryview(data)
        self._header = _read(self.data)
        tile_width = self._header.block * self._header.tile
        self.size = self._header.size
        self.tile, self.tile_size = self._header.tile, (tile_width, self._header.block)
        self.columns, self.rows = -(-self.size[0] // tile_width), -(-self.size[1] // self._header.block)

    @cached_property
    def _ends(self) -> npt.NDArray[np.int64]:
        """Where the tiles end, int64 (rows * columns); the next one begins two bytes later."""
        numbers = np.frombuffer(self.data, np.uint8)
        at = np.flatnonzero(numbers[self._header.end : -1] == 0xFF) + self._header.end
        after = numbers[at + 1]
        ends = np.append(at[(after >= _RESTARTS.start) & (after < _RESTARTS.stop)], len(numbers) - 2)
        if len(ends) != self.rows * self.columns or bytes(self.data[-2:]) != _END:
            raise ValueError(f"expected {self.rows * self.columns} tiles, got {len(ends)}")
        return ends

    def index(self) -> None:
        """Look for the tiles, which the first use does otherwise; ValueError when the file is damaged."""
        assert len(self._ends)

    @property
    def nbytes(self) -> int:
        """Bytes of the file and its index."""
        return len(self.data) + self._ends.nbytes

    def around(self, region: Region) -> Region:
        """Return the smallest rectangle of whole tiles that holds a region, clipped to the picture."""
        return _widened(region, self.tile_size, self.size)

    def cut(self, tiles: Region) -> bytes:
        """Return a JPEG of a rectangle of whole tiles, see `around`."""
        head = bytearray(self.data[: self._header.end])
        width, height = tiles.size
        at = self._header.size_at
        head[at : at + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
        starts, ends = self._places(tiles)
        runs = [self.data[start:end] for start, end in zip(starts, ends[:, -1] + 2, strict=True)]
        out = np.frombuffer(b"".join([head, *runs]), np.uint8).copy()
        lengths = ends[:, -1] + 2 - starts
        moved = len(head) + np.cumsum(lengths) - lengths - starts
        markers = (ends + moved[:, None]).ravel() + 1
        out[markers] = _RESTARTS.start + np.arange(len(markers)) % 8
        out[-1] = _END[1]
        return out.tobytes()

    def replaced(self, tiles: Region, part: TiledJpeg) -> bytes:
        """Return the whole JPEG with the tiles of a rectangle taken from a JPEG of that rectangle.

        Args:
            tiles: a rectangle of whole tiles, see `around`.
            part: encoded by `encode` with the same quality, colour and tile.
        """
        if part.size != tiles.size or part.tile_size != self.tile_size:
            raise ValueError(f"expected {tiles.size} in tiles of {self.tile_size}, got {part.size}")
        starts, ends = self._places(tiles)
        first, rows = tiles.x1 // self.tile_size[0], np.arange(len(starts)) + tiles.y1 // self.tile_size[1]
        new_starts, new_ends = part._places(Region(0, 0, *part.size))
        new = np.frombuffer(part.data, np.uint8).copy()
        new[new_ends + 1] = (
            _RESTARTS.start + (rows[:, None] * self.columns + first + np.arange(part.columns)) % 8
        )
        renumbered = memoryview(new)
        pieces: list[memoryview] = []
        done = 0
        for start, end, low, high in zip(starts, ends[:, -1], new_starts, new_ends[:, -1], strict=True):
            pieces += [self.data[done:start], renumbered[low:high]]
            done = end
        return b"".join([*pieces, self.data[done:]])

    def _places(self, tiles: Region) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where the rows of a rectangle of tiles begin, int64 (r,), and where its tiles end, int64 (r, c)."""
        across, down = self.tile_size
        left, right = tiles.x1 // across, -(-tiles.x2 // across)
        top, bottom = tiles.y1 // down, -(-tiles.y2 // down)
        first = np.arange(top, bottom) * self.columns + left
        starts = np.where(first > 0, self._ends[first - 1] + 2, self._header.end)
        return starts, self._ends.reshape(self.rows, self.columns)[top:bottom, left:right]


def _read(data: memoryview) -> _Header:
    """Read a JPEG's head; ValueError when it has no tiles."""
    size, size_at, block, interval, at = (0, 0), 0, 0, 0, 2
    if bytes(data[:2]) != bytes((0xFF, _START)):
        raise ValueError("it does not begin like a JPEG")
    while at + 4 <= len(data) and data[at] == 0xFF:
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        if kind == _FRAME and len(body) == 15 and body[5] == 3:
            size_at, size = at + 5, (int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big"))
            block = {0x11: 8, 0x22: 16}.get(body[7], 0)
        if kind == _INTERVAL:
            interval = int.from_bytes(body, "big")
        at += 2 + length
        if kind == _SCAN:
            break
    if not (block and interval and min(size)) or -(-size[0] // block) % interval:
        raise ValueError("expected a baseline JPEG whose rows end with a restart")
    return _Header(size, size_at, block, interval, at)
