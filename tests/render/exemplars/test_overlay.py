"""The person's own mouth on a frame: nothing changes that need not, and what is asked is shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lipsync_edge.render.exemplars.canvas import Canvas
from lipsync_edge.render.exemplars.filling import fill, inner_of
from lipsync_edge.render.exemplars.laid import Pick
from lipsync_edge.render.exemplars.library import Exemplar, make_exemplar
from lipsync_edge.render.exemplars.light import match_light
from lipsync_edge.render.exemplars.overlay import own_mouth
from lipsync_edge.render.exemplars.reshape import goal
from lipsync_edge.render.exemplars.watcher import Seen
from tests.render.exemplars.faces import seen


def exemplar(of: Seen, number: int = 0) -> Exemplar:
    target = of.target
    return make_exemplar(
        number, target.frame_bgr, target.crop, of.crop_bgr, of.landmarks, of.look, target.paste
    )


def shown(of: Seen, picks: list[Pick], asked: tuple[float, float, float]) -> np.ndarray:
    found = own_mouth(of.target, picks, np.array(asked, np.float32))
    assert found is not None
    picture, region = found
    out = of.target.frame_bgr.copy()
    region.view(out)[:] = picture
    return out


def own_shape(of: Seen) -> tuple[float, float, float]:
    return tuple(float(v) for v in of.look.shape)


def test_a_frame_gets_its_own_mouth_back() -> None:
    of = seen(0.12)
    out = shown(of, [Pick(exemplar(of), 1.0)], own_shape(of))
    assert np.abs(out.astype(int) - of.target.frame_bgr).mean() < 0.6


def test_an_open_exemplar_opens_a_shut_mouth() -> None:
    shut, wide = seen(0.005), seen(0.25)
    out = shown(shut, [Pick(exemplar(wide), 1.0)], own_shape(wide))
    real = wide.target.frame_bgr
    mouth = (slice(145, 190), slice(100, 156))
    assert np.abs(out[mouth].astype(int) - real[mouth]).mean() < 12
    assert np.abs(shut.target.frame_bgr[mouth].astype(int) - real[mouth]).mean() > 25


@pytest.mark.parametrize(
    ("own", "asked", "painted"), [(0.012, 0.012, False), (0.03, 0.02, False), (0.012, 0.1, True)]
)
def test_between_lips_that_are_no_farther_apart_than_in_the_picture_nothing_is_painted(
    own: float, asked: float, painted: bool
) -> None:
    face = seen(own).target
    mouth = Canvas(face.crop, face.frame_bgr.shape, (30, 60, 100, 120))
    inner = inner_of(face.face, face.crop.cut(face.frame_bgr), face.crop.scale)
    view = mouth.region.view(face.frame_bgr).copy()
    fill(
        view,
        mouth,
        face,
        inner,
        goal(face.face, face.face, np.array([asked, *face.face.shape[1:]], np.float32)),
    )
    assert (view != mouth.region.view(face.frame_bgr)).any() == painted


def test_the_upper_face_is_not_touched() -> None:
    of, wide = seen(0.005), seen(0.25)
    out = shown(of, [Pick(exemplar(wide), 1.0)], own_shape(wide))
    assert np.array_equal(out[:110], of.target.frame_bgr[:110])


def test_what_lies_before_the_mouth_stays() -> None:
    of, wide = seen(0.005), seen(0.25)
    covered = replace(of, target=replace(of.target, paste=np.zeros((64, 64), np.float32)))
    out = shown(covered, [Pick(exemplar(wide), 1.0)], own_shape(wide))
    assert np.array_equal(out, of.target.frame_bgr)


def test_a_covered_exemplar_is_not_shown() -> None:
    of, wide = seen(0.1), seen(0.12)
    hidden = replace(exemplar(wide), paste=np.zeros((64, 64), np.uint8))
    painted = replace(hidden, picture=exemplar(seen(0.12, light=0.2)).picture)
    out = shown(of, [Pick(painted, 1.0)], own_shape(of))
    assert np.abs(out.astype(int) - of.target.frame_bgr).mean() < 1.0


def test_a_darker_exemplar_is_lit_like_the_frame() -> None:
    of, dark = seen(0.12), seen(0.12, light=0.75)
    out = shown(of, [Pick(exemplar(dark), 1.0)], own_shape(of))
    rim = (slice(128, 140), slice(110, 146))  # skin between nose and lips
    before = np.abs(dark.target.frame_bgr[rim].astype(int) - of.target.frame_bgr[rim]).mean()
    assert np.abs(out[rim].astype(int) - of.target.frame_bgr[rim]).mean() < before / 5


def test_inside_the_lips_the_first_exemplar_is_taken_whole() -> None:
    of = seen(0.2)
    bright = seen(0.2)
    frame = bright.target.frame_bgr.copy()
    inside = (frame < 60).all(2)
    frame[inside] = 230
    teeth = replace(bright, target=replace(bright.target, frame_bgr=frame))
    alone = shown(of, [Pick(exemplar(teeth), 1.0)], own_shape(of))
    mixed = shown(of, [Pick(exemplar(teeth), 1.0), Pick(exemplar(of), 0.33)], own_shape(of))
    middle = (slice(166, 172), slice(120, 136))
    assert np.abs(alone[middle].astype(int) - mixed[middle]).max() < 12
    assert mixed[middle].mean() > 180


def test_a_face_outside_the_frame_is_left() -> None:
    of = seen(0.1)
    away = replace(of.target, frame_bgr=np.zeros((40, 40, 3), np.uint8))
    assert own_mouth(away, [Pick(exemplar(of), 1.0)], np.array(own_shape(of), np.float32)) is None


@pytest.mark.parametrize("gain", [0.8, 1.25])
def test_light_is_matched_by_a_factor(gain: float) -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(60, 160, (90, 120, 3)).astype(np.uint8)
    taken = np.clip(base / gain, 0, 255).astype(np.uint8)
    alpha = np.zeros((90, 120), np.float32)
    alpha[20:70, 20:100] = 0.5
    assert np.abs(match_light(taken, base, alpha).astype(int) - base).mean() < 3


def test_light_is_left_where_there_is_no_rim() -> None:
    picture = np.full((40, 40, 3), 99, np.uint8)
    assert match_light(picture, picture // 2, np.zeros((40, 40), np.float32)) is picture


def with_a_shadow(before_the_chin: bool) -> Seen:
    """A face whose skin ends at its chin, a dark band below it; with something before the chin or not."""
    of = seen(0.1)
    frame = of.target.frame_bgr.copy()
    frame[232:244] = 10
    rows = (np.arange(64) + 0.5) / 64
    paste = np.repeat((rows < 0.908)[:, None], 64, 1).astype(np.float32)
    if before_the_chin:
        paste[52:, 24:40] = 0.0
    return replace(of, target=replace(of.target, frame_bgr=frame, paste=paste))


def middle_of_the_shadow(picture: np.ndarray) -> float:
    return float(np.flatnonzero(picture[215:, 128].max(1) < 60).mean()) + 215


@pytest.mark.parametrize("lower", [-0.1, 0.1])
def test_the_chins_shadow_goes_with_the_chin(lower: float) -> None:
    of = with_a_shadow(before_the_chin=False)
    opening, width, jaw = own_shape(of)
    still, moved = (middle_of_the_shadow(shown(of, [], (opening, width, jaw + by))) for by in (0.0, lower))
    way = lower * 0.34 * 256
    assert (moved - still) / way == pytest.approx(0.85, abs=0.2)  # a little below the chin it moves less


def test_what_lies_before_the_chin_and_below_it_stays() -> None:
    of = with_a_shadow(before_the_chin=True)
    opening, width, jaw = own_shape(of)
    out = shown(of, [], (opening, width, jaw + 0.1))
    below = (slice(234, 256), slice(110, 146))
    assert np.abs(out[below].astype(int) - of.target.frame_bgr[below]).mean() < 1.0
