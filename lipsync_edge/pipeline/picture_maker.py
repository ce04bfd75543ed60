"""Pictures of a stream, made of an avatar's: only the face is decoded, and what repeats is made once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from lipsync_edge.audio.alignment import FeatureWindow
from lipsync_edge.pipeline.avatar import Avatar
from lipsync_edge.pipeline.avatar_window import window
from lipsync_edge.pipeline.own_mouth import LiveMouth
from lipsync_edge.pipeline.picture import AvatarPicture, Kept, differing, taken
from lipsync_edge.render.renderer import Renderer
from lipsync_edge.types import U8, Frame, Region
from lipsync_edge.video.tiles import aligned


class PictureMaker:
    """Makes a stream's pictures one after another.

    A picture at rest (nobody speaks, and the mouth has closed) depends on the avatar's position and on what the own
    mouth goes on from; it is made once and kept. Of other pictures only the face is decoded, as long as nobody asks
    for all of the pixels.

    Args:
        renderer: makes the mouths.
        avatar: whose pictures.
        own: plans the person's own mouth, or None.
        kept: pictures at rest, shared by streams of the same renderer, avatar and mouth.
    """

    def __init__(self, renderer: Renderer, avatar: Avatar, own: LiveMouth | None, kept: Kept) -> None:
        self._renderer, self._avatar, self._own, self._kept = renderer, avatar, own, kept
        self._last: AvatarPicture | None = None
        self._canvas: U8 | None = None

    def __call__(
        self, index: int, time: Fraction, heard: FeatureWindow, *, at_rest: bool = False
    ) -> AvatarPicture:
        """Make picture `index`, shown at `time` seconds."""
        position = self._avatar.position(time)
        key = (position, None if self._own is None else self._own.state)
        made = self._kept.idle(key) if at_rest else None
        if made is None:
            picture = self._make(index, time, position, heard, at_rest=at_rest)
            if at_rest:
                self._kept.keep_idle(key, picture.made)
        else:
            picture = AvatarPicture(self._avatar, position, made, self._kept)
            if self._own is not None:
                self._own.state = made.then
        self._last = picture
        return picture

    def _make(
        self, index: int, time: Fraction, position: int, heard: FeatureWindow, *, at_rest: bool
    ) -> AvatarPicture:
        is_whole = self._last is None or self._last.was_asked
        face = self._avatar.face(position)
        looked_at = window(face, self._avatar.size)
        shown = self._avatar.picture(position) if is_whole else self._part(position, looked_at)
        frame = Frame(index, time, shown, faces=() if face is None else (face,), shot_start=index == 0)
        frame = frame.hearing(heard.features, heard.gain)
        if self._own is not None:
            frame = self._own(frame, at_rest=at_rest)
        done = self._renderer.render([frame])[0]
        if not is_whole and not _inside(done.changed, looked_at):
            shown[:] = self._avatar.picture(position)
            done = self._renderer.render([frame])[0]
        changed = differing(done.changed, done.image_bgr, shown) if at_rest else done.changed
        made = taken(changed, done.image_bgr, None if self._own is None else self._own.state)
        return AvatarPicture(self._avatar, position, made, self._kept, done.image_bgr if is_whole else None)

    def _part(self, position: int, region: Region | None) -> U8:
        """Decode a part of the avatar's picture into an array of the whole size; the rest of it is anything."""
        width, height = self._avatar.size
        if self._canvas is None:
            self._canvas = np.zeros((height, width, 3), np.uint8)
        if region is not None:
            part, there = self._avatar.part(position, aligned(region, width, height))
            there.view(self._canvas)[:] = part
        return self._canvas


def _inside(changed: Region | None, looked_at: Region | None) -> bool:
    return changed is None or (looked_at is not None and changed.union(looked_at) == looked_at)
