"""Figures (b) to (e) of the bundled lips, on faces that were dubbed with strangers' voices.

(b) the sync expert's offset between the made mouth and the voice; (c) sharpness of the mouth; (d) what changed that
must not change; (e) flicker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.engine import Engine
from lipsync_edge.eval.metrics.temporal import flicker
from lipsync_edge.face.align import TEMPLATE, AlignedCrop, aligned_crop, similarity
from lipsync_edge.render import composite as blend
from lipsync_edge.types import Frame
from training.data.labels import CROP_SIDE, MARGIN, NOMINAL_SIDE
from training.evaluate.own_mouth import mouth
from training.evaluate.speaking import hearing, landmarks_of, rendered
from training.evaluate.sync_expert import SHIFTS, OffsetEstimator, moved, near
from training.lips.networks import FLOW_RANGE
from training.sync_expert.clips import grey_mouth

Array = npt.NDArray[Any]

LARGEST = 384  # side of the crop that sharpness is measured on, at most
CHANGED = 6  # grey levels: what differs more was made
UPPER = (0.12, 0.05, 0.88, 0.40)  # of the aligned crop: brows, eyes, bridge of the nose; no mouth moves these


@dataclass(frozen=True, slots=True, eq=False)
class Dub:
    """One face with one voice.

    Attributes:
        source: tracked frames, 25 a second.
        made: uint8 (H, W, 3) BGR each, one for each of `source`.
    """

    source: list[Frame]
    made: list[Array]


def dub(engine: Engine, face: list[Frame], samples: Array) -> Dub:
    """Make the face say what is heard."""
    made = rendered(engine, hearing(engine, face, samples))
    return Dub(face[: len(made)], made)


def sync_row(estimator: OffsetEstimator, result: Dub, mel: Array, wrong: Array) -> dict[str, Any]:
    """Return the offset of the made mouth, whether a moved sound is found as moved, and what a wrong voice gives."""
    mouths = np.stack(
        [expert_mouth(image, frame) for image, frame in zip(result.made, result.source, strict=True)]
    )
    own, other = estimator(mouths, mel), estimator(mouths, wrong)
    found = [estimator(mouths, moved(mel, k)).frames for k in SHIFTS]
    return {
        "offset": own.frames,
        "confidence": round(own.confidence, 3),
        "found_when_moved": near(found, 0),
        "wrong_offset": other.frames,
        "wrong_confidence": round(other.confidence, 3),
    }


def expert_mouth(image_bgr: Array, frame: Frame) -> Array:
    """Cut the sync expert's mouth, uint8 (80, 80), where the frame's face lies; black without a face."""
    found = landmarks_of(frame)
    points = np.zeros((5, 2), np.float32) if found is None else found
    crop = AlignedCrop(similarity(points, TEMPLATE * NOMINAL_SIDE + MARGIN), CROP_SIDE)
    return grey_mouth(crop.cut(image_bgr) if points.any() else np.zeros((CROP_SIDE, CROP_SIDE, 3), np.uint8))


def native_side(frame: Frame) -> int:
    """Return the side of an aligned crop that has the frame's own resolution, within 128 … 384."""
    landmarks = landmarks_of(frame)
    assert landmarks is not None
    scale = aligned_crop(landmarks, NOMINAL_SIDE).scale
    return int(np.clip(2 * round(NOMINAL_SIDE * scale / 2), NOMINAL_SIDE, LARGEST))


def edges(picture_bgr: Array) -> Array:
    """Return the Laplacian of the grey picture, float64 (H, W)."""
    return np.asarray(cv2.Laplacian(cv2.cvtColor(picture_bgr, cv2.COLOR_BGR2GRAY), cv2.CV_64F))


def sharpness_row(result: Dub) -> dict[str, float]:
    """Return the Laplacian variance of the made mouths over the source's, whole window and only where it changed."""
    whole, changed = [], []
    for image, frame in zip(result.made[::2], result.source[::2], strict=True):
        landmarks = landmarks_of(frame)
        if landmarks is None:
            continue
        side = native_side(frame)
        made, real = mouth(image, landmarks, side), mouth(frame.image_bgr, landmarks, side)
        of_made, of_real = edges(made), edges(real)
        whole.append((of_made.var(), of_real.var()))
        where = np.abs(made.astype(np.int16) - real).max(2) > CHANGED
        if where.sum() > 50:
            changed.append((of_made[where].var(), of_real[where].var()))
    sums = np.sum(whole, 0), np.sum(changed, 0) if changed else np.full(2, np.nan)
    return {"sharpness": float(sums[0][0] / sums[0][1]), "sharpness_changed": float(sums[1][0] / sums[1][1])}


def allowed(engine: Engine, frame: Frame) -> Array:
    """Return how much of each pixel may be replaced at most, float32 (H, W): the mask, as far as flow can carry it."""
    landmarks = landmarks_of(frame)
    assert landmarks is not None
    may = np.zeros(frame.image_bgr.shape[:2], np.float32)
    crop = aligned_crop(landmarks, engine.renderer.lips.side)
    region = blend.crop_region(crop, may.shape)
    if region is None:
        return may
    parse = engine.renderer.segmenter
    mask = np.ones((64, 64), np.float32)
    if parse is not None:
        mask = parse([aligned_crop(landmarks, parse.side).cut(frame.image_bgr)])[0]
    reach = 2 * int(np.ceil(FLOW_RANGE * len(mask))) + 3
    wide = np.asarray(cv2.dilate(mask, np.ones((reach, reach), np.uint8)), np.float32)
    window = blend.edge_window(crop.side)
    may[region.y1 : region.y2, region.x1 : region.x2] = np.minimum(
        blend.spread(wide, crop, region), blend.spread(window, crop, region)
    )
    return may


def identity_row(engine: Engine, result: Dub, stranger: Frame) -> dict[str, float]:
    """Return what changed outside the mask, and the texture distance of the upper face beside its controls.

    Texture distance is one less the correlation of two aligned upper faces: 0 for the same picture. Controls: the
    source's own frame a second away, and another person.
    """
    outside, over, distance, later, other = 0, 0.0, [], [], []
    chosen = range(0, len(result.made), 5)
    for i in chosen:
        frame, image = result.source[i], result.made[i]
        if landmarks_of(frame) is None:
            continue
        may = allowed(engine, frame)
        difference = np.abs(image.astype(np.int16) - frame.image_bgr).max(2)
        outside = max(outside, int(difference[may < 1 / 510].max(initial=0)))
        over = max(over, float((difference - 255 * may).max()))
        real = upper(frame.image_bgr, frame)
        distance.append(unlike(upper(image, frame), real))
        after = result.source[(i + 25) % len(result.source)]
        if landmarks_of(after) is not None:
            later.append(unlike(upper(after.image_bgr, after), real))
        other.append(unlike(upper(stranger.image_bgr, stranger), real))
    return {
        "outside_mask": outside,
        "beyond_mask": max(0.0, over),
        "texture": float(np.mean(distance)),
        "texture_second_later": float(np.mean(later)) if later else float("nan"),
        "texture_stranger": float(np.mean(other)),
    }


def upper(image_bgr: Array, frame: Frame) -> Array:
    """Cut the grey upper face, float32, out of the aligned crop."""
    landmarks = landmarks_of(frame)
    assert landmarks is not None
    left, top, right, bottom = (round(part * NOMINAL_SIDE) for part in UPPER)
    crop = aligned_crop(landmarks, NOMINAL_SIDE).cut(image_bgr)
    return cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)[top:bottom, left:right].astype(np.float32)


def unlike(one: Array, other: Array) -> float:
    """Return one less the correlation of two pictures of one size."""
    return 1.0 - float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def flicker_row(result: Dub) -> dict[str, float]:
    """Return the flicker of the made mouths and of the source's, grey levels."""
    shown = [
        (made, frame, landmarks)
        for made, frame in zip(result.made, result.source, strict=False)
        if (landmarks := landmarks_of(frame)) is not None
    ]
    made = [mouth(picture, landmarks) for picture, _, landmarks in shown]
    real = [mouth(frame.image_bgr, landmarks) for _, frame, landmarks in shown]
    return {"flicker": flicker(made) or 0.0, "flicker_source": flicker(real) or 0.0}
