"""Filling a mouth whose lips were moved apart: layers of teeth, tongue and dark, and the picture's own teeth."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.face.align import AlignedCrop
from lipsync_edge.face.landmarks import LEFT_EYE_CORNERS, NOSE_BASE, RIGHT_EYE_CORNERS, RIGID
from lipsync_edge.render.composite import mix
from lipsync_edge.render.exemplars.alignment import lay
from lipsync_edge.render.exemplars.canvas import Canvas
from lipsync_edge.render.exemplars.inside import smoothstep
from lipsync_edge.render.exemplars.library import Exemplar
from lipsync_edge.render.exemplars.reshape import LOWER_INNER, UPPER_INNER, FaceShape
from lipsync_edge.render.exemplars.target import Target
from lipsync_edge.render.inside.layers import Layers, draw_layers, joined, lit, paint
from lipsync_edge.render.inside.teeth import MM
from lipsync_edge.render.inside.tone import tone_of
from lipsync_edge.types import F32, U8

F64 = npt.NDArray[np.float64]

EDGE_BELOW = 1.4 * MM  # the upper edge stands so far below the line where shut lips meet
NOSE_TO_EDGE = 24.0 * MM  # from the nose's base, where lips are not shut
DROP_SHARE = 0.8  # of the lower lip's way; the lip goes down a little farther than the teeth
FEATHER = 0.004  # of the crop side: softness of the lips' inner edge
FINER = 4  # points of a lip's line for one landmark
OWN_INSIDE = 0.05  # eye distances: from this opening on the picture's own teeth are kept
# eye distances that lips move apart until all between them is painted; below it they show their own
UNCOVERS = 0.02
# opening of the picture's own lips: from the first on their inside is more than a line
OPEN_BEFORE = (0.03, 0.05)
KEPT_FEATHER = 0.012  # of the crop side: how softly they end


@dataclass(frozen=True, slots=True, eq=False)
class Inner:
    """What is known of the inside of a person's mouth; made once.

    Attributes:
        layers: how it looks.
        points: float32 (78, 2), landmarks of the picture that it was estimated from, in pixels of its crop.
        to_crop: float64 (2, 3), eye distances from the upper edge's middle → pixels of that crop.
    """

    layers: Layers
    points: F32
    to_crop: F64

    def seat(self, points: F32) -> F64:
        """Return the same map for the head with other landmarks, float32 (78, 2), in pixels of their crop."""
        if points is self.points:
            return self.to_crop
        head = lay(self.points[list(RIGID)], points[list(RIGID)])
        moved = head[:, :2] @ self.to_crop
        moved[:, 2] += head[:, 2]
        return np.asarray(moved, np.float64)


def inner_of(face: FaceShape, crop_bgr: U8, scale: float) -> Inner:
    """Estimate the inside of a mouth from one picture, best one whose lips are shut.

    Args:
        face: its landmarks.
        crop_bgr: uint8 (S, S, 3), its aligned crop.
        scale: pixels of the picture for one of the crop.
    """
    points = face.points
    along = points[LOWER_INNER[-1]] - points[LOWER_INNER[0]]
    along = along / max(float(np.linalg.norm(along)), 1e-6)
    down = np.array([-along[1], along[0]], np.float32)
    middle = (points[LOWER_INNER[0]] + points[LOWER_INNER[-1]]) / 2
    lip, nose = points[UPPER_INNER[5]], points[NOSE_BASE]
    across = 0.5 * float((lip - middle) @ along) + 0.5 * float((nose - middle) @ along)
    shut = 1.0 - min(face.shape[0] / OWN_INSIDE, 1.0)
    edge = shut * (float((lip - middle) @ down) + EDGE_BELOW * face.unit)
    edge += (1.0 - shut) * (float((nose - middle) @ down) + NOSE_TO_EDGE * face.unit)
    origin = middle + across * along + edge * down
    to_crop = np.column_stack([along * face.unit, down * face.unit, origin]).astype(np.float64)
    tone = tone_of(crop_bgr, points, float(face.shape[0]))
    layers = draw_layers(tone, face.yaw, face.unit * scale)
    return Inner(layers, points, to_crop)


def inner_of_exemplar(exemplar: Exemplar) -> Inner:
    """Estimate the inside of a mouth from an exemplar; what its picture lacks of the face is repeated from its edge."""
    inverse = np.asarray(cv2.invertAffineTransform(exemplar.to_picture), np.float64)
    crop = AlignedCrop(inverse, len(exemplar.grey))
    points, yaw = exemplar.points, float(exemplar.look.pose[0])
    eyes = [points[list(corners)].mean(0) for corners in (LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS)]
    unit = float(np.linalg.norm(eyes[1] - eyes[0])) / max(float(np.cos(np.radians(yaw))), 0.5)
    face = FaceShape(points, exemplar.look.shape, unit, yaw)
    return inner_of(face, crop.cut(exemplar.decode()), crop.scale)


def fill(view: U8, mouth: Canvas, target: Target, inner: Inner, result: F32, tongue: float = 0.0) -> None:
    """Paint what lies between the result's lips, in place; the tongue's tip is raised so far, 0…1."""
    side = target.crop.side
    line = outline(result)
    is_open = mouth.mask(line, 0.0, FEATHER * side, FINER)
    is_open *= np.float32(_uncovered(result, target.face))
    if not (is_open > 0.02).any():
        return
    seat = inner.seat(target.face.points)
    down = seat[:, 1] / max(float(np.linalg.norm(seat[:, 1])), 1e-6)
    low = float((result[LOWER_INNER[5]] - seat[:, 2]) @ down) / target.face.unit + EDGE_BELOW
    made = paint(inner.layers, is_open, joined(mouth.to_region, seat), DROP_SHARE * max(low, 0.0), tongue)
    if target.face.shape[0] > OWN_INSIDE:
        _keep(made, mouth, target, result, is_open)
    mix(view, made, is_open)


def _uncovered(result: F32, own: FaceShape) -> float:
    """Return 0 where shut lips are no farther apart than in the picture, so that they are seen as they are; else 1."""
    places = [5, 4, 6]
    gaps = [
        float((points[list(LOWER_INNER)][places, 1] - points[list(UPPER_INNER)][places, 1]).mean())
        for points in (result, own.points)
    ]
    was_open = smoothstep(float(own.shape[0]), *OPEN_BEFORE)
    return max(was_open, smoothstep((gaps[0] - gaps[1]) / own.unit, 0.0, UNCOVERS))


def _keep(made: U8, mouth: Canvas, target: Target, result: F32, is_open: F32) -> None:
    """Put the inside that the frame itself shows over a painted one, in place: as teeth it does not move."""
    side, points = target.crop.side, target.face.points
    above = points.copy()
    lips = list(UPPER_INNER[1:-1])
    above[lips, 1] = np.minimum(above[lips, 1], result[lips, 1]) - 0.05 * side
    below = list(LOWER_INNER[1:-1])
    above[below, 1] -= KEPT_FEATHER * side
    share = mouth.mask(outline(above), 0.0, KEPT_FEATHER * side, 2)
    top = np.interp(mouth.x[0], points[list(UPPER_INNER), 0], points[list(UPPER_INNER), 1]).astype(np.float32)
    y = np.maximum(
        mouth.y, top + np.float32(0.006 * side)
    )  # where the lip draws back, the teeth's strip goes on
    own = mouth.read(target.frame_bgr, mouth.x, y, target.crop.to_frame)
    unit = target.face.unit * target.crop.scale
    was_open = mouth.mask(outline(points), 0.0, FEATHER * side, 2)
    darker = np.minimum(lit(is_open, unit) / lit(was_open, unit), 1.0)
    mix(made, np.asarray(cv2.multiply(own, cv2.merge([darker] * 3), dtype=cv2.CV_8U), np.uint8), share)


def outline(points: F32) -> F32:
    """Return the inner line of the lips as a smooth curve, float32 (k, 2)."""
    upper, lower = (smooth_line(points[list(line)]) for line in (UPPER_INNER, LOWER_INNER))
    return np.concatenate([upper, lower[-2:0:-1]])


def smooth_line(points: F32) -> F32:
    """Return a curve through points (k, 2), float32 (FINER·(k − 1) + 1, 2) (Catmull and Rom, 1974)."""
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    part = (np.arange(FINER) / FINER)[:, None, None]
    a, b, c, d = ends[:-3], ends[1:-2], ends[2:-1], ends[3:]
    curve = 2 * b + (c - a) * part + (2 * a - 5 * b + 4 * c - d) * part**2 + (3 * b - 3 * c + d - a) * part**3
    return np.concatenate([(curve / 2).transpose(1, 0, 2).reshape(-1, 2), points[-1:]]).astype(np.float32)
