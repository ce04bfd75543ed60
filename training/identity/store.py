"""Cut the faces that the identity network learns from, once, with room around them and their landmarks.

python -m training identity.store
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.face.align import TEMPLATE, AlignedCrop, aligned_crop, similarity
from lipsync_edge.face.detector import Detector
from lipsync_edge.face.landmarks import Landmarker
from lipsync_edge.models.network import load_network
from lipsync_edge.types import F32, U8
from lipsync_edge.video.reader import VideoReader
from training.cli import WORK, command, parse

Array = npt.NDArray[Any]

SIDE, NOMINAL = 128, 96  # stored side, and the side of the aligned crop inside it
MARGIN = (SIDE - NOMINAL) // 2
LEAST_SCORE = 0.8
CLIPS, FRAMES = 24, 48  # of a person who speaks, at most
STEP = 9  # frames of a clip between two that are cut
HELD_OUT_STILLS = 15  # every so-manieth still is kept for choosing
HELD_OUT_PEOPLE = ("s20", "s34")


def cut(picture_bgr: U8, five: F32) -> Array:
    """Return a face with room around it, uint8 (128, 128, 3)."""
    return AlignedCrop(similarity(five, TEMPLATE * NOMINAL - 0.5 + MARGIN), SIDE).cut(picture_bgr)


def pictures(corpus: Path) -> Iterator[tuple[str, U8]]:
    """Give the name of somebody and a picture of them: each still is a person of its own."""
    for path in sorted(p for p in (corpus / "faces").rglob("*") if p.suffix in (".jpg", ".png")):
        still = cv2.imread(str(path))
        if still is not None:
            yield f"faces/{path.relative_to(corpus / 'faces').with_suffix('')}", np.asarray(still, np.uint8)
    rng = np.random.default_rng(0)
    for folder in sorted(p for p in (corpus / "train").iterdir() if p.is_dir()):
        clips = sorted(folder.glob("*.mkv"))
        if len(clips) > CLIPS:
            clips = [clips[i] for i in sorted(rng.choice(len(clips), CLIPS, replace=False))]
        each = -(-FRAMES // max(1, len(clips)))
        for clip in clips:
            frames = [frame.image_bgr for i, frame in enumerate(VideoReader(clip)) if i % STEP == STEP // 2]
            for i in np.linspace(0, len(frames) - 1, min(each, len(frames))).astype(int):
                yield f"train/{folder.name}", frames[i]


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    return command(__name__, __doc__, "corpus", out=WORK / "identity" / "store.npz")


def main(argv: Sequence[str] | None = None) -> None:
    """Cut from the command line."""
    options = parse(arguments(), argv)
    detector = Detector(load_network("edge_detect", device="cpu", threads=1))
    landmarker = Landmarker(load_network("edge_landmarks", device="cpu", threads=1))
    crops, points, names = [], [], []
    for name, picture in pictures(options.corpus):
        boxes = detector([picture], 320)[0]
        if not len(boxes) or boxes.score[0] < LEAST_SCORE or boxes.landmarks is None:
            continue
        five = boxes.landmarks[0]
        crop = aligned_crop(five, landmarker.side)
        seen = landmarker([crop.cut(picture)])[0]
        stored = similarity(five, TEMPLATE * NOMINAL - 0.5 + MARGIN)
        xy = seen.in_frame(crop.to_frame, crop.side) @ stored[:, :2].T + stored[:, 2]
        crops.append(cut(picture, five))
        points.append(np.hstack([xy, seen.depth[:, None] * NOMINAL]).astype(np.float32))
        names.append(name)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(options.out, crops=np.stack(crops), points=np.stack(points), names=np.array(names))
    print(f"{len(names)} faces of {len(set(names))} people in {options.out}")
