"""Inputs to calibrate and judge with: real faces and speech from a folder, or made-up ones; cut as the runtime cuts.

The folder may hold videos with sound and pictures, at any depth. Faces are found by the bundled detector when it is
there; without it, and for made-up faces, their place is known or taken to be the middle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.arrays import F32, U8
from lipsync_edge.backend import Arrays, Backend, open_backend
from lipsync_edge.card import ModelCard
from lipsync_edge.crop import TEMPLATE, aligned_crop, box_to_pixels
from lipsync_edge.detect import Detector
from lipsync_edge.enhance import window_pixels
from lipsync_edge.errors import InputError, LipsyncError
from lipsync_edge.mel import mel_spectrogram
from lipsync_edge.network import Network, load_network

VIDEOS = (".mp4", ".mkv", ".mpg", ".mov", ".webm", ".avi")
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
DETECT_SIDE = 320  # long side of the small copy a detector is calibrated on
ENHANCE_SIDE = 128  # of the aligned crop whose mouth is enhanced
FRAMES_A_VIDEO = 4
MEL_RANGE = (-4.0, 4.0)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A frame with one face and what is heard then.

    Attributes:
        frame_bgr: uint8 (H, W, 3).
        box_xyxy: float32 (4,) in frame pixels.
        landmarks: float32 (5, 2) in frame pixels, in the order of `lipsync_edge.arrays.POINTS`.
        mel: float32 (80, 16).
    """

    frame_bgr: U8
    box_xyxy: F32
    landmarks: F32
    mel: F32


def scenes(folders: Sequence[Path], count: int, models: Path | None = None) -> list[Scene]:
    """Return `count` scenes from folders, spread over their files, or made-up ones when there are no folders.

    Raises:
        InputError: the folders hold no video or picture that can be read.
    """
    if not folders:
        return [made_up_scene(seed) for seed in range(count)]
    names = ", ".join(folder.name for folder in folders)
    paths = [
        p for folder in folders for p in sorted(folder.rglob("*")) if p.suffix.lower() in VIDEOS + PICTURES
    ]
    if not paths:
        raise InputError(expected=f"videos or pictures in {names}", got="none")
    videos = [p for p in paths if p.suffix.lower() in VIDEOS]
    pictures = [p for p in paths if p.suffix.lower() in PICTURES]
    share = count if not pictures else (count + 1) // 2 if videos else 0
    finder = _bundled_detector(models)
    found = _from_videos(_spread(videos, -(-share // FRAMES_A_VIDEO)), finder)[:share]
    mels = [scene.mel for scene in found] or [made_up_mel(seed) for seed in range(8)]
    for i, path in enumerate(_spread(pictures, count - len(found))):
        frame = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        if frame is not None:
            found.append(_scene(np.asarray(frame, np.uint8), mels[i % len(mels)], finder))
    if not found:
        raise InputError(
            expected=f"readable videos or pictures in {names}", got=f"{len(paths)} unreadable files"
        )
    return found


def _spread(paths: list[Path], count: int) -> list[Path]:
    picked = np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int) if paths else []
    return [paths[i] for i in picked]


def _from_videos(paths: list[Path], finder: Detector | None) -> list[Scene]:
    if not paths:
        return []
    from lipsync_edge.reader import VideoReader
    from lipsync_edge.sound import read_audio

    found = []
    for path in paths:
        try:
            mel = mel_spectrogram(read_audio(path))
            frames = [
                (frame.image_bgr, frame.time) for frame, _ in zip(VideoReader(path), range(75), strict=False)
            ]
        except LipsyncError:
            continue
        for i in (
            np.linspace(0, len(frames) - 1, FRAMES_A_VIDEO + 2).round().astype(int)[1:-1] if frames else []
        ):
            image, time = frames[i]
            start = int(80 * Fraction(time))
            if mel[:, start : start + 16].shape == (80, 16):
                found.append(_scene(image, mel[:, start : start + 16], finder))
    return found


def _bundled_detector(models: Path | None) -> Detector | None:
    try:
        return Detector(load_network("edge_detect", models=models, device="cpu", precision="fp32"))
    except LipsyncError:
        return None


def _scene(frame_bgr: U8, mel: F32, finder: Detector | None) -> Scene:
    if finder is not None:
        boxes = finder([frame_bgr], DETECT_SIDE)[0]
        if len(boxes) and boxes.landmarks is not None:
            return Scene(frame_bgr, boxes.xyxy[0], boxes.landmarks[0], mel)
    height, width = frame_bgr.shape[:2]
    side = 0.6 * min(height, width)
    corner = np.array([(width - side) / 2, (height - side) / 2])
    box = np.array([*corner, *(corner + side)], np.float32)
    return Scene(frame_bgr, box, (corner + TEMPLATE * side).astype(np.float32), mel)


def feeds(card: ModelCard, found: list[Scene], fp32: Path) -> Iterator[Arrays]:
    """Yield the network's inputs for each scene, batch 1, exactly as the runtime would cut them."""
    if card.role == "detect":
        recorder = Recorder(open_backend(fp32, "cpu"))
        detector = Detector(Network(card, recorder))
        for scene in found:
            detector([scene.frame_bgr], DETECT_SIDE)
        yield from recorder.seen
        return
    for i, scene in enumerate(found):
        yield _feed(card, scene, i)


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


def _feed(card: ModelCard, scene: Scene, seed: int) -> dict[str, npt.NDArray[Any]]:
    if card.role == "lips":
        mel = np.full((80, card.audio.columns if card.audio else 16), -4.0, np.float32)
        width = min(16, mel.shape[1])
        mel[:, :width] = scene.mel[:, :width]
        return {"face": _crop(card, scene, card.side("face"))[None], "mel": mel[None]}
    if card.role in ("segment", "landmarks"):
        return {"face": _crop(card, scene, card.side("face"))[None]}
    if card.role == "enhance":
        return {"image": _to_enhance(scene)[None]}
    rng = np.random.default_rng(seed)
    shapes = {spec.name: (1, *(int(a) for a in spec.axes[1:])) for spec in card.inputs}
    face = _crop(card, scene, 224).transpose(2, 0, 1).astype(np.float32)
    known: dict[str, npt.NDArray[Any]] = {
        "mel": scene.mel[None, None],
        "mfcc": rng.normal(0, 10, (1, 1, 13, 20)).astype(np.float32),
        "lip": np.stack([face] * 5, 1)[None],
        "face": np.tile(_crop(card, scene, 96)[48:].transpose(2, 0, 1), (5, 1, 1))[None].astype(np.float32)
        / 255,
    }
    return {name: known[name].reshape(shape) for name, shape in shapes.items()}


def _crop(card: ModelCard, scene: Scene, side: int) -> U8:
    """uint8 (side, side, 3) BGR, by landmarks or by the box, as the card says."""
    if card.crop == "aligned":
        return aligned_crop(scene.landmarks, side).cut(scene.frame_bgr)
    x1, y1, x2, y2 = box_to_pixels(scene.box_xyxy, scene.frame_bgr)
    view = np.ascontiguousarray(scene.frame_bgr[y1 : max(y2, y1 + 2), x1 : max(x2, x1 + 2)])
    return np.asarray(cv2.resize(view, (side, side)), np.uint8)


def _to_enhance(scene: Scene) -> F32:
    """float32 BGR 0…1: the mouth and what surrounds it, the part of a made face that enhancing is about."""
    crop = aligned_crop(scene.landmarks, ENHANCE_SIDE).cut(scene.frame_bgr).astype(np.float32) / np.float32(
        255
    )
    return window_pixels(len(crop)).cut(crop)


def made_up_scene(seed: int, height: int = 240, width: int = 320) -> Scene:
    """Return a drawn face before a drawn background, and made-up sound; every seed another one."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(0, 1, width)[None, :, None] * rng.uniform(0, 120, 3) + rng.uniform(20, 120, 3)
    frame = np.broadcast_to(slope, (height, width, 3)).astype(np.uint8).copy()
    side = rng.uniform(0.45, 0.65) * height
    corner = np.array([rng.uniform(0.1, 0.9) * (width - side), rng.uniform(0.1, 0.9) * (height - side)])
    points = corner + TEMPLATE * side
    skin = rng.uniform((60, 90, 120), (170, 190, 240))
    centre = (corner + side * np.array([0.5, 0.48])).round().astype(int)
    cv2.ellipse(
        frame, centre.tolist(), (int(0.38 * side), int(0.5 * side)), 0, 0, 360, skin.tolist(), -1, cv2.LINE_AA
    )
    for eye in points[:2].round().astype(int):
        cv2.circle(frame, eye.tolist(), max(2, int(0.05 * side)), (240, 240, 240), -1, cv2.LINE_AA)
        cv2.circle(frame, eye.tolist(), max(1, int(0.025 * side)), (40, 30, 20), -1, cv2.LINE_AA)
    mouth = points[3:].mean(0).round().astype(int)
    axes = (int(0.13 * side), max(1, int(rng.uniform(0.01, 0.09) * side)))
    cv2.ellipse(frame, mouth.tolist(), axes, 0, 0, 360, (60, 50, 150), -1, cv2.LINE_AA)
    noisy = frame + rng.normal(0, 5, frame.shape)
    box = np.array([*(centre - (0.38 * side, 0.5 * side)), *(centre + (0.38 * side, 0.5 * side))], np.float32)
    return Scene(np.clip(noisy, 0, 255).astype(np.uint8), box, points.astype(np.float32), made_up_mel(seed))


def made_up_mel(seed: int) -> F32:
    """float32 (80, 16) of 0.2 s of a buzzing voice with noise, at a random loudness."""
    rng = np.random.default_rng(seed)
    t = np.arange(3200) / 16000
    voice = np.sign(np.sin(2 * np.pi * rng.uniform(90, 240) * t)) * (
        1 + np.sin(2 * np.pi * rng.uniform(3, 9) * t)
    )
    sound = rng.uniform(0.01, 0.3) * voice + rng.normal(0, rng.uniform(0.001, 0.05), len(t))
    return np.clip(mel_spectrogram(sound.astype(np.float32))[:, :16], *MEL_RANGE)
