"""The picture and the voice that benchmarks are run on: the demo's own, a corpus's evaluation clips, or given files."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import soundfile

from lipsync_edge.audio.reader import read_audio
from lipsync_edge.bench.measure import make_clip
from lipsync_edge.demo import demo_files
from lipsync_edge.types import U8
from lipsync_edge.video.reader import VideoReader
from lipsync_edge.video.still_image import read_image
from lipsync_edge.video.writer import VideoFormat, VideoWriter

CLIP, VOICE = "talk_b.mp4", "interview_a.mp4"  # of the corpus, eval/: the rows in results/ are of these
WIDTH, HEIGHT, FPS = 1280, 720, Fraction(25)
RATE = 16_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is run.

    Attributes:
        face: a video.
        audio: speech.
        said: what a row calls it.
    """

    face: Path
    audio: Path
    said: str


def add_source_options(parser: argparse.ArgumentParser, seconds: float) -> None:
    """Add --face, --audio, --corpus and --seconds."""
    parser.add_argument(
        "--corpus", type=Path, help=f"folder with eval/{CLIP} and eval/{VOICE}; without it the demo's"
    )
    parser.add_argument("--face", type=Path, help="your own video instead")
    parser.add_argument("--audio", type=Path, help="your own speech instead, as long as it is")
    parser.add_argument(
        "--seconds", type=float, default=seconds, help=f"of speech, repeated; default {seconds:g}"
    )


def make_source(options: argparse.Namespace, folder: Path, seconds: float | None = None) -> Source:
    """Make what the options ask for: a 1280x720 clip at 25 fps and a voice that is repeated to its length.

    Args:
        options: with those of `add_source_options`.
        folder: where the clip and the voice are written.
        seconds: of speech, instead of `options.seconds`.
    """
    face, speech = demo_files()
    said = f"the demo's face in {WIDTH}x{HEIGHT}"
    if options.face:
        clip, said = options.face, options.face.name
    elif options.corpus:
        clip = make_face(options.corpus / "eval" / CLIP, folder / "face.mp4")
        said = f"{CLIP} in {WIDTH}x{HEIGHT}"
    else:
        clip = make_clip(read_image(face), folder / "face.mp4")
    voice = options.corpus / "eval" / VOICE if options.corpus else speech
    length = options.seconds if seconds is None else seconds
    audio = options.audio or make_speech(voice, folder / f"voice_{length:g}.wav", length)
    return Source(face=clip, audio=audio, said=said)


def widescreen(picture: U8) -> U8:
    """Put a picture, uint8 (H, W, 3), into the middle of a 1280x720 frame, its own blurred copy at the sides."""
    scale = HEIGHT / picture.shape[0]
    inner = cv2.resize(picture, (round(picture.shape[1] * scale), HEIGHT), interpolation=cv2.INTER_CUBIC)
    outer = cv2.GaussianBlur(cv2.resize(picture, (WIDTH // 8, HEIGHT // 8)), (0, 0), 3)
    frame = cv2.resize(outer, (WIDTH, HEIGHT))
    left = (WIDTH - inner.shape[1]) // 2
    frame[:, left : left + inner.shape[1]] = inner
    return np.asarray(frame, np.uint8)


def make_face(source: Path, out: Path) -> Path:
    """Write the 1280x720 clip, as long as its source."""
    what = VideoFormat(width=WIDTH, height=HEIGHT, fps=FPS, time_base=1 / FPS)
    with VideoWriter(out, what) as writer:
        for i, frame in enumerate(VideoReader(source)):
            writer.write(widescreen(frame.image_bgr), i / FPS)
    return out


def make_speech(source: Path, out: Path, seconds: float) -> Path:
    """Write a voice, repeated until it is `seconds` long, 16 kHz."""
    voice = read_audio(source)
    soundfile.write(str(out), np.resize(voice, round(seconds * RATE)), RATE)
    return out
