"""LSE-D, LSE-C and the offset of sound and picture, by SyncNet v2.

Chung, Zisserman, "Out of time: automated lip sync in the wild", ACCV workshops 2016, for the network and the offset;
Prajwal et al., "A lip sync expert is all you need", ACM MM 2020, for LSE-D (the smallest mean distance over the
offsets) and LSE-C (median less smallest).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.errors import ModelError
from lipsync_edge.models.network import load_network
from lipsync_edge.models.registry import find_model
from lipsync_edge.types import F32, U8

FPS, RATE, SIDE = 25, 16_000, 224
FRAMES = 5  # of a lip window
COLUMNS = 20  # MFCC columns of a sound window
PER_FRAME = 4  # MFCC columns a frame
REACH = 15
BATCH = 8
BRANCHES = ("syncnet_v2.audio", "syncnet_v2.lip")
Embed = Callable[[F32], F32]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncScore:
    """What SyncNet says of one clip.

    Attributes:
        lse_d: smallest mean distance, lower is better.
        lse_c: median less smallest mean distance, higher is better.
        offset: frames of 25 a second, as the published scorer signs it: positive where the sound that fits a picture
            lies before it.
    """

    lse_d: float
    lse_c: float
    offset: int


def load_syncnet(models: Path | None) -> tuple[Embed, Embed] | None:
    """Return the converted network's two branches (sound, lips), or None when its files are not there."""
    try:
        for name in BRANCHES:
            find_model(name, models=models, precision="fp32")
    except ModelError:
        return None
    audio, lip = (load_network(name, models=models, precision="fp32") for name in BRANCHES)
    name_a, name_l = audio.spec.inputs[0].name, lip.spec.inputs[0].name
    out_a, out_l = audio.spec.outputs[0].name, lip.spec.outputs[0].name
    return (
        lambda mfcc: np.asarray(audio(**{name_a: mfcc})[out_a], np.float32),
        lambda face: np.asarray(lip(**{name_l: face})[out_l], np.float32),
    )


def mfcc(samples: F32) -> F32:
    """Return the published features of a sound, float32 (n,) at 16 kHz, -1…1: float32 (13, columns), 100 a second."""
    from python_speech_features import mfcc as features

    whole = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)
    return np.asarray(features(whole, RATE), np.float32).T


def syncnet_crop(frame_bgr: U8, box_xyxy: npt.NDArray[np.float32]) -> U8:
    """Return the published scorer's crop of a face, uint8 (224, 224, 3) BGR.

    s is half the box's longer side; the crop is 2.8·s wide round its centre and reaches from s above it to 1.8·s
    below; outside the frame it is grey 110. The published scorer finds boxes by S3FD and smooths them by a median of
    13 frames; ours come from `lipsync_edge.face.tracker`, so figures are to be compared among themselves.
    """
    x1, y1, x2, y2 = (float(v) for v in box_xyxy)
    s, x, y = max(x2 - x1, y2 - y1) / 2, (x1 + x2) / 2, (y1 + y2) / 2
    scale = SIDE / (2.8 * s)
    matrix = np.array([[scale, 0, -scale * (x - 1.4 * s)], [0, scale, -scale * (y - s)]])
    grey = (110, 110, 110)
    return np.asarray(cv2.warpAffine(frame_bgr, matrix, (SIDE, SIDE), borderValue=grey), np.uint8)


def sync_score(faces_bgr: Sequence[U8], samples: F32, audio: Embed, lip: Embed) -> SyncScore | None:
    """Score a clip.

    Args:
        faces_bgr: crops, uint8 (224, 224, 3) BGR, 25 a second.
        samples: float32 (n,), 16 kHz, -1…1, the first sample heard with the first crop.
        audio: float32 (B, 1, 13, 20) → (B, features).
        lip: float32 (B, 3, 5, 224, 224), BGR 0…255 → (B, features).

    Returns:
        The score, or None for a clip of fewer than seven frames.
    """
    sound = mfcc(samples)
    count = min(len(faces_bgr), len(samples) // (RATE // FPS)) - FRAMES
    count = min(count, (sound.shape[1] - COLUMNS) // PER_FRAME + 1)
    if count < 2:
        return None
    lips = _embed(lip, count, lambda i: np.stack(faces_bgr[i : i + FRAMES]).transpose(3, 0, 1, 2))
    sounds = _embed(audio, count, lambda i: sound[None, :, PER_FRAME * i : PER_FRAME * i + COLUMNS])
    return score_of(lips, sounds)


def _embed(branch: Embed, count: int, window: Callable[[int], npt.NDArray[np.generic]]) -> F32:
    starts = [range(i, min(i + BATCH, count)) for i in range(0, count, BATCH)]
    return np.concatenate([branch(np.stack([window(i) for i in part]).astype(np.float32)) for part in starts])


def score_of(lips: F32, sounds: F32) -> SyncScore:
    """Score from embeddings, float32 (n, features) each: mean distances over ±15 frames, zeros beyond the ends."""
    padded = np.pad(sounds, ((REACH, REACH), (0, 0)))
    mean = np.array(
        [np.linalg.norm(lips - padded[k : k + len(lips)] + 1e-6, axis=1).mean() for k in range(2 * REACH + 1)]
    )
    best = int(mean.argmin())
    return SyncScore(lse_d=float(mean[best]), lse_c=float(np.median(mean) - mean[best]), offset=REACH - best)
