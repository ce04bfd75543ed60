"""Measure tracking on the evaluation clips: what it finds, how still it stands, how late it is, what it costs.

    python -m benchmarks track [--corpus DIR] [--labels eval.npz] [--sheet SHEET.png]

Without a corpus the clip is the demo's face. With the landmark teacher's labels of the corpus the error against them is
measured too. Rows: track.json, one a clip.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks import rows as kept
from benchmarks.source import make_source
from lipsync_edge.face.detector import Detector
from lipsync_edge.face.tracker import Tracker, TrackOptions
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.network import Network
from lipsync_edge.models.registry import find_model
from lipsync_edge.models.spec import load_spec
from lipsync_edge.types import U8, Boxes, Frame

FIVE = ((33, 133), (263, 362), (1,), (61,), (291,))  # mesh vertices of the five landmarks


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one clip; lengths are in percent of the face size (root of the box's area).

    Attributes:
        size: of the frames, width x height.
        found: share of the frames with a face.
        detections: detector calls per frame.
        ms: milliseconds of one core a frame (CPU time, so that a busy machine does not count), decoding not counted.
        held: most frames kept back.
        still: noise of the landmarks from frame to frame, second difference over root 6, median.
        still_raw: the same for a detection in every frame, unsmoothed.
        step: median movement of the landmarks from one frame to the next.
        off_raw: mean distance to the detection of the same frame: smoothing error and detector noise together.
        lag: frames by which the track is late against the detections (best shift of the nose, in tenths).
        error: mean distance of the landmarks to the teacher's, nan without labels.
        error_raw: the same for the detection of every frame.
    """

    clip: str
    size: str
    frames: int
    cuts: int
    found: float
    detections: float
    ms: float
    held: int
    still: float
    still_raw: float
    step: float
    off_raw: float
    lag: float
    error: float
    error_raw: float


class Counting:
    """A detector that counts its calls."""

    def __init__(self, detector: Detector) -> None:
        self.detector, self.calls = detector, 0

    def __call__(self, frames_bgr: Sequence[U8], side: int = 0) -> list[Boxes]:
        """See `lipsync_edge.face.detector.Detector`."""
        self.calls += len(frames_bgr)
        return self.detector(frames_bgr, side)


def read(path: Path) -> list[U8]:
    """All frames of a short clip."""
    with av.open(str(path)) as container:
        return [np.asarray(f.to_ndarray(format="bgr24"), np.uint8) for f in container.decode(video=0)]


def noise(points: npt.NDArray[np.float64]) -> float:
    """Median length of the second difference of (t, n, 2), as the noise of one frame."""
    second = points[2:] - 2 * points[1:-1] + points[:-2]
    return float(np.nanmedian(np.linalg.norm(second, axis=-1)) / np.sqrt(6)) if len(points) > 2 else 0.0


def landmarks_of(tracked: Sequence[Frame]) -> npt.NDArray[np.float64]:
    """(t, 5, 2), nan where there is no face."""
    return np.stack(
        [np.full((5, 2), np.nan) if (marks := marks_of(frame)) is None else marks for frame in tracked]
    )


def marks_of(frame: Frame) -> npt.NDArray[np.float64] | None:
    """(5, 2) of the face that is followed, or None."""
    marks = frame.faces[0].landmarks if frame.faces else None
    return None if marks is None else marks.astype(float)


def best_shift(track: npt.NDArray[np.float64], raw: npt.NDArray[np.float64]) -> float:
    """Shift in frames, tenths, at which the track lies nearest to the detections; positive is late."""
    x = np.arange(len(track), dtype=float)
    shifts = np.arange(-20, 21) / 10
    costs = []
    for shift in shifts:
        moved = np.stack([np.interp(x + shift, x, track[:, i]) for i in range(track.shape[1])], axis=1)
        costs.append(np.nanmean(np.linalg.norm(moved - raw, axis=1)[3:-3]))
    return float(shifts[int(np.argmin(costs))])


def measure(
    path: Path, detector: Detector, options: TrackOptions, truth: npt.NDArray[np.float64] | None
) -> tuple[Row, list[Frame]]:
    """Track one clip; `truth` is (t, 5, 2) in frame pixels, nan where the teacher is unsure."""
    frames, counting = read(path), Counting(detector)
    tracker = Tracker(options, counting)
    tracked: list[Frame] = []
    held, spent = 0, 0.0
    for i, frame in enumerate(frames):
        began = time.thread_time()
        tracked += tracker.push(Frame(i, Fraction(i, 25), frame))
        spent += time.thread_time() - began
        held = max(held, i + 1 - len(tracked))
    tracked += tracker.flush()
    points = landmarks_of(tracked)
    raw = np.full_like(points, np.nan)
    for i, frame in enumerate(frames):
        boxes = detector([frame], options.side)[0]
        if len(boxes) and boxes.landmarks is not None:
            far = np.linalg.norm(boxes.landmarks - np.nan_to_num(points[i]), axis=-1).mean(1)
            raw[i] = boxes.landmarks[int(np.argmin(far))]
    sizes = [frame.faces[0].size for frame in tracked if frame.faces]
    unit = 100 / float(np.median(sizes)) if sizes else 1.0
    ok = ~np.isnan(points[:, 0, 0]) & ~np.isnan(raw[:, 0, 0])

    def error(marks: npt.NDArray[np.float64]) -> float:
        if truth is None:
            return float("nan")
        n = min(len(marks), len(truth))
        return float(np.nanmean(np.linalg.norm(marks[:n] - truth[:n], axis=-1)) * unit)

    row = Row(
        clip=path.name,
        size=f"{frames[0].shape[1]}x{frames[0].shape[0]}",
        frames=len(frames),
        cuts=sum(t.shot_start for t in tracked) - 1,
        found=float(np.mean([bool(t.faces) for t in tracked])),
        detections=counting.calls / len(frames),
        ms=1000 * spent / len(frames),
        held=held,
        still=noise(points) * unit,
        still_raw=noise(raw) * unit,
        step=float(np.nanmedian(np.linalg.norm(np.diff(points, axis=0), axis=-1)) * unit),
        off_raw=float(np.nanmean(np.linalg.norm(points - raw, axis=-1)) * unit),
        lag=best_shift(points[ok][:, 2], raw[ok][:, 2]) if ok.sum() > 20 else 0.0,
        error=error(points),
        error_raw=error(raw),
    )
    return row, tracked


def sheet(tracked: Sequence[Frame], columns: int = 8, side: int = 240) -> U8:
    """Frames spread over the clip, with box and landmarks drawn."""
    tiles = []
    for i in np.linspace(0, len(tracked) - 1, columns).round().astype(int):
        picture = tracked[i].image_bgr.copy()
        width = max(1, max(picture.shape) // 240)
        for face in tracked[i].faces[:1]:
            x1, y1, x2, y2 = (int(v) for v in face.box_xyxy)
            cv2.rectangle(picture, (x1, y1), (x2, y2), (0, 255, 0), width)
        for x, y in [] if (marks := marks_of(tracked[i])) is None else marks:
            cv2.circle(picture, (round(float(x)), round(float(y))), 2 * width, (0, 0, 255), -1)
        scale = side / max(picture.shape[:2])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        tile = np.zeros((side, side, 3), np.uint8)
        tile[: small.shape[0], : small.shape[1]] = small
        tiles.append(tile)
    return np.hstack(tiles)


def teacher(labels: Path | None) -> dict[str, npt.NDArray[np.float64]]:
    """Clip name to five landmarks (t, 5, 2) in frame pixels; empty without the file."""
    if labels is None:
        return {}
    with np.load(labels) as data:
        out = {}
        for clip, name in enumerate(data["paths"]):
            mine = data["clip"] == clip
            points = data["points"][mine][:, :, :2].astype(float)
            five = np.stack([points[:, list(ids)].mean(1) for ids in FIVE], axis=1)
            five[data["score"][mine] <= 0.9] = np.nan
            out[Path(str(name)).name] = five
        return out


def clips_of(options: argparse.Namespace, folder: Path) -> list[Path]:
    """Return the corpus's evaluation clips, or one of the demo's face written into `folder`."""
    if not options.corpus and not options.face:
        return [make_source(options, folder).face]
    found = [options.face] if options.face else sorted((options.corpus / "eval").iterdir())
    return [path for path in found if path.is_file() and options.only in path.name]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of tracking."""
    parser.set_defaults(audio=None, seconds=1.0)
    parser.add_argument("--corpus", type=Path, help="folder with eval/; without it the demo's face")
    parser.add_argument("--face", type=Path, help="your own video instead")
    parser.add_argument("--labels", type=Path, help="of the landmark teacher, for the corpus's clips")
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--sheet", type=Path, default=None, help="write a picture of what was found")
    parser.add_argument("--only", default="", help="clips whose names hold this")
    parser.add_argument("--every", type=int, default=TrackOptions().every)
    parser.add_argument("--side", type=int, default=TrackOptions().side)
    parser.add_argument("--radius", type=int, default=TrackOptions().radius)


def main(options: argparse.Namespace) -> None:
    """Measure every clip, write, print."""
    origin = kept.stated()
    cv2.setNumThreads(1)
    path = find_model("edge_detect", models=options.models, precision=options.precision)
    detector = Detector(Network(load_spec("edge_detect"), open_backend(path, "cpu", 1)))
    chosen = {"every": options.every, "side": options.side, "radius": options.radius}
    truth, rows, sheets = teacher(options.labels), [], []
    with tempfile.TemporaryDirectory() as name:
        for clip in clips_of(options, Path(name)):
            row, tracked = measure(clip, detector, TrackOptions(**chosen), truth.get(clip.name))
            rows.append(asdict(row) | {"model": path.name})
            sheets += [sheet(tracked)] if options.sheet else []
            print(
                " ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in asdict(row).values()),
                flush=True,
            )
    kept.write(options.results, "track", {**origin, "options": chosen, "clips": rows})
    if options.sheet:
        cv2.imwrite(str(options.sheet), np.vstack(sheets))
