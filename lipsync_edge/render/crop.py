"""Face crops: where one face lies in its frame, and what the networks see of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync_edge.face.align import AlignedCrop, aligned_crop, box_to_pixels
from lipsync_edge.render.composite import crop_region
from lipsync_edge.types import U8, Face, Region


@dataclass(frozen=True, slots=True, eq=False)
class FaceCrop:
    """A face that was cut out of its frame.

    Attributes:
        image_bgr: uint8 (H, W, 3), the frame it was cut from.
        face: where it lies, and what it hears.
        region: whole pixels of the frame that may change.
        face_bgr: uint8 (S, S, 3), what the lip network eats.
        crop: the aligned crop, or None when the face is cut by its box.
    """

    image_bgr: U8
    face: Face
    region: Region
    face_bgr: U8
    crop: AlignedCrop | None = None

    def of_side(self, side: int) -> U8:
        """Return the face as it was cut, uint8 (side, side, 3), for a network of another side."""
        if self.crop is None:
            view = np.ascontiguousarray(self.region.view(self.image_bgr))
            return np.asarray(cv2.resize(view, (side, side)), np.uint8)
        if side == self.crop.side or self.face.landmarks is None:
            return self.face_bgr
        return aligned_crop(self.face.landmarks, side).cut(self.image_bgr)


def crop_aligned(image_bgr: U8, face: Face, side: int) -> FaceCrop | None:
    """Cut a face upright by its landmarks; None without them, or when it lies outside the frame."""
    if face.landmarks is None:
        return None
    crop = aligned_crop(face.landmarks, side)
    region = crop_region(crop, image_bgr.shape)
    if region is None:
        return None
    seen = None if face.goal is None else face.goal.crop_bgr
    cut = seen if seen is not None and len(seen) == side else crop.cut(image_bgr)
    return FaceCrop(image_bgr, face, region, cut, crop)


def crop_box(image_bgr: U8, face: Face, side: int) -> FaceCrop | None:
    """Cut a face by its box, in whole pixels as the published code does; None when it lies outside the frame."""
    region = Region(*box_to_pixels(face.box_xyxy, image_bgr))
    if min(region.size) < 2:
        return None
    cut = cv2.resize(np.ascontiguousarray(region.view(image_bgr)), (side, side))
    return FaceCrop(image_bgr, face, region, np.asarray(cut, np.uint8))
