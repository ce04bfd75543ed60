"""What each kind of network is calibrated and compared on: scenes, cut exactly as the runtime cuts them, batch 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from lipsync_edge.face.align import aligned_crop, box_to_pixels
from lipsync_edge.face.detector import Detector
from lipsync_edge.models.backend import Backend, open_backend
from lipsync_edge.models.network import Network
from lipsync_edge.models.spec import ModelSpec
from lipsync_edge.render.enhance import window_pixels
from lipsync_edge.types import F32, U8, Arrays

from .samples import DETECT_SIDE, Scene

ENHANCE_SIDE = 128  # of the aligned crop whose mouth is enhanced
SILENCE = -4.0  # of the mel
SYNC_COLUMNS = 16  # of a window of the sync networks
FRAMES = 5  # of a window of the sync networks


def frames(spec: ModelSpec, scenes: Sequence[Scene], fp32: Path) -> Iterator[Arrays]:
    """Yield a detector's frames: what the runtime's own detector feeds it, uint8 (1, h, w, 3) BGR."""
    recorder = Recorder(open_backend(fp32, "cpu"))
    detector = Detector(Network(spec, recorder))
    for scene in scenes:
        detector([scene.frame_bgr], DETECT_SIDE)
    yield from recorder.seen


class Recorder:
    """A backend that remembers what it was fed."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.device, self.inputs, self.outputs = backend.device, backend.inputs, backend.outputs
        self.seen: list[Arrays] = []

    def run(self, feeds: Arrays) -> Arrays:
        """Run, and keep a copy of the inputs."""
        self.seen.append({name: value.copy() for name, value in feeds.items()})
        return self._backend.run(feeds)


def faces_and_mels(spec: ModelSpec, scenes: Sequence[Scene], fp32: Path) -> Iterator[Arrays]:
    """Yield a lip network's crops, uint8 (1, s, s, 3) BGR, and mels, float32 (1, 80, columns)."""
    for scene, heard in zip(scenes, mels(spec, scenes, fp32), strict=True):
        yield {"face": crop(spec, scene, spec.side("face"))[None], **heard}


def mels(spec: ModelSpec, scenes: Sequence[Scene], fp32: Path) -> Iterator[Arrays]:
    """Yield an audio encoder's windows, float32 (1, 80, columns)."""
    for scene in scenes:
        mel = np.full((80, spec.audio.columns if spec.audio else 16), SILENCE, np.float32)
        width = min(scene.mel.shape[1], mel.shape[1])
        mel[:, :width] = scene.mel[:, :width]
        yield {"mel": mel[None]}


def faces(spec: ModelSpec, scenes: Sequence[Scene], fp32: Path) -> Iterator[Arrays]:
    """Yield the crops of a segmenter or a landmarker, uint8 (1, s, s, 3) BGR."""
    for scene in scenes:
        yield {"face": crop(spec, scene, spec.side("face"))[None]}


def mouths(spec: ModelSpec, scenes: Sequence[Scene], fp32: Path) -> Iterator[Arrays]:
    """Yield an enhancer's pictures, float32 (1, h, w, 3) BGR 0…1: the mouth and what surrounds it."""
    for scene in scenes:
        whole = aligned_crop(scene.landmarks, ENHANCE_SIDE).cut(scene.frame_bgr)
        picture: F32 = whole.astype(np.float32) / np.float32(255)
        yield {"image": window_pixels(len(picture)).cut(picture)[None]}


def windows(spec: ModelSpec, scenes: Sequence[Scene], fp32: Path) -> Iterator[Arrays]:
    """Yield a sync network's windows of faces and sounds, float32, in the shapes of its spec."""
    for seed, scene in enumerate(scenes):
        rng = np.random.default_rng(seed)
        face = crop(spec, scene, 224).transpose(2, 0, 1).astype(np.float32)
        lower = crop(spec, scene, 96)[48:].transpose(2, 0, 1).astype(np.float32)
        known: Arrays = {
            "mel": scene.mel[None, None, :, :SYNC_COLUMNS],
            "mfcc": rng.normal(0, 10, (1, 1, 13, 20)).astype(np.float32),
            "lip": np.stack([face] * FRAMES, 1)[None],
            "face": np.tile(lower, (FRAMES, 1, 1))[None] / np.float32(255),
        }
        shapes = {one.name: (1, *(int(a) for a in one.axes[1:])) for one in spec.inputs}
        yield {name: known[name].reshape(shape) for name, shape in shapes.items()}


def crop(spec: ModelSpec, scene: Scene, side: int) -> U8:
    """uint8 (side, side, 3) BGR, by landmarks or by the box, as the spec says."""
    if spec.crop == "aligned":
        return aligned_crop(scene.landmarks, side).cut(scene.frame_bgr)
    x1, y1, x2, y2 = box_to_pixels(scene.box_xyxy, scene.frame_bgr)
    view = np.ascontiguousarray(scene.frame_bgr[y1 : max(y2, y1 + 2), x1 : max(x2, x1 + 2)])
    return np.asarray(cv2.resize(view, (side, side)), np.uint8)
