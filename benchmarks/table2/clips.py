"""What Table 2 is made of: stretches of clips in which somebody speaks, and controls."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import soundfile

from lipsync_edge.audio.mel import level_db, mel_spectrogram
from lipsync_edge.audio.reader import read_audio
from lipsync_edge.types import F32
from lipsync_edge.video.probe import probe
from lipsync_edge.video.reader import VideoReader
from lipsync_edge.video.writer import VideoFormat, VideoWriter

RATE, PIECE = 16_000, 6_400
COLUMNS, STEP = 80, 40  # mel columns a second; where a stretch may begin: every half second
BELOW_LOUD_DB = 25.0  # a column this far below the clip's loud ones is a pause
LEAST_SPEECH = 0.3  # of a stretch


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stretch:
    """The part of one clip that is used.

    Attributes:
        name: the clip's file name.
        video: its pictures alone, as good as lossless, from 0 s on.
        still: one of them, the first.
        voice: its sound, float32 (n,), 16 kHz.
        start: where it begins in the clip, in seconds.
        speech: part of it in which somebody speaks, 0…1.
    """

    name: str
    video: Path
    still: Path
    voice: F32
    start: float
    speech: float


def shuffled(samples: F32, seed: int = 0) -> F32:
    """Return a sound, float32 (n,), 16 kHz, with its pieces of 0.4 s in another order; a piece never stays."""
    pieces = [samples[i : i + PIECE] for i in range(0, len(samples), PIECE)]
    if len(pieces) < 2:
        return samples[::-1].copy()
    order = np.random.default_rng(seed).permutation(len(pieces))
    moved = np.empty(len(pieces), int)
    moved[order] = np.roll(order, 1)  # one cycle: no piece keeps its place
    return np.concatenate([pieces[i] for i in moved])


def most_spoken(samples: F32, seconds: float) -> tuple[float, float]:
    """Return where the stretch with most speech begins, in seconds, and the part of it that is speech, 0…1.

    A column of the mel counts as speech when its level is less than 25 dB below the clip's 95th percentile. Of equal
    stretches the first is taken; a clip that is no longer than a stretch begins at 0.

    Args:
        samples: float32 (n,), 16 kHz.
        seconds: length of the stretch.
    """
    level = level_db(mel_spectrogram(samples))
    speaks = (level > np.percentile(level, 95) - BELOW_LOUD_DB) & (level > -75.0)
    length = min(round(seconds * COLUMNS), len(speaks))
    starts = range(0, len(speaks) - length + 1, STEP)
    shares = [float(speaks[start : start + length].mean()) for start in starts]
    best = int(np.argmax(shares))
    return starts[best] / COLUMNS, shares[best]


def stretch(clip: Path, seconds: float, folder: Path) -> Stretch:
    """Cut the stretch of a clip in which most is said into `folder`."""
    sound = read_audio(clip, start=probe(clip).begins)
    start, speech = most_spoken(sound, seconds)
    video, still = folder / f"{clip.stem}.mkv", folder / f"{clip.stem}.png"
    first = _write_video(clip, start, start + seconds, video, still)
    begin = round(float(first) * RATE)
    voice = sound[begin : begin + round(seconds * RATE)]
    return Stretch(
        name=clip.name, video=video, still=still, voice=voice, start=start, speech=round(speech, 3)
    )


def write_sound(samples: F32, out: Path) -> Path:
    """Write a sound, float32 (n,), 16 kHz."""
    soundfile.write(str(out), samples, RATE)
    return out


def _write_video(clip: Path, start: float, end: float, out: Path, still: Path) -> Fraction:
    """Write the frames from `start` on; returns the time of the first, which a reader opened there would not say."""
    reader = VideoReader(clip, end=end)
    frames = (frame for frame in reader if frame.time >= start)
    head = next(frames)
    height, width = head.image_bgr.shape[:2]
    info = reader.info
    what = VideoFormat(width=width, height=height, fps=info.fps, time_base=info.time_base, crf=0)
    cv2.imwrite(str(still), head.image_bgr)
    with VideoWriter(out, what) as writer:
        for frame in chain([head], frames):
            writer.write(frame.image_bgr, frame.time - head.time)
    return head.time
