"""Laying the person's own mouth, taken from an exemplar, over a frame at the frame's own resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.arrays import F32, U8
from lipsync_edge.blend import Region, mix
from lipsync_edge.crop import AlignedCrop
from lipsync_edge.landmarks import RIGID
from lipsync_edge.render_exemplars.alignment import lay, refine, rigid_weight
from lipsync_edge.render_exemplars.library import Exemplar
from lipsync_edge.render_exemplars.reshape import LOWER_OUTER, UPPER_OUTER, Face, goal, source_map

F64 = npt.NDArray[np.float64]

AREA = (0.06, 0.40, 0.94, 1.18)  # of the crop: left, top, right, bottom of what may change
MARGIN, FEATHER = 0.034, 0.016  # of the crop: skin round the lips that comes along, and how softly it ends
FINER = 2  # the mask is drawn so many times finer than the crop
LIGHT_SIDE, LIGHT_BLUR, LIGHT_MOST = 48, 5.0, 1.5  # the colour is matched at this width
EDGE = 0.05  # of the crop: motion dies away so near the area's edge


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The frame that gets a mouth.

    Attributes:
        frame_bgr: uint8 (H, W, 3).
        crop: its aligned crop.
        face: its landmarks in that crop.
        grey: float32 (S, S), the crop's grey levels, smoothed.
        paste: float32 (h, w) over the crop: 1 may be replaced.
    """

    frame_bgr: U8
    crop: AlignedCrop
    face: Face
    grey: F32
    paste: F32


@dataclass(frozen=True, slots=True, eq=False)
class Pick:
    """An exemplar and its share of the mouth, 0…1."""

    exemplar: Exemplar
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """A picked exemplar on the target's head."""

    pick: Pick
    to_exemplar: F64  # target crop pixels → exemplar crop pixels
    face: Face


def lay_pick(pick: Pick, target: Target) -> Laid:
    """Lay an exemplar's head on the target's."""
    exemplar, side = pick.exemplar, target.crop.side
    matrix = lay(exemplar.points[list(RIGID)], target.face.points[list(RIGID)])
    grey = cv2.GaussianBlur(exemplar.grey, (0, 0), 1.0).astype(np.float32)
    matrix = refine(grey, target.grey, matrix, rigid_weight(side))
    points = exemplar.points @ matrix[:, :2].T + matrix[:, 2]
    face = Face(points.astype(np.float32), exemplar.look.shape, target.face.unit, target.face.yaw)
    return Laid(pick, np.asarray(cv2.invertAffineTransform(matrix), np.float64), face)


def merged(laid: Sequence[Laid]) -> Face:
    """Return the weighted mean of the laid faces."""
    weights = np.array([one.pick.weight for one in laid], np.float32)
    weights /= weights.sum()
    points = np.tensordot(weights, np.stack([one.face.points for one in laid]), 1)
    shape = np.tensordot(weights, np.stack([one.face.shape for one in laid]), 1)
    return replace(laid[0].face, points=points, shape=shape)


class Canvas:
    """The part of a frame that may change, and the grid of crop pixels over it."""

    def __init__(self, crop: AlignedCrop, shape: tuple[int, ...]) -> None:
        self.crop = crop
        left, top, right, bottom = (round(part * crop.side) for part in AREA)
        self.x, self.y = (
            plane.astype(np.float32) for plane in np.meshgrid(np.arange(left, right), np.arange(top, bottom))
        )
        corners = np.array([(px, py, 1.0) for px in (left, right - 1) for py in (top, bottom - 1)])
        there = corners @ crop.to_frame.T
        low = np.maximum(np.floor(there.min(0)).astype(int), 0)
        high = np.minimum(np.ceil(there.max(0)).astype(int) + 1, shape[1::-1])
        self.region = Region(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
        self._to_region = crop.to_frame.copy()
        self._to_region[:, 2] += crop.to_frame[:, :2] @ np.array([left, top]) - low

    @property
    def empty(self) -> bool:
        """Whether the area lies outside the frame."""
        return min(self.region.size) < 8

    def spread(self, plane: F32, finer: int = 1, border: int = cv2.BORDER_CONSTANT) -> F32:
        """Return a plane of the grid, float32 (h, w[, c]), or of a grid so many times finer, over the region."""
        matrix = self._to_region.copy()
        if finer > 1:
            matrix[:, 2] += matrix[:, :2] @ np.full(2, 0.5 / finer - 0.5)
            matrix[:, :2] /= finer
        spread_out = cv2.warpAffine(plane, matrix, self.region.size, flags=cv2.INTER_LINEAR, borderMode=border)
        return np.asarray(spread_out, np.float32)

    def read(self, picture: U8, x: F32, y: F32, to_picture: F64) -> U8:
        """Return a picture at places of the grid, given in crop pixels, over the region."""
        places = np.stack([x, y], -1) @ to_picture[:, :2].T.astype(np.float32) + to_picture[:, 2]
        at = self.spread(places.astype(np.float32), border=cv2.BORDER_REPLICATE)
        return np.asarray(
            cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8
        )


def own_mouth(target: Target, picks: Sequence[Pick], asked: F32) -> tuple[U8, Region] | None:
    """Return the lower face with the person's own mouth as asked, uint8 (h, w, 3), and where it lies.

    None when the face lies outside the frame.
    """
    canvas = Canvas(target.crop, target.frame_bgr.shape)
    if canvas.empty:
        return None
    laid = [lay_pick(pick, target) for pick in picks]
    result = goal(merged(laid), target.face, asked)
    base = _moved_face(canvas, target, result)
    taken, shown = _taken(canvas, laid, result)
    own_lips = _lips_mask(canvas, result)
    alpha = canvas.spread(own_lips, FINER) * canvas.spread(_sure(shown))
    alpha *= canvas.spread(_sure(_read_plane(target.paste, canvas.x, canvas.y, target.crop.side)))
    taken = match_light(taken, base, alpha)
    mix(base, taken, np.clip(alpha, 0.0, 1.0))
    return base, canvas.region


def _moved_face(canvas: Canvas, target: Target, result: F32) -> U8:
    """Return the target's own lower face, its lips and chin moved to where the result has them."""
    side = target.crop.side
    x, y = source_map(result, target.face.points, canvas.x, canvas.y, side)
    fade = _edge_fade(canvas, side)
    x, y = canvas.x + (x - canvas.x) * fade, canvas.y + (y - canvas.y) * fade
    moved = canvas.read(target.frame_bgr, x, y, target.crop.to_frame)
    may = _read_plane(target.paste, canvas.x, canvas.y, side)
    carried = _read_plane(target.paste, x, y, side)
    base = np.ascontiguousarray(canvas.region.view(target.frame_bgr))
    mix(base, moved, canvas.spread(np.maximum(may, carried) * (fade > 0)))
    return base


def _taken(canvas: Canvas, laid: Sequence[Laid], result: F32) -> tuple[U8, F32]:
    """Return the exemplars' mouths at the result's landmarks, mixed, and where they may be shown (grid)."""
    mixed, shown, total = None, np.ones(canvas.x.shape, np.float32), 0.0
    for one in laid:
        exemplar = one.pick.exemplar
        x, y = source_map(result, one.face.points, canvas.x, canvas.y, canvas.crop.side)
        both = cv2.transform(np.stack([x, y], -1), one.to_exemplar.astype(np.float32))
        read = canvas.read(exemplar.decode(), both[..., 0], both[..., 1], exemplar.to_picture)
        plane = exemplar.paste.astype(np.float32) / np.float32(255)
        shown = np.minimum(shown, _read_plane(plane, both[..., 0], both[..., 1], canvas.crop.side))
        total += one.pick.weight
        share = one.pick.weight / total
        mixed = read if mixed is None else cv2.addWeighted(read, share, mixed, 1 - share, 0)
    assert mixed is not None, "no exemplar was picked"
    return np.asarray(mixed, np.uint8), shown


def _lips_mask(canvas: Canvas, result: F32) -> F32:
    """Return the mask of lips and a little skin round them, float32, on the finer grid."""
    corner = np.array([canvas.x[0, 0], canvas.y[0, 0]])
    outline = result[[*UPPER_OUTER, *reversed(LOWER_OUTER[1:-1])]]
    places = (outline - corner + 0.5) * FINER - 0.5
    mask = np.zeros([n * FINER for n in canvas.x.shape], np.uint8)
    cv2.fillPoly(mask, [np.rint(places * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    reach = round(MARGIN * canvas.crop.side * FINER)
    mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))
    soft = cv2.GaussianBlur(mask, (0, 0), FEATHER * canvas.crop.side * FINER)
    return soft.astype(np.float32) / np.float32(255)


def match_light(taken: U8, base: U8, alpha: F32) -> U8:
    """Return a picture whose slow changes of colour, on the mask's rim, are those of another.

    Args:
        taken: uint8 (h, w, 3).
        base: uint8 (h, w, 3), what it is laid over.
        alpha: float32 (h, w), the mask.
    """
    height, width = alpha.shape
    size = (LIGHT_SIDE, max(8, round(LIGHT_SIDE * height / width)))
    one, other, mask = (
        cv2.resize(plane, size, interpolation=cv2.INTER_AREA).astype(np.float32) for plane in (taken, base, alpha)
    )
    rim = mask * (1.0 - mask) * 4.0
    if float(rim.sum()) < 1.0:
        return taken
    rim = rim[..., None] + np.float32(1e-4)
    blurred = [cv2.GaussianBlur((part + 4.0) * rim, (0, 0), LIGHT_BLUR) for part in (one, other)]
    gain = np.clip(blurred[1] / np.maximum(blurred[0], 1e-6), 1 / LIGHT_MOST, LIGHT_MOST)
    gain = cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(taken * gain + 0.5, 0, 255), np.uint8)


def _sure(plane: F32) -> F32:
    """Return a plane of probabilities, eroded a little and made steeper."""
    small = cv2.erode(plane, np.ones((3, 3), np.uint8))
    return np.asarray(np.clip((small - 0.3) / 0.5, 0.0, 1.0), np.float32)


def _read_plane(plane: F32, x: F32, y: F32, side: int) -> F32:
    """Read a plane over a crop, float32 (h, w), at places in crop pixels."""
    scale = plane.shape[1] / side
    at = [((place + 0.5) * scale - 0.5).astype(np.float32) for place in (x, y)]
    return np.asarray(cv2.remap(plane, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _edge_fade(canvas: Canvas, side: int) -> F32:
    """Return float32 (h, w): 1, falling smoothly to 0 at the area's edges."""
    height, width = canvas.x.shape
    reach = EDGE * side
    across = np.minimum(np.arange(width), np.arange(width)[::-1]) / reach
    down = np.minimum(np.arange(height), np.arange(height)[::-1]) / reach
    part = np.clip(np.minimum(across[None, :], down[:, None]), 0.0, 1.0)
    return np.asarray(part * part * (3.0 - 2.0 * part), np.float32)
