"""What is seen of each frame, and a library made of a film."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from lipsync_edge.face.align import aligned_crop
from lipsync_edge.face.landmarks import Landmarker, Landmarks
from lipsync_edge.models.network import Network
from lipsync_edge.render.exemplars.alignment import grey
from lipsync_edge.render.exemplars.library import Library, LibraryBuilder, make_exemplar
from lipsync_edge.render.exemplars.look import Look, look_at
from lipsync_edge.render.exemplars.reshape import FaceShape, eye_distance
from lipsync_edge.render.exemplars.target import Target
from lipsync_edge.render.segment import Regions, Segmenter
from lipsync_edge.types import F32, U8


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A frame's face as the networks see it.

    Attributes:
        target: what a mouth is laid on.
        look: what the mouth and the head look like.
        landmarks: of the aligned crop.
        crop_bgr: uint8 (S, S, 3), the aligned crop.
        regions: what is where in it.
    """

    target: Target
    look: Look
    landmarks: Landmarks
    crop_bgr: U8
    regions: Regions


class Watcher:
    """Looks at the face of a frame: landmarks and regions of the aligned crop.

    Args:
        landmarker: finds the landmarks.
        segmenter: parses crops of the same side.
    """

    def __init__(self, landmarker: Landmarker, segmenter: Segmenter) -> None:
        assert landmarker.side == segmenter.side, "landmarks and regions are found in the same crop"
        self._landmarker = landmarker
        self._segmenter = segmenter

    @property
    def networks(self) -> tuple[Network, Network]:
        """Those of the landmarks and of the regions."""
        return self._landmarker.network, self._segmenter.network

    def __call__(self, frame_bgr: U8, five_points: F32) -> Seen:
        """Look at a frame, uint8 (H, W, 3), at five points of a face, float32 (5, 2) in its pixels."""
        crop_bgr = aligned_crop(five_points, self._landmarker.side).cut(frame_bgr)
        landmarks, regions = self._landmarker([crop_bgr])[0], self._segmenter.regions([crop_bgr])[0]
        # as it is kept, so that who knows a film and who looks at it make the same picture
        regions = replace(regions, paste=paste_of(levels_of(regions.paste)))
        return see(frame_bgr, crop_bgr, five_points, landmarks, regions)

    def knowing(self, frame_bgr: U8, five_points: F32, landmarks: Landmarks, paste: F32) -> Seen:
        """Look at a frame whose landmarks, and what may be replaced there, were found before."""
        crop_bgr = aligned_crop(five_points, self._landmarker.side).cut(frame_bgr)
        return see(frame_bgr, crop_bgr, five_points, landmarks, Regions(paste))


def levels_of(paste: F32) -> U8:
    """Return a mask, float32 0…1, in steps of 1/255, as it is kept."""
    return np.rint(paste * 255).astype(np.uint8)


def paste_of(levels: U8) -> F32:
    """Return the mask, float32, of what `levels_of` gave."""
    return levels.astype(np.float32) / np.float32(255)


def see(frame_bgr: U8, crop_bgr: U8, five_points: F32, landmarks: Landmarks, regions: Regions) -> Seen:
    """Gather what is known of a frame's face, its networks' results given."""
    side = len(crop_bgr)
    look = look_at(crop_bgr, landmarks)
    points = (landmarks.points * side - 0.5).astype(np.float32)
    face = FaceShape(points, look.shape, eye_distance(landmarks, side), float(look.pose[0]))
    target = Target(frame_bgr, aligned_crop(five_points, side), face, grey(crop_bgr), regions.paste)
    return Seen(target, look, landmarks, crop_bgr, regions)


class Gatherer:
    """Makes a library of at most `most` exemplars out of frames that come in order; `most` may be changed meanwhile."""

    def __init__(self, most: int) -> None:
        self._builder = LibraryBuilder(most)

    @property
    def most(self) -> int:
        """How many exemplars are kept at most."""
        return self._builder.most

    @most.setter
    def most(self, most: int) -> None:
        self._builder.most = most

    def add(self, number: int, seen: Seen) -> None:
        """Take a frame; numbers that follow each other are frames that do."""
        target = seen.target
        self._builder.add(
            make_exemplar(
                number, target.frame_bgr, target.crop, seen.crop_bgr, seen.landmarks, seen.look, target.paste
            )
        )

    def build(self) -> Library | None:
        """Return the library; None when there is nothing in it."""
        return self._builder.build()


def gather(seen: Iterable[tuple[int, Seen]], most: int) -> Library | None:
    """Make a library of at most `most` exemplars out of numbered frames, in order."""
    gatherer = Gatherer(most)
    for number, one in seen:
        gatherer.add(number, one)
    return gatherer.build()
