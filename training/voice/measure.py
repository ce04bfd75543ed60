"""How well an audio encoder predicts the mouths of strangers who talk: the yardstick of the voice.

python -m training voice.measure --encoder models_onnx/edge_lips.fp32.onnx --shape SHAPE.npz

r of opening, width and jaw over the clips of `eval/natural`: by a ridge from the eight mouth coefficients that never
saw the clip or its person (`ridge`), and by the basis itself, which is what the renderer obeys (`basis`). The control
is the same prediction against another clip's mouth. `in_time` is r of the basis after the sound of each clip was moved
to where it fits its pictures best (many files have it some frames beside them): each half of the clip is moved by what
the other half says, at most 160 ms, and its control is fitted in the same way to another clip's mouth. Amplitude is the
spread of the opening against the real one. Closures: frames in which the real lips are shut for at most 0.3 s between
open ones; kept where the made ones are within a part (`NEAR`) of their own range of their own shut mouth, one frame
either way.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from training.cli import WORK
from training.lips.coefficients import ShapeModel
from training.voice.encoders import EncoderCall, open_encoder
from training.voice.measures import NAMES, fixed_readout
from training.voice.natural import CHOOSE, LANGUAGES, REPORT, SAME_PERSON, Talk, load_talks

Array = npt.NDArray[Any]

RIDGE = 0.05
SHUT, OPEN = 0.03, 0.05  # of the eye distance
LONGEST_CLOSURE = 0.3  # seconds
LAGS = np.arange(-0.16, 0.1601, 0.02)  # seconds
NEAR = 0.15  # of the made opening's own range (5 to 95 %)


def r_of(made: Array, real: Array) -> float:
    """Return the correlation of two curves."""
    return float(np.corrcoef(made, real)[0, 1])


def ridge_of(heard: list[Array], talks: list[Talk]) -> Array:
    """Return weights (8, 3) from coefficients to measures, every clip centred and counting the same."""
    left, right = 0.0, 0.0
    spread = np.concatenate([coefficients - coefficients.mean(0) for coefficients in heard]).std(0)
    for coefficients, talk in zip(heard, talks, strict=True):
        x = (coefficients - coefficients.mean(0)) / spread
        y = (talk.real - talk.real.mean(0)) / talk.real.std(0)
        left, right = left + x.T @ x / len(x), right + x.T @ y / len(x)
    count = len(heard)
    return np.linalg.solve(left / count + RIDGE * np.eye(len(spread)), right / count) / spread[:, None]


def closures(talk: Talk) -> Array:
    """Return the frames of short closures, as a list of (first, last + 1)."""
    shut, opening = talk.real[:, 0] < SHUT, talk.real[:, 0]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], shut.astype(int), [0]])))
    rate = (len(talk.times) - 1) / (talk.times[-1] - talk.times[0])
    out = []
    for start, end in edges.reshape(-1, 2):
        around = opening[max(0, start - 4) : start].max(initial=0), opening[end : end + 4].max(initial=0)
        if (end - start) / rate <= LONGEST_CLOSURE and min(around) > OPEN:
            out.append((start, end))
    return np.array(out, int).reshape(-1, 2)


def closures_kept(made: Array, talk: Talk) -> tuple[int, int]:
    """Return how many real closures the made opening (n,) keeps, and how many there are."""
    low, high = np.quantile(made, [0.05, 0.95])
    runs = closures(talk)
    kept = sum(made[max(0, a - 1) : b + 1].min() < low + NEAR * (high - low) for a, b in runs)
    return int(kept), len(runs)


def row_of(k: int, heard: list[Array], talks: list[Talk], readout: Array | None) -> dict[str, Any]:
    """Return the figures of one clip."""
    talk, other = talks[k], talks[(k + 4) % len(talks)]
    rest = [i for i, t in enumerate(talks) if i != k and t.name != SAME_PERSON.get(talk.name)]
    made = heard[k] @ ridge_of([heard[i] for i in rest], [talks[i] for i in rest])
    n = min(len(made), len(other.real))
    row: dict[str, Any] = {"clip": talk.name, "language": LANGUAGES.get(talk.name, "English")}
    for j, name in enumerate(NAMES):
        row[f"ridge_{name}"] = r_of(made[:, j], talk.real[:, j])
        row[f"control_{name}"] = r_of(made[:n, j], other.real[:n, j])
    if readout is not None:
        direct = heard[k] @ readout.T
        for j, name in enumerate(NAMES):
            row[f"basis_{name}"] = r_of(direct[:, j], talk.real[:, j])
        row["amplitude"] = float(direct[:, 0].std() / talk.real[:, 0].std())
        row["amplitude_width"] = float(direct[:, 1].std() / talk.real[:, 1].std())
        row["amplitude_jaw"] = float(direct[:, 2].std() / talk.real[:, 2].std())
        row["kept"], row["closures"] = closures_kept(direct[:, 0], talk)
    return row


def in_own_time(curves: Array, real: Array) -> tuple[Array, list[float]]:
    """Return what is made (n, 3), each half of a clip moved as the other one asks, and the lags of both.

    Args:
        curves: (lags, n, 3), what is made when the sound is heard so much later (`LAGS`).
        real: (n, 3).
    """
    half = len(real) // 2
    parts = (slice(0, half), slice(half, len(real)))
    fits = [
        [np.mean([r_of(made[part, j], real[part, j]) for j in range(len(NAMES))]) for made in curves]
        for part in parts
    ]
    best = [int(np.argmax(fit)) for fit in fits]
    moved = np.concatenate([curves[best[1]][parts[0]], curves[best[0]][parts[1]]])
    return moved, [round(float(LAGS[k]), 3) for k in best]


def in_time_row(encoder: EncoderCall, talk: Talk, other: Talk, readout: Array) -> dict[str, Any]:
    """Return the figures of one clip in its own time."""
    curves = np.stack([encoder(talk.mel, talk.times + lag) @ readout.T for lag in LAGS])
    n = min(len(talk.real), len(other.real))
    moved, lags = in_own_time(curves, talk.real)
    wrong, _ = in_own_time(curves[:, :n], other.real[:n])
    row: dict[str, Any] = {"lags": lags, "in_time_kept": closures_kept(moved[:, 0], talk)[0]}
    for j, name in enumerate(NAMES):
        row[f"in_time_{name}"] = r_of(moved[:, j], talk.real[:, j])
        row[f"in_time_control_{name}"] = r_of(wrong[:, j], other.real[:n, j])
    return row


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return means over clips, closures over all of them together."""
    keys = [k for k, v in rows[0].items() if isinstance(v, float)]
    out: dict[str, Any] = {key: round(float(np.mean([row[key] for row in rows])), 3) for key in keys}
    if "kept" in rows[0]:
        out["closures"] = round(sum(r["kept"] for r in rows) / max(1, sum(r["closures"] for r in rows)), 3)
        out["closures_counted"] = sum(r["closures"] for r in rows)
        kept = sum(r["in_time_kept"] for r in rows)
        out["in_time_closures"] = round(kept / max(1, out["closures_counted"]), 3)
    return out


def figures(encoder: EncoderCall, talks: list[Talk], readout: Array | None) -> dict[str, Any]:
    """Return the means over CHOOSE, REPORT and all clips, and the row of every clip."""
    heard = [encoder(talk.mel, talk.times) for talk in talks]
    rows = [row_of(k, heard, talks, readout) for k in range(len(talks))]
    if readout is not None:
        for k, talk in enumerate(talks):
            rows[k] |= in_time_row(encoder, talk, talks[(k + 4) % len(talks)], readout)
    halves = {"choose": CHOOSE, "report": REPORT, "all": (*CHOOSE, *REPORT)}
    means = {key: summary([row for row in rows if row["clip"] in names]) for key, names in halves.items()}
    languages = sorted(set(LANGUAGES.values()) | {"English"})
    by = {name: summary([row for row in rows if row["language"] == name]) for name in languages}
    return {**means, "languages": by, "clips": rows}


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--encoder", type=Path, required=True, help=".onnx lips file, or folder of a training"
    )
    parser.add_argument("--corpus", type=Path, default=WORK / "corpus")
    parser.add_argument("--mesh", type=Path, required=True, help="mesh labels")
    parser.add_argument("--shape", type=Path, help="shape model (.npz) of the mouth coefficients")
    parser.add_argument("--name", default="", help="of the row")
    parser.add_argument("--out", type=Path, help="JSON file that takes the row")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line."""
    options = arguments().parse_args(argv)
    torch.set_num_threads(1)
    readout = fixed_readout(ShapeModel.load(options.shape)) if options.shape else None
    result = figures(
        open_encoder(options.encoder, options.shape), load_talks(options.corpus, options.mesh), readout
    )
    for key in ("choose", "report", "all"):
        print(key, json.dumps(result[key]))
    for row in result["clips"]:
        print(" ".join(f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values()))
    if options.out:
        rows = json.loads(options.out.read_text()) if options.out.is_file() else {}
        rows[options.name or options.encoder.name] = result
        options.out.write_text(json.dumps(rows, indent=1) + "\n")
