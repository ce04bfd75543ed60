"""What the figures of the lips measure, on pictures whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

from lipsync_edge.engine import load  # noqa: E402
from lipsync_edge.face.align import TEMPLATE, aligned_crop  # noqa: E402
from lipsync_edge.types import Face, Frame  # noqa: E402
from training.evaluate.dubs import (  # noqa: E402
    Dub,
    allowed,
    flicker_row,
    identity_row,
    native_side,
    sharpness_row,
)
from training.evaluate.lips import share, summary  # noqa: E402
from training.evaluate.own_mouth import mouth, partners, pose_difference, same_face  # noqa: E402

SIDE = 200
POINTS = (TEMPLATE * SIDE + 50).astype(np.float32)


def frames(count: int) -> list[Frame]:
    """The same textured picture again and again, a face in its middle."""
    picture = np.random.default_rng(0).integers(60, 200, (300, 300, 3)).astype(np.uint8)
    picture = cv2.GaussianBlur(picture, (0, 0), 1.0)
    box = np.array([50, 50, 250, 250], np.float32)
    return [
        Frame(i, Fraction(i, 25), picture, faces=(Face(box, POINTS),), shot_start=i == 0)
        for i in range(count)
    ]


def changed(source: list[Frame], blur: float, where: tuple[slice, slice]) -> Dub:
    """A result that is blurred at one place."""
    made = []
    for frame in source:
        image = frame.image_bgr.copy()
        image[where] = cv2.GaussianBlur(image, (0, 0), blur)[where]
        made.append(image)
    return Dub(source, made)


MOUTH = (slice(160, 215), slice(110, 190))
FOREHEAD = (slice(60, 90), slice(100, 200))
CORNER = (slice(0, 12), slice(0, 12))


def test_a_copy_of_the_source_is_as_sharp_and_as_still() -> None:
    source = frames(8)
    same = Dub(source, [frame.image_bgr.copy() for frame in source])
    assert sharpness_row(same)["sharpness"] == pytest.approx(1)
    assert np.isnan(sharpness_row(same)["sharpness_changed"])
    assert flicker_row(same) == {"flicker": 0.0, "flicker_source": 0.0}


def test_a_blurred_mouth_is_less_sharp_where_it_changed_most_of_all() -> None:
    row = sharpness_row(changed(frames(4), 3.0, MOUTH))
    assert row["sharpness"] < 0.8
    assert row["sharpness_changed"] < row["sharpness"]
    assert sharpness_row(changed(frames(4), 3.0, CORNER))["sharpness"] == pytest.approx(1)


def test_flicker_is_what_comes_and_goes() -> None:
    source = frames(9)
    made = [np.clip(f.image_bgr.astype(int) + 10 * (f.index % 2), 0, 255).astype(np.uint8) for f in source]
    assert flicker_row(Dub(source, made))["flicker"] == pytest.approx(10, abs=0.5)


def test_a_change_outside_the_mask_and_one_of_the_eyes_are_seen() -> None:
    engine = load(preset="lite", device="cpu", threads=1)
    source = frames(6)
    stranger = replace(source[0], image_bgr=source[0].image_bgr[:, ::-1].copy())
    at_eyes = identity_row(engine, changed(source, 4.0, FOREHEAD), stranger)
    assert at_eyes["texture"] > 0.01
    at_corner = identity_row(engine, changed(source, 4.0, CORNER), stranger)
    assert at_corner["texture"] == pytest.approx(0, abs=1e-6)
    assert at_corner["outside_mask"] > 0
    untouched = identity_row(engine, Dub(source, [f.image_bgr for f in source]), stranger)
    assert (untouched["outside_mask"], untouched["beyond_mask"]) == (0, 0)
    assert untouched["texture_stranger"] > 0.5
    assert float(allowed(engine, source[0])[:40].max()) == 0  # far above the crop nothing may change


def test_the_mouths_window_is_cut_at_the_frames_resolution() -> None:
    frame = frames(1)[0]
    assert native_side(frame) == SIDE
    assert mouth(frame.image_bgr, POINTS, SIDE).shape == (100, 100, 3)
    assert aligned_crop(POINTS, SIDE).scale == pytest.approx(1)


def test_the_reference_is_far_in_time_and_near_in_pose() -> None:
    rng = np.random.default_rng(0)
    face = rng.uniform(0, 100, (468, 2))
    squeezed = np.linspace(1, 0.5, 100)  # the head turns away
    points = np.stack([face * [s, 1] for s in squeezed]).astype(np.float32)
    points[60:] = points[:40][::-1] + 7.0  # and back, elsewhere in the picture
    points[50] = 0  # no face
    times = np.arange(100) / 25
    found = dict(partners(times, points, 100))
    assert 50 not in found
    assert 50 not in found.values()
    assert all(abs(times[t] - times[r]) >= 1 for t, r in found.items())
    assert abs(found[10] - 89) <= 1
    assert pose_difference(points[89:90], points[10])[0] < 0.01
    assert pose_difference(points[55:56], points[10])[0] > 0.05


def test_another_persons_face_is_not_taken() -> None:
    mesh = np.zeros((468, 2), np.float32)
    for index, point in zip((33, 133, 362, 263), POINTS[[0, 0, 1, 1]], strict=True):
        mesh[index] = point
    mesh[[1, 61, 291]] = POINTS[2:]
    assert same_face(POINTS, mesh)
    assert not same_face(POINTS + 200, mesh)


def test_the_summary_counts_and_names_the_worst() -> None:
    own = [
        {
            "clip": name,
            "frames": 3,
            **{f"{m}_{k}": v for m in ("psnr", "ssim") for k in ("made", "copy", "wrong")},
        }
        for name, v in (("a", 30.0), ("b", 20.0))
    ]
    base = {"confidence": 0.2, "found_when_moved": 1.0, "wrong_offset": 7, "wrong_confidence": 0.1}
    pictured = dict.fromkeys(("texture", "texture_second_later", "texture_stranger", "flicker_source"), 0.1)
    pictured |= {
        "sharpness": 0.8,
        "sharpness_changed": 0.5,
        "flicker": 0.3,
        "outside_mask": 0,
        "beyond_mask": 0.0,
    }
    dubs = [
        {"face": "talk_a.mp4", "voice": "grid_s3.mpg", "offset": 0, **base, **pictured},
        {"face": "talk_b.mp4", "voice": "grid_s3.mpg", "offset": 5, **base, **pictured, "sharpness": 0.4},
    ]
    told = summary(own, dubs)
    assert told["offset_within_one"] == share(dubs, "offset") == 0.5
    assert told["wrong_voice_within_one"] == 0
    assert told["psnr_made"] == 25
    assert told["worst"]["psnr"] == "b"
    assert told["worst"]["sharpness"] == told["worst"]["offset_face"] == "talk_b.mp4"
