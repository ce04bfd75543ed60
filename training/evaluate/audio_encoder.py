"""How well the audio encoder predicts the opening of mouths that it never saw, on the evaluation clips.

python -m training evaluate.audio_encoder
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from lipsync_edge.audio.mel import mel_spectrogram
from training.cli import WORK, command, parse
from training.data.sounds import read_sound
from training.lips import coefficients as shape
from training.lips.assemble import load_audio_encoders
from training.lips.audio_encoder import windows

NO_OWN_SOUND = "portrait"  # whether its sound is the speaker's own is not certain


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(
        __name__, __doc__, "corpus", "labels", out=Path("benchmarks/results/train_edge_lips_ear.json")
    )
    parser.add_argument("--trained", type=Path, default=WORK / "lips")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line."""
    options = parse(arguments(), argv)
    encoder = load_audio_encoders(options.trained)
    model = shape.ShapeModel.load(options.trained / "shape.npz")
    upper = [shape.MOVING.index(i) for i in shape.UPPER_INNER]
    lower = [shape.MOVING.index(i) for i in shape.LOWER_INNER]
    rows = []
    with np.load(options.labels / "eval.npz") as data:
        labels = {key: data[key] for key in ("paths", "clip", "score", "points", "time")}
    for clip, path in enumerate(str(p) for p in labels["paths"]):
        frames = np.flatnonzero((labels["clip"] == clip) & (labels["score"] > 0.9))
        if len(frames) < 30 or NO_OWN_SOUND in path:
            continue
        samples = read_sound(options.corpus / path)
        frames = frames[labels["time"][frames] < len(samples) / 16000]
        heard = windows(mel_spectrogram(samples), labels["time"][frames])
        with torch.no_grad():
            coefficients = encoder(torch.from_numpy(heard))[:, :, 0].numpy()
        moved = model.displacement(coefficients)
        made = (moved[:, lower] - moved[:, upper])[..., 1].mean(1)
        real = shape.gap(labels["points"][frames][:, :, :2].astype(np.float64))
        shifted = float(np.corrcoef(made, np.roll(real, len(real) // 2))[0, 1])
        r = float(np.corrcoef(made, real)[0, 1])
        rows.append({"clip": path, "frames": len(frames), "r": r, "r_half_a_clip_later": shifted})
    mean = {key: float(np.mean([row[key] for row in rows])) for key in ("r", "r_half_a_clip_later")}
    options.out.write_text(json.dumps({"mean": mean, "clips": rows}, indent=1) + "\n")
    print(len(rows), "clips", mean)
