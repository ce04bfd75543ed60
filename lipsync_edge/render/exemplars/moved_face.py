"""The frame's own lower face, its lips and chin moved; what lies before it, and behind it, stays."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from lipsync_edge.render.composite import mix
from lipsync_edge.render.exemplars.canvas import Canvas, plane_of, read_plane
from lipsync_edge.render.exemplars.reading import shown
from lipsync_edge.render.exemplars.reshape import UNPRESSED, Lines, Press, facing, mapped
from lipsync_edge.render.exemplars.target import Target
from lipsync_edge.types import F32, U8

RIM = 5  # crop pixels along the edge of a turned face
EDGE = 0.05  # of the crop: motion dies away so near the area's edge


def moved_face(canvas: Canvas, target: Target, result: F32, press: Press = UNPRESSED) -> U8:
    """Return the target's own lower face over the canvas, its lips and chin moved to where the result has them."""
    side = target.crop.side
    lines = Lines.of(result, target.face.points, canvas.x[0], side, press)
    x, y = mapped(lines, canvas.x, canvas.y)
    # then no chin comes down over what lies behind, and the edge stays
    turned = 1.0 - facing(target.face.yaw)
    may = plane_of(target.paste, canvas)
    fade, away = _edge_fade(canvas.x.shape, EDGE * side), _away_from_edge(may)
    x = canvas.x + (x - canvas.x) * fade * away
    y = canvas.y + (y - canvas.y) * fade * (1.0 - turned * (1.0 - away))
    moved = canvas.reading(target.frame_bgr, x, y, target.crop.to_frame)
    carried = read_plane(target.paste, x, y, side)
    base = np.ascontiguousarray(canvas.region.view(target.frame_bgr))
    under = _under_chin(canvas, target, lines)
    share = turned * np.minimum(may, carried) + (1.0 - turned) * np.maximum(np.maximum(may, carried), under)
    alpha = canvas.spread(np.asarray(share * (fade > 0), np.float32))
    for part in shown(alpha):
        rows, columns = slice(part.y1, part.y2), slice(part.x1, part.x2)
        mix(part.view(base), moved.over(part), np.ascontiguousarray(alpha[rows, columns]))
    return base


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


@lru_cache(maxsize=4)
def _edge_fade(shape: tuple[int, int], reach: float) -> F32:
    """Return float32 (h, w): 1, falling smoothly to 0 at the area's edges, over so many places."""
    height, width = shape
    across = np.minimum(np.arange(width), np.arange(width)[::-1]) / reach
    down = np.minimum(np.arange(height), np.arange(height)[::-1]) / reach
    part = np.clip(np.minimum(across[None, :], down[:, None]), 0.0, 1.0)
    fade = np.asarray(part * part * (3.0 - 2.0 * part), np.float32)
    fade.flags.writeable = False  # one for all who ask
    return fade
