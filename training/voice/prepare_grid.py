"""The talking clips of the corpus: their mouths, phones and voices, on the grid of mel columns.

python -m training voice.prepare_grid --corpus CORPUS --labels LABELS --mesh MESH --voices VOICES --out DATA

LABELS holds `train.npz` of `training.labels`: FaceMesh gives the basis of the mouth coefficients, the same that
the shipped mouth renderer was trained with; MESH holds mesh v2, which gives the coefficients. VOICES are those of
`training.voices`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.cli import WORK
from training.data.sounds import read_sound
from training.data.voices import Voice
from training.lips.clips import SHORTEST, Clip, level_speakers, load_clips
from training.lips.coefficients import ShapeModel
from training.voice.align import Aligner, grid_words
from training.voice.articulation import COLUMNS_PER_SECOND, FEATURES, features_at
from training.voice.mouth_codes import mesh_codes, mesh_points, mesh_readout
from training.voice.utterance import Utterance, save

Array = npt.NDArray[Any]


def codes_at(clip: Clip, seconds: Array) -> Array:
    """Return the coefficients (n, 8) at any seconds of a clip, linear between frames."""
    return np.stack([np.interp(seconds, clip.times, column) for column in clip.coefficients.T], 1)


def with_mesh_codes(clips: list[Clip], labels: Path, mesh: Path, out: Path) -> list[Clip]:
    """Give clips the coefficients of mesh v2; saves what they mean as readout.npz."""
    with np.load(labels / "train.npz") as data:
        clip, paths, score = data["clip"], [str(path) for path in data["paths"]], data["score"]
    speakers = np.array([path.split("/")[1] for path in paths])[clip]
    _, inverse, count = np.unique(speakers, return_inverse=True, return_counts=True)
    model = ShapeModel.load(out / "shape.npz")
    coefficients, units = mesh_codes(mesh_points(mesh, paths), clip, 1 / np.sqrt(count[inverse]), model)
    np.savez(out / "readout.npz", readout=mesh_readout(model, units), units=units)
    coefficients = level_speakers(coefficients, speakers)
    number = {path: i for i, path in enumerate(paths)}
    return [
        replace(one, coefficients=coefficients[(clip == number[one.path]) & (score > 0.9)]) for one in clips
    ]


def utterance_of(clip: Clip, voice: Voice, features: Array) -> Utterance:
    """Lay mouths and phones on the columns of one voice of a clip."""
    columns = voice.mel.shape[1]
    seconds = np.arange(columns) / COLUMNS_PER_SECOND * voice.speed
    known = features[np.clip(np.round(seconds * COLUMNS_PER_SECOND).astype(int), 0, len(features) - 1)]
    last = min(columns, int((clip.times[-1] / voice.speed + 0.02) * COLUMNS_PER_SECOND))
    return Utterance(
        "grid", clip.speaker, voice.mel[:, :last], known[:last], codes_at(clip, seconds[:last]), True
    )


def phones_of(clip: Clip, corpus: Path, aligner: Aligner) -> Array | None:
    """Return the features (T, features) of what a clip of GRID says; None where it cannot be aligned."""
    text = grid_words(Path(clip.path).stem)
    segments = aligner(read_sound(corpus / clip.path), text) if text else None
    return None if segments is None else features_at(segments, clip.voices[0].mel.shape[1])


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, default=WORK / "corpus")
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--mesh", type=Path, required=True)
    parser.add_argument("--voices", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write grid.npz (own voices) and grid_voices.npz (the others)."""
    options = arguments().parse_args(argv)
    clips = load_clips(options.corpus, options.labels, options.voices, options.out)
    clips = with_mesh_codes(clips, options.labels, options.mesh, options.out)
    aligner, missing = Aligner(), 0
    own: list[Utterance] = []
    others: list[Utterance] = []
    for clip in clips:
        features = phones_of(clip, options.corpus, aligner)
        missing += features is None
        features = np.zeros((0, len(FEATURES)), np.int8) if features is None else features
        for i, voice in enumerate(clip.voices):
            made = utterance_of(clip, voice, features) if len(features) else _unsaid(clip, voice)
            (others if i else own).append(made)
    save(own, options.out / "grid.npz")
    save(others, options.out / "grid_voices.npz") if others else None
    print(
        f"{len(own)} clips of at least {SHORTEST} frames, {missing} not aligned, {len(others)} other voices"
    )


def _unsaid(clip: Clip, voice: Voice) -> Utterance:
    whole = utterance_of(clip, voice, np.zeros((1, len(FEATURES)), np.int8))
    return Utterance(whole.group, whole.speaker, whole.mel, whole.features[:0], whole.coefficients, True)
