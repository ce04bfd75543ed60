"""What the mouth coefficients mean: opening, width and jaw as linear functions of them, fitted on training people.

    python -m training.mouth.coefficient_shape --corpus ../shared/corpus --mesh MESH --encoder E.onnx --out to_shape.npy

For every training clip the audio encoder says what it hears and the teacher's mesh how the speaker's mouth is; the
map is the least-squares one, so that it gives the shape to be expected. Coefficients are 0 for a speaker's own shut
mouth, so shapes are taken relative to the clip's least open frames.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from lipsync_edge.audio.mel import FLOOR, mel_spectrogram
from training.cli import WORK
from training.data.sounds import read_sound
from training.teachers.mouth_measures import mouth_measures

Array = npt.NDArray[Any]

COLUMNS, OFFSET, FPS = 30, -15, 25
RIDGE = 0.02


def mouth_shape(points: Array) -> Array:
    """Return opening, width and jaw in eye distances, float (n, 3), of meshes (n, 478, 3); NaN rows stay NaN."""
    found = mouth_measures(points)
    return np.stack([found.opening, found.width, found.jaw], -1)


def from_shut(shape: Array) -> Array:
    """Return shapes (n, 3) relative to the median of the least open frames."""
    shut = shape[:, 0] <= np.nanquantile(shape[:, 0], 0.2)
    return shape - np.nanmedian(shape[shut], 0)


def windows(mel: Array, count: int) -> Array:
    """Return what the encoder hears at each of `count` frames, float32 (count, 80, 30)."""
    padded = np.pad(mel, ((0, 0), (-OFFSET, 2 * COLUMNS)), constant_values=FLOOR)
    starts = [int(80 * i / FPS) for i in range(count)]
    return np.stack([padded[:, s : s + COLUMNS] for s in starts]).astype(np.float32)


def fit(heard: Array, shape: Array, weight: Array) -> Array:
    """Return the linear map, float32 (3, 8)."""
    left = heard.T @ (heard * weight[:, None])
    left += RIDGE * np.trace(left) / len(left) * np.eye(len(left))
    return np.linalg.solve(left, heard.T @ (shape * weight[:, None])).T.astype(np.float32)


def read(corpus: Path, mesh: Path, session: ort.InferenceSession, clips: int) -> tuple[Array, Array, Array]:
    """Return coefficients (n, 8), shapes (n, 3) and the number of the person of each frame."""
    heard, shapes, people = [], [], []
    for number, folder in enumerate(sorted((mesh / "train").iterdir())):
        for path in sorted(folder.glob("*.npz"))[:clips]:
            with np.load(path) as data:
                points, good = data["points"].astype(np.float64), data["score"] > 0.9
            mel = mel_spectrogram(read_sound(corpus / "train" / folder.name / f"{path.stem}.mkv"))
            given = session.run(None, {"mel": windows(mel, len(points))})[0]
            heard.append(given[good])
            shapes.append(from_shut(mouth_shape(points[good])))
            people.append(np.full(int(good.sum()), number))
    return np.concatenate(heard), np.concatenate(shapes), np.concatenate(people)


def main() -> None:
    """Fit on every second person, say how well that holds for the others, then fit on all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, default=WORK / "corpus")
    parser.add_argument("--mesh", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=25, help="of each person, at most")
    options = parser.parse_args()
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = 1
    session = ort.InferenceSession(str(options.encoder), settings)
    heard, shape, people = read(options.corpus, options.mesh, session, options.clips)
    weight = 1 / np.sqrt(np.bincount(people)[people])
    for half in (0, 1):
        own = people % 2 == half
        made = heard[~own] @ fit(heard[own], shape[own], weight[own]).T
        r = [float(np.corrcoef(made[:, k], shape[~own, k])[0, 1]) for k in range(3)]
        print("r of opening, width, jaw on people who were not fitted:", np.round(r, 3).tolist())
    found = fit(heard, shape, weight)
    np.save(options.out, found)
    print(np.round(found, 4).tolist())


if __name__ == "__main__":
    main()
