"""The enhancer: super-resolution of what the lip network made (ESRGAN, Wang et al., ECCVW 2018, or a small one)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from lipsync_edge.errors import ModelError
from lipsync_edge.models.network import Network
from lipsync_edge.render.lips import ImageMouth, WarpMouth
from lipsync_edge.types import F32, U8

# of an aligned crop: left, top, right, bottom of what is enhanced
MOUTH_WINDOW = (0.1875, 0.4375, 0.8125, 0.9375)


class Enhancer:
    """Calls the super-resolution network on batches of equal size."""

    def __init__(self, network: Network) -> None:
        if network.spec.role != "enhance":
            raise ModelError(
                expected="a card of role enhance", got=f"card {network.spec.name} of {network.spec.role}"
            )
        self.network = network

    def __call__(self, images: Sequence[F32]) -> list[F32]:
        """Return each image, float32 (H, W, 3) BGR 0…1, not rounded, k times as large, clamped to 0…1."""
        if not images:
            return []
        return list(self.network(image=np.stack(images).astype(np.float32, copy=False))["image_out"])

    def painted(self, mouths: Sequence[ImageMouth]) -> list[ImageMouth]:
        """Return painted faces k times as large."""
        return [ImageMouth(image) for image in self([mouth.image for mouth in mouths])]

    def warped(self, mouths: Sequence[WarpMouth], faces_bgr: Sequence[U8]) -> list[WarpMouth]:
        """Return warped mouths whose paint is enhanced together with the lips round it.

        Args:
            mouths: what the lip network gave.
            faces_bgr: the same crops, uint8 (S, S, 3), each of any side: paint comes back k times as fine as they are.
        """
        out = dict(enumerate(mouths))
        for side in {len(face) for face in faces_bgr}:
            chosen = [i for i, face in enumerate(faces_bgr) if len(face) == side]
            images = [compose_small(faces_bgr[i], mouths[i]) for i in chosen]
            window = window_pixels(side, MOUTH_WINDOW)
            parts = self([window.cut(image) for image in images])
            for i, image, part in zip(chosen, images, parts, strict=True):
                whole = window.insert(image, part)
                out[i] = replace(mouths[i], paint=window_pixels(len(whole), mouths[i].window).cut(whole))
        return list(out.values())


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of a crop, in pixels, and how to work on it alone."""

    x1: int
    y1: int
    x2: int
    y2: int

    def cut(self, image: F32) -> F32:
        """Return the rectangle of an image as a new array."""
        return np.ascontiguousarray(image[self.y1 : self.y2, self.x1 : self.x2])

    def insert(self, image: F32, part: F32) -> F32:
        """Return the image at the part's resolution, with the part in its place."""
        factor = part.shape[0] // (self.y2 - self.y1)
        size = (image.shape[1] * factor, image.shape[0] * factor)
        large = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.float32)
        large[self.y1 * factor : self.y2 * factor, self.x1 * factor : self.x2 * factor] = part
        return large


def window_pixels(side: int, parts: tuple[float, float, float, float] = MOUTH_WINDOW) -> Window:
    """Return a window, given in parts of the crop, of an aligned crop of `side` pixels."""
    left, top, right, bottom = (round(part * side) for part in parts)
    return Window(left, top, right, bottom)


def compose_small(face_bgr: U8, mouth: WarpMouth) -> F32:
    """Compose a warped mouth at the resolution of the crop that is given.

    Args:
        face_bgr: uint8 (S, S, 3), the crop the network saw, or the same one cut finer.
        mouth: what it gave.

    Returns:
        float32 (S, S, 3) BGR, 0…1.
    """
    side = face_bgr.shape[0]
    full = (side, side)
    flow = cv2.resize(mouth.flow, full, interpolation=cv2.INTER_LINEAR) * np.float32(side)
    grid = np.arange(side, dtype=np.float32)
    carried = cv2.remap(
        face_bgr,
        flow[..., 0] + grid,
        flow[..., 1] + grid[:, None],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float32) / np.float32(255.0)
    window = window_pixels(side, mouth.window)
    size = (window.x2 - window.x1, window.y2 - window.y1)
    how = cv2.INTER_AREA if mouth.mask.shape[0] > size[1] else cv2.INTER_LINEAR
    mask = cv2.resize(mouth.mask, size, interpolation=how)[..., None]
    paint = cv2.resize(mouth.paint, size, interpolation=how)
    inside = carried[window.y1 : window.y2, window.x1 : window.x2]
    inside += mask * (paint - inside)
    return np.asarray(carried, np.float32)
