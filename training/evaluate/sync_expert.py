"""By how many frames picture and sound are apart, in the eyes of the sync expert; and how far it can be trusted.

    python -m training evaluate.sync_expert

Real evaluation clips (nobody in them was trained on), each as it is, with its sound moved by -8 … 8 frames, and with
another clip's sound. An offset of k says that what is seen now is heard k frames (of 1/25 s) later. Likeness is the
mean cosine of a clip's windows; confidence is the best likeness less the median over all offsets.

Whether picture and sound of these clips are exactly together is not known (they come from other hands): an offset of
two or three frames with a high confidence may be the clip's own.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lipsync_edge.audio.mel import mel_spectrogram
from training.cli import WORK, command, parse
from training.data.noise import FLOOR
from training.data.sounds import read_sound
from training.fit import load_mean
from training.sync_expert.clips import first_columns, grey_mouth, seen
from training.sync_expert.networks import COLUMNS, FRAMES, Expert

Array = npt.NDArray[Any]

REACH = 15  # frames, both ways
SHIFTS = tuple(range(-8, 9))
RATE = 25
NO_OWN_SOUND = "portrait"  # whether its sound is the speaker's own is not certain


@dataclass(frozen=True, slots=True, eq=False)
class Offset:
    """What the expert found.

    Attributes:
        frames: offset of the best likeness, -15 … 15.
        confidence: best likeness less the median one.
        likeness: float (31,), mean cosine at each offset.
    """

    frames: int
    confidence: float
    likeness: Array


class OffsetEstimator:
    """A trained expert that compares mouths with sounds."""

    def __init__(self, folder: Path) -> None:
        """Read `folder`/last.pt, as `training.sync_expert.train` writes it."""
        expert = load_mean(Expert(), folder)
        assert isinstance(expert, Expert)
        self._expert = expert

    @torch.no_grad()
    def likeness(self, mouths: Array, mel: Array) -> Array:
        """Return cosines float32 (n − 4, n − 4 + 30): row i is frame i's window, column j sound of frame j − 15.

        Args:
            mouths: uint8 (n, 80, 80), grey, 25 a second (see `sync_expert.clips.grey_mouth`).
            mel: float32 (80, T), time 0 is the first frame's.
        """
        windows = len(mouths) - FRAMES + 1
        columns = first_columns(np.arange(-REACH, windows + REACH) / RATE)
        before, after = max(0, -int(columns[0])), max(0, int(columns[-1]) + COLUMNS - mel.shape[1])
        padded = np.pad(mel, ((0, 0), (before, after)), constant_values=FLOOR)
        seen_by_eye = self._expert.mouth_encoder(torch.from_numpy(seen(mouths))[None])[0]
        heard = self._expert.audio_encoder(torch.from_numpy(padded.astype(np.float32))[None])[0]
        return np.asarray((seen_by_eye @ heard[torch.from_numpy(columns + before)].T).numpy())

    def __call__(self, mouths: Array, mel: Array) -> Offset:
        """Return by how many frames the sound is late."""
        return best_offset(self.likeness(mouths, mel))


def best_offset(cosines: Array) -> Offset:
    """Return the offset of a clip from its cosines (n, n + 30); a sound that is like everything tells nothing."""
    relative = cosines - cosines.mean(0)
    rows = np.arange(len(cosines))
    likeness = np.array([relative[rows, rows + k].mean() for k in range(2 * REACH + 1)])
    best = int(np.argmax(likeness))
    return Offset(best - REACH, float(likeness[best] - np.median(likeness)), likeness)


def moved(mel: Array, frames: int) -> Array:
    """Return the mel of a sound that comes so many frames later; silence fills up."""
    by = round(frames * 80 / RATE)
    silence = np.full((len(mel), abs(by)), FLOOR, mel.dtype)
    return np.hstack([silence, mel]) if by >= 0 else np.hstack([mel[:, -by:], silence])


def every_25th(times: Array, seconds: float) -> Array:
    """Return the rows shown at each 1/25 s of a clip whose frames begin at `times`."""
    wanted = np.arange(0, min(seconds, float(times[-1])), 1 / RATE)
    return np.searchsorted(times, wanted + 1e-6) - 1


def read_real(corpus: Path, labels: Path) -> dict[str, tuple[Array, Array]]:
    """Return name → mouths uint8 (n, 80, 80) and mel of the evaluation clips that have their own sound."""
    with np.load(labels / "eval.npz") as data:
        clip, times, score, paths = data["clip"], data["time"], data["score"], data["paths"]
    crops = np.load(labels / "eval_crops.npy", mmap_mode="r")
    real = {}
    for i, path in enumerate(str(p) for p in paths):
        rows = np.flatnonzero(clip == i)
        if NO_OWN_SOUND in path:
            continue
        good = np.maximum.accumulate(np.where(score[rows] > 0, np.arange(len(rows)), 0))  # a lost face stays
        samples = read_sound(corpus / path)
        shown = rows[good[every_25th(times[rows], len(samples) / 16_000)]]
        mouths = np.stack([grey_mouth(np.asarray(crops[row])) for row in shown])
        real[Path(path).name] = mouths, mel_spectrogram(samples)
    return real


def near(found: list[int], own: int) -> float:
    """Return the share of `SHIFTS` that were found within a frame, counted from an offset of the clip's own."""
    return round(float(np.mean(np.abs(np.subtract(found, SHIFTS) - own) <= 1)), 3)


def real_rows(estimator: OffsetEstimator, real: dict[str, tuple[Array, Array]]) -> list[dict[str, Any]]:
    """Return one row a clip: as it is, moved, and with the sounds of all others."""
    rows = []
    for name, (mouths, mel) in real.items():
        own = estimator(mouths, mel)
        found = [estimator(mouths, moved(mel, k)).frames for k in SHIFTS]
        wrong = [estimator(mouths, sound) for other, (_, sound) in real.items() if other != name]
        rows.append(
            {
                "clip": name,
                "seconds": round(len(mouths) / RATE, 1),
                "offset": own.frames,
                "confidence": round(own.confidence, 3),
                "found_when_moved": near(found, 0),
                "moved_with_it": near(found, own.frames),
                "wrong_sound_at_0": round(float(np.mean([abs(o.frames) <= 1 for o in wrong])), 3),
                "wrong_sound_confidence": round(float(np.mean([o.confidence for o in wrong])), 3),
            }
        )
    return rows


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the shares over clips, and the clips on which the expert fails."""
    return {
        "clips": len(rows),
        "within_one_frame": round(float(np.mean([abs(row["offset"]) <= 1 for row in rows])), 3),
        "within_three_frames": round(float(np.mean([abs(row["offset"]) <= 3 for row in rows])), 3),
        "surer_than_of_wrong_sounds": round(
            float(np.mean([row["confidence"] > 1.5 * row["wrong_sound_confidence"] for row in rows])), 3
        ),
        "moved_found_as_moved": round(float(np.mean([row["found_when_moved"] for row in rows])), 3),
        "moved_from_their_own_offset": round(float(np.mean([row["moved_with_it"] for row in rows])), 3),
        "wrong_sound_within_one_frame": round(float(np.mean([row["wrong_sound_at_0"] for row in rows])), 3),
        "by_chance": round(3 / (2 * REACH + 1), 3),
        "fails_on": [row["clip"] for row in rows if abs(row["offset"]) > 1],
    }


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(
        __name__, __doc__, "corpus", "labels", out=Path("benchmarks/results/train_sync_expert.json")
    )
    parser.add_argument("--trained", type=Path, default=WORK / "sync")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line."""
    options = parse(arguments(), argv)
    rows = real_rows(OffsetEstimator(options.trained), read_real(options.corpus, options.labels))
    result = {"summary": summary(rows), "clips": rows}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    for row in rows:
        print(*row.values())
    print(result["summary"])
