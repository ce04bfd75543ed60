"""Real text-to-speech programs in front of `live`, as its guide shows them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = {  # what the guide pipes into `live`, and its rate
    "espeak-ng": ("espeak-ng --stdout 'Good morning.' | tail -c +45", 22_050),
    "flite": ("flite -t 'Good morning.' -o /dev/stdout | tail -c +45", 8_000),
    "text2wave": ("echo 'Good morning.' | text2wave -F 16000 | tail -c +45", 16_000),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_speaks_through_live(program: str, tmp_path: Path) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"no {program}")
    command, rate = PROGRAMS[program]
    guide = (ROOT / "docs" / "guides" / "live-speech.md").read_text("utf-8")
    assert command in guide
    assert f"--rate {rate}" in guide
    out = tmp_path / "talk.mp4"
    live = f"{sys.executable} -m tests.live.process audio=- out={out} rate={rate}"
    subprocess.run(
        ["sh", "-c", f"{command} | {live}"],
        check=True,
        timeout=120,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    with av.open(str(out)) as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    with av.open(str(out)) as container:
        heard = np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(audio=0)])
    mouth = [float(picture[58:68, 40:56].mean()) for picture in pictures]
    assert len(pictures) > 10
    assert max(mouth) > min(mouth) + 10
    assert np.abs(heard).max() > 0.05
