"""The talking clips of the corpus: their mouths, phones and voices, on the grid of mel columns.

python -m training voice.prepare_grid --corpus CORPUS --mesh MESH --out DATA [--voices VOICES]

MESH holds mesh v2 (`training.teachers.label_mesh`), which gives the coefficients; their basis is the one that the
shipped mouth renderer was trained with and is kept in `shape.npz` beside this file. VOICES are those of
`training.data.voices`.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.audio.mel import mel_spectrogram
from training.cli import WORK
from training.data.sounds import read_sound
from training.data.voices import Voice
from training.lips.clips import SHORTEST, Clip
from training.lips.coefficients import ShapeModel
from training.voice.align import Aligner, grid_words
from training.voice.articulation import COLUMNS_PER_SECOND, FEATURES, features_at
from training.voice.damage import damaged
from training.voice.mouth_codes import mesh_readout
from training.voice.talking import talking_clips
from training.voice.utterance import Utterance, save

Array = npt.NDArray[Any]

SHAPE = Path(__file__).parent / "shape.npz"


def codes_at(clip: Clip, seconds: Array) -> Array:
    """Return the coefficients (n, 8) at any seconds of a clip, linear between frames."""
    return np.stack([np.interp(seconds, clip.times, column) for column in clip.coefficients.T], 1)


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
    parser.add_argument("--mesh", type=Path, required=True)
    parser.add_argument("--voices", type=Path, help="other voices of the clips")
    parser.add_argument("--out", type=Path, required=True)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write grid.npz (own voices), grid_damaged.npz (the same, damaged) and grid_voices.npz (the others)."""
    options = arguments().parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    shutil.copy(SHAPE, options.out / "shape.npz")
    model = ShapeModel.load(SHAPE)
    clips, units = talking_clips(options.corpus, options.mesh, options.voices, model)
    np.savez(options.out / "readout.npz", readout=mesh_readout(model, units), units=units)
    aligner, missing = Aligner(), 0
    rng = np.random.default_rng(0)
    own: list[Utterance] = []
    harmed: list[Utterance] = []
    others: list[Utterance] = []
    for clip in clips:
        features = phones_of(clip, options.corpus, aligner)
        missing += features is None
        features = np.zeros((0, len(FEATURES)), np.int8) if features is None else features
        samples = damaged(read_sound(options.corpus / clip.path), rng)
        worse = Voice(mel_spectrogram(samples))
        for i, voice in enumerate((*clip.voices, worse)):
            made = utterance_of(clip, voice, features) if len(features) else _unsaid(clip, voice)
            (harmed if voice is worse else others if i else own).append(made)
    save(own, options.out / "grid.npz")
    save(harmed, options.out / "grid_damaged.npz")
    save(others, options.out / "grid_voices.npz") if others else None
    print(
        f"{len(own)} clips of at least {SHORTEST} frames, {missing} not aligned, {len(others)} other voices"
    )


def _unsaid(clip: Clip, voice: Voice) -> Utterance:
    whole = utterance_of(clip, voice, np.zeros((1, len(FEATURES)), np.int8))
    return Utterance(whole.group, whole.speaker, whole.mel, whole.features[:0], whole.coefficients, True)
