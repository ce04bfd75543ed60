"""The engine on networks made of numpy: batching, passing through, both kinds of lips."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from lipsync_edge.engine import Engine
from lipsync_edge.face.align import TEMPLATE
from lipsync_edge.face.detector import Detector
from lipsync_edge.models.preset import Preset
from lipsync_edge.models.spec import WarpHead
from lipsync_edge.render.enhance import Enhancer, compose_small, window_pixels
from lipsync_edge.render.lips import Lips, WarpMouth
from lipsync_edge.render.segment import Segmenter
from lipsync_edge.types import F32, U8, Face, Frame, Region
from tests import fakes

RNG = np.random.default_rng(11)
FRAME = np.asarray(cv2.GaussianBlur(RNG.integers(0, 256, (180, 240, 3), dtype=np.uint8), (0, 0), 2))
POINTS = (TEMPLATE * 150 + (40, 15)).astype(np.float32)
BOX = np.array([60, 20, 170, 160], np.float32)


def preset(**changes: object) -> Preset:
    return Preset(**({"name": "t", "description": "", "detect": "d", "lips": "l"} | changes))  # type: ignore[arg-type]


def frame_with(
    index: int = 0, loudness: float = 4.0, *, face: bool = True, points: bool = True, gain: float = 1.0
) -> Frame:
    mel = np.full((80, 16), loudness, np.float32)
    box, landmarks = (BOX if face else None), (POINTS if face and points else None)
    return fakes.framed(index, FRAME, Fraction(index, 25), box, landmarks, features=mel, gain=gain)


def spoken(points: F32) -> Frame:
    return fakes.framed(0, FRAME, Fraction(0), BOX, points, features=np.zeros((80, 16), np.float32))


def warp_engine(**changes: object) -> Engine:
    return fakes.engine_of(
        preset=preset(**changes),
        detector=Detector(fakes.blind_detector()),
        lips=Lips(fakes.warp_lips()),
        segmenter=Segmenter(fakes.regions_segmenter()),
    )


def pictures(engine: Engine, frames: list[Frame]) -> list[U8]:
    return [rendered.image_bgr for rendered in engine.render(frames)]


def test_nothing_gives_nothing() -> None:
    assert warp_engine().render([]) == []


def test_a_frame_without_a_face_gives_its_own_frame_back() -> None:
    out = pictures(warp_engine(), [frame_with(face=False), frame_with(1), frame_with(2, face=False)])
    assert out[0] is FRAME
    assert out[2] is FRAME
    assert (out[1] != FRAME).any()


def test_the_source_frame_is_never_written_to() -> None:
    before = FRAME.copy()
    warp_engine().render([frame_with()])
    assert np.array_equal(before, FRAME)


def test_batches_and_single_calls_give_the_same_frames() -> None:
    engine = warp_engine()
    frames = [frame_with(i, loudness) for i, loudness in enumerate((-4, -1, 2, 4))]
    together = pictures(engine, frames)
    for one, frame in zip(frames, together, strict=True):
        assert np.array_equal(pictures(engine, [one])[0], frame)


def test_the_mouth_follows_the_mel_and_silence_leaves_this_one_alone() -> None:
    quiet, loud = pictures(warp_engine(), [frame_with(0, -4.0), frame_with(1, 4.0)])
    assert np.abs(quiet.astype(int) - FRAME).max() <= 1
    assert np.abs(loud.astype(int) - FRAME).max() > 60


def test_only_the_mouth_of_the_warp_changes() -> None:
    out = pictures(warp_engine(), [frame_with()])[0]
    changed = np.argwhere(np.abs(out.astype(int) - FRAME).max(2) > 1)
    (y1, x1), (y2, x2) = changed.min(0), changed.max(0)
    mouth = POINTS[3:].mean(0)
    assert x1 - 3 <= mouth[0] <= x2 + 3
    assert y2 - y1 < 45
    assert x2 - x1 < 45


def test_probe_sees_every_stage_in_order() -> None:
    from contextlib import contextmanager

    seen: list[str] = []

    @contextmanager
    def probe(stage: str):  # type: ignore[no-untyped-def]
        seen.append(stage)
        yield

    warp_engine().render([frame_with()], probe)
    assert seen == ["crop", "lips", "enhance", "segment", "blend"]


def published(enhance: bool = False, segment: bool = False) -> Engine:
    return fakes.engine_of(
        preset=preset(style="reference", vad=False),
        detector=Detector(fakes.blind_detector()),
        lips=Lips(fakes.image_lips()),
        segmenter=Segmenter(fakes.labels_segmenter()) if segment else None,
        enhancer=Enhancer(fakes.doubling_enhancer()) if enhance else None,
    )


def test_published_wav2lip_cuts_floats_off_and_pastes_the_box() -> None:
    out = pictures(published(), [frame_with(points=False)])[0]
    x1, y1, x2, y2 = BOX.astype(int)
    face = cv2.resize(FRAME[y1:y2, x1:x2], (96, 96))
    made = ((np.float32(1) - face.astype(np.float32) / np.float32(255)) * np.float32(255)).astype(np.uint8)
    expected = FRAME.copy()
    expected[y1:y2, x1:x2] = cv2.resize(made, (x2 - x1, y2 - y1))
    assert np.array_equal(out, expected)


def test_published_hq_rounds_enlarges_and_keeps_what_the_parser_calls_hair() -> None:
    out = pictures(published(enhance=True, segment=True), [frame_with(points=False)])[0]
    x1, y1, x2, y2 = BOX.astype(int)
    source = np.ascontiguousarray(FRAME[y1:y2, x1:x2])
    inverted = np.float32(1) - cv2.resize(source, (96, 96)).astype(np.float32) / np.float32(255)
    enlarged = np.rint(inverted * np.float32(255)).astype(np.uint8).repeat(2, 0).repeat(2, 1)
    made = cv2.resize(cv2.resize(enlarged, (x2 - x1, y2 - y1)), (512, 512)).astype(np.float32)
    made[:256] = cv2.resize(source, (512, 512))[:256]
    expected = FRAME.copy()
    expected[y1:y2, x1:x2] = cv2.resize(made, (x2 - x1, y2 - y1)).astype(np.uint8)
    assert np.array_equal(out, expected)


def test_soft_paste_of_a_painted_face_obeys_the_gain() -> None:
    engine = fakes.engine_of(
        preset=preset(),
        detector=Detector(fakes.blind_detector()),
        lips=Lips(fakes.image_lips()),
        segmenter=Segmenter(fakes.regions_segmenter()),
    )
    silent, loud = pictures(engine, [frame_with(0, gain=0.0), frame_with(1, gain=1.0)])
    assert np.array_equal(silent, FRAME)
    assert (loud != FRAME).any()


def test_enhanced_paint_is_larger_and_in_its_place() -> None:
    mouth = WarpMouth(
        np.zeros((16, 16, 2), np.float32),
        np.full((64, 64), 0.5, np.float32),
        np.full((64, 64, 3), 0.5, np.float32),
    )
    face = np.full((64, 64, 3), 51, np.uint8)
    big = Enhancer(fakes.doubling_enhancer()).warped([mouth], [face])[0]
    assert big.paint.shape == (128, 128, 3)
    assert np.allclose(big.paint, 0.35, atol=1e-3)
    assert np.allclose(compose_small(face, mouth), 0.35, atol=1e-3)


def test_faces_of_two_sides_are_enhanced_in_one_call_and_keep_their_order() -> None:
    planes = np.zeros((16, 16, 2), np.float32), np.zeros((64, 64), np.float32)
    mouths = [WarpMouth(*planes, np.full((64, 64, 3), paint, np.float32)) for paint in (0.1, 0.2, 0.3)]
    faces = [np.full((side, side, 3), grey, np.uint8) for side, grey in ((64, 0), (128, 51), (64, 102))]
    done = Enhancer(fakes.doubling_enhancer()).warped(mouths, faces)
    assert [mouth.paint.shape[0] for mouth in done] == [128, 256, 128]
    assert np.allclose([mouth.paint.mean() for mouth in done], [0, 0.2, 0.4], atol=1e-3)


@pytest.mark.parametrize(("warp", "seen"), [(None, 64), (WarpHead((0.25, 0.25, 0.75, 0.75)), 128)])
def test_the_enhancer_sees_the_face_as_fine_as_the_paint(warp: WarpHead | None, seen: int) -> None:
    network = fakes.doubling_enhancer()
    engine = fakes.engine_of(
        preset=preset(),
        detector=Detector(fakes.blind_detector()),
        lips=Lips(fakes.warp_lips(warp=warp)),
        enhancer=Enhancer(network),
    )
    points = (TEMPLATE * 150.0 + 20).astype(np.float32)
    engine.render([spoken(points)])
    asked = network.backend.calls[0]["image"]  # type: ignore[attr-defined]
    window = window_pixels(seen)
    assert asked.shape[1:3] == (window.y2 - window.y1, window.x2 - window.x1)


@pytest.mark.parametrize("scale", [60.0, 150.0])
def test_enhancing_is_left_out_where_the_face_is_smaller_than_the_crop(scale: float) -> None:
    network = fakes.doubling_enhancer()
    engine = fakes.engine_of(
        preset=preset(),
        detector=Detector(fakes.blind_detector()),
        lips=Lips(fakes.warp_lips()),
        enhancer=Enhancer(network),
    )
    points = (TEMPLATE * scale + 20).astype(np.float32)
    engine.render([spoken(points)])
    assert bool(network.backend.calls) == (scale > 64)  # type: ignore[attr-defined]


def test_two_faces_of_a_frame_hear_each_its_own_voice() -> None:
    """What one face hears changes nothing on the other, and both parts are said to have changed."""
    loud, quiet = (np.full((80, 16), level, np.float32) for level in (4.0, -4.0))
    left, right = ((TEMPLATE * 90 + shift).astype(np.float32) for shift in ((10, 40), (130, 40)))
    boxes = [np.array([x, 40, x + 90, 130], np.float32) for x in (10, 130)]

    def both(of_left: F32, of_right: F32) -> Frame:
        heard = zip(boxes, (left, right), (of_left, of_right), strict=True)
        return Frame(
            0, Fraction(0), FRAME, faces=tuple(Face(box, points, features=mel) for box, points, mel in heard)
        )

    calm, first, second, all_of_them = warp_engine().render(
        [both(quiet, quiet), both(loud, quiet), both(quiet, loud), both(loud, loud)]
    )
    half = FRAME.shape[1] // 2
    assert np.array_equal(first.image_bgr[:, half:], calm.image_bgr[:, half:])
    assert np.array_equal(second.image_bgr[:, :half], calm.image_bgr[:, :half])
    assert np.array_equal(all_of_them.image_bgr[:, :half], first.image_bgr[:, :half])
    assert np.array_equal(all_of_them.image_bgr[:, half:], second.image_bgr[:, half:])
    assert (first.image_bgr != calm.image_bgr).any()
    assert isinstance(first.changed, Region)
    assert first.changed.x1 < 60 < 180 < first.changed.x2


def test_a_face_that_hears_nothing_is_left_alone() -> None:
    deaf = fakes.framed(0, FRAME, Fraction(0), BOX, POINTS)
    assert warp_engine().render([deaf])[0].image_bgr is FRAME
