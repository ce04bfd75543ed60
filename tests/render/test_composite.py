"""Blending: what may change, what must not, and the published steps."""

import cv2
import numpy as np
import pytest

from lipsync_edge.face.align import TEMPLATE, aligned_crop
from lipsync_edge.render.composite import (
    Region,
    crop_region,
    edge_window,
    feather,
    match_color,
    mix,
    paste_reference,
    paste_soft,
    spread,
    warp_face,
)
from lipsync_edge.render.lips import WarpMouth

RNG = np.random.default_rng(3)
SIDE = 128


def picture(height: int = 240, width: int = 320) -> np.ndarray:
    noise = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2.0))


def face(scale: float = 180.0, degrees: float = 0.0) -> np.ndarray:
    a = np.radians(degrees)
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    return (scale * TEMPLATE @ turn + (70, 20)).astype(np.float32)


def still(paint: float = 0.0, mask: float = 0.0) -> WarpMouth:
    return WarpMouth(
        np.zeros((32, 32, 2), np.float32),
        np.full((SIDE, SIDE), mask, np.float32),
        np.full((SIDE, SIDE, 3), paint, np.float32),
    )


@pytest.mark.parametrize("degrees", [0.0, 25.0])
def test_no_flow_and_no_mask_change_nothing(degrees: float) -> None:
    frame = picture()
    crop = aligned_crop(face(degrees=degrees), SIDE)
    region = crop_region(crop, frame.shape)
    assert region is not None
    out = frame.copy()
    warp_face(out, still(), np.ones((SIDE, SIDE), np.float32), crop, region)
    assert np.abs(out.astype(int) - frame).max() <= 1


@pytest.mark.parametrize("degrees", [0.0, 25.0])
def test_flow_carries_pixels_by_that_much_of_the_crop(degrees: float) -> None:
    frame = picture()
    points = face(degrees=degrees)
    crop = aligned_crop(points, SIDE)
    region = crop_region(crop, frame.shape)
    assert region is not None
    mouth = WarpMouth(
        np.tile(np.array([0.0, -0.05], np.float32), (32, 32, 1)),
        np.zeros((SIDE, SIDE), np.float32),
        np.zeros((SIDE, SIDE, 3), np.float32),
    )
    out = frame.copy()
    warp_face(out, mouth, np.ones((SIDE, SIDE), np.float32), crop, region)
    x, y = points.mean(0)
    dx, dy = crop.to_frame[:, :2] @ (0.0, -0.05 * SIDE)
    here = cv2.getRectSubPix(out, (15, 15), (float(x), float(y))).astype(int)
    there = cv2.getRectSubPix(frame, (15, 15), (float(x + dx), float(y + dy))).astype(int)
    unmoved = cv2.getRectSubPix(frame, (15, 15), (float(x), float(y))).astype(int)
    assert np.abs(here - there).mean() < 2.5 < np.abs(here - unmoved).mean()


def test_nothing_outside_the_crop_or_where_the_mask_forbids_changes() -> None:
    frame = picture()
    crop = aligned_crop(face(), SIDE)
    region = crop_region(crop, frame.shape)
    assert region is not None
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[70:100, 40:90] = 1.0
    out = frame.copy()
    warp_face(out, still(paint=1.0, mask=1.0), mask, crop, region)
    changed = np.abs(out.astype(int) - frame).sum(2) > 0
    assert changed.any()
    allowed = np.zeros(frame.shape[:2], bool)
    allowed[region.y1 : region.y2, region.x1 : region.x2] = spread(mask, crop, region) > 0
    assert not (changed & ~allowed).any()


def test_paint_shows_through_the_mask() -> None:
    frame = picture()
    crop = aligned_crop(face(), SIDE)
    region = crop_region(crop, frame.shape)
    assert region is not None
    out = frame.copy()
    warp_face(out, still(paint=0.5, mask=1.0), np.ones((SIDE, SIDE), np.float32), crop, region)
    x, y = face().mean(0).astype(int)
    assert np.abs(out[y - 5 : y + 5, x - 5 : x + 5].astype(int) - 127.5).max() <= 1


@pytest.mark.parametrize("points", [face(20.0), face(900.0), face() + (170, 90), face() - (160, 110)])
def test_faces_at_the_border_and_of_any_size_are_blended(points: np.ndarray) -> None:
    frame = picture()
    crop = aligned_crop(points.astype(np.float32), SIDE)
    region = crop_region(crop, frame.shape)
    assert region is not None
    out = frame.copy()
    warp_face(out, still(paint=1.0, mask=0.7), np.ones((SIDE, SIDE), np.float32), crop, region)
    assert (out != frame).any()


def test_a_crop_outside_the_frame_has_no_region() -> None:
    assert crop_region(aligned_crop(face() + np.float32(5000), SIDE), (240, 320, 3)) is None


def test_a_plane_lies_on_the_frame_where_the_crop_was_cut() -> None:
    """Cutting a smooth picture and spreading the cut again gives the picture back, turned or not."""
    y, x = np.mgrid[0:240, 0:320].astype(np.float32)
    frame = np.stack([x * 0.7, y, (x + y) * 0.4], 2).astype(np.uint8)
    crop = aligned_crop(face(degrees=15), SIDE)
    region = crop_region(crop, frame.shape)
    assert region is not None
    back = spread(crop.cut(frame).astype(np.float32), crop, region)
    inside = spread(edge_window(SIDE), crop, region) > 0.5
    assert np.abs(back - region.view(frame))[inside].max() < 3.0


def test_mix_leaves_unmasked_pixels_bit_equal() -> None:
    target = picture()
    before = target.copy()
    alpha = np.zeros(target.shape[:2], np.float32)
    alpha[50:60, 50:60] = 1.0
    mix(target, np.full(target.shape, 255, np.uint8), alpha)
    assert (target[50:60, 50:60] == 255).all()
    target[50:60, 50:60] = before[50:60, 50:60]
    assert np.array_equal(target, before)


def test_feather_never_reaches_outside_the_mask() -> None:
    mask = np.zeros((100, 100), np.float32)
    mask[30:80, 20:70] = 1.0
    soft = feather(mask, 6.0)
    assert soft[mask == 0].max() < 0.06
    assert soft[55, 45] > 0.99
    steps = np.abs(np.diff(soft, axis=1)).max()
    assert steps < 0.25


def test_colour_is_matched_on_the_rim() -> None:
    source = np.full((60, 60, 3), (90.0, 120.0, 150.0), np.float32)
    mask = feather(np.pad(np.ones((40, 40), np.float32), 10), 5.0)
    matched = match_color(source + np.float32([10, -20, 30]), source, mask)
    assert np.allclose(matched, source, atol=0.01)


def test_soft_paste_fades_with_the_gain_and_leaves_no_edge_at_the_box() -> None:
    frame = np.full((200, 200, 3), 100, np.uint8)
    region = Region(50, 40, 150, 170)
    image = np.full((96, 96, 3), 0.9, np.float32)
    silent = frame.copy()
    paste_soft(silent, image, region, np.ones((130, 100), np.float32), gain=0.0)
    assert np.array_equal(silent, frame)
    loud = frame.copy()
    paste_soft(
        loud,
        np.random.default_rng(0).random((96, 96, 3), np.float32),
        region,
        np.ones((130, 100), np.float32),
        1.0,
    )
    rim = np.concatenate([loud[:, 50], loud[:, 149], loud[40], loud[169]])
    assert np.abs(rim.astype(int) - 100).max() <= 2
    assert (loud != frame).any()


def test_published_paste_is_the_reference_arithmetic() -> None:
    frame = picture()
    region = Region(33, 21, 190, 201)
    image = RNG.integers(0, 256, (96, 96, 3), dtype=np.uint8)
    plain = frame.copy()
    paste_reference(plain, image, region, None)
    assert np.array_equal(region.view(plain), cv2.resize(image, region.size))
    mask = (RNG.random((512, 512)) > 0.5).astype(np.float32)
    out = frame.copy()
    paste_reference(out, image, region, mask)
    source = cv2.resize(frame[21:201, 33:190], (512, 512))
    target = cv2.resize(cv2.resize(image, (157, 180)), (512, 512))
    mixed = (1 - mask[..., None]) * source + mask[..., None] * target
    expected = cv2.resize(mixed.astype(np.float32), (157, 180)).astype(np.uint8)
    assert np.array_equal(region.view(out), expected)
