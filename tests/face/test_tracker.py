"""Tracking on scripted detections: interpolation, loss, cuts, selection, smoothing, the published means."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from lipsync_edge.errors import InputError, NoFaceError, UsageError
from lipsync_edge.face.identity import choose, iou_with, parse_choice
from lipsync_edge.face.looks import appearance
from lipsync_edge.face.options import TrackOptions
from lipsync_edge.face.shots import CutDetector
from lipsync_edge.face.smoothing import smooth_row
from lipsync_edge.face.tracker import Tracker, track_still
from lipsync_edge.types import F32, U8, Boxes, Frame
from tests.fakes import box_of, landmarks_of

RNG = np.random.default_rng(21)
SCENES = [RNG.integers(0, 256, (96, 160, 3), dtype=np.uint8) for _ in range(3)]
POINTS = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)], np.float32)
Script = Callable[[int], list[tuple[float, float, float, float]]]


def numbered(count: int, scene_of: Callable[[int], int] = lambda i: 0) -> list[U8]:
    """Frames that carry their number in their first pixel, over a noisy scene."""
    frames = []
    for i in range(count):
        frame = SCENES[scene_of(i)].copy()
        frame[0, 0] = (i % 256, i // 256, 0)
        frames.append(frame)
    return frames


class ScriptedFaces:
    """A detector that reads the number of a frame and looks up its faces; keeps which frames it saw."""

    def __init__(self, script: Script, *, landmarks: bool = True) -> None:
        self.script = script
        self.landmarks = landmarks
        self.seen: list[int] = []

    def __call__(self, frames_bgr: Sequence[U8], side: int = 0) -> list[Boxes]:
        return [self._boxes(int(frame[0, 0, 0]) + 256 * int(frame[0, 0, 1])) for frame in frames_bgr]

    def _boxes(self, number: int) -> Boxes:
        self.seen.append(number)
        xyxy = np.array(self.script(number), np.float32).reshape(-1, 4)
        points = xyxy[:, None, :2] + POINTS * (xyxy[:, None, 2:] - xyxy[:, None, :2])
        return Boxes(
            xyxy, np.ones(len(xyxy), np.float32), points.astype(np.float32) if self.landmarks else None
        )


def still(number: int) -> list[tuple[float, float, float, float]]:
    return [(40, 20, 80, 60)]


def track(frames: Sequence[U8], script: Script | ScriptedFaces, **options: Any) -> list[Frame]:  # noqa: ANN401
    faces = script if isinstance(script, ScriptedFaces) else ScriptedFaces(script)
    tracker = Tracker(TrackOptions(**options), faces)
    out = []
    for i, frame in enumerate(frames):
        out += tracker.push(Frame(i, Fraction(i, 25), frame))
    return out + tracker.flush()


def left_edges(tracked: list[Frame]) -> list[float | None]:
    return [None if box_of(t) is None else float(box_of(t)[0]) for t in tracked]


@pytest.mark.parametrize("mode", ["smooth", "reference"])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 6, 9, 23])
def test_every_frame_comes_out_once_in_order_untouched(count: int, mode: str) -> None:
    frames = numbered(count)
    tracked = track(frames, still, mode=mode)
    assert [t.index for t in tracked] == list(range(count))
    assert [t.time for t in tracked] == [Fraction(i, 25) for i in range(count)]
    assert all(t.image_bgr is frame for t, frame in zip(tracked, frames, strict=True))
    assert [t.shot_start for t in tracked] == [i == 0 for i in range(count)]
    assert all(box_of(t) is not None and box_of(t).tolist() == [40, 20, 80, 60] for t in tracked)


def test_it_detects_every_few_frames_only_and_holds_few_back() -> None:
    faces = ScriptedFaces(still)
    tracker = Tracker(TrackOptions(every=4, radius=3), faces)
    held = []
    given_out = 0
    for i, frame in enumerate(numbered(41)):
        given_out += len(tracker.push(Frame(i, Fraction(i, 25), frame)))
        held.append(i + 1 - given_out)
    assert faces.seen == list(range(0, 41, 4))
    assert max(held) == 3 + 4 - 1
    tracker.flush()
    assert faces.seen == list(range(0, 41, 4))  # the last frame had been looked at


def test_between_detections_a_steady_motion_is_exact() -> None:
    tracked = track(numbered(40), lambda i: [(20 + 0.5 * i, 20, 60 + 0.5 * i, 60)])
    assert left_edges(tracked) == pytest.approx([20 + 0.5 * i for i in range(40)], abs=1e-3)
    assert all(landmarks_of(t) is not None for t in tracked)
    assert (points := landmarks_of(tracked[7])) is not None
    assert points[2] == pytest.approx([43.5, 44], abs=1e-2)


def test_a_fast_and_bent_motion_is_looked_at_closely() -> None:
    def swing(i: int) -> list[tuple[float, float, float, float]]:
        x = 60 + 40 * float(np.sin(i / 4))
        return [(x, 20, x + 40, 60)]

    found = np.array(left_edges(track(numbered(60), swing)), float)
    wanted = np.array([swing(i)[0][0] for i in range(60)])
    assert np.abs(found - wanted).max() < 0.06 * 40  # it moves its own width and back within a second
    lag = [np.abs(found[5:-5] - wanted[5 - d : 55 - d]).mean() for d in (-1, 0, 1)]
    assert np.argmin(lag) == 1  # neither late nor early


def test_a_still_head_stands_still() -> None:
    jitter = np.random.default_rng(1).normal(0, 0.4, (200, 4))  # 1 % of the face
    tracked = track(numbered(200), lambda i: [tuple(np.array([40, 20, 80, 60]) + jitter[i])])
    x = np.array(left_edges(tracked), float)
    assert np.abs(np.diff(x)).mean() < 0.005 * 40
    assert x.std() < 0.5 * jitter[:, 0].std() * 1.5


def test_a_frame_without_a_face_passes_through_and_a_short_gap_is_bridged() -> None:
    def gaps(i: int) -> list[tuple[float, float, float, float]]:
        return [] if 20 <= i < 24 or 60 <= i < 90 else still(i)

    edges = left_edges(track(numbered(120), gaps, hold=6))
    assert None not in edges[:60]  # one detection missed: bridged
    assert edges[56:63] == [40] * 7  # the last was found at 56; held for six frames
    assert edges[63:90] == [None] * 27
    assert edges[90:] == [40] * 30  # found at 92, and looked back for


def test_a_lost_face_is_not_held_where_it_does_not_look_like_it() -> None:
    frames = numbered(30)
    for frame in frames[10:]:
        frame[10:70, 30:90] = 128  # the scene stays, the face is gone
    edges = left_edges(track(frames, lambda i: still(i) if i < 10 else [], hold=6))
    assert edges == [40] * 10 + [None] * 20


def test_a_face_that_comes_late_begins_in_its_own_frame() -> None:
    edges = left_edges(track(numbered(30), lambda i: still(i) if i >= 10 else []))
    assert edges == [None] * 10 + [40] * 20


def test_a_video_without_a_face() -> None:
    assert left_edges(track(numbered(30), lambda i: [])) == [None] * 30
    assert left_edges(track(numbered(30), lambda i: [], mode="reference")) == [None] * 30


def test_a_cut_resets_the_smoothing_exactly() -> None:
    def jump(i: int) -> list[tuple[float, float, float, float]]:
        return [(40, 20, 80, 60)] if i < 22 else [(100, 30, 150, 80)]

    faces = ScriptedFaces(jump)
    tracked = track(numbered(40, lambda i: int(i >= 22)), faces)
    assert left_edges(tracked) == [40.0] * 22 + [100.0] * 18
    assert [t.index for t in tracked if t.shot_start] == [0, 22]
    assert {21, 22} <= set(faces.seen)  # both sides of the cut are always looked at


def test_a_jump_without_a_cut_is_not_smeared() -> None:
    edges = left_edges(track(numbered(40), lambda i: still(i) if i < 21 else [(60, 20, 100, 60)]))
    assert edges[:20] == pytest.approx([40] * 20, abs=0.2)
    assert edges[22:] == pytest.approx([60] * 18, abs=0.2)


def test_a_change_of_size_begins_a_new_shot() -> None:
    frames = [*numbered(10), *(np.ascontiguousarray(f[:64]) for f in numbered(10))]
    tracked = track(frames, still)
    assert [i for i, t in enumerate(tracked) if t.shot_start] == [0, 10]


@pytest.mark.parametrize(
    ("face", "edge"),
    [("largest", 100), ("left", 10), ("right", 100), ("0", 10), ("1", 50), ("2", 100), ("3", None)],
)
def test_selection(face: str, edge: float | None) -> None:
    edges = left_edges(
        track(numbered(9), lambda i: [(50, 10, 80, 40), (100, 10, 150, 60), (10, 10, 40, 40)], face=face)
    )
    assert edges == [edge] * 9


def test_it_keeps_to_its_person_when_another_grows_larger() -> None:
    def two(i: int) -> list[tuple[float, float, float, float]]:
        return [(100, 20, 120 + i, 40 + i), (20, 20, 60, 60)]

    assert left_edges(track(numbered(40), two)) == pytest.approx([20.0] * 40)


def test_it_does_not_move_to_the_other_when_its_person_leaves() -> None:
    def two(i: int) -> list[tuple[float, float, float, float]]:
        return [(20, 20, 70, 70), (100, 20, 140, 60)] if i < 20 else [(100, 20, 140, 60)]

    edges = left_edges(track(numbered(60), two, hold=6))
    assert edges[:20] == [20.0] * 20
    assert edges[30:] == [None] * 30


def test_a_person_is_found_by_a_reference_picture() -> None:
    scene = SCENES[0].copy()
    scene[0, 0] = 0
    reference = np.full((96, 160, 3), 128, np.uint8)
    reference[20:60, 100:140] = scene[20:60, 40:80]
    reference[0, 0] = (7, 0, 0)
    script = {7: [(100.0, 20.0, 140.0, 60.0)]}
    crowd = [(90.0, 10.0, 150.0, 70.0), (40.0, 20.0, 80.0, 60.0)]
    frames = [scene.copy() for _ in range(6)]
    tracked = track(frames, lambda i: script.get(i, crowd), reference_bgr=reference)
    assert left_edges(tracked) == [40.0] * 6
    with pytest.raises(NoFaceError, match="reference"):
        track(frames, lambda i: [], reference_bgr=reference)


def test_a_fixed_box_takes_only_the_face_inside_and_stays_as_given() -> None:
    def two(i: int) -> list[tuple[float, float, float, float]]:
        return [(100, 20, 150, 70), (42, 22, 78, 58)]

    tracked = track(numbered(9), two, box_xyxy=(30, 10, 90, 70), pads=(5, 5, 5, 5))
    assert all(box_of(t) is not None and box_of(t).tolist() == [30, 10, 90, 70] for t in tracked)
    assert all(landmarks_of(t) is not None and 42 < landmarks_of(t)[0, 0] < 78 for t in tracked)
    unseen = track(numbered(9), lambda i: [], box_xyxy=(30, 10, 90, 70))
    assert all(landmarks_of(t) is not None and (landmarks_of(t) > (30, 10)).all() for t in unseen)


def test_pads_are_added_and_clipped() -> None:
    (frame,) = track(numbered(1), lambda i: [(10, 20, 150, 90)], pads=(5, 10, 15, 20))
    assert box_of(frame) is not None
    assert box_of(frame).tolist() == [0, 15, 160, 96]


def test_a_box_outside_the_frame_is_no_box() -> None:
    assert left_edges(track(numbered(3), lambda i: [(200, 10, 240, 50)])) == [None] * 3


def test_a_detector_without_landmarks() -> None:
    tracked = track(numbered(20), ScriptedFaces(still, landmarks=False))
    assert all(box_of(t) is not None and landmarks_of(t) is None for t in tracked)


def test_the_tracker_starts_anew_after_a_flush() -> None:
    faces = ScriptedFaces(lambda i: [(10 + i, 20, 50 + i, 60)])
    tracker = Tracker(TrackOptions(), faces)
    runs = []
    for _ in range(2):
        out = [
            t for i, frame in enumerate(numbered(30)) for t in tracker.push(Frame(i, Fraction(i, 25), frame))
        ]
        runs.append(left_edges(out + tracker.flush()))
    assert runs[0] == runs[1]


def published_boxes(boxes: F32, window: int = 5) -> Any:  # noqa: ANN401
    """The published smoothing, in its own words; `boxes` is an integer array and takes the means in place."""
    boxes = boxes.astype(np.int64)
    for i in range(len(boxes)):
        part = boxes[len(boxes) - window :] if i + window > len(boxes) else boxes[i : i + window]
        boxes[i] = np.mean(part, axis=0)
    return boxes


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 10, 40])
def test_published_boxes(count: int) -> None:
    raw = np.random.default_rng(count).uniform(-5, 60, (count, 4)).astype(np.float32)
    raw[:, 2:] += 70

    tracked = track(numbered(count), lambda i: [tuple(raw[i])], mode="reference", pads=(0, 10, 0, 0))
    whole = np.clip(raw, 0, None).astype(np.int64)
    whole[:, 3] = np.minimum(whole[:, 3] + 10, 96)
    whole[:, 2] = np.minimum(whole[:, 2], 160)
    assert np.array_equal(
        np.stack([box_of(t) for t in tracked if box_of(t) is not None]), published_boxes(whole)
    )
    assert all(landmarks_of(t) is None for t in tracked)


def test_published_takes_the_best_face_and_a_missing_one_takes_no_part() -> None:
    def script(i: int) -> list[tuple[float, float, float, float]]:
        return [] if i in (3, 4) else [(40.9, 20, 80, 60), (0, 0, 150, 90)]

    edges = left_edges(track(numbered(12), script, mode="reference"))
    assert edges == [40, 40, 40, None, None, 40, 40, 40, 40, 40, 40, 40]


@pytest.mark.parametrize(("face", "edge"), [("largest", 60), ("left", 10), ("right", 110), ("1", 60)])
def test_published_obeys_a_rule_other_than_the_default(face: str, edge: float) -> None:
    crowd = [(60, 20, 90, 60), (110, 20, 150, 60), (10, 20, 40, 60)]
    assert left_edges(track(numbered(9), lambda i: crowd, mode="reference", face=face)) == [edge] * 9


def test_published_does_not_wait_for_ever() -> None:
    faces = ScriptedFaces(lambda i: still(i) if i < 3 else [])
    tracker = Tracker(TrackOptions(mode="reference"), faces)
    given_out = sum(
        len(tracker.push(Frame(i, Fraction(i, 25), frame))) for i, frame in enumerate(numbered(200))
    )
    assert given_out > 100


@pytest.mark.parametrize("face", ["", "biggest", "-1", "1.5", "²"])
def test_unknown_choices_are_refused(face: str) -> None:
    with pytest.raises(UsageError, match="largest"):
        TrackOptions(face=face)


@pytest.mark.parametrize(
    "options", [{"every": 0}, {"side": -1}, {"hold": -1}, {"radius": -1}, {"box_xyxy": (5, 5, 5, 9)}]
)
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        TrackOptions(**options)
    assert not issubclass(UsageError, InputError)


def test_choices() -> None:
    assert choose(Boxes.empty(), "largest") is None
    assert parse_choice("12") == 12
    assert iou_with(np.zeros((0, 4), np.float32), np.zeros(4, np.float32)).shape == (0,)
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]], np.float32)
    assert iou_with(boxes, boxes[0]) == pytest.approx([1, 1 / 3, 0])


def test_looks_follow_the_face_and_not_the_light() -> None:
    frame, box = SCENES[0], np.array([40, 20, 80, 60], np.float32)
    moved = np.roll(frame, (8, 30), axis=(0, 1))
    darker = (moved * 0.6 + 10).astype(np.uint8)
    here = appearance(frame, box, None)
    assert here @ appearance(darker, box + np.array([30, 8, 30, 8], np.float32), None) > 0.99
    assert here @ appearance(SCENES[1], box, None) < 0.5
    faded = (frame * 0.02 + 250).astype(np.uint8)
    assert here @ appearance(faded, box, None) < 0.4


def test_smoothing_by_hand() -> None:
    line = np.arange(9, dtype=np.float32)[:, None] * [1, -2]
    for centre in range(9):
        assert smooth_row(line.astype(np.float32), centre, 4, 40) == pytest.approx(line[centre], abs=1e-5)
    step = np.repeat(np.array([[0.0], [100.0]], np.float32), 6, axis=0)
    assert [float(smooth_row(step, c, 4, 40)[0]) for c in (5, 6)] == pytest.approx([0, 100], abs=1e-3)
    assert smooth_row(step, 3, 0, 40) == pytest.approx([0])


def test_cuts() -> None:
    cuts = CutDetector()
    scene, other = SCENES[0], np.full((96, 160, 3), 30, np.uint8)
    other[:, 80:] = 200
    base = np.zeros((96, 160, 3), np.uint8)
    base[30:60] = 180
    brighter = np.clip(base.astype(int) + 60, 0, 255).astype(np.uint8)
    assert [cuts.push(f) for f in (base, base, brighter, base, other, other, scene)] == [
        True,
        False,
        False,
        False,
        True,
        False,
        True,
    ]
    cuts.reset()
    assert cuts.push(scene)


def test_a_pan_is_no_cut() -> None:
    wide = np.kron(RNG.integers(0, 256, (6, 40, 3), dtype=np.uint8), np.ones((16, 16, 1), np.uint8))
    # it gathers speed, then 4 % of the width a frame
    at = np.cumsum(np.minimum(np.arange(60) * 0.5, 6)).astype(int)
    cuts = CutDetector()
    assert [i for i, x in enumerate(at) if cuts.push(wide[:, x : x + 160])] == [0]


def test_cuts_in_quick_succession_are_all_found() -> None:
    frames = [SCENES[i // 4 % 3] for i in range(24)]
    cuts = CutDetector()
    assert [i for i, frame in enumerate(frames) if cuts.push(frame)] == [0, 4, 8, 12, 16, 20]


def test_landmarks_of_a_still_have_the_same_last_bits_everywhere() -> None:
    def found(nudge: float) -> list[F32]:
        faces = ScriptedFaces(lambda i: [(40.3 + nudge, 20.7, 80.3 + nudge, 60.7)])
        frames = [Frame(i, Fraction(i), frame) for i, frame in enumerate(numbered(3))]
        tracked = track_still(frames, Tracker(TrackOptions(), faces))
        return [face.landmarks for frame in tracked for face in frame.faces if face.landmarks is not None]

    places = found(0.0)
    assert len(places) == 3
    assert np.array_equal(places, found(1e-5))
    assert not np.array_equal(places, found(0.02))
    assert np.array_equal(np.array(places) * 64, np.rint(np.array(places) * 64))
