"""Fit Wav2Lip's generator to the training clips, so that its smaller files can be measured on pictures of faces.

    python -m training fitted.generator --minutes 15

Writes OUT/wav2lip.pth with the published keys. As those of `fitted.published`, they are for measuring
quantization (`fitted.measure`) and not for use: L1 alone, some minutes, no sync expert (Prajwal et al., 2020,
trained for days).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from export.networks import Wav2Lip
from lipsync_edge.audio.mel import mel_spectrogram
from training.cli import WORK, command, parse
from training.data.sounds import read_sound
from training.fit import Losses, Plan, fit, mixed
from training.fitted.published import Stage

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]

STAGES = (Stage(96, 8, 1.0, 1e-3),)
COLUMNS = 16
COLUMNS_A_SECOND = 80
INSIDE = 0.12  # of the aligned crop is left off at every side, about where a detector's box ends
JITTER = 0.05


class Talking:
    """Pairs of frames of one clip, and the sound of the first.

    Args:
        corpus: the clips.
        labels: of `training.data.labels`.
        part: "train" or "eval".
        seed: of what is drawn.
        most: clips to read, spread over all; 0: all.
    """

    def __init__(self, corpus: Path, labels: Path, part: str, seed: int, most: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self._crops = np.load(labels / f"{part}_crops.npy", mmap_mode="r")
        with np.load(labels / f"{part}.npz") as data:
            good, clip, time = data["score"] > 0.9, data["clip"], data["time"]
            paths = [str(p) for p in data["paths"]]
        clips = [i for i in range(len(paths)) if (good & (clip == i)).sum() > 1]
        clips = clips[:: max(1, len(clips) // most)] if most else clips
        self._rows = {i: np.flatnonzero(good & (clip == i)) for i in clips}
        self._mels = {i: mel_spectrogram(read_sound(corpus / paths[i])) for i in clips}
        self._time = time

    def pair(self) -> tuple[F32, F32, F32]:
        """Return mel (80, 16), the input face (96, 96, 6) and the real one (96, 96, 3), both BGR 0…1."""
        clip = int(self.rng.choice(list(self._rows)))
        target, reference = self.rng.choice(self._rows[clip], 2, replace=False)
        mel = self._mels[clip]
        start = max(0, min(int(COLUMNS_A_SECOND * self._time[target]), mel.shape[1] - COLUMNS))
        corner = INSIDE + self.rng.uniform(-JITTER, JITTER, 2)
        flip = self.rng.random() < 0.5
        real, other = (self._cut(self._crops[row], corner, flip) for row in (target, reference))
        masked = real.copy()
        masked[len(masked) // 2 :] = 0
        return mel[:, start : start + COLUMNS], np.concatenate([masked, other], 2), real

    def batch(self, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return float32 (B, 1, 80, 16), (B, 6, 96, 96) and (B, 3, 96, 96)."""
        mels, faces, real = (
            np.stack(part) for part in zip(*(self.pair() for _ in range(count)), strict=True)
        )
        return (
            torch.from_numpy(mels[:, None]),
            torch.from_numpy(faces).permute(0, 3, 1, 2),
            torch.from_numpy(real).permute(0, 3, 1, 2),
        )

    @staticmethod
    def _cut(crop: U8, corner: npt.NDArray[np.float64], flip: bool) -> F32:
        side = len(crop)
        x, y = (corner * side).round().astype(int)
        size = round((1 - 2 * INSIDE) * side)
        cut = cv2.resize(crop[y : y + size, x : x + size], (96, 96), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(cut[:, ::-1] if flip else cut).astype(np.float32) / np.float32(255)


class GeneratorLoss:
    """Mean absolute error, the generated half three times."""

    def __init__(self, talking: Talking, batch: int) -> None:
        """Draw `batch` pairs a step."""
        self._talking, self._batch = talking, batch

    def __call__(self, net: nn.Module) -> Losses:
        """See the class."""
        mel, face, real = self._talking.batch(self._batch)
        with mixed():
            made = net(mel, face.contiguous(memory_format=torch.channels_last))
        error = (made.float() - real).abs()
        return {"half": 1.5 * error[:, :, 48:].mean(), "rest": 0.5 * error[:, :, :48].mean()}


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    return command(__name__, __doc__, "corpus", "labels", minutes=15.0, out=WORK / "fitted")


def main(argv: Sequence[str] | None = None) -> None:
    """Fit and save from the command line."""
    options = parse(arguments(), argv)
    stage = STAGES[0]
    talking = Talking(options.corpus, options.labels, "train", options.seed)
    net = Wav2Lip().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    plan = Plan(options.minutes, stage.rate, warmup=30, average=0.98)
    mean = fit(net, GeneratorLoss(talking, stage.batch), plan, options.out / f"wav2lip_{stage.side}")
    path = options.out / "wav2lip.pth"
    torch.save(mean.to(memory_format=torch.contiguous_format).state_dict(), path)  # type: ignore[call-overload]
    print(f"{path}: python -m export convert wav2lip {path} -o DIR")
