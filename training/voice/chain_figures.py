"""How much of opening, width and jaw each stage between a voice and the finished picture keeps.

python -m training voice.chain_figures FOLDER --mesh MESH --out benchmarks/results/voice_chain.json

FOLDER is what `training.voice.chain` recorded, MESH holds the mesh labels of the clips of ordinary speech (the ridge
is fitted on the other clips' labels). `r` is the mean over dubs of the correlation with the voice's real speaker,
`control` with another voice's, `in_time` the same as `r` after the clip's sound was moved to its pictures (the mean of
the two lags that `voice.measure` found for it). Of pictures also: `asked`, r with what that way of making mouths asks;
`source`, partial r with the face's own film, what is asked taken out; `slope`, how much of what is asked is made
beside so much of the film (least squares of both); `late_ms`, by how much the picture is late against what is asked.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lipsync_edge.eval.metrics.opening import beyond
from training.cli import command, parse
from training.lips.coefficients import ShapeModel
from training.voice.encoders import open_encoder
from training.voice.measure import ridge_of
from training.voice.measures import NAMES, fixed_readout
from training.voice.natural import CHOOSE, REPORT, SAME_PERSON, Talk, load_talks

Array = npt.NDArray[Any]
Dub = dict[str, Array]
Row = dict[str, Any]

FPS, CONTROL = 25, 4
HALVES = {"choose": CHOOSE, "report": REPORT, "all": (*CHOOSE, *REPORT)}
STAGES = {
    "ridge": ("the eight coefficients, best linear read-out of other clips", "real_v2", None),
    "basis": ("opening, width and jaw as the basis means them", "real_v2", None),
    "heard": ("the same in the engine: int8, VAD, the card's map", "real_v2", None),
    "painted_asked": ("painted: asked, lips sealed, round how the mouth rests", "real_v2", None),
    "painted_flow": ("painted: what the flow gives", "real_v2", "painted_asked"),
    "painted_steered": ("painted: the same, steered", "real_v2", "painted_asked"),
    "painted_own": ("painted: the picture, our landmarks", "real_v2", "painted_asked"),
    "painted_v2": ("painted: the picture, mesh v2", "real_v2", "painted_asked"),
    "painted_fm": ("painted: the picture, FaceMesh; the speaker, too", "real_fm", "painted_asked"),
    "own_asked": ("own mouth: asked, in the person's range", "real_v2", None),
    "own_own": ("own mouth: the picture, our landmarks", "real_v2", "own_asked"),
    "own_v2": ("own mouth: the picture, mesh v2", "real_v2", "own_asked"),
    "own_fm": ("own mouth: the picture, FaceMesh; the speaker, too", "real_fm", "own_asked"),
    "real_fm": ("the real speaker, FaceMesh against mesh v2", "real_v2", None),
    "judges_own": ("the picture with the own mouth, FaceMesh against mesh v2", "own_v2", None),
}
"""Stage → what it is, whose curve it is compared with, and what was asked of it."""


def r_of(a: Array, b: Array) -> list[float]:
    """Return the correlations of two curves (n, 3), as far as both are known."""
    n = min(len(a), len(b))
    good = np.isfinite(a[:n]).all(1) & np.isfinite(b[:n]).all(1)
    return [float(np.corrcoef(a[:n][good, j], b[:n][good, j])[0, 1]) for j in range(len(NAMES))]


def moved(curve: Array, seconds: float) -> Array:
    """Return a curve (n, 3) so many seconds later; its ends are held."""
    at = np.arange(len(curve), dtype=float)
    return np.stack([np.interp(at - seconds * FPS, at, column) for column in curve.T], 1)


def partial(made: Array, film: Array, asked: Array) -> list[float]:
    """Return the partial correlations with the film, what is asked taken out."""
    n = min(len(made), len(film), len(asked))
    found = [beyond(made[:n, j], film[:n, j], asked[:n, j]) for j in range(len(NAMES))]
    return [float("nan") if value is None else float(value) for value in found]


def slopes(made: Array, asked: Array, film: Array) -> list[list[float]]:
    """Return how much of what is asked, and of the film, is in what is made: opening, width and jaw."""
    out = []
    for j in range(len(NAMES)):
        x = np.stack([asked[:, j], film[:, j], np.ones(len(made))], 1)
        good = np.isfinite(x).all(1) & np.isfinite(made[:, j])
        out.append(np.linalg.lstsq(x[good], made[good, j], rcond=None)[0][:2].tolist())
    return out


def late_ms(made: Array, asked: Array) -> list[float]:
    """Return by how many milliseconds a curve is late, at the top of a parabola through five frames' lags."""
    out, lags = [], np.arange(-2, 3)
    for j in range(len(NAMES)):
        a, b = (np.nan_to_num(x[:, j] - np.nanmean(x[:, j])) for x in (made, asked))
        fit = [float(np.corrcoef(a[2 + k : len(a) - 2 + k], b[2:-2])[0, 1]) for k in lags]
        bend, tilt, _ = np.polyfit(lags, fit, 2)
        out.append(float(-tilt / (2 * bend)) * 1000 / FPS if bend < 0 else float("nan"))
    return out


def heard_rows(corpus: Path, mesh: Path, encoder: Path, shape: Path) -> dict[str, dict[str, Array]]:
    """Return ridge and basis of each clip at 25 frames a second, by the clip's name."""
    talks, call = load_talks(corpus, mesh), open_encoder(encoder, shape)
    readout = fixed_readout(ShapeModel.load(shape))
    heard = [call(talk.mel, talk.times) for talk in talks]
    out = {}
    for k, talk in enumerate(talks):
        rest = [i for i, t in enumerate(talks) if i != k and t.name != SAME_PERSON.get(talk.name)]
        weights = ridge_of([heard[i] for i in rest], [talks[i] for i in rest])
        out[talk.name] = _at_25(call, talk, weights, readout)
    return out


def _at_25(
    call: Callable[[Array, Array], Array], talk: Talk, weights: Array, readout: Array
) -> dict[str, Array]:
    coefficients = call(talk.mel, np.arange(int(talk.times[-1] * FPS)) / FPS)
    return {"ridge": coefficients @ weights, "basis": coefficients @ readout.T}


def dub_row(stage: str, dub: Dub, other: Dub, lag: float) -> dict[str, Any]:
    """Return the figures of one stage of one dub."""
    _, against, wish = STAGES[stage]
    made = dub["own_fm"] if stage == "judges_own" else dub[stage]
    row: dict[str, Any] = {"r": r_of(made, dub[against]), "control": r_of(made, other[against])}
    row["in_time"] = r_of(moved(made, -lag), dub[against])
    if wish:
        asked, film = dub[wish], dub["source_v2"]
        row["asked"], row["source"] = r_of(made, asked), partial(made, film, asked)
        row["slope"], row["late_ms"] = slopes(made, asked, film), late_ms(made, asked)
    return row


def mean(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the means over dubs."""
    return {key: np.nanmean([row[key] for row in rows], 0).round(3).tolist() for key in rows[0]}


def chain(dubs: dict[tuple[str, str], Dub], lags: dict[str, float]) -> list[Row]:
    """Return the rows of all stages.

    Args:
        dubs: (face, voice) → curves, ridge and basis among them.
        lags: voice → by how many seconds its sound must be heard later.
    """
    voices = sorted({voice for _, voice in dubs})
    rows = []
    for stage, (about, _, _) in STAGES.items():
        of = {
            (face, voice): dub_row(
                stage,
                dub,
                dubs[face, voices[(voices.index(voice) + CONTROL) % len(voices)]],
                lags[voice],
            )
            for (face, voice), dub in dubs.items()
        }
        halves = {
            key: mean([row for (_, voice), row in of.items() if voice in names])
            for key, names in HALVES.items()
            if any(voice in names for voice in voices)
        }
        rows.append({"stage": stage, "about": about, **halves})
    return rows


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", out=Path("benchmarks/results/voice_chain.json"))
    parser.add_argument("folder", type=Path, help="what voice.chain wrote")
    parser.add_argument("--mesh", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, default=Path("models_onnx/edge_voice.fp32.onnx"))
    parser.add_argument("--shape", type=Path, default=Path("training/voice/shape.npz"))
    parser.add_argument("--lags", type=Path, default=Path("benchmarks/results/voice_encoder.json"))
    parser.add_argument("--lags-of", default="round 3, ships", help="row of that file")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write and print the rows."""
    options = parse(arguments(), argv)
    torch.set_num_threads(1)
    heard = heard_rows(options.corpus, options.mesh, options.encoder, options.shape)
    clips = json.loads(options.lags.read_text())["encoders"][options.lags_of]["clips"]
    lags = {row["clip"]: float(np.mean(row["lags"])) for row in clips}
    dubs: dict[tuple[str, str], Dub] = {}
    for path in sorted(options.folder.glob("*.npz")):
        face, voice = path.stem.split("-")
        with np.load(path) as data:
            dubs[face, voice] = {key: data[key] for key in data.files} | heard[voice]
    rows = chain(dubs, lags)
    for row in rows:
        print(row["stage"], json.dumps(row["all"]))
    options.out.write_text(json.dumps({"dubs": len(dubs), "stages": rows}, indent=1) + "\n")
