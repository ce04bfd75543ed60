"""Stretches of talking mouths for the sync expert: pictures and mels, each in a random light, camera and voice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lipsync_edge.audio.mel import mel_spectrogram
from training.data.labels import MARGIN, NOMINAL_SIDE
from training.data.noise import FLOOR, music, stretch_of
from training.data.sounds import read_sound
from training.data.voices import Voice, load_voices, voice_path
from training.lips.audio_encoder import disguise
from training.sync_expert.networks import COLUMNS, FRAMES, SIDE

Array = npt.NDArray[Any]
Rng = np.random.Generator

MOUTH = (0.25, 0.4375, 0.5)  # of the aligned crop: left, top, side
KEPT = 80  # stored mouth, in crop pixels: the mouth and eight pixels around it
RUN = 40  # frames of a stretch
RUNS = 8  # stretches in a batch
LONGEST = int(RUN * 3.2 * 1.25) + 2 * COLUMNS
OWN = 0.5  # how often a clip is heard in its own voice


@dataclass(frozen=True, slots=True, eq=False)
class Talk:
    """One talking clip.

    Attributes:
        speaker: whose.
        mouths: uint8 (frames, 80, 80), grey.
        times: float64 (frames,), seconds.
        voices: its own first, then others that say the same.
    """

    speaker: str
    mouths: Array
    times: Array
    voices: list[Voice]


def corner() -> tuple[int, int]:
    """Return x and y of the kept mouth's corner in a stored crop."""
    border = (KEPT - MOUTH[2] * NOMINAL_SIDE) / 2
    return tuple(round(MARGIN + part * NOMINAL_SIDE - border) for part in MOUTH[:2])  # type: ignore[return-value]


def grey_mouth(stored_bgr: Array) -> Array:
    """Cut the kept mouth, uint8 (80, 80), out of a stored crop, uint8 (160, 160, 3) BGR."""
    x, y = corner()
    return np.asarray(cv2.cvtColor(stored_bgr[y : y + KEPT, x : x + KEPT], cv2.COLOR_BGR2GRAY))


def load_talks(corpus: Path, labels: Path, voices: Path) -> list[Talk]:
    """Read every training clip."""
    with np.load(labels / "train.npz") as data:
        clip, times, paths, score = data["clip"], data["time"], data["paths"], data["score"]
    crops = np.load(labels / "train_crops.npy", mmap_mode="r")
    talks = []
    for i, path in enumerate(str(p) for p in paths):
        rows = np.flatnonzero((clip == i) & (score > 0.9))
        if len(rows) < RUN or len(rows) != rows[-1] - rows[0] + 1:
            continue
        mouths = np.stack([grey_mouth(np.asarray(crops[r])) for r in rows])
        heard = [
            Voice(mel_spectrogram(read_sound(corpus / path))),
            *load_voices(voice_path(voices, path)),
        ]
        talks.append(Talk(path.split("/")[1], mouths, times[rows], heard))
    return talks


def seen(mouths: Array, rng: Rng | None = None) -> Array:
    """Return mouths (n, 80, 80) as the expert sees them, float32 (n, 48, 48) 0…1.

    With `rng`, all of them are turned, scaled, shifted and perhaps mirrored alike, each trembles a little, and light,
    sharpness and noise are another camera's.
    """
    scale, middle = SIDE / (MOUTH[2] * NOMINAL_SIDE), KEPT / 2 - 0.5
    if rng is None:
        return np.stack(
            [_placed(m, _around(scale, scale, 0, (middle, middle))) for m in mouths]
        ) / np.float32(255)
    across, down = scale * np.exp(rng.normal(0, 0.05)) * np.exp(rng.normal(0, 0.04, 2))
    across *= 1 if rng.random() < 0.5 else -1
    angle, centre = rng.normal(0, 4), middle + rng.normal(0, 2, 2)
    tremble = rng.normal(0, rng.uniform(0, 0.5), (len(mouths), 2))
    blur, shrink = rng.random() < 0.3, rng.uniform(0.25, 0.8) if rng.random() < 0.3 else 1.0
    sigma = rng.uniform(0.4, 1.8)
    out = []
    for mouth, shake in zip(mouths, tremble, strict=True):
        image = mouth
        if shrink < 1:
            image = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
            image = cv2.resize(image, (KEPT, KEPT), interpolation=cv2.INTER_LINEAR)
        if blur:
            image = cv2.GaussianBlur(image, (0, 0), sigma)
        out.append(_placed(image, _around(across, down, angle, tuple(centre + shake))))
    return _relit(np.stack(out) / np.float32(255), rng)


def _around(across: float, down: float, degrees: float, centre: tuple[float, float]) -> Array:
    """Return the matrix (2, 3), kept mouth → 48 px, that shows `centre` in the middle."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([across, down])
    return np.hstack([linear, (np.full(2, SIDE / 2 - 0.5) - linear @ np.array(centre))[:, None]])


def _placed(image: Array, matrix: Array) -> Array:
    return np.asarray(
        cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


def _relit(mouths: Array, rng: Rng) -> Array:
    out = mouths ** np.float32(np.exp(rng.normal(0, 0.35))) * np.float32(np.exp(rng.normal(0, 0.3)))
    slope = np.linspace(-1, 1, SIDE, dtype=np.float32)
    out = out * (1 + rng.normal(0, 0.25) * slope + rng.normal(0, 0.25) * slope[:, None]).clip(0.2).astype(
        np.float32
    )
    flicker = 1 + rng.normal(0, 0.02, (len(out), 1, 1)) * (rng.random() < 0.3)
    noise = rng.normal(0, rng.uniform(0, 0.03), out.shape)
    if rng.random() < 0.2:  # something in front, all the time
        x, y = rng.integers(0, SIDE - 8, 2)
        out[:, y : y + rng.integers(4, 14), x : x + rng.integers(4, 14)] = rng.uniform(0, 1)
    return np.clip(out * flicker + noise, 0, 1).astype(np.float32)


def first_columns(times: Array, speed: float = 1.0) -> Array:
    """Return the first mel column of the 16 that are heard while five frames from each time on are shown."""
    middle = 80 * (np.asarray(times) + FRAMES / 50) / speed
    return np.asarray((middle - COLUMNS / 2 + 1e-6).astype(int))


class Talks:
    """Batches of stretches, speakers drawn by the square root of their clips."""

    def __init__(self, talks: list[Talk], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        names = sorted({talk.speaker for talk in talks})
        self.talks = talks
        self.of = [[talk for talk in talks if talk.speaker == name] for name in names]
        share = np.sqrt([len(mine) for mine in self.of])
        self.share = share / share.sum()
        self.music = [music(self.rng) for _ in range(12)]

    def run(self) -> tuple[Array, Array, Array]:
        """Return mouths (RUN, 48, 48), mel (80, LONGEST) and the first column of each window (RUN − 4,)."""
        rng = self.rng
        mine = self.of[int(rng.choice(len(self.of), p=self.share))]
        talk = mine[int(rng.integers(len(mine)))]
        start = int(rng.integers(0, len(talk.mouths) - RUN + 1))
        voice = talk.voices[0]
        if len(talk.voices) > 1 and rng.random() > OWN:
            voice = talk.voices[int(rng.integers(1, len(talk.voices)))]
        columns = first_columns(talk.times[start : start + RUN - FRAMES + 1], voice.speed)
        first = int(columns[0]) - COLUMNS // 2
        before, after = max(0, -first), max(0, first + LONGEST - voice.mel.shape[1])
        mel = np.pad(voice.mel, ((0, 0), (before, after)), constant_values=FLOOR)
        mel = disguise(mel[:, first + before :][:, :LONGEST], rng, self._behind())
        return seen(talk.mouths[start : start + RUN], rng), mel, columns - first

    def _behind(self) -> Array | None:
        draw = self.rng.random()
        if draw < 0.12:
            return stretch_of(self.music[int(self.rng.integers(len(self.music)))], LONGEST, self.rng)
        if draw < 0.18:
            other = self.talks[int(self.rng.integers(len(self.talks)))].voices[0]
            return stretch_of(other.mel, LONGEST, self.rng) - 0.8
        return None

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return mouths (RUNS, RUN, 48, 48), mels (RUNS, 80, LONGEST) and columns (RUNS, RUN − 4)."""
        mouths, mels, columns = zip(*(self.run() for _ in range(RUNS)), strict=True)
        return tuple(torch.from_numpy(np.stack(part)) for part in (mouths, mels, columns))  # type: ignore[return-value]
