"""Texts that nobody of the corpus said, read aloud by Flite, with the mouths that the corpus would have shown.

    python -m training data.readings

The words are those of Python's own manual (`pydoc_data.topics`), in sentences of 4 to 11 words.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.audio.mel import mel_spectrogram
from training.cli import WORK, command, parse
from training.data.phones import COLUMNS_PER_SECOND, classes_at, learn_mouths, mouths_of, read_aloud
from training.data.voices import FLITE, Voice, alignment, revoiced, sentence
from training.lips.clips import Clip, load_clips

Array = npt.NDArray[Any]

FPS = 25
BEFORE = 0.3  # seconds of silence before the first word


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One text read aloud: its voices and the coefficients, float32 (n, 8), of 25 frames a second."""

    reader: str
    voices: list[Voice]
    coefficients: Array


def sentences(rng: np.random.Generator, count: int) -> list[str]:
    """Return `count` sentences of plain words."""
    runs = [
        re.findall(r"[a-z]{2,}", part.lower())
        for text in topics.values()
        for part in re.split(r"[.,;:()\n]{1,}", text)
    ]
    runs = [run for run in runs if len(run) >= 4]
    return [
        " ".join(runs[i][: int(rng.integers(4, 12))]) for i in rng.choice(len(runs), count, replace=False)
    ]


def said_in(clip: Clip, folder: Path) -> Array | None:
    """Return which phones a clip of GRID says, (T, classes) at 80 a second: the mean over Flite's voices."""
    text = sentence(Path(clip.path).stem)
    if text is None:
        return None
    own = clip.voices[0].mel
    total: Any = 0.0
    for voice in FLITE:
        sound, phones = read_aloud(text, voice, 1.1, folder)
        total = total + classes_at(phones, alignment(mel_spectrogram(sound), own) / COLUMNS_PER_SECOND)
    return np.asarray(total / len(FLITE), np.float32)


def read(text: str, voice: str, net: Any, rng: np.random.Generator, folder: Path) -> Reading:
    """Read one text aloud, in several voices."""
    sound, phones = read_aloud(text, voice, float(rng.uniform(0.85, 1.35)), folder)
    sound = np.concatenate([np.zeros(round(BEFORE * 16000), np.float32), sound])
    columns = np.arange(len(sound) // 200) / COLUMNS_PER_SECOND
    times = np.arange(int(len(sound) / 16000 * FPS)) / FPS
    coefficients = mouths_of(net, classes_at(phones, columns - BEFORE), times)
    return Reading(voice, [Voice(mel_spectrogram(sound)), *revoiced(sound, rng, 2)], coefficients)


def save(readings: list[Reading], path: Path) -> None:
    """Write readings as one .npz."""
    arrays: dict[str, Array] = {"readers": np.array([r.reader for r in readings])}
    for i, reading in enumerate(readings):
        arrays[f"codes_{i}"] = reading.coefficients
        arrays[f"speeds_{i}"] = np.array([voice.speed for voice in reading.voices])
        arrays |= {f"mel_{i}_{k}": voice.mel.astype(np.float16) for k, voice in enumerate(reading.voices)}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)  # type: ignore[arg-type]


def load_readings(path: Path) -> list[Clip]:
    """Read what `save` wrote as clips; none where there is no file."""
    if not path.is_file():
        return []
    clips = []
    with np.load(path) as data:
        for i, reader in enumerate(data["readers"]):
            voices = [
                Voice(data[f"mel_{i}_{k}"].astype(np.float32), float(speed))
                for k, speed in enumerate(data[f"speeds_{i}"])
            ]
            coefficients = data[f"codes_{i}"]
            clips.append(
                Clip(f"flite {reader}", f"text {i}", voices, coefficients, np.arange(len(coefficients)) / FPS)
            )
    return clips


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", "labels", "seed", out=WORK / "readings.npz")
    parser.add_argument("--lips", type=Path, default=WORK / "lips", help="where the shape model lies")
    parser.add_argument("--count", type=int, default=1800)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Learn mouths from phones, then read."""
    options = parse(arguments(), argv)
    rng = np.random.default_rng(options.seed)
    clips = load_clips(options.corpus, options.labels, None, options.lips)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = [(clip, said) for clip in clips if (said := said_in(clip, folder)) is not None]
        speakers = [clip.speaker for clip, _ in known]
        weight = np.array([1 / np.sqrt(speakers.count(speaker)) for speaker in speakers])
        coefficients, times = [clip.coefficients for clip, _ in known], [clip.times for clip, _ in known]
        net, likeness = learn_mouths([said for _, said in known], coefficients, times, weight, options.seed)
        print(
            f"mouths from phones: r {likeness:.3f} with the first coefficient of clips that were held out",
            flush=True,
        )
        texts = sentences(rng, options.count)
        readings = [read(text, FLITE[i % len(FLITE)], net, rng, folder) for i, text in enumerate(texts)]
    save(readings, options.out)
    print(
        f"{len(readings)} readings, {sum(len(r.coefficients) for r in readings) / FPS / 60:.0f} minutes",
        flush=True,
    )
