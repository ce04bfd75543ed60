"""Several people followed at once: through cuts, crossings and absences; nobody is anybody else."""

import itertools
import weakref
from collections.abc import Callable, Sequence
from fractions import Fraction

import cv2
import numpy as np
import pytest

from lipsync_edge.face.assignment import assign
from lipsync_edge.face.looks import Looks, PatchLooks
from lipsync_edge.face.options import TrackOptions
from lipsync_edge.face.people import People, Wanted
from lipsync_edge.face.tracker import FoundOnce, SeenOnce, Tracker
from lipsync_edge.types import F32, U8, Boxes, Frame

SIZE = 48
RNG = np.random.default_rng(3)
FACES = [
    cv2.resize(RNG.integers(0, 256, (6, 6, 3), dtype=np.uint8), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    for _ in range(4)
]
LIKE_THE_FIRST = 4  # FACES: somebody who is between a stranger and the first one
FACES.append(cv2.addWeighted(FACES[0], 0.32, FACES[3], 0.68, 0))
WALLS = [RNG.integers(0, 256, (120, 320, 3), dtype=np.uint8) for _ in range(2)]
Where = Callable[[int], list[tuple[int, int]]]  # frame → (person, x), those in front last


class PlacesAlone:
    """The control: everybody looks the same."""

    name, same, other = "places", 0.5, 0.2

    def __call__(self, frame_bgr: U8, boxes: Boxes) -> F32:
        return np.ones((len(boxes), 1), np.float32)


class Stage:
    """Frames of people on a wall, and a detector that sees whom nobody hides; keeps how often it was asked."""

    def __init__(self, where: Where, count: int, wall: Callable[[int], int] = lambda i: 0) -> None:
        self.where, self.asked = where, []
        self.frames = [self._frame(i, WALLS[wall(i)]) for i in range(count)]

    def _frame(self, i: int, wall: U8) -> U8:
        frame = wall.copy()
        for person, x in self.where(i):
            left, right = max(x, 0), min(x + SIZE, frame.shape[1])
            if left < right:
                frame[40 : 40 + SIZE, left:right] = FACES[person][:, left - x : right - x]
        frame[0, 0] = (i, 0, 0)
        return frame

    def __call__(self, frames_bgr: Sequence[U8], side: int = 0) -> list[Boxes]:
        return [self._boxes(int(frame[0, 0, 0])) for frame in frames_bgr]

    def _boxes(self, i: int) -> Boxes:
        self.asked.append(i)
        people = self.where(i)
        seen = [
            x
            for k, (_, x) in enumerate(people)
            if 0 <= x <= 320 - SIZE and all(abs(x - front) > SIZE // 2 for _, front in people[k + 1 :])
        ]
        xyxy = np.array([(x, 40, x + SIZE, 40 + SIZE) for x in sorted(seen)], np.float32).reshape(-1, 4)
        return Boxes(xyxy, np.ones(len(xyxy), np.float32))


def follow(stage: Stage, people: int, looks: Looks | None = None) -> list[Frame]:
    looks = looks or PatchLooks()
    first = stage(stage.frames[:1])[0]
    known = looks(stage.frames[0], first)
    of = {person: known[k] for k, (person, _) in enumerate(sorted(stage.where(0), key=lambda one: one[1]))}
    stage.asked.clear()
    tracker = Tracker(TrackOptions(), stage, [Wanted(looks=of[k][None]) for k in range(people)], looks)
    out = [
        done
        for i, frame in enumerate(stage.frames)
        for done in tracker.push(Frame(i, Fraction(i, 25), frame))
    ]
    return out + tracker.flush()


def wrong(stage: Stage, followed: Sequence[Frame]) -> list[int]:
    """Frames in which somebody is taken for another."""
    out = []
    for frame in followed:
        at = dict(stage.where(frame.index))
        for face in frame.faces:
            x = float(face.box_xyxy[0])
            mine = at.get(face.identity)
            nearest = min(at, key=lambda person: abs(at[person] - x)) if at else None
            if nearest != face.identity and (mine is None or abs(mine - x) > SIZE / 2):
                out.append(frame.index)
    return out


def held(followed: Sequence[Frame], person: int) -> list[int]:
    return [frame.index for frame in followed if person in [face.identity for face in frame.faces]]


def swapped(i: int) -> list[tuple[int, int]]:
    return [(0, 40), (1, 220)] if i < 50 else [(0, 220), (1, 40)]


def crossing(i: int) -> list[tuple[int, int]]:
    return [(0, 20 + 2 * i), (1, 260 - 2 * i)]


def leaving(i: int) -> list[tuple[int, int]]:
    first = 40 - 3 * i if i < 60 else 320 - 3 * (i - 60)
    return [(0, first), (1, max(40, 220 - 2 * i))]


SCENES = {
    "swapped after a cut": (swapped, lambda i: int(i >= 50)),
    "swapped unseen": (swapped, lambda i: 0),
    "crossing": (crossing, lambda i: 0),
    "leaving and coming back on the other side": (leaving, lambda i: 0),
}


@pytest.mark.parametrize("scene", SCENES)
def test_two_people_are_never_mixed_up(scene: str) -> None:
    where, wall = SCENES[scene]
    stage = Stage(where, 110, wall)
    followed = follow(stage, 2)
    assert [frame.index for frame in followed] == list(range(110))
    assert not wrong(stage, followed)
    for person in (0, 1):
        seen = [i for i in range(110) if 0 <= dict(where(i))[person] <= 320 - SIZE]
        assert len(held(followed, person)) > 0.75 * len(seen)


@pytest.mark.parametrize("scene", ["swapped after a cut", "swapped unseen", "crossing"])
def test_places_alone_mix_them_up(scene: str) -> None:
    where, wall = SCENES[scene]
    stage = Stage(where, 110, wall)
    assert wrong(stage, follow(stage, 2, PlacesAlone()))


def test_four_people_in_three_orders() -> None:
    orders = [(0, 1, 2, 3), (2, 0, 3, 1), (3, 2, 1, 0)]
    stage = Stage(
        lambda i: [(person, 10 + 75 * k) for k, person in enumerate(orders[i // 30])],
        90,
        lambda i: i // 30 % 2,
    )
    followed = follow(stage, 4)
    assert not wrong(stage, followed)
    assert all(held(followed, person) == list(range(90)) for person in range(4))


def test_a_stranger_is_nobody_who_is_followed() -> None:
    stage = Stage(
        lambda i: [(0, 40), (1, 220)] if i < 40 else [(2, 40), (3, 220)], 80, lambda i: int(i >= 40)
    )
    followed = follow(stage, 2)
    assert held(followed, 0) == held(followed, 1) == list(range(40))


def test_every_frame_is_looked_at_once_for_all_of_them() -> None:
    stage = Stage(lambda i: [(0, 40), (1, 130), (2, 220)], 41)
    follow(stage, 3)
    assert sorted(stage.asked) == list(range(0, 41, 4))


def test_one_person_is_found_again_among_others_after_a_cut() -> None:
    stage = Stage(swapped, 100, lambda i: int(i >= 50))
    tracker = Tracker(TrackOptions(face="left"), stage)
    followed = [
        done
        for i, frame in enumerate(stage.frames)
        for done in tracker.push(Frame(i, Fraction(i, 25), frame))
    ] + tracker.flush()
    assert [float(frame.faces[0].box_xyxy[0]) for frame in followed] == [40] * 50 + [220] * 50


def test_assignment_is_the_best_of_all() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        scores = rng.normal(0.2, 1.0, rng.integers(0, 5, 2))
        found = assign(scores)
        given = [column for column in found if column is not None]
        assert len(set(given)) == len(given)
        ways = itertools.product([None, *range(scores.shape[1])], repeat=len(scores))
        sums = [
            sum(scores[row, column] for row, column in enumerate(way) if column is not None)
            for way in ways
            if len({c for c in way if c is not None}) == sum(c is not None for c in way)
        ]
        mine = sum(scores[row, column] for row, column in enumerate(found) if column is not None)
        assert mine == pytest.approx(max(sums, default=0.0))
    assert assign(np.zeros((3, 0))) == [None] * 3


def test_each_face_is_looked_at_once_however_many_people_ask() -> None:
    class Counted(PatchLooks):
        def __init__(self) -> None:
            self.seen: list[bytes] = []

        def __call__(self, frame_bgr: U8, boxes: Boxes) -> F32:
            self.seen.append(frame_bgr[0, 0].tobytes() + boxes.xyxy.tobytes())
            return super().__call__(frame_bgr, boxes)

    looks = Counted()
    stage = Stage(
        lambda i: [(0, 20 + 3 * i), (1, 250 - 3 * i)], 60
    )  # quick, so that it is looked at again between
    follow(stage, 2, looks)
    first, *rest = looks.seen  # the first look is that of the test itself
    assert len(rest) == len(set(rest)) > 15


def test_a_frame_is_not_kept_for_having_been_looked_at() -> None:
    looks = SeenOnce(PatchLooks())
    frame = WALLS[0].copy()
    gone = weakref.ref(frame)
    boxes = Boxes(np.array([[10, 10, 60, 60]], np.float32), np.ones(1, np.float32))
    FoundOnce(lambda frames_bgr, side=0: [boxes for _ in frames_bgr])([frame])
    assert np.array_equal(looks(frame, boxes), looks(frame, boxes))
    del frame
    assert gone() is None


def test_one_who_is_like_another_does_not_take_their_place() -> None:
    def goes_and_is_followed(i: int) -> list[tuple[int, int]]:
        first = [(0, 40)] if i < 40 else []
        return [*first, (LIKE_THE_FIRST, 220 if i < 40 else max(40, 220 - 12 * (i - 40)))]

    stage = Stage(goes_and_is_followed, 90)
    one, other = PatchLooks()(stage.frames[0], stage._boxes(0))
    assert PatchLooks.other < float(one @ other) < PatchLooks.same
    followed = follow(stage, 1)
    assert not wrong(stage, followed)
    assert set(held(followed, 0)) >= set(range(40))
    assert max(held(followed, 0)) < 40 + TrackOptions().hold + TrackOptions().every


def test_everybody_in_one_picture_is_somebody_else() -> None:
    picture = WALLS[0].copy()
    for x in (10, 120, 230):
        picture[40 : 40 + SIZE, x : x + SIZE] = FACES[0]  # three who look the same
    people = People([Wanted(looks=PatchLooks()(picture, _face_at(10)))], PatchLooks())
    xyxy = np.concatenate([_face_at(x).xyxy for x in (10, 120, 230)])
    people.find(picture, Boxes(xyxy, np.ones(3, np.float32)))
    assert len(people.others) == 2
    twice = np.concatenate([xyxy, xyxy[:1] + 2])  # a second box of the first face is nobody
    people.find(picture.copy(), Boxes(twice, np.ones(4, np.float32)))
    assert len(people.others) == 2


def _face_at(x: int) -> Boxes:
    return Boxes(np.array([[x, 40, x + SIZE, 40 + SIZE]], np.float32), np.ones(1, np.float32))
