"""How well the ear predicts the opening of mouths that it never saw, on the evaluation clips.

python -m export.train.measure_ear --corpus ../shared/corpus --labels .train/labels
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from export.train import lips_shape as shape
from export.train.lips import load_ears
from export.train.lips_audio import windows
from export.train.sounds import read_sound
from lipsync_edge.audio.mel import mel_spectrogram

NO_OWN_SOUND = "portrait"  # whether its sound is the speaker's own is not certain


def main(argv: list[str] | None = None) -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--labels", type=Path, default=Path(".train/labels"))
    parser.add_argument("--trained", type=Path, default=Path(".train/lips"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/train_edge_lips_ear.json"))
    options = parser.parse_args(argv)
    ear = load_ears(options.trained)
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
            codes = ear(torch.from_numpy(heard))[:, :, 0].numpy()
        moved = model.displacement(codes)
        made = (moved[:, lower] - moved[:, upper])[..., 1].mean(1)
        real = shape.gap(labels["points"][frames][:, :, :2].astype(np.float64))
        shifted = float(np.corrcoef(made, np.roll(real, len(real) // 2))[0, 1])
        r = float(np.corrcoef(made, real)[0, 1])
        rows.append({"clip": path, "frames": len(frames), "r": r, "r_half_a_clip_later": shifted})
    mean = {key: float(np.mean([row[key] for row in rows])) for key in ("r", "r_half_a_clip_later")}
    options.out.write_text(json.dumps({"mean": mean, "clips": rows}, indent=1) + "\n")
    print(len(rows), "clips", mean)


if __name__ == "__main__":
    main()
