"""Label every training clip, still and evaluation clip once: landmarks, score, pose and aligned crops.

python -m training data.labels --teacher MEDIAPIPE_MODULES
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from training.cli import WORK, command, parse
from training.teachers.face_mesh import FaceTeacher

Array = npt.NDArray[Any]

CROP_SIDE = 160  # stored side
NOMINAL_SIDE = 128  # the runtime's aligned crop is the middle of the stored one
MARGIN = (CROP_SIDE - NOMINAL_SIDE) // 2
TEMPLATE = np.array([(0.33, 0.27), (0.67, 0.27), (0.50, 0.455), (0.375, 0.63), (0.625, 0.63)], np.float64)
README = """One set of files per part: train, faces, eval (rows of all files of a part go together).

PART.npz
  points  float32 (N, 468, 3)  FaceMesh landmarks, x y in pixels of the source frame, z in pixels
  score   float32 (N,)         FaceMesh face probability (0 where no face was found)
  pose    float32 (N, 3)       yaw, pitch, roll in degrees (0 0 0 = facing the camera), from the landmarks
  matrix  float32 (N, 2, 3)    source pixels -> stored crop pixels
  size    int32   (N, 2)       width, height of the source frame
  clip    int32   (N,)         row of `paths`
  frame   int32   (N,)         frame number in its clip (0 for stills)
  time    float64 (N,)         seconds from the start of the clip
  paths   str     (clips,)     path below the corpus folder
PART_crops.npy
  uint8 (N, 160, 160, 3) BGR aligned crops (np.load(..., mmap_mode="r")). The middle 128x128 (16 px margin)
  is the runtime's aligned crop: five points -> TEMPLATE*128, least-squares similarity.
Five points from the mesh: mean(33,133), mean(362,263), 1, 61, 291.
Written last, so its presence means that everything is complete: PART.done
"""


@dataclass(frozen=True, slots=True)
class Source:
    """One file to label: its path below the corpus and its number of frames."""

    path: str
    frames: int


def five_points(points: Array) -> Array:
    """Return eye centres, nose tip and mouth corners, float (5, 2), of landmarks (468, 2 or 3)."""
    xy = points[:, :2].astype(np.float64)
    return np.stack([(xy[33] + xy[133]) / 2, (xy[362] + xy[263]) / 2, xy[1], xy[61], xy[291]])


def similarity(source: Array, target: Array) -> Array:
    """Return the least-squares similarity float64 (2, 3) that maps points (n, 2) onto points (n, 2)."""
    a = source - source.mean(0)
    b = target - target.mean(0)
    norm = float((a**2).sum())
    cos = float((a * b).sum()) / norm
    sin = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / norm
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.concatenate([linear, (target.mean(0) - linear @ source.mean(0))[:, None]], 1)


def crop_matrix(points: Array) -> Array:
    """Return the similarity float64 (2, 3) from frame pixels to the stored 160 px crop."""
    return similarity(five_points(points), TEMPLATE * NOMINAL_SIDE + MARGIN)


def head_pose(points: Array) -> Array:
    """Return yaw, pitch and roll in degrees, float32 (3,), of landmarks (468, 3)."""
    across = points[454] - points[234]
    down = points[152] - points[10]
    yaw = np.arctan2(across[2], np.hypot(across[0], across[1]))
    pitch = np.arctan2(down[2], np.hypot(down[0], down[1]))
    eyes = points[263] - points[33]
    return np.degrees([yaw, pitch, np.arctan2(eyes[1], eyes[0])]).astype(np.float32)


def read_frames(path: Path) -> Iterator[tuple[float, Array]]:
    """Yield time in seconds and uint8 (H, W, 3) BGR of a video, or the one picture of a still."""
    if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is not None:
            yield 0.0, image
        return
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        first: float | None = None
        for frame in container.decode(stream):
            stamp = float(frame.time or 0.0)
            first = stamp if first is None else first
            yield stamp - first, frame.to_ndarray(format="bgr24")


def list_sources(corpus: Path, part: str) -> list[Source]:
    """List the files of a part ("train", "faces", "eval") with their frame counts (an upper bound)."""
    folder = corpus / part
    suffixes = {".mkv", ".mp4", ".mpg"} if part != "faces" else {".jpg", ".jpeg", ".png", ".webp"}
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes)
    sources = []
    for path in found:
        count = 1
        if part != "faces":
            with av.open(str(path)) as container:
                count = sum(1 for p in container.demux(video=0) if p.size)
        sources.append(Source(str(path.relative_to(corpus)), count))
    return sources


def label_part(corpus: Path, part: str, teacher: FaceTeacher, out: Path) -> int:
    """Label one part and write its files into `out`; returns the number of frames written."""
    sources = list_sources(corpus, part)
    bound = sum(source.frames for source in sources) + 8 * (part != "faces")
    scratch = np.lib.format.open_memmap(
        out / f"{part}_crops.tmp.npy", "w+", np.uint8, (bound, CROP_SIDE, CROP_SIDE, 3)
    )
    rows: dict[str, list[Any]] = {
        k: [] for k in ("points", "score", "pose", "matrix", "size", "clip", "frame", "time")
    }
    for clip, source in enumerate(sources):
        teacher.reset()
        for number, (stamp, frame) in enumerate(read_frames(corpus / source.path)):
            result = teacher(frame)
            points = np.zeros((468, 3), np.float32) if result is None else result.points
            matrix = np.eye(2, 3) if result is None else crop_matrix(points)
            if result is not None:
                scratch[len(rows["clip"])] = cut_frame(frame, matrix)
            score, size = 0.0 if result is None else result.score, frame.shape[1::-1]
            values = (points, score, head_pose(points), matrix, size, clip, number, stamp)
            for key, value in zip(rows, values, strict=True):
                rows[key].append(value)
    count = len(rows["clip"])
    _keep(scratch, count, out / f"{part}_crops.npy")
    (out / f"{part}_crops.tmp.npy").unlink()
    kinds = {"size": np.int32, "clip": np.int32, "frame": np.int32, "time": np.float64}
    arrays: dict[str, Any] = {
        key: np.asarray(value, kinds.get(key, np.float32)) for key, value in rows.items()
    }
    np.savez(out / f"{part}.npz", paths=np.array([s.path for s in sources]), **arrays)
    (out / f"{part}.done").touch()
    return count


def _keep(scratch: Array, count: int, path: Path) -> None:
    """Write the first `count` crops of a file that was opened for more."""
    final = np.lib.format.open_memmap(path, "w+", np.uint8, (count, *scratch.shape[1:]))
    for start in range(0, count, 512):
        final[start : start + 512] = scratch[start : min(start + 512, count)]
    final.flush()


def cut_frame(frame_bgr: Array, matrix: Array, side: int = CROP_SIDE) -> Array:
    """Cut the aligned crop uint8 (side, side, 3); large faces are shrunk first, so that nothing aliases."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    image = frame_bgr
    while scale < 0.5:
        image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        matrix = matrix @ np.array([[2.0, 0, 0.5], [0, 2.0, 0.5], [0, 0, 1.0]])
        scale *= 2
    return cv2.warpAffine(
        image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def crop_still(path: Path, matrix: Array, finer: int) -> Array:
    """Cut a still's aligned crop, uint8 (160·finer, 160·finer, 3) BGR, at `finer` pixels a stored pixel.

    Args:
        path: the picture.
        matrix: float (2, 3), its pixels → pixels of the stored crop.
        finer: how many times finer than the stored crop.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise FileNotFoundError(path)
    scaled = np.array([[finer, 0, finer / 2 - 0.5], [0, finer, finer / 2 - 0.5]])
    whole = np.hstack([scaled[:, :2] @ matrix[:, :2], (scaled[:, :2] @ matrix[:, 2] + scaled[:, 2])[:, None]])
    return cut_frame(image, whole, CROP_SIDE * finer)


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", "teacher", out=WORK / "labels")
    parser.add_argument("--parts", nargs="+", default=["faces", "eval", "train"])
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Label the corpus from the command line."""
    options = parse(arguments(), argv)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "README.txt").write_text(README)
    teacher = FaceTeacher(options.teacher)
    for part in options.parts:
        start = time.monotonic()
        count = label_part(options.corpus, part, teacher, options.out)
        print(f"{part}: {count} frames in {time.monotonic() - start:.0f} s", flush=True)
