"""How well dubbed pictures follow voices that the lips never heard: opening, width and jaw, judged by FaceMesh.

python -m training voice.measure_dubs --teacher MEDIAPIPE_MODULES --name ROW --out FILE.json

Two faces of `eval` are dubbed with the eight voices of the old table and with the fifteen clips of ordinary speech,
up to 6 s each. r and amplitude are of the made curve against the real speaker's, whose curve the same judge read; the
control is the same made video against another voice.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.engine import load
from lipsync_edge.video.reader import VideoReader
from training.cli import WORK
from training.data.sounds import read_sound
from training.evaluate.dubbing import VOICES, Voice, dub, there_and_back
from training.evaluate.speaking import at_25
from training.teachers.face_follower import FaceFollower
from training.teachers.face_mesh import FaceTeacher
from training.voice.measures import NAMES, measures
from training.voice.natural import CHOOSE, REPORT

Array = npt.NDArray[Any]

FACES = ("studio_a.mkv", "interview_a.mp4")
SECONDS = 6.0
CONTROL = 4


def curves(teacher: FaceFollower, frames: list[Array]) -> Array:
    """Return opening, width and jaw (n, 3) of frames; NaN where no face is seen."""
    teacher.reset()
    found = [teacher(frame) for frame in frames]
    return np.array([np.full(3, np.nan) if f is None else measures(f.points[None])[0] for f in found])


def read_voice(teacher: FaceTeacher, path: Path) -> Voice:
    """Read a clip's sound and how its speaker's mouth moved."""
    frames: list[Any] = list(at_25(list(VideoReader(path, end=SECONDS + 0.2)), SECONDS))
    real = curves(teacher, [frame.image_bgr for frame in frames])
    return Voice(path.stem, read_sound(path)[: int(SECONDS * 16000)], real)


def compared(made: Array, real: Array) -> dict[str, float]:
    """Return r and amplitude of each measure of two curves (n, 3)."""
    n = min(len(made), len(real))
    good = ~(np.isnan(made[:n]).any(1) | np.isnan(real[:n]).any(1))
    a, b = made[:n][good], real[:n][good]
    out = {f"r_{name}": float(np.corrcoef(a[:, j], b[:, j])[0, 1]) for j, name in enumerate(NAMES)}
    return out | {f"amplitude_{name}": float(a[:, j].std() / b[:, j].std()) for j, name in enumerate(NAMES)}


def summary(pairs: list[dict[str, Any]], names: tuple[str, ...]) -> dict[str, float]:
    """Return the means over the pairs of some voices."""
    some = [pair for pair in pairs if pair["voice"] in names]
    keys = [key for key, value in some[0].items() if isinstance(value, float)]
    return {key: round(float(np.mean([pair[key] for pair in some])), 3) for key in keys}


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, default=WORK / "corpus")
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--name", required=True)
    parser.add_argument("--out", type=Path, required=True)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line."""
    options = arguments().parse_args(argv)
    engine = load(preset="lite", precision=options.precision, models=options.models)
    teacher, clips = FaceTeacher(options.teacher), options.corpus / "eval"
    natural = sorted(p for p in (clips / "natural").iterdir() if p.stem in (*CHOOSE, *REPORT))
    voices = [read_voice(teacher, path) for path in (*(clips / name for name in VOICES), *natural)]
    pairs: list[dict[str, Any]] = []
    for name in FACES:
        face = there_and_back(engine, clips / name, SECONDS)
        for k, voice in enumerate(voices):
            if voice.name == Path(name).stem:
                continue
            made = curves(teacher, dub(engine, face, voice))
            other = compared(made, voices[(k + CONTROL) % len(voices)].openings)
            control = {f"control_{m}": other[f"r_{m}"] for m in NAMES}
            pairs.append({"face": name, "voice": voice.name, **compared(made, voice.openings), **control})
    old = tuple(Path(name).stem for name in VOICES)
    groups = {"old": old, "choose": CHOOSE, "report": REPORT, "natural": (*CHOOSE, *REPORT)}
    row = {key: summary(pairs, names) for key, names in groups.items()}
    rows = json.loads(options.out.read_text()) if options.out.is_file() else {}
    rows[options.name] = {**row, "pairs": pairs}
    options.out.write_text(json.dumps(rows, indent=1) + "\n")
    print(json.dumps(row, indent=1))
