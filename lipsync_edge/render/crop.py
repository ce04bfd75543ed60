"""Where one tick's face lies in its frame, and what the networks see of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync_edge.face.align import AlignedCrop, aligned_crop, box_to_pixels
from lipsync_edge.render.composite import Region, crop_region
from lipsync_edge.render.lips import Lips, WarpMouth
from lipsync_edge.types import U8, Tick


@dataclass(frozen=True, slots=True, eq=False)
class FaceCut:
    """A face that was cut out of its frame.

    Attributes:
        region: whole pixels of the frame that may change.
        face_bgr: uint8 (S, S, 3), the lip network's crop.
        crop: the aligned crop, or None when the face is cut by its box.
    """

    region: Region
    face_bgr: U8
    crop: AlignedCrop | None


def face_region(tick: Tick, lips: Lips) -> Region | None:
    """Return the part of the frame that a new mouth may change; None without a face, or when it lies outside."""
    if tick.box_xyxy is None:
        return None
    if lips.spec.crop == "aligned":
        if tick.landmarks is None:
            return None
        return crop_region(aligned_crop(tick.landmarks, lips.side), tick.frame_bgr.shape)
    region = Region(*box_to_pixels(tick.box_xyxy, tick.frame_bgr))
    return region if min(region.size) >= 2 else None


def cut_face(tick: Tick, lips: Lips) -> FaceCut | None:
    """Cut the face as the lip network's card says; None without one, or when it lies outside the frame."""
    region = face_region(tick, lips)
    if region is None:
        return None
    if lips.spec.crop == "aligned" and tick.landmarks is not None:
        crop = aligned_crop(tick.landmarks, lips.side)
        return FaceCut(region, crop.cut(tick.frame_bgr), crop)
    face = cv2.resize(np.ascontiguousarray(region.view(tick.frame_bgr)), (lips.side, lips.side))
    return FaceCut(region, np.asarray(face, np.uint8), None)


def face_of_side(side: int, tick: Tick, cut: FaceCut) -> U8:
    """Return the face as it was cut, uint8 (side, side, 3), for a network of another side."""
    if cut.crop is not None and side == cut.crop.side:
        return cut.face_bgr
    if cut.crop is not None and tick.landmarks is not None:
        return aligned_crop(tick.landmarks, side).cut(tick.frame_bgr)
    view = np.ascontiguousarray(cut.region.view(tick.frame_bgr))
    return np.asarray(cv2.resize(view, (side, side)), np.uint8)


def face_as_fine_as(mouth: WarpMouth, tick: Tick, cut: FaceCut) -> U8:
    """Return the face at the resolution of the mouth's paint, or the lip network's crop where that is finer."""
    left, _, right, _ = mouth.window
    return face_of_side(max(round(mouth.paint.shape[1] / (right - left)), len(cut.face_bgr)), tick, cut)
