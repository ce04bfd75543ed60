"""Measure what a viewer's frame costs, idle and speaking, with the whole picture made every time, and in part.

    python -m benchmarks live cost [--rounds 8] [--preset lite] [--corpus DIR | --face AVATAR --audio FILE]

Two streams of one avatar take turns, a second at a time, in one process of one thread a network: one makes, decodes and
encodes every picture whole, as all did before pictures were kept; the other is a session of `serve` with one viewer
of JPEGs, or with viewers of H.264 ("webrtc"), and the same without an encoded loop ("webrtc_live"), which is what a
session did before, and does on a narrow network. Viewers of H.264 are measured when the loop is joined again, a few
seconds after somebody spoke. Figures are milliseconds of processor time a frame, the encoder's
included. The sizes are 1280x720 and 1920x1080, and the demo's picture at 720 lines, whose pictures at rest repeat.
Rows: live.json, `measured` "cost".
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

import lipsync_edge as le
from benchmarks import rows
from benchmarks.live.opened import facts_of, sound_of
from benchmarks.process import load_now
from benchmarks.source import FPS, RATE, Source, add_source_options, make_source
from lipsync_edge.demo import demo_files
from lipsync_edge.engine import Engine
from lipsync_edge.live.slot import I16
from lipsync_edge.pipeline.avatar import Avatar
from lipsync_edge.pipeline.frame import StreamFrame
from lipsync_edge.pipeline.picture import Kept
from lipsync_edge.pipeline.prepare import PrepareOptions
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.server.rtc.encode import RtcVideoEncoder, usual_bits
from lipsync_edge.server.rtc.loop import KEPT_BYTES, EncodedLoop
from lipsync_edge.server.rtc.pictures import CHAIN_S, RtcPictures
from lipsync_edge.video.reader import VideoReader
from lipsync_edge.video.still_image import read_image
from lipsync_edge.video.writer import VideoFormat, VideoWriter

KEY = ("measured", "preset", "face", "size")
QUALITY = 85
SIZES = ((1280, 720), (1920, 1080))
Encode = Callable[[StreamFrame], object]


def whole_jpeg(frame: StreamFrame) -> object:
    """Encode the whole picture."""
    return cv2.imencode(".jpg", frame.image_bgr, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))


def kept_jpeg(frame: StreamFrame) -> object:
    """Encode as a session with a viewer does."""
    return frame.picture.jpeg(QUALITY)


def webrtc(avatar: Avatar, kept_bytes: int) -> tuple[EncodedLoop, Encode]:
    """Return what encodes as a session with viewers by WebRTC does, and the loop that it keeps."""
    size, fps = avatar.size, avatar.fps
    bits = usual_bits(size, fps)
    pictures = RtcPictures(RtcVideoEncoder("H264", size, fps, bits), bits, kept_bytes)
    return pictures.loop, lambda frame: pictures.encode(frame.picture, frame.time)


def idle(stream: Stream, encode: Encode, count: int) -> float:
    """Give so many idle frames; returns processor milliseconds a frame."""
    began = time.process_time()
    for frame in stream.idle(count):
        encode(frame)
    return 1000 * (time.process_time() - began) / count


def speaking(stream: Stream, encode: Encode, sound: Iterator[I16], count: int) -> float:
    """Say sound until so many frames came; returns processor milliseconds a frame."""
    began, made = time.process_time(), 0
    while made < count:
        for frame in stream.push(next(sound)):
            encode(frame)
            made += 1
    spent = 1000 * (time.process_time() - began) / made
    stream.interrupt()
    return spent


def endless(sound: I16, piece: int = RATE // 25) -> Iterator[I16]:
    """Give the sound in pieces for ever."""
    while True:
        yield from (sound[at : at + piece] for at in range(0, len(sound) - piece, piece))


def measure(engine: Engine, avatar: Avatar, sound: I16, rounds: int) -> dict[str, object]:
    """Let the two streams take turns; returns medians over the rounds."""
    whole = Stream(engine.renderer, avatar, kept=Kept(0))
    kept, looped, live = engine.stream(avatar), engine.stream(avatar), engine.stream(avatar)
    second, join = round(float(avatar.fps)), round(float(avatar.fps) * (CHAIN_S + 1))
    (loop, encode_looped), (_, encode_live) = webrtc(avatar, KEPT_BYTES), webrtc(avatar, 0)
    turns = (
        ("whole", whole, whole_jpeg, endless(sound), 5),  # idle frames until the mouth has closed
        ("kept", kept, kept_jpeg, endless(sound), 5),
        ("webrtc", looped, encode_looped, endless(sound), join),
        ("webrtc_live", live, encode_live, endless(sound), 5),
    )
    for _, stream, encode, _, _ in turns[1:3]:  # the mouth's state repeats after a round or two
        idle(stream, encode, 6 * len(avatar))
    whole_jpeg(next(whole.idle()))
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, stream, encode, voice, settles in turns:
            idle(stream, encode, settles)
            times.setdefault(f"idle_{name}_ms", []).append(idle(stream, encode, 2 * second))
            times.setdefault(f"speaking_{name}_ms", []).append(speaking(stream, encode, voice, second))
    found: dict[str, object] = {name: round(float(np.median(of)), 2) for name, of in times.items()}
    megabytes = {"kept_mb": round(kept.kept.held / 1e6, 1), "loop_mb": round(loop.held / 1e6, 1)}
    return found | megabytes | {"rounds": rounds, "frames": len(avatar)}


def resized(clip: Path, size: tuple[int, int], out: Path) -> Path:
    """Write a clip in another size."""
    what = VideoFormat(width=size[0], height=size[1], fps=FPS, time_base=1 / FPS)
    with VideoWriter(out, what) as writer:
        for i, frame in enumerate(VideoReader(clip)):
            picture = cv2.resize(frame.image_bgr, size, interpolation=cv2.INTER_CUBIC)
            writer.write(np.asarray(picture, np.uint8), i / FPS)
    return out


def still(out: Path) -> Path:
    """Write the demo's picture at 720 lines."""
    cv2.imwrite(str(out), cv2.resize(read_image(demo_files()[0]), (720, 720), interpolation=cv2.INTER_CUBIC))
    return out


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the cost of a frame."""
    add_source_options(parser, seconds=12.0)
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--avatar-seconds", type=float, default=6.0, help="of the face that are taken")


def main(options: argparse.Namespace) -> None:
    """Measure every size, keep the rows."""
    options.threads = 1
    cv2.setNumThreads(1)
    engine = le.load(preset=options.preset, models=options.models, threads=1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_source(options, folder)
        sound = sound_of(source)
        clips = [resized(source.face, size, folder / f"{size[1]}.mp4") for size in SIZES]
        for clip in (*clips, still(folder / "still.png")):
            avatar = engine.prepare(clip, options=PrepareOptions(seconds=options.avatar_seconds))
            said = Source(face=clip, audio=source.audio, said=source.said if clip in clips else "a still")
            row = {"measured": "cost"} | measure(engine, avatar, sound, options.rounds)
            row |= facts_of(engine, avatar, said, options) | {"load": load_now()}
            print(json.dumps(row), flush=True)
            rows.keep(options.results, "live", [row], KEY)
