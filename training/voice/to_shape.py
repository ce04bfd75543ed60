"""What the shipped coefficients mean for exemplars: opening, width and jaw as a linear map, from training people.

python -m training.voice.to_shape --trained FOLDER --shape SHAPE.npz --mesh MESH --out to_shape.npy

The least-squares map from what the encoder gives to the mesh's measures relative to the clip's least open frames,
people counting the same. The encoder speaks for natural lips, which are `LEAD` columns earlier than those of the
clips (see `training.voice.sampler`), so the clips are heard that much earlier here.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lipsync_edge.audio.mel import mel_spectrogram
from training.cli import WORK
from training.data.sounds import read_sound
from training.lips.coefficients import COEFFICIENTS
from training.teachers.mouth_measures import mouth_measures
from training.voice.encoders import windows
from training.voice.finish import Finished, load_finished
from training.voice.natural import frame_times
from training.voice.network import COLUMNS, OFFSET
from training.voice.sampler import LEAD

Array = npt.NDArray[Any]

CLIPS = 8  # of a person, at most
RIDGE = 0.02


def clip_pair(net: Finished, path: Path, mesh: Path) -> tuple[Array, Array]:
    """Return the coefficients (n, 8) and the measures (n, 3) of one clip, from the speaker's shut mouth."""
    times, samples = frame_times(path), read_sound(path)
    with np.load(mesh) as data:
        found = mouth_measures(data["points"])
        good = (data["score"] > 0.5) & (times < len(samples) / 16000)
    shape = np.stack([found.opening, found.width, found.jaw], -1)[good]
    shut = shape[:, 0] <= np.quantile(shape[:, 0], 0.2)
    heard = windows(mel_spectrogram(samples), times[good] - LEAD / 80, COLUMNS, OFFSET)
    with torch.no_grad():
        coefficients = net(torch.from_numpy(heard))[:, :, 0].numpy()
    return coefficients, shape - np.median(shape[shut], 0)


def fitted(net: Finished, corpus: Path, mesh: Path) -> Array:
    """Return the map, float32 (3, 8)."""
    left, right = np.zeros((COEFFICIENTS, COEFFICIENTS)), np.zeros((COEFFICIENTS, 3))
    for folder in sorted((corpus / "train").iterdir()):
        clips = sorted(folder.glob("*.mkv"))[:CLIPS]
        pairs = [clip_pair(net, p, mesh / "train" / folder.name / f"{p.stem}.npz") for p in clips]
        coefficients, shapes = (np.concatenate(part) for part in zip(*pairs, strict=True))
        left += coefficients.T @ coefficients / len(coefficients)
        right += coefficients.T @ shapes / len(coefficients)
    left = left + RIDGE * np.trace(left) / len(left) * np.eye(len(left))
    return np.linalg.solve(left, right).T.astype(np.float32)


def main(argv: list[str] | None = None) -> None:
    """Fit from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trained", type=Path, required=True)
    parser.add_argument("--shape", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, default=WORK / "corpus")
    parser.add_argument("--mesh", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    found = fitted(load_finished(options.trained, options.shape), options.corpus, options.mesh)
    np.save(options.out, found)
    print(np.array2string(found, precision=4, separator=", "))


if __name__ == "__main__":
    main()
