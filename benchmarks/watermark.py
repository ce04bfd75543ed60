"""Measure watermarks of kept libraries: what they cost in PSNR, and whether they outlive H.264, scaling, a screenshot.

    python -m benchmarks watermark --corpus DIR [--clips 8] [--frames 8] [--methods dwtDct dwtDctSvd rivaGan blind]

It needs `invisible-watermark` and `blind-watermark` with PyWavelets, none of which the package itself uses. 32 random
bits are put into every frame of some frames of DIR/eval's clips at 1280x720. A clip counts as detected when so many of
its bits, voted over its frames, are right that an unmarked clip gives as many by chance in at most one of ten
thousand; `false` counts unmarked clips that do all the same. `loss_db` is what the PSNR of the writer's own encode
loses, against the unmarked source. Asked for: `detected` from 0.99 after each attack, `loss_db` up to 0.3. The rows,
watermark.json, are figures of quality and belong to no processor.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from math import comb
from pathlib import Path
from typing import Any, Protocol

import av
import cv2
import numpy as np

from benchmarks import rows
from benchmarks.source import HEIGHT, WIDTH
from lipsync_edge.eval.metrics.pixels import psnr
from lipsync_edge.types import U8
from lipsync_edge.video.reader import VideoReader

BITS, CHANCE = 32, 1e-4
SEED = 20_261_130
Attack = Callable[[list[U8]], list[U8]]


class Method(Protocol):
    """A watermark of `BITS` bits in one picture, uint8 (H, W, 3) BGR."""

    def put(self, image_bgr: U8, bits: np.ndarray) -> U8:
        """Return the marked picture."""

    def found(self, image_bgr: U8) -> np.ndarray:
        """Return the bits, or what is taken for them."""


class Invisible:
    """A method of `invisible-watermark`.

    Args:
        name: "dwtDct", "dwtDctSvd" or "rivaGan".
    """

    def __init__(self, name: str) -> None:
        from imwatermark import WatermarkDecoder, WatermarkEncoder

        self._name, self._encoder, self._decoder = name, WatermarkEncoder(), WatermarkDecoder("bits", BITS)
        if name == "rivaGan":
            WatermarkEncoder.loadModel()
            WatermarkDecoder.loadModel()

    def put(self, image_bgr: U8, bits: np.ndarray) -> U8:
        """Return the marked picture."""
        self._encoder.set_watermark("bits", [int(bit) for bit in bits])
        return np.asarray(self._encoder.encode(image_bgr, self._name), np.uint8)

    def found(self, image_bgr: U8) -> np.ndarray:
        """Return the bits."""
        return np.asarray(self._decoder.decode(image_bgr, self._name)).astype(bool)


class Blind:
    """`blind-watermark`, with its usual strength."""

    def put(self, image_bgr: U8, bits: np.ndarray) -> U8:
        """Return the marked picture."""
        from blind_watermark import WaterMark

        marker = WaterMark(password_img=1, password_wm=1)
        marker.read_img(img=image_bgr)
        marker.read_wm(bits, mode="bit")
        return np.clip(marker.embed(), 0, 255).astype(np.uint8)

    def found(self, image_bgr: U8) -> np.ndarray:
        """Return the bits."""
        from blind_watermark import WaterMark

        marker = WaterMark(password_img=1, password_wm=1)
        return np.asarray(marker.extract(embed_img=image_bgr, wm_shape=BITS, mode="bit")) > 0.5


METHODS: dict[str, Callable[[], Method]] = {
    "dwtDct": lambda: Invisible("dwtDct"),
    "dwtDctSvd": lambda: Invisible("dwtDctSvd"),
    "rivaGan": lambda: Invisible("rivaGan"),
    "blind": Blind,
}


def encoded(images: list[U8], crf: int) -> list[U8]:
    """Encode pictures as H.264 and decode them again."""
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = images[0].shape[1], images[0].shape[0], "yuv420p"
    codec.framerate, codec.time_base = Fraction(25), Fraction(1, 25)
    codec.options = {"crf": str(crf), "preset": "veryfast"}
    decoder, out = av.CodecContext.create("h264", "r"), []
    packets = []
    for index, image in enumerate(images):
        frame = av.VideoFrame.from_ndarray(image, format="bgr24")
        frame.pts = index
        packets += codec.encode(frame)
    for packet in [*packets, *codec.encode(None), None]:
        out += [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in decoder.decode(packet)]
    return out


def halved(images: list[U8]) -> list[U8]:
    """Encode pictures of half the size, and show them large again."""
    half = [cv2.resize(one, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA) for one in images]
    made = encoded([np.asarray(one, np.uint8) for one in half], 23)
    return [
        np.asarray(cv2.resize(one, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8) for one in made
    ]


def photographed(images: list[U8]) -> list[U8]:
    """A screenshot of a player that shows the video at 1.1 times its size, five percent cut off, saved as JPEG."""
    out = []
    for one in encoded(images, 23):
        large = cv2.resize(one, None, fx=1.1, fy=1.1, interpolation=cv2.INTER_LINEAR)
        y, x = large.shape[0] // 40, large.shape[1] // 40
        jpeg = cv2.imencode(".jpg", large[y:-y, x:-x], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
        shot = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
        out.append(np.asarray(cv2.resize(shot, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8))
    return out


ATTACKS: dict[str, Attack] = {
    "none": lambda images: images,
    "h264_crf18": lambda images: encoded(images, 18),
    "h264_crf28": lambda images: encoded(images, 28),
    "half": halved,
    "screenshot": photographed,
}


def least_right() -> int:
    """Return how many right bits an unmarked clip gives by chance in at most `CHANCE` of all cases."""
    chance = 0.0
    for right in range(BITS, -1, -1):
        chance += comb(BITS, right) / 2**BITS
        if chance > CHANCE:
            return right + 1
    return 0


def clips_of(folder: Path, count: int, frames: int) -> list[list[U8]]:
    """Return pictures of 1280x720 of the first clips of a folder, every tenth."""
    out = []
    for path in sorted(path for path in folder.iterdir() if path.is_file())[:count]:
        pictures = [frame.image_bgr for frame in islice(VideoReader(path), 0, 10 * frames, 10)]
        out.append([np.asarray(cv2.resize(one, (WIDTH, HEIGHT)), np.uint8) for one in pictures])
    return out


def right_bits(method: Method, images: list[U8], bits: np.ndarray) -> int:
    """Return how many bits, voted over pictures, are those that were put in."""
    votes = np.mean([method.found(image) for image in images], axis=0)
    return int(((votes > 0.5) == bits).sum())


def measured(name: str, clips: list[list[U8]]) -> dict[str, Any]:
    """Return what one method does on all clips."""
    method, random = METHODS[name](), np.random.default_rng(SEED)
    losses, qualities, took = [], [], []
    right: dict[str, list[int]] = {attack: [] for attack in ATTACKS}
    chance: dict[str, list[int]] = {attack: [] for attack in ATTACKS}
    for images in clips:
        bits = random.integers(0, 2, BITS).astype(bool)
        began = time.process_time()
        marked = [method.put(image, bits) for image in images]
        took.append((time.process_time() - began) / len(images))
        qualities += [psnr(a, b) for a, b in zip(marked, images, strict=True)]
        plain = [
            np.mean([psnr(a, b) for a, b in zip(encoded(x, 18), images, strict=True)])
            for x in (images, marked)
        ]
        losses.append(plain[0] - plain[1])
        for attack, work in ATTACKS.items():
            right[attack].append(right_bits(method, work(marked), bits))
            chance[attack].append(right_bits(method, work(images), bits))
    least = least_right()
    return {
        "method": name,
        "clips": len(clips),
        "frames": len(clips[0]),
        "psnr_db": round(float(np.mean(qualities)), 2),
        "loss_db": round(float(np.mean(losses)), 2),
        "seconds_a_frame": round(float(np.mean(took)), 3),
        "least_right_bits": least,
        "detected": {
            attack: round(float(np.mean(np.array(found) >= least)), 4) for attack, found in right.items()
        },
        "false": {attack: int((np.array(found) >= least).sum()) for attack, found in chance.items()},
        "right_bits": right,
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what is measured on what."""
    parser.add_argument("--corpus", type=Path, help="folder with eval/ of clips")
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--frames", type=int, default=8, help="of each clip, every tenth")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))


def main(options: argparse.Namespace) -> None:
    """Measure and keep one file for all methods: figures of quality, which belong to no processor."""
    if options.corpus is None:
        raise SystemExit("watermark: give --corpus DIR")
    clips = clips_of(options.corpus / "eval", options.clips, options.frames)
    path = options.results / "watermark.json"
    origin = {key: value for key, value in rows.stated().items() if key != "machine"}
    known = json.loads(path.read_text("utf-8")) if path.is_file() else []
    for name in options.methods:
        found = origin | measured(name, clips)
        print({key: value for key, value in found.items() if key != "right_bits"}, flush=True)
        known = [one for one in known if one["method"] != name] + [found]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[\n " + ",\n ".join(json.dumps(one) for one in known) + "\n]\n", "utf-8")
