"""Other voices for the clips of the corpus, in time with the mouths that are seen.

    python -m training data.voices

The corpus holds 14 people, most of them with one sentence. Each clip gets, as mels beside its own:

* its own speech through WORLD (Morise et al., IEICE 2016) with another pitch and other formants;
* some of these played faster or slower, the mouth with them;
* the same sentence by the voices of Flite and eSpeak NG (the names of GRID's files spell their sentences), laid on the
  clip's time by dynamic time warping of their cepstra.

Needs pyworld, and the programs `flite` and `espeak-ng` (voices that are not installed are left out, and named).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.audio.mel import mel_spectrogram
from training.cli import WORK, command, parse
from training.data.sounds import read_sound

Array = npt.NDArray[Any]

RATE = 16_000
FLITE = ("kal16", "awb", "rms", "slt")
ESPEAK = ("en-us+m3", "en-gb+f2", "en-gb-scotland+m7", "en-us+f4")
COMMANDS = {"b": "bin", "l": "lay", "p": "place", "s": "set"}
COLOURS = {"b": "blue", "g": "green", "r": "red", "w": "white"}
PREPOSITIONS = {"a": "at", "b": "by", "i": "in", "w": "with"}
LETTERS = {
    "a": "ay",
    "b": "bee",
    "c": "see",
    "d": "dee",
    "e": "ee",
    "f": "eff",
    "g": "jee",
    "h": "aitch",
    "i": "eye",
    "j": "jay",
    "k": "kay",
    "l": "ell",
    "m": "em",
    "n": "en",
    "o": "oh",
    "p": "pee",
    "q": "queue",
    "r": "are",
    "s": "ess",
    "t": "tee",
    "u": "you",
    "v": "vee",
    "x": "ex",
    "y": "why",
    "z": "zed",
}
DIGITS = {
    "z": "zero",
    "1": "one",
    "2": "two",
    "3": "three",
    "4": "four",
    "5": "five",
    "6": "six",
    "7": "seven",
    "8": "eight",
    "9": "nine",
}
ADVERBS = {"a": "again", "n": "now", "p": "please", "s": "soon"}
PLACES = (COMMANDS, COLOURS, PREPOSITIONS, LETTERS, DIGITS, ADVERBS)


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """One more voice of a clip.

    Attributes:
        mel: float32 (80, T).
        speed: how many times faster than the clip; what is seen at `t` is heard at `t / speed`.
    """

    mel: Array
    speed: float = 1.0


def sentence(name: str) -> str | None:
    """Return the words of a GRID file, such as ``bbaf2n``, or None where the name is something else."""
    if len(name) != len(PLACES) or any(
        letter not in words for letter, words in zip(name, PLACES, strict=True)
    ):
        return None
    return " ".join(words[letter] for letter, words in zip(name, PLACES, strict=True))


def revoiced(samples: Array, rng: np.random.Generator, count: int) -> list[Voice]:
    """Return `count` voices made of one: pitch × 0.6 to 1.7, formants × 0.84 to 1.19, half of them at another speed."""
    import pyworld

    sound = samples.astype(np.float64)
    pitch, times = pyworld.dio(sound, RATE)
    pitch = pyworld.stonemask(sound, pitch, times, RATE)
    envelope = pyworld.cheaptrick(sound, pitch, times, RATE)
    breath = pyworld.d4c(sound, pitch, times, RATE)
    bins = np.arange(envelope.shape[1])
    out = []
    for _ in range(count):
        higher, shorter = np.exp(rng.uniform(np.log(0.6), np.log(1.7))), np.exp(rng.uniform(-0.175, 0.175))
        lively = rng.uniform(0.6, 1.5)
        voiced = pitch > 0
        middle = np.exp(np.log(pitch[voiced]).mean()) if voiced.any() else 1.0
        moved = np.where(voiced, middle * higher * (np.maximum(pitch, 1) / middle) ** lively, 0.0)
        source = np.clip(bins / shorter, 0, len(bins) - 1)
        warped = np.ascontiguousarray(_columns_at(envelope.T, source, axis=0).T)
        made = pyworld.synthesize(np.clip(moved, 0, 700), warped, breath, RATE)
        speed = float(np.exp(rng.uniform(-0.2, 0.2))) if rng.random() < 0.5 else 1.0
        out.append(Voice(mel_spectrogram(_faster(made, speed).astype(np.float32)), speed))
    return out


def _faster(samples: Array, speed: float) -> Array:
    """Play samples (n,) so many times faster; pitch and formants go with it."""
    return (
        samples
        if speed == 1
        else np.interp(np.arange(0, len(samples) - 1, speed), np.arange(len(samples)), samples)
    )


def _columns_at(values: Array, at: Array, axis: int) -> Array:
    """Return linear interpolation of `values` at fractional indices along an axis."""
    low = np.clip(np.floor(at).astype(int), 0, values.shape[axis] - 2)
    part = (at - low).reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    return np.take(values, low, axis) * (1 - part) + np.take(values, low + 1, axis) * part


def spoken(voice: str, text: str, folder: Path) -> Array:
    """Return a sentence said by a Flite or eSpeak NG voice, float32 16 kHz."""
    path = folder / "said.wav"
    command = (
        ["flite", "-voice", voice, "--setf", "duration_stretch=1.1", "-t", text, "-o", str(path)]
        if voice in FLITE
        else ["espeak-ng", "-v", voice, "-s", "150", "-w", str(path), text]
    )
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return read_sound(path)


def cepstra(mel: Array) -> Array:
    """Return what alignment compares: float (T, 14), twelve cepstra and twice the loudness, each of unit spread."""
    bands = (np.arange(80) + 0.5) * np.pi / 80
    shape = np.cos(np.arange(13)[:, None] * bands) @ mel
    shape[0] = mel.max(0) + mel.mean(0)
    spread = shape.std(1, keepdims=True) + 1e-3
    scaled = (shape - shape.mean(1, keepdims=True)) / spread / np.sqrt(1 + np.arange(13) / 4)[:, None]
    return np.vstack([scaled, scaled[:1]]).T


def alignment(mel: Array, target: Array) -> Array:
    """Return which column of a mel (80, S) says what each column of another (80, T) says, float (T,)."""
    a, b = cepstra(target), cepstra(mel)
    cost = np.sqrt(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0))
    best, came = np.full(len(b), np.inf), np.zeros(cost.shape, np.int8)
    best[:8] = cost[0, :8]
    for i in range(1, len(a)):
        choices = np.stack([best + 0.3, _later(best, 1), _later(best, 2) + 0.15, _later(best, 3) + 0.5])
        came[i] = choices.argmin(0)
        best = choices.min(0) + cost[i]
    path = np.zeros(len(a))
    path[-1] = len(b) - 8 + best[-8:].argmin()
    for i in range(len(a) - 1, 0, -1):
        path[i - 1] = path[i] - came[i, int(path[i])]
    return np.convolve(np.pad(path, 3, mode="edge"), np.full(7, 1 / 7), "valid")


def aligned(mel: Array, target: Array) -> Array:
    """Lay a mel (80, S) on the time of another (80, T) that says the same: float32 (80, T)."""
    return _columns_at(mel, alignment(mel, target), axis=1).astype(np.float32)


def _later(row: Array, by: int) -> Array:
    return np.concatenate([np.full(by, np.inf), row[:-by]])


def voices_of(path: Path, programs: tuple[str, ...], count: int, seed: int) -> list[Voice]:
    """Return the other voices of one clip."""
    samples = read_sound(path)
    rng = np.random.default_rng([seed, zlib.crc32(path.stem.encode())])
    out = revoiced(samples, rng, count)
    text = sentence(path.stem)
    if text is None:
        return out
    own = mel_spectrogram(samples)
    with tempfile.TemporaryDirectory() as folder:
        for voice in programs:
            out.append(Voice(aligned(mel_spectrogram(spoken(voice, text, Path(folder))), own)))
    return out


def load_voices(path: Path) -> list[Voice]:
    """Read what `main` wrote for one clip; none where there is no file."""
    if not path.is_file():
        return []
    with np.load(path) as data:
        return [
            Voice(data[f"mel_{i}"].astype(np.float32), float(speed)) for i, speed in enumerate(data["speeds"])
        ]


def voice_path(folder: Path, clip: str) -> Path:
    """Return where the voices of the clip ``train/SPEAKER/NAME.mkv`` are kept."""
    return folder / Path(clip).parent.name / f"{Path(clip).stem}.npz"


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    return command(__name__, __doc__, "corpus", "seed", out=WORK / "voices")


def main(argv: Sequence[str] | None = None) -> None:
    """Make the voices of every training clip; files that are there already stay."""
    options = parse(arguments(), argv)
    programs = (*(FLITE if shutil.which("flite") else ()), *(ESPEAK if shutil.which("espeak-ng") else ()))
    print("speech programs' voices:", ", ".join(programs) or "none installed", flush=True)
    for folder in sorted((options.corpus / "train").iterdir()):
        clips = sorted(folder.glob("*.mkv"))
        for path in clips:
            kept = voice_path(options.out, str(path))
            if kept.is_file():
                continue
            many = 2 if len(clips) > 100 else 4 if len(clips) > 10 else 12
            voices = voices_of(path, programs, many, options.seed)
            kept.parent.mkdir(parents=True, exist_ok=True)
            mels: dict[str, Any] = {
                f"mel_{i}": voice.mel.astype(np.float16) for i, voice in enumerate(voices)
            }
            np.savez(kept, speeds=np.array([voice.speed for voice in voices]), **mels)
        print(folder.name, len(clips), flush=True)
