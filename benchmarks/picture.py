"""Time the picture work that is no network, one step at a time, on one thread: what a frame of 1280x720 costs.

    python -m benchmarks picture [--times 60] [--corpus DIR]

`packed` converts to and from BGR in one go, `planes` by way of three planes; both give the same bits, which is checked
here, too. `cpu_ms` is processor time of the thread, the least and the median of n calls: other work on the machine
hardly changes the least. Rows: picture.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from benchmarks import rows
from benchmarks.process import load_now
from benchmarks.source import FPS, HEIGHT, WIDTH, add_source_options, make_source
from lipsync_edge.types import U8, Region
from lipsync_edge.video.color import ACCURATE, AREA, FULL_CHROMA_IN, FULL_CHROMA_OUT, FULL_RANGE, POINT
from lipsync_edge.video.container import decoded, opened, video_stream
from lipsync_edge.video.encoder import SPEED, PictureFormat, VideoEncoder, file_settings
from lipsync_edge.video.reader import VideoReader
from lipsync_edge.video.writer import VideoFormat, VideoWriter
from lipsync_edge.video.yuv import bare_copy, plane

ENCODERS = {
    "veryfast, subme 1, partitions of I pictures only (as the writer does)": SPEED["libx264"],
    "the same, one thread": {**SPEED["libx264"], "threads": "1"},
    "veryfast, subme 1": {"preset": "veryfast", "x264-params": "subme=1"},
    "veryfast": {"preset": "veryfast"},
    "superfast": {"preset": "superfast"},
}
FORMAT = VideoFormat(width=WIDTH, height=HEIGHT, fps=FPS, time_base=1 / FPS)
FACE = Region(470, 190, 810, 530)  # as large as the face of the made clip
INWARDS = {"interpolation": POINT | ACCURATE | FULL_CHROMA_OUT, "dst_color_range": FULL_RANGE, "threads": 1}
OUTWARDS = {"interpolation": AREA | ACCURATE | FULL_CHROMA_IN, "src_color_range": FULL_RANGE, "threads": 1}


def views(frame: av.VideoFrame) -> list[U8]:
    """Return a picture's planes, uint8 (h, w) each, their padding left out; not copies."""
    return [plane(frame, i) for i in range(3)]


def to_bgr_packed(frame: av.VideoFrame) -> U8:
    """4:2:0 → BGR, uint8 (H, W, 3)."""
    return np.asarray(frame.reformat(format="bgr24", **INWARDS).to_ndarray(), np.uint8)


def to_bgr_planes(frame: av.VideoFrame) -> U8:
    """4:2:0 → three planes → BGR, uint8 (H, W, 3)."""
    green, blue, red = views(frame.reformat(format="gbrp", **INWARDS))
    return np.asarray(cv2.merge([blue, green, red]), np.uint8)


def from_bgr_packed(image_bgr: U8) -> av.VideoFrame:
    """BGR, uint8 (H, W, 3) → 4:2:0."""
    return av.VideoFrame.from_ndarray(image_bgr, format="bgr24").reformat(format="yuv420p", **OUTWARDS)


def from_bgr_planes(image_bgr: U8) -> av.VideoFrame:
    """BGR, uint8 (H, W, 3) → three planes → 4:2:0."""
    frame = av.VideoFrame(image_bgr.shape[1], image_bgr.shape[0], "gbrp")
    green, blue, red = views(frame)
    cv2.split(image_bgr, [blue, green, red])
    return frame.reformat(format="yuv420p", **OUTWARDS)


def timed(call: Callable[[], object], times: int) -> dict[str, float]:
    """Return least and median processor time of the calling thread, ms."""
    taken = []
    for _ in range(times + 3):
        began = time.thread_time()
        call()
        taken.append(1000 * (time.thread_time() - began))
    return {"least": round(min(taken[3:]), 3), "median": round(float(np.median(taken[3:])), 3), "n": times}


def repainting(image: U8, frame: av.VideoFrame, folder: Path, times: int) -> dict[str, float]:
    """Return the processor time of making the encoder's picture when a rectangle of the frame was repainted."""
    source = bare_copy(frame)
    picture = PictureFormat(
        encoder="libx264",
        settings=file_settings("libx264", None, (WIDTH, HEIGHT)),
        size=(WIDTH, HEIGHT),
        fps=FPS,
        time_base=FORMAT.time_base,
    )
    with av.open(str(folder / "no.mp4"), "w") as container:
        kept = VideoEncoder(container, picture)
        return timed(lambda: kept.keep(source, kept.patch(image, FACE)), times)


def encoder(images: list[U8], out: Path, speed: dict[str, str]) -> dict[str, float]:
    """Return the processor time of all threads for writing a video of the images, ms a frame, its kilobytes and PSNR.

    Args:
        images: uint8 (H, W, 3) BGR each.
        out: the file.
        speed: x264's options instead of the writer's own.
    """
    usual, SPEED["libx264"] = SPEED["libx264"], speed
    began = time.process_time()
    with VideoWriter(out, FORMAT) as writer:
        for i, image in enumerate(images):
            writer.write(image, Fraction(i) / FPS)
    SPEED["libx264"] = usual
    ms = 1000 * (time.process_time() - began) / len(images)
    missed = [
        float(np.square(made.image_bgr.astype(np.float32) - image).mean())
        for made, image in zip(VideoReader(out), images, strict=True)
    ]
    return {
        "mean_all_threads": round(ms, 3),
        "n": len(images),
        "kB": round(out.stat().st_size / 1000),
        "psnr": round(10 * float(np.log10(255**2 / np.mean(missed))), 2),
    }


def measure(clip: Path, folder: Path, times: int) -> dict[str, Any]:
    """Return step → figures, after checking that packed and planes give the same bits."""
    with opened(clip) as container:
        began = time.process_time()
        frames = [
            frame
            for frame, _ in zip(decoded(container, video_stream(container, clip)), range(50), strict=False)
        ]
        decoding = 1000 * (time.process_time() - began) / len(frames)
    frame, reader = frames[25], VideoReader(clip)
    image, images = to_bgr_packed(frame), [reader.upright(one)[0] for one in frames]
    encoders = {
        f"write, x264 {said}": encoder(images, folder / "out.mp4", speed) for said, speed in ENCODERS.items()
    }
    assert np.array_equal(image, to_bgr_planes(frame))
    assert np.array_equal(from_bgr_packed(image).to_ndarray(), from_bgr_planes(image).to_ndarray())
    return {
        "decode": {"mean_all_threads": round(decoding, 3), "n": len(frames)},
        "to BGR, packed": timed(lambda: to_bgr_packed(frame), times),
        "to BGR, planes": timed(lambda: to_bgr_planes(frame), times),
        "to BGR, as the reader does": timed(lambda: reader.upright(frame), times),
        "copy of a frame": timed(image.copy, times),
        "to 4:2:0, packed": timed(lambda: from_bgr_packed(image), times),
        "to 4:2:0, planes": timed(lambda: from_bgr_planes(image), times),
        "to 4:2:0, the face's rectangle (as the writer does)": repainting(image, frame, folder, times),
        **encoders,
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of picture work."""
    add_source_options(parser, seconds=1.0)
    parser.add_argument("--times", type=int, default=60)


def main(options: argparse.Namespace) -> None:
    """Make the clip, measure, write, print."""
    origin = rows.stated()
    with tempfile.TemporaryDirectory() as name:
        source = make_source(options, Path(name))
        load = load_now()
        steps = measure(source.face, Path(name), options.times)
    rows.write(options.results, "picture", {**origin, "load": load, "face": source.said, "cpu_ms": steps})
    print(json.dumps({"load": load, "cpu_ms": steps}, indent=1))
