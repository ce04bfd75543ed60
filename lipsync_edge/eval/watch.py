"""Videos for the metrics: where the face is, and the cuts of it that each metric looks at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from lipsync_edge.errors import NoFaceError
from lipsync_edge.eval.metrics.syncnet import FPS, syncnet_crop
from lipsync_edge.face.align import aligned_crop
from lipsync_edge.face.detector import Detector
from lipsync_edge.face.options import TrackOptions
from lipsync_edge.face.tracker import Tracker, track
from lipsync_edge.types import F32, U8
from lipsync_edge.video.reader import VideoReader

SIDE = 256
# rows and columns of the aligned crop at 256: nose to chin, cheek to cheek
MOUTH = (slice(133, 220), slice(72, 184))
LEAST = 11  # smallest side that SSIM takes


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where the face is in one frame: its time in seconds, box float32 (4,), landmarks float32 (5, 2); or None."""

    time: float
    box_xyxy: F32 | None
    landmarks: F32 | None


@dataclass(slots=True, eq=False)
class Seen:
    """Cuts of one video's face.

    Attributes:
        times: of every frame, in seconds.
        aligned_bgr: uint8 (256, 256, 3) of every frame, or None without a face.
        sync_bgr: uint8 (224, 224, 3), 25 a second, as SyncNet wants them; stops where the face is lost.
        faces_bgr: uint8, the face's box, of every frame with one.
        sync_lost: whether the face was lost.
    """

    times: list[float] = field(default_factory=list)
    aligned_bgr: list[U8 | None] = field(default_factory=list)
    sync_bgr: list[U8] = field(default_factory=list)
    faces_bgr: list[U8] = field(default_factory=list)
    sync_lost: bool = False

    @property
    def runs(self) -> list[list[U8]]:
        """Aligned crops in runs without a gap."""
        out: list[list[U8]] = [[]]
        for crop in self.aligned_bgr:
            if crop is None:
                out.append([])
            else:
                out[-1].append(crop)
        return [run for run in out if run]

    def look(self, frame_bgr: U8, place: Place) -> None:
        """Take the next frame."""
        self.times.append(place.time)
        if place.box_xyxy is None or place.landmarks is None:
            self.aligned_bgr.append(None)
            self.sync_lost = True
            return
        self.aligned_bgr.append(aligned_crop(place.landmarks, SIDE).cut(frame_bgr))
        box = cut_box(frame_bgr, place.box_xyxy)
        if min(box.shape[:2]) >= LEAST:
            self.faces_bgr.append(box.copy())
        while not self.sync_lost and len(self.sync_bgr) / FPS <= place.time + 0.5 / FPS:
            self.sync_bgr.append(syncnet_crop(frame_bgr, place.box_xyxy))


def follow(path: Path, detector: Detector, seconds: float) -> list[Place]:
    """Track the largest face of a video; NoFaceError when no frame shows one."""
    tracker = Tracker(TrackOptions(), detector)
    places: list[Place] = []
    for frame in track(VideoReader(path, end=seconds), tracker):
        face = frame.faces[0] if frame.faces else None
        where = (None, None) if face is None else (face.box_xyxy, face.landmarks)
        places.append(Place(float(frame.time), *where))
    if all(place.landmarks is None for place in places):
        raise NoFaceError(expected=f"a face in {path.name}", got=f"none in {len(places)} frames")
    return places


def frames(path: Path, places: list[Place]) -> Iterator[tuple[U8, Place]]:
    """Read a video again, each frame with its place."""
    for frame, place in zip(islice(VideoReader(path), len(places)), places, strict=False):
        yield frame.image_bgr, place


def see(path: Path, places: list[Place]) -> Seen:
    """Cut one video's face."""
    seen = Seen()
    for frame, place in frames(path, places):
        seen.look(frame, place)
    return seen


def cut_box(frame_bgr: U8, box_xyxy: F32) -> U8:
    """Return the part of a frame inside a box, clipped to the frame (a view)."""
    height, width = frame_bgr.shape[:2]
    x1, y1, x2, y2 = (int(round(float(v))) for v in box_xyxy)
    return frame_bgr[max(y1, 0) : min(y2, height), max(x1, 0) : min(x2, width)]


def mouth_box(landmarks: F32) -> F32:
    """Return the box in frame pixels, float32 (4,), round the part of the aligned crop that `MOUTH` names."""
    rows, columns = MOUTH
    corners = np.array(
        [(x, y) for x in (columns.start, columns.stop) for y in (rows.start, rows.stop)], np.float64
    )
    there = cv2.transform(corners[None], aligned_crop(landmarks, SIDE).to_frame)[0]
    return np.concatenate([there.min(0), there.max(0)]).astype(np.float32)
