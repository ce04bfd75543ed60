"""Bends what the mouth renderer makes the rest of the way to the asked shape, whatever the picture's own mouth does.

The renderer sees one picture: how wide a mouth is just now it cannot tell from how wide its owner's is, so the mouth of
a source that talks shows through. Landmarks know what the source's mouth does, and the frames before how it rests.
Where they come to lie is read off the flow; flow, mask and interior are moved on from there.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from lipsync_edge.face.landmarks import CHIN, LOWER_INNER, MOUTH_CORNERS, NOSE_BASE, UPPER_INNER
from lipsync_edge.models.spec import WHOLE_CROP, Window
from lipsync_edge.render.exemplars.inside import sample, smoothstep
from lipsync_edge.render.exemplars.reshape import FaceShape, goal, source_map
from lipsync_edge.render.lips import WarpMouth
from lipsync_edge.types import F32, Goal

TURNS = 6  # of the search for where a point comes to lie
MOST_WIDER = 0.18  # of the mouth's width: how far it is pulled wide or pressed narrow
SIDE = 128  # crop pixels that the map is made in
# Eye distances: below the first opening it is left as it is made, above the second it is bent.
PARTED = (0.02, 0.06)
NOT_SEEN = 0.05  # crop pixels: a shorter rest of the way is not gone


def steered(mouth: WarpMouth, wanted: Goal) -> WarpMouth:
    """Return the mouth with flow, mask and interior moved on so that the landmarks take the asked shape."""
    face = made_face(mouth, wanted)
    asked = parted(wanted.asked, float(face.shape[0]))
    asked = face.shape + np.float32(wanted.trust) * (asked - face.shape)
    points = goal(face, face, asked, MOST_WIDER)
    if float(np.abs(points - face.points).max()) < NOT_SEEN:
        return mouth
    x, y = _places(*mouth.flow.shape[:2], WHOLE_CROP)
    bent = np.stack(_moved(points, face.points, x, y), -1)
    flow = sample(mouth.flow, bent[..., 0], bent[..., 1]) + (bent - np.stack([x, y], -1))
    shapes = {plane.shape[:2] for plane in (mouth.mask, mouth.paint)}
    comes = {shape: _comes_from(shape, mouth.window, bent) for shape in shapes}
    mask, paint = (sample(plane, *comes[plane.shape[:2]]) for plane in (mouth.mask, mouth.paint))
    return replace(mouth, flow=np.asarray(flow, np.float32), mask=mask, paint=paint)


def parted(asked: F32, made: float) -> F32:
    """Return the asked shape with the opening as it is made, float32 (3,), where one of both is nearly shut.

    Lips that meet are the renderer's: bent together they would crumple.
    """
    opening = float(asked[0])
    share = smoothstep(min(opening, made), *PARTED)
    return np.array([made + share * (opening - made), asked[1], asked[2]], np.float32)


def made_face(mouth: WarpMouth, seen: Goal) -> FaceShape:
    """Return the face as the mouth makes it of what is seen, in pixels of a crop of `SIDE`."""
    made = seen.points
    for _ in range(TURNS):
        made = seen.points - sample(mouth.flow, made[None, :, 0], made[None, :, 1])[0]
    opening, jaw = (
        (_length(made, *ends) - _length(seen.points, *ends)) / seen.unit
        for ends in ((UPPER_INNER, LOWER_INNER), ((NOSE_BASE,), (CHIN,)))
    )
    left, right = ((end,) for end in MOUTH_CORNERS)
    wider = _length(made, left, right) / max(_length(seen.points, left, right), 1e-6)
    shape = np.array([seen.shape[0] + opening, seen.shape[1] * wider, seen.shape[2] + jaw], np.float32)
    pixels = np.asarray(made * np.float32(SIDE) - np.float32(0.5), np.float32)
    return FaceShape(pixels, shape, seen.unit * SIDE, seen.yaw)


def _length(points: F32, begins: tuple[int, ...], ends: tuple[int, ...]) -> float:
    return float(np.linalg.norm(points[list(ends)] - points[list(begins)], axis=1).mean())


@lru_cache(maxsize=8)
def _places(rows: int, columns: int, window: Window) -> tuple[F32, F32]:
    """Return x and y of the places of a plane over a window, float32 (rows, columns) in crop units; read alone."""
    left, top, right, bottom = window
    x = left + (np.arange(columns, dtype=np.float32) + 0.5) / columns * np.float32(right - left)
    y = top + (np.arange(rows, dtype=np.float32) + 0.5) / rows * np.float32(bottom - top)
    across, down = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    for places in (across, down):
        places.flags.writeable = False
    return across, down


def _moved(result: F32, source: F32, x: F32, y: F32) -> tuple[F32, F32]:
    """Return where places come from, in crop units, when points, in pixels of a crop of `SIDE`, are moved."""
    half, side = np.float32(0.5), np.float32(SIDE)
    from_x, from_y = source_map(result, source, x * side - half, y * side - half, SIDE)
    return (from_x + half) / side, (from_y + half) / side


def _comes_from(shape: tuple[int, ...], window: Window, bent: F32) -> tuple[F32, F32]:
    """Return where each place of a plane, `shape` (h, w) over a window, comes from in it, as parts of the window.

    `bent`, float32 (H, W, 2), says where the crop's places come from, in crop units.
    """
    left, top, right, bottom = window
    there = sample(bent, *_places(shape[0], shape[1], window))
    x = (there[..., 0] - np.float32(left)) / np.float32(right - left)
    y = (there[..., 1] - np.float32(top)) / np.float32(bottom - top)
    return x, y
