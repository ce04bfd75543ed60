"""The lip network: face crops and mel windows in, made mouths out.

Two kinds (the card says which). `image` paints the whole crop anew, as Wav2Lip does (Prajwal et al., "A Lip Sync
Expert Is All You Need", ACM MM 2020). `warp` says where every pixel of the crop comes from (flow), where the inside
of the mouth shows (mask) and how that looks (paint), so that the picture is carried at its native resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lipsync_edge.audio.alignment import front_end
from lipsync_edge.errors import ModelError
from lipsync_edge.models.network import Network
from lipsync_edge.models.spec import WHOLE_CROP, Window
from lipsync_edge.types import F32, U8


@dataclass(frozen=True, slots=True, eq=False)
class ImageMouth:
    """A face crop that was painted anew.

    Attributes:
        image: float32 (S, S, 3) BGR, 0…1, not rounded.
    """

    image: F32


@dataclass(frozen=True, slots=True, eq=False)
class WarpMouth:
    """out(p) = mask·paint + (1 − mask)·in(p + flow(p)), p in units of the crop side.

    Attributes:
        flow: float32 (h, w, 2) over the crop, dx, dy as fractions of the crop side.
        mask: float32 (h, w) over the window, 0…1, 1 where the inside of the mouth shows; beyond the window it is 0.
        paint: float32 (h, w, 3) BGR over the window, 0…1.
        window: left, top, right, bottom of mask and paint, as parts of the crop.
    """

    flow: F32
    mask: F32
    paint: F32
    window: Window = WHOLE_CROP


Mouth = ImageMouth | WarpMouth


class AudioEncoder:
    """Calls the audio encoder: what a sound asks of the mouth, in a few numbers.

    Attributes:
        to_shape: float32 (3, 8), coefficients → opening, width, jaw in eye distances, from the shut mouth.
    """

    def __init__(self, network: Network) -> None:
        if network.spec.role != "voice" or network.spec.audio is None:
            raise ModelError(expected="a voice card with an [audio] table", got=f"card {network.spec.name}")
        shapes = network.spec.shapes
        if shapes is None:
            raise ModelError(expected="a voice card with a [shapes] table", got=f"card {network.spec.name}")
        self.network = network
        self.audio = network.spec.audio
        self.to_shape: F32 = np.array([shapes.opening, shapes.width, shapes.jaw], np.float32)

    def __call__(self, mels: Sequence[F32]) -> F32:
        """Return the mouth coefficients, float32 (n, 8), of n windows, float32 (80, T), -4…4."""
        return np.asarray(self.network(mel=np.stack(mels))["coefficients"], np.float32)


class Lips:
    """Calls the lip network on batches."""

    def __init__(self, network: Network) -> None:
        spec = network.spec
        if spec.role != "lips" or spec.kind not in ("image", "warp") or spec.audio is None:
            raise ModelError(
                expected="a lips card of kind image or warp with an [audio] table", got=f"card {spec.name}"
            )
        front_end(spec.audio)  # refused now, not when the first sound comes
        self.network = network
        self.spec = spec
        self.audio = spec.audio
        self.side = spec.side("face")

    def __call__(self, crops_bgr: Sequence[U8], mels: Sequence[F32]) -> list[Mouth]:
        """Make one mouth for each crop.

        Args:
            crops_bgr: n crops, uint8 (S, S, 3) BGR.
            mels: n windows, float32 (80, T), -4…4.
        """
        if not crops_bgr:
            return []
        out = self.network(face=np.stack(crops_bgr), mel=np.stack(mels))
        if self.spec.kind == "image":
            return [ImageMouth(image) for image in out["image"]]
        flow, paint = out["flow"].transpose(0, 2, 3, 1), out["paint"].transpose(0, 2, 3, 1)
        planes = zip(flow, out["mask"][:, 0], paint, strict=True)
        window = self.spec.warp.window if self.spec.warp else WHOLE_CROP
        dense = ([np.ascontiguousarray(plane) for plane in mouth] for mouth in planes)
        return [WarpMouth(flow, mask, paint, window) for flow, mask, paint in dense]
