"""Table 2's presets on made-up numbers: they run, and nothing is said of their pictures."""

import cv2
import numpy as np
import pytest

from benchmarks.table2.clips import RATE, Stretch
from benchmarks.table2.untrained import NOTE, plumbing
from lipsync_edge.audio.reader import read_audio
from lipsync_edge.bench.measure import make_clip
from lipsync_edge.demo import demo_files
from lipsync_edge.video.still_image import read_image


@pytest.mark.parametrize("preset", ["wav2lip", "wav2lip-sr", "wav2lip-hq", "wav2lip-soft"])
def test_every_published_preset_runs_and_has_no_figure_of_quality(preset, converted, tmp_path):
    picture = np.asarray(cv2.resize(read_image(demo_files()[0]), (360, 360)), np.uint8)
    part = Stretch(
        name="demo",
        video=make_clip(picture, tmp_path / "clip.mp4"),
        still=tmp_path / "none.png",
        voice=read_audio(demo_files()[1])[:RATE],
        start=0.0,
        speech=1.0,
    )
    row = plumbing(preset, part, converted, tmp_path, seconds=0.2)
    assert row["note"] == NOTE
    assert row["frames"] >= 1
    assert row["fps"] > 0
    assert set(row) == {"preset", "note", "clip", "size", "frames", "fps", "precision"}
