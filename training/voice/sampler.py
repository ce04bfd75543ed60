"""Batches for the audio encoder: stretches of many kinds of voices, disguised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.data.noise import FLOOR, music, stretch_of
from training.lips.audio_encoder import disguise
from training.lips.coefficients import COEFFICIENTS
from training.voice.articulation import silence
from training.voice.network import COLUMNS, OFFSET, STRIDE
from training.voice.utterance import Utterance

Array = npt.NDArray[Any]

OUTPUTS = 100  # of one stretch: 2.5 s
LENGTH = COLUMNS + STRIDE * (OUTPUTS - 1)  # columns of a stretch
SHARES = {"grid": 0.18, "grid_voices": 0.1, "read": 0.4, "learner": 0.08, "synthetic": 0.12, "tongues": 0.14}
MUSIC = 24
LEAD = 3  # columns that the mouth of the clips is moved forward: natural lips are 25 to 50 ms earlier than theirs


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Tensors of B stretches of N outputs.

    Attributes:
        mel: float32 (B, 80, LENGTH).
        codes: float32 (B, 8, N).
        features: float32 (B, features, N), -1…1.
        mouth: float32 (B, N), how much the coefficients count.
        phone: float32 (B, N), how much the features count.
    """

    mel: Tensor
    coefficients: Tensor
    features: Tensor
    mouth: Tensor
    phone: Tensor


class Sampler:
    """Draws a kind of data, then a speaker by the root of how much there is, then a stretch.

    Args:
        groups: kind → utterances.
        runs: stretches of a batch.
        seed: of what is drawn.
        guessed: weight of mouths that nobody saw.
        offset: first column of an output's window, counted from the output's own.
    """

    def __init__(
        self,
        groups: dict[str, list[Utterance]],
        runs: int,
        seed: int,
        guessed: float = 0.8,
        offset: int = OFFSET,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.runs, self.guessed, self.offset = runs, guessed, offset
        self.names = [name for name in SHARES if groups.get(name)]
        share = np.array([SHARES[name] for name in self.names])
        self.share = share / share.sum()
        self.of: dict[str, list[list[Utterance]]] = {}
        self.chance: dict[str, Array] = {}
        for name in self.names:
            by: dict[str, list[Utterance]] = {}
            for utterance in groups[name]:
                by.setdefault(utterance.speaker, []).append(utterance)
            self.of[name] = list(by.values())
            size = np.sqrt([sum(u.mel.shape[1] for u in part) for part in by.values()])
            self.chance[name] = size / size.sum()
        self.music = [music(self.rng) for _ in range(MUSIC)]

    def draw(self) -> Utterance:
        """Return one utterance."""
        name = self.names[int(self.rng.choice(len(self.names), p=self.share))]
        speakers = self.of[name]
        speaker = speakers[int(self.rng.choice(len(speakers), p=self.chance[name]))]
        return speaker[int(self.rng.integers(len(speaker)))]

    def stretch(self) -> tuple[Array, Array, Array, Array, Array]:
        """Return mel, codes, features and the two weights of one stretch."""
        if self.rng.random() < 0.02:
            return self._quiet()
        utterance = self.draw()
        speed = float(np.exp(self.rng.uniform(-0.18, 0.18))) if self.rng.random() < 0.5 else 1.0
        total = utterance.mel.shape[1]
        need = int(STRIDE * OUTPUTS * speed)
        start = int(self.rng.integers(-8, max(1, total - need + 8)))
        heard = start + (np.arange(LENGTH) + self.offset) * speed
        mel = _columns(utterance.mel, heard)
        seen = np.round(start + np.arange(OUTPUTS) * STRIDE * speed).astype(int)
        inside = (seen >= 0) & (seen < total)
        seen = np.clip(seen, 0, total - 1)
        coefficients, mouth = np.zeros((OUTPUTS, COEFFICIENTS), np.float32), np.zeros(OUTPUTS, np.float32)
        if len(utterance.coefficients):
            last = len(utterance.coefficients) - 1
            coefficients = utterance.coefficients[np.minimum(seen + LEAD, last)].astype(np.float32)
            mouth = inside * np.float32(1 if utterance.seen else self.guessed)
        features, phone = np.repeat(silence()[None], OUTPUTS, 0), np.zeros(OUTPUTS, np.float32)
        if len(utterance.features):
            features = utterance.features[np.minimum(seen + LEAD, len(utterance.features) - 1)].astype(
                np.float32
            )
            phone = inside.astype(np.float32)
        return disguise(mel, self.rng, self._behind()), coefficients, features, mouth, phone

    def _quiet(self) -> tuple[Array, Array, Array, Array, Array]:
        level = FLOOR if self.rng.random() < 0.4 else self.rng.uniform(-4.0, -3.0)
        mel = np.clip(level + self.rng.normal(0, 0.1 * (level > FLOOR), (80, LENGTH)), -4, 4)
        one = np.ones(OUTPUTS, np.float32)
        none = np.zeros((OUTPUTS, COEFFICIENTS), np.float32)
        return mel.astype(np.float32), none, np.repeat(silence()[None], OUTPUTS, 0), one, one

    def _behind(self) -> Array | None:
        """Return what sounds behind the voice, (80, LENGTH): mostly nothing, or music, or somebody else."""
        draw = self.rng.random()
        if draw < 0.15:
            return stretch_of(self.music[int(self.rng.integers(len(self.music)))], LENGTH, self.rng)
        if draw < 0.21:
            return stretch_of(self.draw().mel.astype(np.float32), LENGTH, self.rng) - 0.8
        return None

    def batch(self) -> Batch:
        """Return one batch."""
        mel, coefficients, features, mouth, phone = (
            np.stack(part) for part in zip(*(self.stretch() for _ in range(self.runs)), strict=True)
        )
        tensors = (torch.from_numpy(np.ascontiguousarray(p, np.float32)) for p in (
            mel, coefficients.transpose(0, 2, 1), features.transpose(0, 2, 1), mouth, phone))  # fmt: skip
        return Batch(*tensors)


def _columns(mel: Array, at: Array) -> Array:
    """Return columns float32 (80, n) at fractional positions; beyond the ends it is silence."""
    low = np.floor(at).astype(int)
    part = (at - low).astype(np.float32)
    first = max(0, int(low[0]))
    piece = mel[:, first : max(first + 1, int(low[-1]) + 2)].astype(np.float32)
    index = np.clip(low - first, 0, piece.shape[1] - 1)
    out = piece[:, index] * (1 - part) + piece[:, np.clip(index + 1, 0, piece.shape[1] - 1)] * part
    out[:, (low < 0) | (low >= mel.shape[1])] = FLOOR
    return out
