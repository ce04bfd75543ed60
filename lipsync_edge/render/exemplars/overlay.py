"""Laying the person's own mouth, taken from an exemplar, over a frame at the frame's own resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.face.landmarks import CHIN, INNER_LIP, LIPS
from lipsync_edge.render.composite import mix
from lipsync_edge.render.exemplars.asked import NEUTRAL, SHUT, Articulation
from lipsync_edge.render.exemplars.canvas import Canvas, moved_by, plane_of, read_plane
from lipsync_edge.render.exemplars.filling import Inner, fill
from lipsync_edge.render.exemplars.inside import smoothstep
from lipsync_edge.render.exemplars.laid import Laid, Pick, lay_pick, merged
from lipsync_edge.render.exemplars.light import match_light
from lipsync_edge.render.exemplars.moved_face import moved_face
from lipsync_edge.render.exemplars.reshape import (
    LOWER_INNER,
    LOWER_OUTER,
    MOST_STRETCH,
    PRESS,
    TUCK_PRESS,
    UPPER_INNER,
    UPPER_OUTER,
    FaceShape,
    Lines,
    Press,
    goal,
    mapped,
    parted,
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
STRETCHED = (
    1.1,
    1.5,
)  # times as high as in the frame: from here on a chin's skin is taken, and from there on most
CHIN_SHARE = 0.7  # of the way from the lip to the chin
# crop pixels: lips that are so near are read each from its own side, so far round the line between them
MEETING, SEAM = 2.0, 3.0
FINEST = 4  # grid places for a crop pixel, across and down, at most


def own_mouth(
    target: Target,
    picks: Sequence[Pick],
    asked: F32,
    inner: Inner | None = None,
    share: float = 1.0,
    articulation: Articulation = NEUTRAL,
) -> tuple[U8, Region] | None:
    """Return the lower face with the mouth as asked, uint8 (h, w, 3), and where it lies; None outside the frame.

    The frame's own lips are moved to where the result has them, and the exemplars' lips are laid over them there.

    Args:
        target: the frame and its face.
        picks: exemplars; without any the frame's own lips are all there is.
        asked: float32 (3,), opening, width and jaw in eye distances.
        inner: what the frame's own lips uncover; needed where they are seen.
        share: of the exemplars' lips, 0…1; the frame's own have the rest.
        articulation: what the shape does not say; a tongue is seen only where the inside is painted.
    """
    side = target.crop.side
    left, top, right, bottom = (round(part * side) for part in AREA)
    canvas = Canvas(target.crop, target.frame_bgr.shape, (left, top, right, bottom))
    if canvas.empty:
        return None
    laid = [lay_pick(pick, target) for pick in picks] if share > 0.0 else []
    pressed = press_of(asked)
    shape = asked - np.array([SHUT * pressed, 0.0, 0.0], np.float32)
    lips, tuck = _between(laid, target.face, share), articulation.tuck
    result = goal(lips, target.face, shape, stretch=_stretch(laid, share), tuck=tuck)
    own = _pressed(pressed * parted(float(target.face.shape[0])), tuck, target.face.unit)
    base = moved_face(canvas, target, result, own)
    reach = (MARGIN + 3 * FEATHER) * side
    taken = outline_of(result, target.face.points)
    around = np.concatenate([result[LIPS], taken]) if laid else result[LIPS]
    mouth = Canvas(target.crop, target.frame_bgr.shape, canvas.inner(around, reach))
    if not mouth.empty:
        view = mouth.region.within(canvas.region).view(base)
        if inner is not None and (not laid or share < 1.0):
            fill(view, mouth, target, inner, result, articulation.tongue)
        if laid:
            press = _pressed(pressed, tuck, target.face.unit)
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


def _pressed(both: float, tuck: float, unit: float) -> Press:
    """Return how many pixels of each lip are rolled in: of both where they are shut, of the lower one under teeth."""
    return both * PRESS * unit, max(both, TUCK_PRESS * tuck) * PRESS * unit


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


def _lay_lips(
    view: U8,
    mouth: Canvas,
    target: Target,
    laid: Sequence[Laid],
    result: F32,
    outline: F32,
    share: float,
    press: Press,
) -> None:
    """Lay the exemplars' lips over the moved face, in place."""
    taken, shown = _taken(mouth, laid, result, press)
    side = target.crop.side
    alpha = mouth.mask(outline, MARGIN * side, FEATHER * side)
    alpha *= mouth.spread(_sure(shown) * _sure(plane_of(target.paste, mouth)))
    taken = match_light(taken, view, alpha)
    mix(view, taken, alpha * np.float32(share))


def _taken(mouth: Canvas, laid: Sequence[Laid], result: F32, press: Press) -> tuple[U8, F32]:
    """Return the exemplars' mouths at the result's landmarks, and where they may be shown (grid).

    The first one's is taken inside the lips; lips and skin are mixed.
    """
    side = mouth.crop.side
    shown = np.ones(mouth.x.shape, np.float32)
    total = sum(one.pick.weight for one in laid)
    mixed: U8 | None = None
    outside: F32 | None = None
    gap = result[list(LOWER_INNER[4:7]), 1] - result[list(UPPER_INNER[4:7]), 1]
    meeting = float(gap.mean()) < MEETING
    for one in laid:
        exemplar, picture = one.pick.exemplar, one.pick.exemplar.decode()
        x, y = moved_by(one.to_exemplar, *source_map(result, one.face.points, mouth.x, mouth.y, side, press))
        read = mouth.read(picture, x, y, exemplar.to_picture)
        if meeting:
            _seal(read, mouth, one, picture, result, press)
        plane = exemplar.paste.astype(np.float32) / np.float32(255)
        shown = np.minimum(shown, read_plane(plane, x, y, side))
        if mixed is None:
            mixed = read
            continue
        if outside is None:
            outside = 1.0 - mouth.mask(result[list(INNER_LINE)], 0.0, INSIDE_FEATHER * side)
        mix(mixed, read, outside * np.float32(one.pick.weight / total))
    assert mixed is not None, "no exemplar was picked"
    return mixed, shown


def _seal(made: U8, mouth: Canvas, one: Laid, picture: U8, result: F32, press: Press) -> None:
    """Read lips that meet again, in place, each from its own side of the line; `made` lies over the canvas.

    Between them the map leaps, and a grid coarser than the picture would show what lies there, in steps.
    """
    finer = int(np.clip(np.ceil(mouth.crop.scale), 1, FINEST))
    end = (mouth.region.y2, mouth.region.x2)
    seam = Canvas(mouth.crop, end, mouth.inner(result[INNER_LIP], SEAM))
    if seam.empty:
        return
    view = seam.region.within(mouth.region).view(made)
    columns, rows = seam.grid(finer)
    lines = Lines.of(result, one.face.points, columns[0], seam.crop.side, press)
    x, y = mapped(lines, columns, rows)
    sides = sides_of(lines, rows, y, seam.crop.scale)
    for from_y, part in ((sides.upper, sides.is_upper), (sides.lower, sides.is_lower)):
        places = moved_by(one.to_exemplar, x, from_y)
        read = seam.read(picture, *places, one.pick.exemplar.to_picture, finer)
        mix(view, read, seam.spread(part, finer))


def _sure(plane: F32) -> F32:
    """Return a plane of probabilities, eroded a little and made steeper."""
    small = np.asarray(cv2.erode(plane, np.ones((3, 3), np.uint8)), np.float32)
    return np.clip((small - np.float32(0.3)) * np.float32(2.0), 0.0, 1.0)
