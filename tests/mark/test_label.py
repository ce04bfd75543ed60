"""The visible label: where it is asked for, of the size asked for, and nothing else of the picture changes."""

from pathlib import Path

import numpy as np
import pytest

from lipsync_edge.choices import LABELS
from lipsync_edge.errors import UsageError
from lipsync_edge.mark.label import Labeller
from lipsync_edge.pipeline.run_options import RunOptions
from tests.clips import write_clip, write_sound
from tests.scripted import SIZE, make_engine
from tests.video.test_writer import as_opencv_reads

CORNERS = [name for name in LABELS if name != "none"]


@pytest.mark.parametrize("where", CORNERS)
@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (161, 121), (16, 16)])
def test_it_lies_in_its_corner_and_nothing_else_changes(where: str, size: tuple[int, int]) -> None:
    labeller = Labeller(where, size, 10)
    plain = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8)
    before = plain.copy()
    shown = labeller.draw(plain)
    assert np.array_equal(plain, before)
    region = labeller.region
    assert 0 <= region.x1 < region.x2 <= size[0]
    assert 0 <= region.y1 < region.y2 <= size[1]
    x, y = (region.x1 + region.x2) / 2 / size[0], (region.y1 + region.y2) / 2 / size[1]
    if size[0] > 16:
        assert (x < 0.5, y < 0.5) == (where.endswith("left"), where.startswith("top"))
    outside = np.ones(plain.shape[:2], bool)
    outside[region.y1 : region.y2, region.x1 : region.x2] = False
    assert np.array_equal(shown[outside], plain[outside])


@pytest.mark.parametrize("level", [0, 128, 255])
def test_its_letters_stand_out_on_every_ground(level: int) -> None:
    labeller = Labeller("top-left", (640, 360), 10)
    shown = labeller.region.view(labeller.draw(np.full((360, 640, 3), level, np.uint8)))
    assert shown.shape[0] == 36
    assert (shown > 245).all(axis=2).mean() > 0.08  # letters
    assert (shown < 70).all(axis=2).mean() > 0.5  # plate


def test_sizes_and_places_that_there_are_not_are_refused() -> None:
    for options in ({"label": "middle"}, {"label": "top-left", "label_size": 2}, {"label_size": 31}):
        with pytest.raises(UsageError):
            RunOptions(**options)


def test_every_frame_of_a_run_has_it_and_without_it_no_bit_changes(tmp_path: Path) -> None:
    face = write_clip(tmp_path / "f.mp4", 20, size=SIZE)
    sound = write_sound(tmp_path / "s.wav", 0.6)
    engine = make_engine(blind=range(5, 10))
    engine.run(face, sound, tmp_path / "a.mp4", options=RunOptions(crf=0))
    engine.run(face, sound, tmp_path / "b.mp4", options=RunOptions(crf=0, label="top-right", label_size=12))
    region = Labeller("top-right", SIZE, 12).region
    bare, labelled = as_opencv_reads(tmp_path / "a.mp4")[1], as_opencv_reads(tmp_path / "b.mp4")[1]
    assert len(bare) == len(labelled) == 15
    for before, after in zip(bare, labelled, strict=True):
        assert (region.view(after) > 240).all(axis=2).mean() > 0.05
        far = np.abs(before[: region.y2].astype(int) - after[: region.y2])[:, : region.x1 - 120]
        assert far.max() <= 4
