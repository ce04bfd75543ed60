"""What else a microphone hears: music, other people, rooms, telephones; all on mels, so that it costs little."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.audio.mel import mel_spectrogram

Array = npt.NDArray[Any]

FLOOR = -4.0
RATE = 16_000
PER_NEPER = 20 / np.log(10) * 0.08  # mel units (0.08 a decibel) of a factor e


def music(rng: np.random.Generator, seconds: float = 6.0) -> Array:
    """Return the mel, float32 (80, T), of a few chords and beats that nobody composed."""
    count = int(RATE * seconds)
    time = np.arange(count) / RATE
    out = np.zeros(count)
    beat = rng.uniform(0.25, 0.8)
    root = rng.uniform(80, 260)
    bright = rng.uniform(0.4, 1.6)
    for start in np.arange(0, seconds, beat):
        since = time - start
        on = since >= 0
        chord = root * 2 ** (rng.choice([0, 2, 3, 4, 5, 7, 9, 12], size=rng.integers(1, 4)) / 12)
        envelope = on * np.exp(-np.maximum(since, 0) / rng.uniform(0.15, 1.2))
        for pitch in chord:
            for harmonic in range(1, 9):
                if pitch * harmonic < 7000:
                    phase = rng.uniform(0, 2 * np.pi)
                    out += (
                        envelope
                        * np.sin(2 * np.pi * pitch * harmonic * time + phase)
                        / harmonic ** (1 / bright)
                    )
        if rng.random() < 0.5:
            out += on * np.exp(-np.maximum(since, 0) / 0.05) * rng.normal(0, 1.5, count)
    return mel_spectrogram((0.1 * out / (np.abs(out).max() + 1e-9)).astype(np.float32))


def mixed(mel: Array, other: Array) -> Array:
    """Return the mel of both sounds together, as powers add (80, T)."""
    return PER_NEPER / 2 * np.logaddexp(mel * 2 / PER_NEPER, other * 2 / PER_NEPER)


def stretch_of(mel: Array, columns: int, rng: np.random.Generator) -> Array:
    """Return a random stretch (80, columns) of a mel, begun anew where it ends."""
    first = int(rng.integers(mel.shape[1]))
    return mel[:, np.arange(first, first + columns) % mel.shape[1]]


def telephone(mel: Array, rng: np.random.Generator) -> Array:
    """Cut a mel off above 2.5 to 6 kHz (bands 50 to 74), and sometimes below 300 Hz (band 7)."""
    out = mel.copy()
    out[int(rng.integers(50, 75)) :] -= 3
    if rng.random() < 0.4:
        out[: int(rng.integers(3, 9))] -= 2
    return np.maximum(out, FLOOR)
