"""Show results beside their sources in one picture, to be looked at by eye.

    python -m benchmarks look SHEET.png SOURCE RESULT [SOURCE RESULT ...] [--columns 8] [--side 220]

For each pair two rows of the lower face, scaled to --side: source above, result below, every --every-th frame, from
--start on. --whole shows whole frames instead. A third row shows where and how much the two differ (x 4), in which a
visible box or a flicker outside the mouth would stand out.
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from lipsync_edge.face.detector import Detector
from lipsync_edge.face.tracker import Tracker, TrackOptions, track
from lipsync_edge.models.network import load_network
from lipsync_edge.types import U8, Frame
from lipsync_edge.video.loop import endless_frames
from lipsync_edge.video.probe import probe


def frames_of(path: Path, start: float, every: int, count: int) -> list[U8]:
    """Take `count` frames from second `start` on; a source that is shorter is played back and forth."""
    first = Fraction(start).limit_denominator(1000)
    frames = (
        frame.image_bgr for frame in endless_frames(path, probe(path), "pingpong") if frame.time >= first
    )
    return list(islice(frames, 0, count * every, every))


def face_windows(frames: list[U8]) -> list[tuple[int, int, int, int]]:
    """Square round the lower face of each frame (left, top, right, bottom); the middle where there is no face."""
    tracker = Tracker(TrackOptions(every=1, radius=0), Detector(load_network("edge_detect")))
    tracked = track((Frame(i, Fraction(i), image) for i, image in enumerate(frames)), tracker)
    windows = []
    for frame in tracked:
        height, width = frame.image_bgr.shape[:2]
        box = (
            frame.faces[0].box_xyxy
            if frame.faces
            else np.array([width / 4, height / 4, width * 0.75, height * 0.75])
        )
        side = 1.15 * float(box[2] - box[0])
        centre = np.array([box[0] + box[2], 0.7 * box[1] + 1.3 * box[3]]) / 2
        left, top = (np.clip(centre - side / 2, 0, [width, height])).astype(int)
        windows.append((left, top, min(width, left + round(side)), min(height, top + round(side))))
    return windows


def pair_rows(source: Path, result: Path, arguments: argparse.Namespace) -> list[U8]:
    """Three strips: source, result, difference."""
    sources = frames_of(source, arguments.start, arguments.every, arguments.columns)
    results = frames_of(result, arguments.start, arguments.every, arguments.columns)
    height, width = sources[0].shape[:2]
    windows = [(0, 0, width, height)] * len(sources) if arguments.whole else face_windows(sources)
    rows: list[list[U8]] = [[], [], []]
    for one, other, (left, top, right, bottom) in zip(sources, results, windows, strict=False):
        a, b = one[top:bottom, left:right], other[top:bottom, left:right]
        difference = np.clip(4 * np.abs(a.astype(np.int16) - b), 0, 255).astype(np.uint8)
        for row, picture in zip(rows, (a, b, difference), strict=True):
            size = (round(arguments.side * picture.shape[1] / picture.shape[0]), arguments.side)
            row.append(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8))
    return [np.hstack(row) for row in rows]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sheet."""
    parser.add_argument("sheet", type=Path)
    parser.add_argument("pairs", type=Path, nargs="+")
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--side", type=int, default=220)
    parser.add_argument("--every", type=int, default=3)
    parser.add_argument("--start", type=float, default=0.4)
    parser.add_argument("--whole", action="store_true")


def main(options: argparse.Namespace) -> None:
    """Write the sheet."""
    if len(options.pairs) % 2:
        raise SystemExit("give pairs: SOURCE RESULT SOURCE RESULT …")
    strips = [
        strip
        for source, result in zip(options.pairs[::2], options.pairs[1::2], strict=True)
        for strip in pair_rows(source, result, options)
    ]
    width = max(strip.shape[1] for strip in strips)
    padded = [cv2.copyMakeBorder(s, 0, 3, 0, width - s.shape[1], cv2.BORDER_CONSTANT) for s in strips]
    options.sheet.write_bytes(cv2.imencode(".png", np.vstack(padded))[1].tobytes())
