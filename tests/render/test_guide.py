"""Goals: what the voice asks, round how the person's mouth rests, whatever it does just now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from lipsync_edge.face.align import TEMPLATE, aligned_crop
from lipsync_edge.face.landmarks import Landmarks
from lipsync_edge.render.crop import crop_aligned
from lipsync_edge.render.exemplars.asked import SHUT, sealing
from lipsync_edge.render.guide import LOWER, NARROWER, Guide
from lipsync_edge.render.lips import AudioEncoder
from lipsync_edge.types import F32, U8, Face, Frame
from tests import fakes
from tests.render.exemplars.faces import landmarks

PICTURE = np.zeros((200, 200, 3), np.uint8)
POINTS = (TEMPLATE * 160 + 20).astype(np.float32)


class Seeing:
    """A landmarker that sees what a test decides on, and how often they were looked for."""

    side = 128

    def __init__(self) -> None:
        self.now, self.looks, self.calls = landmarks(), 0, 0

    def __call__(self, crops_bgr: list[U8]) -> list[Landmarks]:
        self.looks += len(crops_bgr)
        self.calls += bool(crops_bgr)
        return [self.now for _ in crops_bgr]


@pytest.fixture
def seeing() -> Seeing:
    return Seeing()


@pytest.fixture
def guide(seeing: Seeing) -> Guide:
    return Guide(seeing, AudioEncoder(fakes.loudness_encoder()))  # type: ignore[arg-type]


def heard(loudness: float = -4.0, picture: U8 | None = None, **changes: object) -> Frame:
    face = Face(
        np.array([20, 20, 180, 180], np.float32), POINTS, features=np.full((80, 16), loudness, np.float32)
    )
    image = PICTURE.copy() if picture is None else picture
    return Frame(0, Fraction(0), image, faces=(replace(face, **changes),))  # type: ignore[arg-type]


def asked(frame: Frame) -> np.ndarray:
    goal = frame.faces[0].goal
    assert goal is not None
    return goal.asked


def test_a_still_keeps_its_own_width_and_jaw_in_silence(guide: Guide, seeing: Seeing) -> None:
    seeing.now = landmarks(opening=0.0, width=0.8, jaw=1.3)
    assert asked(guide(heard())) == pytest.approx([SHUT, 0.8, 1.3], abs=1e-3)


def test_the_voice_moves_opening_and_jaw(guide: Guide, seeing: Seeing) -> None:
    seeing.now = landmarks(opening=0.0, jaw=1.2)
    assert asked(guide(heard(4.0))) == pytest.approx([SHUT + 0.21, 0.75, 1.32], abs=1e-3)


def test_what_is_asked_forgets_what_the_source_says(guide: Guide, seeing: Seeing) -> None:
    wide_asks: list[float] = []
    narrow_asks: list[float] = []
    for _ in range(60):
        for width, asks in ((0.85, wide_asks), (0.65, narrow_asks)):
            seeing.now = landmarks(opening=0.1, width=width)
            asks.append(float(asked(guide(heard()))[1]))
    assert abs(wide_asks[-1] - narrow_asks[-1]) < 0.01 < abs(wide_asks[0] - narrow_asks[0])
    assert wide_asks[-1] == pytest.approx(0.75 + NARROWER * 0.1, abs=0.01)


def test_rest_is_read_off_an_open_mouth(guide: Guide, seeing: Seeing) -> None:
    seeing.now = landmarks(opening=0.2, jaw=1.4)
    assert asked(guide(heard()))[2] == pytest.approx(1.4 - LOWER * 0.2, abs=0.01)


def test_a_picture_that_is_shown_again_is_not_looked_at_again(guide: Guide, seeing: Seeing) -> None:
    for loudness in (-4.0, 0.0, 4.0):
        guide(heard(loudness, PICTURE))
    assert seeing.looks == 1
    guide(heard())
    assert seeing.looks == 2


def test_people_and_shots_do_not_mix(guide: Guide, seeing: Seeing) -> None:
    seeing.now = landmarks(opening=0.0, width=0.9)
    guide(heard())
    seeing.now = landmarks(opening=0.0, width=0.6)
    assert asked(guide(heard(identity=1)))[1] == pytest.approx(0.6, abs=1e-3)
    assert asked(guide(replace(heard(), shot_start=True)))[1] == pytest.approx(0.6, abs=1e-3)


@pytest.mark.parametrize("changes", [{"features": None}, {"landmarks": None}])
def test_a_face_that_hears_nothing_or_has_no_place_gets_no_goal(
    guide: Guide, changes: dict[str, None]
) -> None:
    assert guide(heard(-4.0, **changes)).faces[0].goal is None  # type: ignore[arg-type]


def test_a_covered_mouth_is_not_believed(guide: Guide, seeing: Seeing) -> None:
    seeing.now = landmarks(opening=0.0, width=0.8)
    guide(heard())
    seeing.now = landmarks(opening=0.0, width=0.5, visible=0.1)
    told = guide(heard()).faces[0].goal
    assert told is not None
    assert told.trust == 0.0
    assert told.asked[1] == pytest.approx(0.8, abs=1e-3)


def test_small_openings_shrink_to_shut_lips() -> None:
    assert sealing(-0.1) == sealing(0.0) == 0.0
    assert sealing(0.02) < 0.01
    assert sealing(0.2) == pytest.approx(0.2)


def test_two_people_are_looked_at_at_once_and_asked_once_where_they_hear_the_same(seeing: Seeing) -> None:
    encoder, windows = AudioEncoder(fakes.loudness_encoder()), []

    def counted(some: Sequence[F32]) -> F32:
        windows.append(len(some))
        return encoder(some)

    counted.to_shape = encoder.to_shape  # type: ignore[attr-defined]
    guide = Guide(seeing, counted)  # type: ignore[arg-type]
    both = heard(-4.0)
    (left,) = both.faces
    right = replace(left, identity=1, landmarks=POINTS + 9)
    louder = replace(right, features=np.full((80, 16), 2.0, np.float32))
    deaf = replace(left, identity=2, features=None)
    told = guide(replace(both, faces=(left, deaf, right)))
    assert (seeing.calls, seeing.looks, windows) == (1, 2, [1])
    assert [face.goal is not None for face in told.faces] == [True, False, True]
    assert [face.identity for face in told.faces] == [0, 2, 1]
    told = guide(replace(both, faces=(left, louder), image_bgr=PICTURE.copy()))
    assert (seeing.calls, windows) == (2, [1, 2])
    alone = Guide(seeing, encoder)(replace(both, faces=(louder,)))  # type: ignore[arg-type]
    one, other = told.faces[1].goal, alone.faces[0].goal
    assert one is not None
    assert other is not None
    assert one.asked == pytest.approx(other.asked, abs=1e-6)


def test_the_crop_that_was_looked_at_is_the_one_that_the_lips_are_made_of(guide: Guide) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    before = heard(picture=picture)
    (face,) = guide(before).faces
    goal = face.goal
    assert goal is not None
    assert goal.crop_bgr is not None
    assert np.array_equal(goal.crop_bgr, aligned_crop(POINTS, 128).cut(picture))
    cut = crop_aligned(picture, face, 128)
    assert cut is not None
    assert cut.face_bgr is goal.crop_bgr
    smaller = crop_aligned(picture, face, 96)
    assert smaller is not None
    assert smaller.face_bgr.shape == (96, 96, 3)
