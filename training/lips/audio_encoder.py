"""Train the audio encoder: a window of mel columns → mouth coefficients.

python -m training lips.audio_encoder --minutes 25

Hears .train/voices (`training.data.voices`) and .train/readings.npz (`training.data.readings`) where they are there.
Several audio encoders of other seeds err in other ways: `--teachers FOLDER` teaches one audio encoder what all of
FOLDER/audio_encoder* hear as their mean, beside the truth (Hinton, Vinyals, Dean, "Distilling the Knowledge in a
Neural Network", 2015).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from training.cli import WORK, command, parse
from training.data.noise import FLOOR, mixed, music, stretch_of, telephone
from training.data.readings import load_readings
from training.fit import Plan, fit
from training.lips.assemble import load_audio_encoders
from training.lips.clips import SHORTEST, Clip, load_clips
from training.lips.coefficients import COEFFICIENTS
from training.lips.networks import AudioEncoder

Array = npt.NDArray[Any]

COLUMNS = 30  # of 12.5 ms; 200 ms of look-ahead
OFFSET = -15
RUN = SHORTEST  # consecutive frames of one clip, for losses on motion
RUNS = 24  # runs in a batch
LONGEST = int((RUN - 1) * 3.2 * 1.25) + 4 + COLUMNS  # columns of a run at 25 frames a second, spoken slowly
OWN = 0.4  # how often a clip is heard in its own voice
MUSIC = 24  # pieces of music that may play behind


def windows(mel: Array, times: Array, shift: int = 0) -> Array:
    """Return the windows (n, 80, COLUMNS) of frames at `times`; what lies outside the sound is silence."""
    padded = np.pad(mel, ((0, 0), (COLUMNS * 2, COLUMNS * 2)), constant_values=FLOOR)
    starts = (80 * times + 1e-6).astype(int) + OFFSET + COLUMNS * 2 + shift
    starts = np.clip(starts, 0, padded.shape[1] - COLUMNS)
    return np.stack([padded[:, s : s + COLUMNS] for s in starts])


def disguise(mel: Array, rng: np.random.Generator, behind: Array | None = None) -> Array:
    """Make another voice, microphone and room of a mel (80, T), with another sound behind it."""
    bands = np.arange(80)
    warp = bands * rng.uniform(0.86, 1.16) + rng.uniform(-2, 2)
    low = np.clip(np.floor(warp).astype(int), 0, 78)
    part = np.clip(warp - low, 0, 1)[:, None].astype(np.float32)
    out = mel[low] * (1 - part) + mel[low + 1] * part
    knots = rng.normal(0, 0.35, 6)
    tilt = np.interp(bands, np.linspace(0, 79, 6), knots)[:, None]
    out = out + tilt * (out > FLOOR + 0.3)
    if rng.random() < 0.3:  # a room: sound decays slowly
        decay, tail = rng.uniform(0.15, 0.4), out.copy()
        for t in range(1, out.shape[1]):
            tail[:, t] = np.maximum(out[:, t], tail[:, t - 1] - decay)
        out = tail
    if behind is not None:
        out = mixed(out, behind + out.max() - behind.max() - rng.uniform(0.6, 2.2))  # 8 to 28 dB below
    if rng.random() < 0.15:
        out = telephone(out, rng)
    if rng.random() < 0.5:  # noise floor
        floor = rng.uniform(-4.0, -2.0) + rng.normal(0, 0.3, (80, 1)) + rng.normal(0, 0.2, out.shape)
        out = np.logaddexp(out * 2.9, floor * 2.9) / 2.9
    return np.clip(out + rng.normal(-0.2, 0.7), -4, 4).astype(np.float32)  # loudness: 9 dB either way


class Sampler:
    """Batches of runs, speakers drawn by the square root of their clips."""

    def __init__(self, clips: list[Clip], seed: int) -> None:
        self.clips = clips
        self.rng = np.random.default_rng(seed)
        names = sorted({clip.speaker for clip in clips})
        self.of = {name: [clip for clip in clips if clip.speaker == name] for name in names}
        self.names = names
        share = np.sqrt([len(self.of[name]) for name in names])
        self.share = share / share.sum()
        self.music = [music(self.rng) for _ in range(MUSIC)]

    def run(self) -> tuple[Array, Array, Array]:
        """Return one disguised run: mel (80, LONGEST), coefficients (RUN, 8), first column of each frame's window."""
        name = self.names[int(self.rng.choice(len(self.names), p=self.share))]
        clip = self.of[name][int(self.rng.integers(len(self.of[name])))]
        start = int(self.rng.integers(0, len(clip.coefficients) - RUN + 1))
        voice = clip.voices[0]
        if len(clip.voices) > 1 and self.rng.random() > OWN:
            voice = clip.voices[int(self.rng.integers(1, len(clip.voices)))]
        times, coefficients = (
            clip.times[start : start + RUN] / voice.speed,
            clip.coefficients[start : start + RUN],
        )
        columns = (80 * (times - times[0]) + 1e-6).astype(int)
        draw = self.rng.random()
        if draw < 0.04:  # silence, digital or of a room, closes the mouth
            level = self.rng.uniform(-4.0, -3.0) if draw < 0.025 else FLOOR
            noise = self.rng.normal(0, 0.1 * (level > FLOOR), (80, LONGEST))
            quiet = np.clip(level + noise, -4, 4).astype(np.float32)
            return quiet, np.zeros((RUN, COEFFICIENTS), np.float32), columns
        first = int(80 * times[0] + 1e-6) + OFFSET
        before, after = max(0, -first), max(0, first + LONGEST - voice.mel.shape[1])
        mel = np.pad(voice.mel, ((0, 0), (before, after)), constant_values=FLOOR)
        return (
            disguise(mel[:, first + before :][:, :LONGEST], self.rng, self._behind()),
            coefficients,
            columns,
        )

    def _behind(self) -> Array | None:
        """Return what sounds behind the voice, (80, LONGEST): mostly nothing, or music, or somebody else."""
        draw = self.rng.random()
        if draw < 0.15:
            return stretch_of(self.music[int(self.rng.integers(len(self.music)))], LONGEST, self.rng)
        if draw < 0.22:
            other = self.clips[int(self.rng.integers(len(self.clips)))]
            return (
                stretch_of(other.voices[int(self.rng.integers(len(other.voices)))].mel, LONGEST, self.rng)
                - 0.8
            )
        return None

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return mels (RUNS, 80, LONGEST), coefficients (RUNS, RUN, 8) and columns (RUNS, RUN)."""
        mels, coefficients, columns = zip(*(self.run() for _ in range(RUNS)), strict=True)
        return tuple(torch.from_numpy(np.stack(part)) for part in (mels, coefficients, columns))  # type: ignore[return-value]


def motion_losses(made: Tensor, real: Tensor) -> dict[str, Tensor]:
    """Losses on coefficients (runs, frames, 8): value, speed, and likeness of the curves, which keeps the amplitude."""
    weight = torch.tensor([1.0, 0.6, 0.5, 0.4, 0.3, 0.3, 0.3, 0.3])
    value = ((made - real).abs() * weight).mean()
    speed = ((made.diff(dim=1) - real.diff(dim=1)).abs() * weight).mean()
    a, b = made - made.mean(1, keepdim=True), real - real.mean(1, keepdim=True)
    spread_a, spread_b = a.pow(2).mean(1).add(0.01).sqrt(), b.pow(2).mean(1).add(0.01).sqrt()
    likeness = (1 - (a * b).mean(1) / (spread_a * spread_b))[:, :4].mean()
    amplitude = (spread_a - spread_b).abs()[:, :4].mean()
    return {"value": value, "speed": 0.7 * speed, "likeness": 0.35 * likeness, "amplitude": 0.3 * amplitude}


def heard_losses(
    net: nn.Module, batch: tuple[Tensor, Tensor, Tensor], teachers: nn.Module | None = None
) -> dict[str, Tensor]:
    """Return the weighted loss terms of a batch of `Sampler`; with teachers half of them are likeness to theirs."""
    mels, coefficients, columns = batch
    where = columns[:, :, None].expand(-1, -1, COEFFICIENTS)
    made = torch.take_along_dim(net(mels).transpose(1, 2), where, 1)
    terms = motion_losses(made, coefficients)
    if teachers is None:
        return terms
    with torch.no_grad():
        taught = torch.take_along_dim(teachers(mels).transpose(1, 2), where, 1)
    halves = {f"taught_{key}": 0.5 * term for key, term in motion_losses(made, taught).items()}
    return {**{key: 0.5 * term for key, term in terms.items()}, **halves}


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(
        __name__, __doc__, "corpus", "labels", "voices", out=WORK / "lips", minutes=25, rate=1.5e-3
    )
    parser.add_argument(
        "--readings", type=Path, default=WORK / "readings.npz", help="of training.data.readings"
    )
    parser.add_argument(
        "--name", default="audio_encoder", help="folder below --out; the mean of all audio_encoder* ships"
    )
    parser.add_argument("--teachers", type=Path, help="folder of audio encoders that teach, beside the truth")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Train from the command line."""
    options = parse(arguments(), argv)
    clips = load_clips(options.corpus, options.labels, options.voices, options.out)
    clips += [clip for clip in load_readings(options.readings) if len(clip.coefficients) >= RUN]
    voices = sum(len(c.voices) for c in clips)
    print(f"{len(clips)} clips, {len({c.speaker for c in clips})} speakers, {voices} voices", flush=True)
    sampler = Sampler(clips, options.seed)
    teachers = load_audio_encoders(options.teachers) if options.teachers else None

    def losses(net: nn.Module) -> dict[str, Tensor]:
        return heard_losses(net, sampler.batch(), teachers)

    fit(
        AudioEncoder(),
        losses,
        Plan.of(options),
        options.out / options.name,
        options.fresh,
    )
