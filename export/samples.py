"""Scenes to calibrate and compare with: real faces and speech from a folder, or made-up ones.

The folder may hold videos with sound and pictures, at any depth. Faces are found by the bundled detector when it is
there; without it, and for made-up faces, their place is known or taken to be the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from lipsync_edge.audio.mel import mel_spectrogram
from lipsync_edge.errors import InputError, LipsyncError
from lipsync_edge.face.align import TEMPLATE
from lipsync_edge.face.detector import Detector
from lipsync_edge.models.network import load_network
from lipsync_edge.types import F32, U8

VIDEOS = (".mp4", ".mkv", ".mpg", ".mov", ".webm", ".avi")
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
DETECT_SIDE = 320  # long side of the small copy a detector is calibrated on
FRAMES_A_VIDEO = 4
MEL_RANGE = (-4.0, 4.0)
HEARD = 64  # mel columns of a scene, 0.8 s: more than any network hears at once


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A frame with one face and what is heard then.

    Attributes:
        frame_bgr: uint8 (H, W, 3).
        box_xyxy: float32 (4,) in frame pixels.
        landmarks: float32 (5, 2) in frame pixels, in the order of `lipsync_edge.types.POINTS`.
        mel: float32 (80, 64), round the frame.
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
    from lipsync_edge.audio.reader import read_audio
    from lipsync_edge.video.reader import VideoReader

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
            start = max(0, min(int(80 * Fraction(time)) - HEARD // 2, mel.shape[1] - HEARD))
            if mel.shape[1] >= HEARD:
                found.append(_scene(image, mel[:, start : start + HEARD], finder))
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
    """float32 (80, 64) of 0.8 s of a buzzing voice with noise, at a random loudness."""
    rng = np.random.default_rng(seed)
    t = np.arange(HEARD * 200) / 16000
    voice = np.sign(np.sin(2 * np.pi * rng.uniform(90, 240) * t)) * (
        1 + np.sin(2 * np.pi * rng.uniform(3, 9) * t)
    )
    sound = rng.uniform(0.01, 0.3) * voice + rng.normal(0, rng.uniform(0.001, 0.05), len(t))
    return np.clip(mel_spectrogram(sound.astype(np.float32))[:, :HEARD], *MEL_RANGE)
