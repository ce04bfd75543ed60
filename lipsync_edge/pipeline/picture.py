"""Finished pictures of a stream: what was made is kept, the rest comes from the avatar when it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lipsync_edge.pipeline.avatar import Avatar
from lipsync_edge.types import U8, Region
from lipsync_edge.video import tiles
from lipsync_edge.video.tiles import TiledJpeg

KEPT_BYTES = 256_000_000  # of an avatar
ENTRY_BYTES = 500  # beside the pixels
ONCE_MOST = 20_000  # keys that came once are remembered; then all of them are forgotten


class Picture(Protocol):
    """A finished picture in the forms that outputs ask for."""

    @property
    def image_bgr(self) -> U8:
        """The whole picture, uint8 (H, W, 3); not to be written to."""
        ...

    def jpeg(self, quality: int) -> bytes:
        """Return the whole picture as a JPEG, quality 1 to 100."""
        ...

    def shows(self, other: Picture) -> bool:
        """Whether both are known to have the same pixels, without looking at them."""
        ...

    @property
    def loop_key(self) -> Hashable | None:
        """What it is known by where it comes again and again among other pictures; None where it does not."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class WholePicture:
    """A picture of which nothing is known but its pixels.

    Attributes:
        image_bgr: uint8 (H, W, 3).
    """

    image_bgr: U8

    def jpeg(self, quality: int) -> bytes:
        """Encode it."""
        return tiles.encode(self.image_bgr, quality=quality)

    def shows(self, other: Picture) -> bool:
        """Whether both are one array."""
        return isinstance(other, WholePicture) and other.image_bgr is self.image_bgr

    @property
    def loop_key(self) -> None:
        """Nothing: it is not known whether it comes again."""


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What a stream made of one of the avatar's pictures.

    Attributes:
        region: outside of which nothing was changed, whole tiles of the picture's JPEG; None: nothing was.
        pixels: uint8 (h, w, 3) of the region.
        then: state of the own mouth after it, see `LiveMouth.state`.
    """

    region: Region | None
    pixels: U8 | None
    then: Hashable | None = None


class Kept:
    """What streams of one avatar keep: idle pictures that were made, and JPEGs of the avatar's own pictures.

    An avatar goes through the same positions again and again, so nothing is thrown away for something newer: what
    fits at first stays, and what finds no room is made every time. A picture is kept when it is made for the second
    time: on its way to rest after each utterance a mouth goes through states that never come again, which would fill
    the room within a day of talking. Safe to share between threads and streams.

    Args:
        limit: bytes of all together.
    """

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self.limit = limit
        self.held = 0
        self._idle: dict[Hashable, Made] = {}
        self._once: set[Hashable] = set()
        self._jpegs: dict[Hashable, TiledJpeg] = {}
        self._turn = threading.Lock()

    def idle(self, key: Hashable) -> Made | None:
        """Give what was made of an idle picture, or None."""
        return self._idle.get(key)

    def keep_idle(self, key: Hashable, made: Made) -> bool:
        """Keep what was made of an idle picture, if it comes again and there is room; return whether it is kept."""
        with self._turn:
            if key not in self._once:
                self._once = self._once if len(self._once) < ONCE_MOST else set()
                self._once.add(key)
                return False
            self._once.discard(key)
        size = ENTRY_BYTES + (0 if made.pixels is None else made.pixels.nbytes)
        self._keep(self._idle, key, made, size)
        return self._idle.get(key) is made

    def jpeg(self, avatar: Avatar, position: int, quality: int) -> TiledJpeg | None:
        """Give the JPEG of an avatar's own picture; None where there is no room to keep it."""
        key = position, quality
        found = self._jpegs.get(key)
        if found is None and self.held < self.limit:
            found = TiledJpeg(tiles.encode(avatar.picture(position), quality=quality))
            found.index()
            self._keep(self._jpegs, key, found, ENTRY_BYTES + found.nbytes)
        return found

    def _keep(self, store: dict[Hashable, Any], key: Hashable, value: object, size: int) -> None:
        with self._turn:
            if key in store:
                return
            if self.held + size > self.limit:
                self.held = self.limit  # full: no more is tried
                return
            store[key] = value
            self.held += size


class AvatarPicture:
    """A picture of an avatar with a part that was made.

    Args:
        avatar: whose it is.
        position: of its own picture.
        made: the part.
        kept: holds JPEGs of the avatar's own pictures.
        whole: uint8 (H, W, 3), the whole picture where that is there already.
        is_kept: whether the part is kept, so that it comes again.
    """

    def __init__(
        self,
        avatar: Avatar,
        position: int,
        made: Made,
        kept: Kept,
        whole: U8 | None = None,
        *,
        is_kept: bool = False,
    ) -> None:
        self._avatar, self._position, self._kept = avatar, position, kept
        self._whole, self._is_kept = whole, is_kept
        self.made = made
        self.was_asked = False  # for all of its pixels

    @property
    def image_bgr(self) -> U8:
        """The whole picture, uint8 (H, W, 3); decoded at the first call."""
        self.was_asked = True
        if self._whole is None:
            whole, made = self._avatar.picture(self._position), self.made
            if made.region is not None and made.pixels is not None:
                whole = whole.copy()
                made.region.view(whole)[:] = made.pixels
            self._whole = whole
        return self._whole

    def shows(self, other: Picture) -> bool:
        """Whether both are the avatar's picture of one position with the same part made, or none."""
        if not isinstance(other, AvatarPicture):
            return False
        is_there = self._avatar is other._avatar and self._position == other._position
        return is_there and (self.made is other.made or self.made.region is other.made.region is None)

    @property
    def loop_key(self) -> Hashable | None:
        """Position and part; None for a photo, which is not among others, and for a part that is not kept."""
        if len(self._avatar) == 1 or not (self._is_kept or self.made.region is None):
            return None
        return self._position, None if self.made.region is None else self.made

    def jpeg(self, quality: int) -> bytes:
        """Return the whole picture as a JPEG; only the part that was made is encoded."""
        own, made = self._kept.jpeg(self._avatar, self._position, quality), self.made
        if own is None:
            return tiles.encode(self.image_bgr, quality=quality)
        if made.region is None or made.pixels is None:
            return bytes(own.data)
        part = tiles.encode(made.pixels, quality=quality, tile=own.tile)
        return own.replaced(made.region, TiledJpeg(part))


def taken(region: Region | None, image_bgr: U8, then: Hashable | None = None) -> Made:
    """Return a copy of a region of a picture, uint8 (H, W, 3), widened to whole tiles of its JPEG."""
    if region is None:
        return Made(None, None, then)
    wide = tiles.aligned(region, image_bgr.shape[1], image_bgr.shape[0])
    return Made(wide, wide.view(image_bgr).copy(), then)


def differing(region: Region | None, made_bgr: U8, own_bgr: U8) -> Region | None:
    """Return the smallest part of a region in which two pictures, uint8 (H, W, 3), differ; None where they do not."""
    if region is None:
        return None
    differs = (region.view(made_bgr) != region.view(own_bgr)).any(-1)
    rows, columns = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
    if not len(rows):
        return None
    x, y = region.x1, region.y1
    return Region(x + int(columns[0]), y + int(rows[0]), x + int(columns[-1]) + 1, y + int(rows[-1]) + 1)
