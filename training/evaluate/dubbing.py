"""How well the bundled lips dub strangers: A's voice drives B's face, FaceMesh reads the result.

    python -m training evaluate.dubbing --teacher MEDIAPIPE_MODULES

The opening of the inner lips over the eye distance is read from the made frames and compared with A's own curve:
correlation r, amplitude (ratio of the spreads) and the recall of closures (frames in which A's lips are shut). The
control is the same made video against the curve of another voice; `real_control_r` is what the real speakers' curves
have in common with it, so that a faithful mouth has it too. Nobody in the evaluation clips was trained on.
Voices are heard whole, up to `--seconds`; a shorter face is played back and forth.

Some clips' own sound is a frame or two beside their pictures. `in_time` is r, and its control, after moving by what
the sync expert found in the real clip (`training.evaluate.sync_expert`; it never saw anything that the lips made).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.engine import Engine, load
from lipsync_edge.types import Frame
from lipsync_edge.video.reader import VideoReader
from training.cli import command, parse
from training.data.sounds import read_sound
from training.evaluate.speaking import FPS, at_25, hearing, read_tracked, rendered
from training.lips.coefficients import gap
from training.mouth.ways import own
from training.teachers.face_mesh import FaceTeacher

Array = npt.NDArray[Any]

GRID_VOICES = ("grid_s3.mpg", "grid_s16.mpg", "grid_s33_1.mpg", "grid_s33_3.mpg")
VOICES = (*GRID_VOICES, "studio_a.mkv", "studio_b.mkv", "talk_a.mp4", "talk_b.mp4")
FACES = ("talk_a.mp4", "studio_a.mkv", "studio_b.mkv", "interview_a.mp4", "talk_b.mp4", "grid_s16.mpg")
SECONDS = 8.0
SHUT = 0.03  # of the eye distance
CONTROL = 3  # voices further on is the one that a control is compared with


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """A voice and how its owner's mouth really moved: 25 openings a second."""

    name: str
    samples: Array
    openings: Array


def openings(teacher: FaceTeacher, frames: list[Array]) -> Array:
    """Return the inner-lip opening of each frame, NaN where FaceMesh sees no face."""
    out = []
    for frame in frames:
        found = teacher(frame)
        out.append(np.nan if found is None else float(gap(found.points[None, :, :2].astype(np.float64))[0]))
    return np.array(out)


def read_voice(teacher: FaceTeacher, path: Path, seconds: float) -> Voice:
    """Read a clip's sound and its speaker's opening curve."""
    frames = at_25(list(VideoReader(path, end=seconds + 0.2)), seconds)
    return Voice(
        path.name, read_sound(path)[: int(seconds * 16000)], openings(teacher, [f.image_bgr for f in frames])
    )


def there_and_back(engine: Engine, path: Path, seconds: float) -> list[Frame]:
    """Track the first seconds of a clip, played back and forth at 25 frames a second if it is short."""
    shown = at_25(read_tracked(engine, path, seconds + 0.2), seconds)
    count = int(seconds * FPS)
    once = list(range(len(shown))) + list(range(len(shown) - 2, 0, -1))
    order = (once * (1 + count // len(once)))[:count]
    return [
        replace(shown[k], index=i, time=Fraction(i, FPS), source=None, shot_start=i == 0)
        for i, k in enumerate(order)
    ]


def dub(engine: Engine, face: list[Frame], voice: Voice, mouth: str = "painted") -> list[Array]:
    """Make the face say what the voice says, with a mouth that is painted or its owner's own."""
    frames = hearing(engine, face[: len(voice.openings)], voice.samples)
    return rendered(engine, frames) if mouth == "painted" else list(own(engine, frames))


def compare(made: Array, real: Array) -> dict[str, float]:
    """Return r, amplitude and closure recall of one curve against another."""
    n = min(len(made), len(real))
    made, real = made[:n], real[:n]
    good = ~(np.isnan(made) | np.isnan(real))
    made, real = made[good], real[good]
    smooth = np.convolve(made, [0.25, 0.5, 0.25], "same")
    shut = real < SHUT
    return {
        "r": float(np.corrcoef(smooth[1:-1], real[1:-1])[0, 1]),
        "amplitude": float(made.std() / real.std()),
        "closures": float((made[shut] < SHUT + 0.01).mean()) if shut.any() else float("nan"),
    }


def moved(curve: Array, frames: int) -> Array:
    """Return a curve so many frames later, NaN where nothing is known."""
    unknown = np.full(abs(frames), np.nan)
    if frames >= 0:
        return np.concatenate([unknown, curve])[: len(curve)]
    return np.concatenate([curve[-frames:], unknown])


def read_offsets(path: Path) -> dict[str, int]:
    """Return by how many frames each clip's sound is late, as `training.evaluate.sync_expert` wrote it."""
    return {row["clip"]: row["offset"] for row in json.loads(path.read_text())["clips"]}


def in_time_rows(
    voices: list[Voice], curves: list[tuple[int, Array]], late: dict[str, int]
) -> list[dict[str, Any]]:
    """Return r and its control for each voice, made curves moved to where the real mouth's sound would put it.

    Args:
        voices: all of them.
        curves: openings that were made, each with the number of its voice.
        late: by how many frames the sound of each voice's clip is late.
    """

    def mean_r(made: list[Array], against: Voice) -> float:
        frames = -late[against.name]
        return float(np.mean([compare(moved(curve, frames), against.openings)["r"] for curve in made]))

    rows = []
    for k, voice in enumerate(voices):
        made = [curve for number, curve in curves if number == k]
        other = voices[(k + CONTROL) % len(voices)]
        r, control = mean_r(made, voice), mean_r(made, other)
        rows.append(
            {
                "voice": voice.name,
                "sound_late": late[voice.name],
                "r": round(r, 3),
                "control_r": round(control, 3),
            }
        )
    return rows


def summary(pairs: list[dict[str, Any]], own_time: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the means over pairs, by voice and by face, and those in the voices' own time."""

    def mean(rows: list[dict[str, Any]], key: str) -> float:
        return round(float(np.nanmean([row[key] for row in rows])), 3)

    def by(who: str, names: Sequence[str]) -> dict[str, float]:
        return {name: mean([p for p in pairs if p[who] == name], "r") for name in names}

    means = {key: mean(pairs, key) for key in ("r", "control_r", "real_control_r", "amplitude", "closures")}
    means |= {f"in_time_{key}": mean(own_time, key) for key in ("r", "control_r")}
    return {
        "mean": means,
        "r_by_voice": by("voice", VOICES),
        "r_by_face": by("face", FACES),
        "in_time": own_time,
    }


def sheet(rows: list[list[Array]], path: Path) -> None:
    """Write rows of frames as one picture."""
    cells = [
        np.hstack([cv2.resize(f, (192, 192), interpolation=cv2.INTER_AREA) for f in row]) for row in rows
    ]
    cv2.imwrite(str(path), np.vstack(cells))


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(
        __name__, __doc__, "corpus", "teacher", "models", out=Path("benchmarks/results/dubbing.json")
    )
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--mouth", choices=("painted", "own"), default="painted")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each voice, at most")
    parser.add_argument(
        "--offsets",
        type=Path,
        default=Path("benchmarks/results/train_sync_expert.json"),
        help="of real clips",
    )
    parser.add_argument(
        "--sheet", type=Path, help="write a contact sheet here (evaluation clips: not for publication)"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line."""
    options = parse(arguments(), argv)
    engine = load(preset=options.preset, precision=options.precision, models=options.models)
    teacher = FaceTeacher(options.teacher)
    clips = options.corpus / "eval"
    voices = [read_voice(teacher, clips / name, options.seconds) for name in VOICES]
    pairs, rows, curves = [], [], []
    for name in FACES:
        face = there_and_back(engine, clips / name, options.seconds)
        for k, voice in enumerate(voices):
            if voice.name == name:
                continue
            made = dub(engine, face, voice, options.mouth)
            curve = openings(teacher, made)
            curves.append((k, curve))
            other = voices[(k + CONTROL) % len(voices)].openings
            pairs.append(
                {
                    "face": name,
                    "voice": voice.name,
                    **compare(curve, voice.openings),
                    "control_r": compare(curve, other)["r"],
                    "real_control_r": compare(voice.openings, other)["r"],
                }
            )
            print(pairs[-1], flush=True)
            if k == 3:
                rows += [[f.image_bgr for f in face[5:70:9]], made[5:70:9]]
    figures = summary(pairs, in_time_rows(voices, curves, read_offsets(options.offsets)))
    result = {
        "preset": options.preset,
        "mouth": options.mouth,
        "seconds": options.seconds,
        **figures,
        "pairs": pairs,
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(figures["mean"], figures["r_by_voice"], figures["r_by_face"])
    if options.sheet:
        sheet(rows, options.sheet)
