"""Laying the person's own mouth, taken from an exemplar, over a frame at the frame's own resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.face.landmarks import CHIN, LIPS, RIGID
from lipsync_edge.render.composite import mix
from lipsync_edge.render.exemplars.alignment import lay, refine, rigid_weight
from lipsync_edge.render.exemplars.asked import SHUT
from lipsync_edge.render.exemplars.canvas import Canvas, read_plane
from lipsync_edge.render.exemplars.filling import Inner, fill
from lipsync_edge.render.exemplars.inside import smoothstep
from lipsync_edge.render.exemplars.library import Exemplar
from lipsync_edge.render.exemplars.light import match_light
from lipsync_edge.render.exemplars.reshape import (
    LOWER_INNER,
    LOWER_OUTER,
    MOST_STRETCH,
    PRESS,
    UPPER_INNER,
    UPPER_OUTER,
    FaceShape,
    Lines,
    facing,
    goal,
    press_of,
    source_map,
)
from lipsync_edge.render.exemplars.seal import sides_of
from lipsync_edge.render.exemplars.target import Target
from lipsync_edge.types import F32, U8, Region

F64 = npt.NDArray[np.float64]

AREA = (0.06, 0.44, 0.94, 1.18)  # of the crop: left, top, right, bottom of what may change
MARGIN, FEATHER = 0.034, 0.016  # of the crop: skin round the lips that comes along, and how softly it ends
INSIDE_FEATHER = 0.006
INNER_LINE = (*UPPER_INNER, *reversed(LOWER_INNER[1:-1]))
RIM = 5  # crop pixels along the edge of a turned face
STRETCHED = (
    1.1,
    1.5,
)  # times as high as in the frame: from here on a chin's skin is taken, and from there on most
CHIN_SHARE = 0.7  # of the way from the lip to the chin
MEETING = 2.0  # crop pixels: lips that are so near are read each from its own side
FINEST = 4  # grid places for a crop pixel, across and down, at most
EDGE = 0.05  # of the crop: motion dies away so near the area's edge


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
    face: FaceShape


def lay_pick(pick: Pick, target: Target) -> Laid:
    """Lay an exemplar's head on the target's."""
    exemplar, side = pick.exemplar, target.crop.side
    matrix = lay(exemplar.points[list(RIGID)], target.face.points[list(RIGID)])
    grey = cv2.GaussianBlur(exemplar.grey, (0, 0), 1.0).astype(np.float32)
    matrix = refine(grey, target.grey, matrix, rigid_weight(side))
    points = exemplar.points @ matrix[:, :2].T + matrix[:, 2]
    face = FaceShape(points.astype(np.float32), exemplar.look.shape, target.face.unit, target.face.yaw)
    return Laid(pick, np.asarray(cv2.invertAffineTransform(matrix), np.float64), face)


def merged(laid: Sequence[Laid]) -> FaceShape:
    """Return the weighted mean of the laid faces."""
    weights = np.array([one.pick.weight for one in laid], np.float32)
    weights /= weights.sum()
    points = np.tensordot(weights, np.stack([one.face.points for one in laid]), 1)
    shape = np.tensordot(weights, np.stack([one.face.shape for one in laid]), 1)
    return replace(laid[0].face, points=points, shape=shape)


def own_mouth(
    target: Target, picks: Sequence[Pick], asked: F32, inner: Inner | None = None, share: float = 1.0
) -> tuple[U8, Region] | None:
    """Return the lower face with the mouth as asked, uint8 (h, w, 3), and where it lies; None outside the frame.

    The frame's own lips are moved to where the result has them, and the exemplars' lips are laid over them there.

    Args:
        target: the frame and its face.
        picks: exemplars; without any the frame's own lips are all there is.
        asked: float32 (3,), opening, width and jaw in eye distances.
        inner: what the frame's own lips uncover; needed where they are seen.
        share: of the exemplars' lips, 0…1; the frame's own have the rest.
    """
    side = target.crop.side
    left, top, right, bottom = (round(part * side) for part in AREA)
    canvas = Canvas(target.crop, target.frame_bgr.shape, (left, top, right, bottom))
    if canvas.empty:
        return None
    laid = [lay_pick(pick, target) for pick in picks] if share > 0.0 else []
    pressed = press_of(asked)
    shape = asked - np.array([SHUT * pressed, 0.0, 0.0], np.float32)
    result = goal(_between(laid, target.face, share), target.face, shape, stretch=_stretch(laid, share))
    press = pressed * PRESS * target.face.unit
    base = moved_face(canvas, target, result, press)
    reach = (MARGIN + 3 * FEATHER) * side
    taken = outline_of(result, target.face.points)
    around = np.concatenate([result[LIPS], taken]) if laid else result[LIPS]
    mouth = Canvas(target.crop, target.frame_bgr.shape, canvas.inner(around, reach))
    if mouth.empty:
        return base, canvas.region
    x1, y1 = mouth.region.x1 - canvas.region.x1, mouth.region.y1 - canvas.region.y1
    width, height = mouth.region.size
    view = base[y1 : y1 + height, x1 : x1 + width]
    if inner is not None and (not laid or share < 1.0):
        fill(view, mouth, target, inner, result)
    if laid:
        _lay_lips(view, mouth, target, laid, result, taken, share, press)
    return base, canvas.region


def outline_of(result: F32, own: F32) -> F32:
    """Return what is taken of the exemplars, float32 (k, 2): the lips, and the skin under them as far as it is needed.

    A chin whose own skin would have to be stretched, because the frame's lip lies near it, is taken as well.

    Args:
        result: float32 (78, 2), landmarks of the result.
        own: float32 (78, 2), the frame's own.
    """
    middle, lower = list(LOWER_OUTER[4:7]), result[list(LOWER_OUTER)].copy()
    made, there = (float(points[CHIN, 1] - points[middle, 1].mean()) for points in (result, own))
    share = CHIN_SHARE * smoothstep(made / max(there, 1.0), *STRETCHED)
    if share > 0.0:
        taper = np.sin(np.linspace(0.0, np.pi, len(lower)))
        lower += np.outer(share * taper, result[CHIN] - result[middle].mean(0)).astype(np.float32)
    return np.concatenate([result[list(UPPER_OUTER)], lower[-2:0:-1]])


def _between(laid: Sequence[Laid], own: FaceShape, share: float) -> FaceShape:
    """Return whose lips are taken: the laid faces, the frame's own, or between both."""
    if not laid:
        return own
    face = merged(laid)
    if share >= 1.0:
        return face
    part = np.float32(share)
    return replace(
        face,
        points=part * face.points + (1 - part) * own.points,
        shape=part * face.shape + (1 - part) * own.shape,
    )


def _stretch(laid: Sequence[Laid], share: float) -> float:
    """Return how far lips may be opened: what a picture shows must not grow, what is painted may."""
    return MOST_STRETCH / share if laid else np.inf


def moved_face(canvas: Canvas, target: Target, result: F32, press: float = 0.0) -> U8:
    """Return the target's own lower face over the canvas, its lips and chin moved to where the result has them."""
    side = target.crop.side
    x, y = source_map(result, target.face.points, canvas.x, canvas.y, side, press)
    # then no chin comes down over what lies behind, and the edge stays
    turned = 1.0 - facing(target.face.yaw)
    may = read_plane(target.paste, canvas.x, canvas.y, side)
    fade, away = _edge_fade(canvas, side), _away_from_edge(may)
    x = canvas.x + (x - canvas.x) * fade * away
    y = canvas.y + (y - canvas.y) * fade * (1.0 - turned * (1.0 - away))
    moved = canvas.read(target.frame_bgr, x, y, target.crop.to_frame)
    carried = read_plane(target.paste, x, y, side)
    base = np.ascontiguousarray(canvas.region.view(target.frame_bgr))
    under = _under_chin(canvas, target, Lines.of(result, target.face.points, canvas.x[0], side))
    alpha = turned * np.minimum(may, carried) + (1.0 - turned) * np.maximum(np.maximum(may, carried), under)
    mix(base, moved, canvas.spread(np.asarray(alpha * (fade > 0), np.float32)))
    return base


def _lay_lips(
    view: U8,
    mouth: Canvas,
    target: Target,
    laid: Sequence[Laid],
    result: F32,
    outline: F32,
    share: float,
    press: float,
) -> None:
    """Lay the exemplars' lips over the moved face, in place."""
    taken, shown = _taken(mouth, laid, result, press)
    side = target.crop.side
    alpha = mouth.mask(outline, MARGIN * side, FEATHER * side)
    alpha *= mouth.spread(_sure(shown) * _sure(read_plane(target.paste, mouth.x, mouth.y, side)))
    taken = match_light(taken, view, alpha)
    mix(view, taken, alpha * np.float32(share))


def _taken(mouth: Canvas, laid: Sequence[Laid], result: F32, press: float) -> tuple[U8, F32]:
    """Return the exemplars' mouths at the result's landmarks, and where they may be shown (grid).

    The first one's is taken inside the lips; lips and skin are mixed.
    """
    side = mouth.crop.side
    shown = np.ones(mouth.x.shape, np.float32)
    total = sum(one.pick.weight for one in laid)
    mixed: U8 | None = None
    outside: F32 | None = None
    # where lips meet the map leaps, and a grid coarser than the picture would give the line steps
    finer = int(np.clip(np.ceil(mouth.crop.scale), 1, FINEST))
    columns, rows = mouth.grid(finer)
    for one in laid:
        exemplar = one.pick.exemplar
        x, y = source_map(result, one.face.points, columns, rows, side, press)
        both = np.asarray(cv2.transform(cv2.merge([x, y]), one.to_exemplar), np.float32)
        read = _read_lips(mouth, one, result, (columns, rows, x, y), press, finer)
        plane = exemplar.paste.astype(np.float32) / np.float32(255)
        coarse = both[finer // 2 :: finer, finer // 2 :: finer]
        shown = np.minimum(shown, read_plane(plane, coarse[..., 0], coarse[..., 1], side))
        if mixed is None:
            mixed = read
            continue
        if outside is None:
            outside = 1.0 - mouth.mask(result[list(INNER_LINE)], 0.0, INSIDE_FEATHER * side)
        mix(mixed, read, outside * np.float32(one.pick.weight / total))
    assert mixed is not None, "no exemplar was picked"
    return mixed, shown


def _read_lips(
    mouth: Canvas, one: Laid, result: F32, grid: tuple[F32, F32, F32, F32], press: float, finer: int
) -> U8:
    """Return an exemplar's mouth over the canvas; `grid` is the places, and where they come from on the target."""
    columns, rows, x, y = grid
    picture, exemplar = one.pick.exemplar.decode(), one.pick.exemplar

    def read(from_y: F32) -> U8:
        both = np.asarray(cv2.transform(cv2.merge([x, from_y]), one.to_exemplar), np.float32)
        return mouth.read(picture, both[..., 0], both[..., 1], exemplar.to_picture, finer)

    made = read(y)
    if float(np.mean(result[list(LOWER_INNER[4:7]), 1] - result[list(UPPER_INNER[4:7]), 1])) > MEETING:
        return made
    lines = Lines.of(result, one.face.points, columns[0], mouth.crop.side, press)
    sides = sides_of(lines, rows, y, mouth.crop.scale)
    for from_y, part in ((sides.upper, sides.is_upper), (sides.lower, sides.is_lower)):
        mix(made, read(from_y), mouth.spread(part, finer))
    return made


def _sure(plane: F32) -> F32:
    """Return a plane of probabilities, eroded a little and made steeper."""
    small = np.asarray(cv2.erode(plane, np.ones((3, 3), np.uint8)), np.float32)
    return np.clip((small - np.float32(0.3)) * np.float32(2.0), 0.0, 1.0)


def _away_from_edge(may: F32) -> F32:
    """Return float32 (h, w): 1 well inside what may be replaced, falling smoothly to 0 at its edge."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RIM + 1, 2 * RIM + 1))
    inside = cv2.erode(may, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.GaussianBlur(inside, (0, 0), RIM / 2), np.float32)


def _under_chin(canvas: Canvas, target: Target, lines: Lines) -> F32:
    """Return float32 (h, w): 1 under the chin of a face that looks ahead, where the neck makes room for it.

    It is no part of the face; but left as it is, the old chin's line would stay beside the new one. Under a chin that
    something covers it is 0.
    """
    chin = np.minimum(lines.there[5], lines.here[5]) - np.float32(2 * RIM)
    seen = read_plane(target.paste, canvas.x[:1], (lines.here[5] - np.float32(RIM))[None], target.crop.side)
    may = seen * np.clip(2.0 * lines.near, 0.0, 1.0)
    return np.asarray(np.clip((canvas.y - chin) / RIM, 0.0, 1.0) * may, np.float32)


def _edge_fade(canvas: Canvas, side: int) -> F32:
    """Return float32 (h, w): 1, falling smoothly to 0 at the area's edges."""
    height, width = canvas.x.shape
    reach = EDGE * side
    across = np.minimum(np.arange(width), np.arange(width)[::-1]) / reach
    down = np.minimum(np.arange(height), np.arange(height)[::-1]) / reach
    part = np.clip(np.minimum(across[None, :], down[:, None]), 0.0, 1.0)
    return np.asarray(part * part * (3.0 - 2.0 * part), np.float32)
