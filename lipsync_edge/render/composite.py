"""Frame + mouth + mask → frame: arithmetic only, no model."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from lipsync_edge.face.align import F64, AlignedCrop
from lipsync_edge.models.spec import WHOLE_CROP, Window
from lipsync_edge.render.lips import WarpMouth
from lipsync_edge.types import F32, U8, Region

PARSE_SIDE = 512  # wav2lip-hq composites at the size its parser eats
EDGE = 0.06  # of the crop side: nothing changes at the crop's own edge
STILL = 0.001  # of the crop side, or of full paint: less than this is not seen


def paste_reference(frame_bgr: U8, image: U8, region: Region, mask: F32 | None) -> None:
    """Put a made face into the frame, in place, as wav2lip and wav2lip-hq do, rounding included.

    Args:
        frame_bgr: uint8 (H, W, 3), changed.
        image: uint8 (S, S, 3) BGR, the made crop.
        region: the padded face box.
        mask: float32 (512, 512) of 0 and 1 for the source crop, or None: the whole box is replaced (wav2lip).
    """
    source = region.view(frame_bgr)
    made = cv2.resize(image, region.size)
    if mask is None:
        source[:] = made
        return
    both = [cv2.resize(np.ascontiguousarray(x), (PARSE_SIDE, PARSE_SIDE)) for x in (source, made)]
    mixed = np.where(mask[..., None] > 0, both[1], both[0]).astype(np.float32)
    source[:] = cv2.resize(mixed, region.size).astype(np.uint8)


def crop_region(crop: AlignedCrop, shape: tuple[int, ...]) -> Region | None:
    """Return the part of a frame of `shape` (H, W, …) that an aligned crop covers, or None when it covers nothing."""
    side = crop.side
    corners = np.array([(0, 0, 1), (side, 0, 1), (0, side, 1), (side, side, 1)], np.float64) @ crop.to_frame.T
    low, high = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int)
    x1, y1 = max(int(low[0]), 0), max(int(low[1]), 0)
    x2, y2 = min(int(high[0]), shape[1]), min(int(high[1]), shape[0])
    return Region(x1, y1, x2, y2) if x2 - x1 > 1 and y2 - y1 > 1 else None


def spread(plane: F32, crop: AlignedCrop, region: Region, window: Window = WHOLE_CROP) -> F32:
    """Return a plane given over a window of the crop, float32 (h, w[, c]), at the frame's resolution over `region`.

    Beyond the whole crop the plane's border is repeated; beyond a smaller window there is 0.
    """
    grid = _to_region(crop, region, plane.shape, window)
    border = cv2.BORDER_REPLICATE if window == WHOLE_CROP else cv2.BORDER_CONSTANT
    spread_out = cv2.warpAffine(plane, grid, region.size, flags=cv2.INTER_LINEAR, borderMode=border)
    return np.asarray(spread_out, np.float32)


def spread_bytes(plane: U8, crop: AlignedCrop, region: Region, window: Window = WHOLE_CROP) -> U8:
    """Return a picture given over a window of the crop, uint8 (h, w, 3), at the frame's resolution over `region`."""
    grid = _to_region(crop, region, plane.shape, window)
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(plane, grid, region.size, flags=flags, borderMode=border), np.uint8)


def _to_region(crop: AlignedCrop, region: Region, shape: tuple[int, ...], window: Window) -> F64:
    """float64 (2, 3): pixels of a plane of `shape` (h, w, …) over a window of the crop → pixels of the region."""
    matrix = crop.to_frame.copy()
    scale_x = shape[1] / (crop.side * (window[2] - window[0]))
    scale_y = shape[0] / (crop.side * (window[3] - window[1]))
    corner = (crop.side * window[0] + 0.5 / scale_x - 0.5, crop.side * window[1] + 0.5 / scale_y - 0.5, 1.0)
    shift = matrix @ np.array(corner)
    matrix[:, 0] /= scale_x
    matrix[:, 1] /= scale_y
    matrix[:, 2] = shift - (region.x1, region.y1)
    return matrix


@lru_cache(maxsize=8)
def edge_window(side: int) -> F32:
    """Return float32 (side, side): 1 inside, falling smoothly to 0 at the crop's edge."""
    ramp = np.clip(
        np.minimum(np.arange(side) + 0.5, side - 0.5 - np.arange(side)) / (EDGE * side) - 0.25, 0.0, 1.0
    )
    smooth = ramp * ramp * (3.0 - 2.0 * ramp)
    return np.outer(smooth, smooth).astype(np.float32)


def warp_face(frame_bgr: U8, mouth: WarpMouth, mask: F32, crop: AlignedCrop, region: Region) -> None:
    """Carry the face's pixels to where the mouth says, at the frame's resolution, in place.

    Args:
        frame_bgr: uint8 (H, W, 3), changed inside `region` only, and there only where the mouth moves or shows.
        mouth: flow, mask and paint; the paint may be larger than the mask (enhanced).
        mask: float32 (h, w) over the crop: 1 may be replaced.
        crop: where the crop lies.
        region: `crop_region` of the frame.
    """
    moving = moving_region(mouth, crop, region)
    if moving is None:
        return
    turn = (crop.to_frame[:, :2] * crop.side).astype(np.float32)
    flow = np.asarray(cv2.transform(spread(mouth.flow, crop, moving), turn), np.float32)
    x = flow[..., 0] + np.arange(moving.x1, moving.x2, dtype=np.float32)
    y = flow[..., 1] + np.arange(moving.y1, moving.y2, dtype=np.float32)[:, None]
    border = cv2.BORDER_REPLICATE
    made = cv2.remap(frame_bgr, x, y, cv2.INTER_CUBIC, borderMode=border)
    paint = spread_bytes(np.rint(mouth.paint * 255.0).astype(np.uint8), crop, moving, mouth.window)
    inside = spread(mouth.mask, crop, moving, mouth.window)
    made = cv2.blendLinear(paint, made, inside, 1.0 - inside)
    may = spread(mask, crop, moving)
    carried = cv2.remap(may, x - moving.x1, y - moving.y1, cv2.INTER_LINEAR, borderMode=border)
    alpha = np.maximum(may, carried) * spread(edge_window(crop.side), crop, moving)
    mix(moving.view(frame_bgr), np.asarray(made, np.uint8), alpha)


def moving_region(mouth: WarpMouth, crop: AlignedCrop, region: Region) -> Region | None:
    """Return the part of `region` where the mouth moves a pixel by a visible amount or shows paint, or None."""
    boxes = [
        box
        for plane, window in ((_farthest(mouth.flow), WHOLE_CROP), (mouth.mask, mouth.window))
        if (box := _seen(plane, window)) is not None
    ]
    if not boxes:
        return None
    (left, top), (right, bottom) = np.min(boxes, 0)[:2] * crop.side, np.max(boxes, 0)[2:] * crop.side
    corners = np.array([(x, y, 1.0) for x in (left, right) for y in (top, bottom)], np.float64)
    there = corners @ crop.to_frame.T
    low, high = np.floor(there.min(0)).astype(int), np.ceil(there.max(0)).astype(int)
    x1, y1 = max(int(low[0]), region.x1), max(int(low[1]), region.y1)
    x2, y2 = min(int(high[0]), region.x2), min(int(high[1]), region.y2)
    return Region(x1, y1, x2, y2) if x2 - x1 > 1 and y2 - y1 > 1 else None


def _farthest(flow: F32) -> F32:
    """float32 (h, w): how far a pixel moves across or down, whichever is more."""
    return np.maximum(np.abs(flow[..., 0]), np.abs(flow[..., 1]))


def _seen(plane: F32, window: Window) -> F64 | None:
    """Box, left, top, right, bottom as parts of the crop, of where a plane (h, w) over a window is not nothing."""
    shown = plane > STILL
    columns, rows = np.flatnonzero(shown.any(0)), np.flatnonzero(shown.any(1))
    if not len(rows):
        return None
    box = np.array([columns[0] - 1, rows[0] - 1, columns[-1] + 2, rows[-1] + 2], np.float64)
    size = np.array([window[2] - window[0], window[3] - window[1]] * 2)
    return np.asarray(box / (plane.shape[::-1] * 2) * size + (window[:2] * 2))


def mix(target: U8, made: U8, alpha: F32) -> None:
    """Blend in place, target ← alpha·made + (1 − alpha)·target, rounded; where alpha is 0 not one bit changes.

    Args:
        target: uint8 (h, w, 3).
        made: uint8 (h, w, 3).
        alpha: float32 (h, w), 0…1.
    """
    target[:] = cv2.blendLinear(made, np.ascontiguousarray(target), alpha, 1.0 - alpha)


def paste_soft(frame_bgr: U8, image: F32, region: Region, mask: F32, gain: float) -> None:
    """Put a made face into the frame with a feathered mask and matched colour, in place.

    Args:
        frame_bgr: uint8 (H, W, 3), changed.
        image: float32 (S, S, 3) BGR 0…1, the made crop of the box.
        region: the padded face box.
        mask: float32 (height, width) of the region: 1 may be replaced.
        gain: 0 keeps the frame's own mouth, 1 shows the made one.
    """
    width, height = region.size
    source = region.view(frame_bgr)
    made = cv2.resize(image, region.size, interpolation=cv2.INTER_CUBIC) * np.float32(255.0)
    soft = feather(mask, 0.04 * width) * lower_half(height, width)
    made = match_color(made, source.astype(np.float32), soft)
    mix(source, np.clip(np.rint(made), 0, 255).astype(np.uint8), soft * np.float32(gain))


def feather(mask: F32, radius: float) -> F32:
    """Return the mask, float32 (h, w), eroded and blurred so that it reaches 0 where it was 0; radius in pixels."""
    reach = max(1, round(radius))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    small = cv2.erode(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0.0)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), reach / 2.5), np.float32)


def lower_half(height: int, width: int) -> F32:
    """Return float32 (height, width): 0 above the nose, 1 below, 0 again at the box's own edge."""
    y = (np.arange(height, dtype=np.float32) + 0.5) / height
    x = (np.arange(width, dtype=np.float32) + 0.5) / width
    down = np.clip((y - 0.45) / 0.12, 0, 1) * np.clip((1 - y) / 0.04, 0, 1)
    across = np.clip(np.minimum(x, 1 - x) / 0.08, 0, 1)
    return np.outer(down, across).astype(np.float32)


def match_color(made: F32, source: F32, mask: F32) -> F32:
    """Shift the made face, float32 (h, w, 3), so that its mean colour on the mask's rim equals the source's."""
    rim = mask * (1 - mask) * 4
    total = float(rim.sum())
    if total < 1.0:
        return made
    shift = ((source - made) * rim[..., None]).sum((0, 1)) / total
    return np.asarray(made + shift.astype(np.float32), np.float32)
