"""What a stream renders of an avatar, and what becomes of it: only the face is decoded, and what repeats is kept."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lipsync_edge.audio.alignment import FeatureWindow
from lipsync_edge.pipeline.avatar import Avatar
from lipsync_edge.pipeline.avatar_window import window
from lipsync_edge.pipeline.live_mouth import LiveMouth
from lipsync_edge.pipeline.picture import AvatarPicture, Kept, differing, taken
from lipsync_edge.types import U8, Frame, Region, Rendered
from lipsync_edge.video.tiles import aligned


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A picture that is to be made.

    Attributes:
        position: of the avatar's own picture.
        frame: what the renderer gets.
        looked_at: the only part of its picture that is there; None: all of it is.
        key: what it is kept by; None: it does not come again.
    """

    position: int
    frame: Frame
    looked_at: Region | None
    key: tuple[int, object] | None


class PictureMaker:
    """Asks for a stream's pictures one after another, and takes them.

    A picture at rest (nobody speaks, and the mouth has closed) depends on the avatar's position and on what the own
    mouth goes on from; it is made once and kept. Of other pictures only the face is decoded, as long as nobody asks
    for all of the pixels.

    Args:
        avatar: whose pictures.
        own: says what the mouth shall do; None: the lip network alone knows.
        kept: pictures at rest, shared by streams of the same renderer, avatar and mouth.
    """

    def __init__(self, avatar: Avatar, own: LiveMouth | None, kept: Kept) -> None:
        self._avatar, self._own, self._kept = avatar, own, kept
        self._last: AvatarPicture | None = None
        self._canvas: U8 | None = None

    def ask(
        self, index: int, time: Fraction, heard: FeatureWindow, *, at_rest: bool
    ) -> Asked | AvatarPicture:
        """Say what is to be rendered for picture `index`, shown at `time` seconds; or give it, where it was kept."""
        position = self._avatar.position(time)
        key = (position, None if self._own is None else self._own.state) if at_rest else None
        made = self._kept.idle(key) if at_rest else None
        if made is not None:
            if self._own is not None and made.then is not None:
                self._own.state = made.then
            self._last = AvatarPicture(self._avatar, position, made, self._kept, is_kept=True)
            return self._last
        face = self._avatar.face(position)
        is_whole = self._last is None or self._last.was_asked
        looked_at = None if is_whole else window(face, self._avatar.size)
        shown = self._avatar.picture(position) if is_whole else self._part(position, looked_at)
        frame = Frame(index, time, shown, faces=() if face is None else (face,), shot_start=index == 0)
        frame = frame.hearing(heard.features, heard.gain)
        if self._own is not None:
            frame = self._own(frame, at_rest=at_rest)
        return Asked(position, frame, looked_at, key)

    def take(self, asked: Asked, done: Rendered) -> AvatarPicture:
        """Take what was rendered."""
        part, changed = asked.looked_at, done.changed
        assert part is None or changed is None or part.union(changed) == part, (
            "more was changed than was there"
        )
        if asked.key is not None:
            changed = differing(changed, done.image_bgr, asked.frame.image_bgr)
        made = taken(changed, done.image_bgr, None if self._own is None else self._own.state)
        is_kept = asked.key is not None and self._kept.keep_idle(asked.key, made)
        whole = None if asked.frame.image_bgr is self._canvas else done.image_bgr
        self._last = AvatarPicture(self._avatar, asked.position, made, self._kept, whole, is_kept=is_kept)
        return self._last

    def _part(self, position: int, region: Region | None) -> U8:
        """Decode a part of the avatar's picture into an array of the whole size; the rest of it is anything."""
        width, height = self._avatar.size
        if self._canvas is None:
            self._canvas = np.zeros((height, width, 3), np.uint8)
        if region is not None:
            part, there = self._avatar.part(position, aligned(region, width, height))
            there.view(self._canvas)[:] = part
        return self._canvas
