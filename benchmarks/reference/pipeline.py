"""The published wav2lip-hq, step by step in torch: what the ONNX pipeline is compared with and timed against.

Written to be followed with a finger, one frame at a time, in the order of the published code and with its rounding:
S3FD on every frame, the mean of five boxes in whole pixels, Wav2Lip on the 96-pixel crop, ESRGAN, BiSeNet on the source
crop, hard mask, composite at 512 pixels, resize to the box, paste. It shares the network definitions with `export/`
and the mel front end with the runtime (both are tested against golden vectors) and nothing else.

    python -m benchmarks reference pipeline FACE AUDIO --checkpoints DIR [--frames 3] -o OUT.mp4 [--report R.json]

times it on files, with the runtime's own decoder and encoder; DIR holds s3fd.pth, wav2lip.pth, rrdbnet.pth,
bisenet.pth (`python -m benchmarks reference untrained` makes them). Loading torch and the networks and one frame to
warm up are not counted.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]
Made = TypeVar("Made")

PADS = (0, 10, 0, 0)  # top, bottom, left, right
MEANS = (104.0, 117.0, 123.0)
PASTED = (1, 11, 12, 13)  # skin, mouth, lips
IMAGE_MEAN, IMAGE_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass
class Reference:
    """The four networks, in evaluation mode; without enhancer and parser it is plain wav2lip.

    Attributes:
        seconds: stage → time spent so far.
    """

    s3fd: nn.Module
    wav2lip: nn.Module
    rrdbnet: nn.Module | None = None
    bisenet: nn.Module | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def render(self, frames_bgr: Sequence[U8], mel: F32, fps: float) -> list[U8]:
        """Return the made frames; the video ends with the sound or the frames, whichever is first.

        Args:
            frames_bgr: uint8 (H, W, 3) each, every one with a face.
            mel: float32 (80, n) of the whole sound.
            fps: frames a second.
        """
        with torch.inference_mode():
            boxes = smooth([self._timed("s3fd", self.detect, frame) for frame in frames_bgr])
            windows = mel_windows(mel, fps)
            return [self.frame(*item) for item in zip(frames_bgr, boxes, windows, strict=False)]

    def _timed(self, stage: str, call: Callable[..., Made], *args: object) -> Made:
        start = perf_counter()
        result = call(*args)
        self.seconds[stage] = self.seconds.get(stage, 0.0) + perf_counter() - start
        return result

    def detect(self, frame_bgr: U8) -> Box:
        """Return the padded box of the best face, x1, y1, x2, y2 in whole pixels; ValueError when there is none."""
        x = frame_bgr[..., ::-1].astype(np.float32) - np.array(MEANS, np.float32)
        heads = self.s3fd(torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))[None])
        found = candidates([head[0].numpy() for head in heads])
        kept = [row for row in suppress(found) if row[4] > 0.5]
        if not kept:
            raise ValueError("Face not detected")
        x1, y1, x2, y2 = (int(max(v, 0.0)) for v in kept[0][:4])
        height, width = frame_bgr.shape[:2]
        top, bottom, left, right = PADS
        return max(0, x1 - left), max(0, y1 - top), min(width, x2 + right), min(height, y2 + bottom)

    def frame(self, frame_bgr: U8, box: Box, mel: F32) -> U8:
        """Return one frame with a new mouth."""
        x1, y1, x2, y2 = box
        crop = np.ascontiguousarray(frame_bgr[y1:y2, x1:x2])
        made = self._timed("wav2lip", self.lips, cv2.resize(crop, (96, 96)), mel)
        face = self._timed("rrdbnet", self.enhance, made) if self.rrdbnet else made.astype(np.uint8)
        pasted = np.asarray(cv2.resize(face, (x2 - x1, y2 - y1)), np.uint8)
        out = frame_bgr.copy()
        out[y1:y2, x1:x2] = self._timed("bisenet", self.composite, crop, pasted) if self.bisenet else pasted
        return out

    def lips(self, crop_bgr: U8, mel: F32) -> F32:
        """Return Wav2Lip's face, float32 (96, 96, 3) BGR in 0…255, not rounded."""
        masked = crop_bgr.copy()
        masked[48:] = 0
        x = np.concatenate([masked, crop_bgr], 2).astype(np.float32).transpose(2, 0, 1) / np.float32(255)
        made = self.wav2lip(
            torch.from_numpy(np.ascontiguousarray(mel))[None, None], torch.from_numpy(x)[None]
        )
        return made[0].numpy().transpose(1, 2, 0) * np.float32(255)

    def enhance(self, image_bgr: F32) -> U8:
        """Return ESRGAN's face, uint8 (384, 384, 3) BGR."""
        assert self.rrdbnet is not None
        x = np.ascontiguousarray((image_bgr / np.float32(255))[..., ::-1].transpose(2, 0, 1))
        out = self.rrdbnet(torch.from_numpy(x)[None])[0].clamp(0, 1).numpy()
        return (out[::-1].transpose(1, 2, 0) * 255).round().astype(np.uint8)

    def composite(self, source_bgr: U8, made_bgr: U8) -> F32:
        """Return the source crop, float32 in 0…255, with the made face where the parser sees skin and mouth."""
        assert self.bisenet is not None
        large = cv2.resize(source_bgr, (512, 512))
        x = large[..., ::-1].astype(np.float32) / np.float32(255)
        x = (x - np.array(IMAGE_MEAN, np.float32)) / np.array(IMAGE_STD, np.float32)
        logits = self.bisenet(torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))[None])
        mask = np.isin(logits[0].numpy().argmax(0), PASTED)[..., None]
        mixed = np.where(mask, cv2.resize(made_bgr, (512, 512)), large).astype(np.float32)
        return np.asarray(cv2.resize(mixed, source_bgr.shape[1::-1]), np.float32)


def candidates(heads: Sequence[F32]) -> list[list[float]]:
    """Return x1, y1, x2, y2, score of every prior whose score passes 0.05, from twelve heads of one picture."""
    rows = []
    for level in range(6):
        logits, offsets = heads[2 * level].astype(np.float64), heads[2 * level + 1]
        score = 1 / (1 + np.exp(logits[0] - logits[1]))
        stride = 4 << level
        side = 4 * stride
        for y, x in zip(*np.where(score > 0.05), strict=True):
            dx, dy, dw, dh = (float(v) for v in offsets[:, y, x])
            cx, cy = stride / 2 + x * stride + dx * 0.1 * side, stride / 2 + y * stride + dy * 0.1 * side
            w, h = side * np.exp(dw * 0.2), side * np.exp(dh * 0.2)
            rows.append([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, float(score[y, x])])
    return rows


def suppress(rows: list[list[float]], most: float = 0.3) -> list[list[float]]:
    """Return the rows that no better one overlaps by more than `most`, best first; a box is x2 − x1 + 1 wide."""
    rest = sorted(rows, key=lambda row: -row[4])
    kept: list[list[float]] = []
    while rest:
        best, *rest = rest
        kept.append(best)
        rest = [row for row in rest if overlap(best, row) <= most]
    return kept


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Return intersection over union with the published +1."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    common = max(0.0, width) * max(0.0, height)
    sizes = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (a, b)]
    return common / (sizes[0] + sizes[1] - common)


def smooth(boxes: Sequence[Box], width: int = 5) -> list[Box]:
    """Return boxes[i] = mean(boxes[i : i + 5]), in place and in whole pixels as the published array of integers is."""
    table = np.array(boxes)
    for i in range(len(table)):
        window = table[len(table) - width :] if i + width > len(table) else table[i : i + width]
        table[i] = np.mean(window, axis=0)
    return [tuple(int(v) for v in row) for row in table]  # type: ignore[misc]


def mel_windows(mel: F32, fps: float) -> list[F32]:
    """Return mel[:, s : s + 16], s = int(80·i/fps), for every frame; past the end the last 16 columns, once."""
    windows: list[F32] = []
    while True:
        start = int(80.0 / fps * len(windows))
        if start + 16 > mel.shape[1]:
            return [*windows, mel[:, mel.shape[1] - 16 :]]
        windows.append(mel[:, start : start + 16])


def make_reference(networks: Mapping[str, nn.Module]) -> Reference:
    """Return the pipeline of the networks that are given: s3fd and wav2lip, and rrdbnet and bisenet or not."""
    return Reference(networks["s3fd"], networks["wav2lip"], networks.get("rrdbnet"), networks.get("bisenet"))


def time_files(reference: Reference, face: Path, audio: Path, out: Path, count: int) -> dict[str, object]:
    """Make `count` frames from decode to encode, after one that is not counted; return frames, seconds, stages."""
    from lipsync_edge.audio.mel import mel_spectrogram
    from lipsync_edge.audio.reader import read_audio
    from lipsync_edge.video.reader import VideoReader
    from lipsync_edge.video.writer import VideoFormat, VideoWriter

    reader = VideoReader(face)
    info = reader.info
    fps, columns = float(info.fps), 16 + int(80 * count / float(info.fps)) + 1
    needed = 200 * columns  # samples: a column is 200 of them
    first = next(iter(reader)).image_bgr
    reference.render([first], np.full((80, 16), -4, np.float32), fps)
    reference.seconds.clear()
    began = perf_counter()
    frames = [frame.image_bgr for frame in islice(VideoReader(face), count)]
    sound = read_audio(audio)[:needed]
    decoded = perf_counter()
    made = reference.render(frames, mel_spectrogram(sound), fps)
    rendered = perf_counter()
    what = VideoFormat(width=info.width, height=info.height, fps=info.fps, time_base=1 / info.fps)
    with VideoWriter(out, what) as writer:
        for i, frame in enumerate(made):
            writer.write(frame, i / info.fps)
    ended = perf_counter()
    stages = {"decode": decoded - began, **reference.seconds, "encode": ended - rendered}
    return {"frames": len(made), "elapsed_s": ended - began, "stage_s": stages}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the published pipeline."""
    parser.add_argument("face", type=Path)
    parser.add_argument("audio", type=Path)
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--report", type=Path)


def main(options: argparse.Namespace) -> None:
    """Load the four networks, time them on files, print or write the report."""
    from export import checkpoint

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    networks = {
        name: checkpoint.build(name, checkpoint.read_checkpoint(options.checkpoints / f"{name}.pth"), name)
        for name in ("s3fd", "wav2lip", "rrdbnet", "bisenet")
    }
    found = time_files(make_reference(networks), options.face, options.audio, options.out, options.frames)
    found["threads"] = torch.get_num_threads()
    if options.report:
        options.report.write_text(json.dumps(found))
    else:
        print(json.dumps(found, indent=1))
