"""The lip network: face crops and windows of audio features in, made mouths out.

Two kinds (the card says which). `image` paints the whole crop anew, as Wav2Lip does (Prajwal et al., "A Lip Sync
Expert Is All You Need", ACM MM 2020). `warp` says where every pixel of the crop comes from (flow), where the inside
of the mouth shows (mask) and how that looks (paint), so that the picture is carried at its native resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lipsync_edge.audio.front_end import front_end
from lipsync_edge.errors import ModelError
from lipsync_edge.models.network import Network
from lipsync_edge.models.spec import WHOLE_CROP, ModelSpec, Window
from lipsync_edge.types import F32, U8, Arrays


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
        self._features = _features_input(network.spec)
        self.to_shape: F32 = np.array([shapes.opening, shapes.width, shapes.jaw], np.float32)

    def __call__(self, windows: Sequence[F32]) -> F32:
        """Return the mouth coefficients, float32 (n, 8), of n windows, float32 (bands, columns) of its front end."""
        return self.hear(windows)[0]

    def hear(self, windows: Sequence[F32]) -> tuple[F32, F32]:
        """Return the mouth coefficients, float32 (n, 8), of n windows, and how surely each articulation is heard.

        The latter is float32 (n, 2), 0…1: a lower lip under the teeth, and a raised tongue; zeros where the network
        does not say it.
        """
        out = self.network(**{self._features: np.stack(windows)})
        said = out.get("articulation", np.zeros((len(windows), 2), np.float32))
        return np.asarray(out["coefficients"], np.float32), np.asarray(said, np.float32)


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
        self._features = _features_input(spec)

    def __call__(self, crops_bgr: Sequence[U8], windows: Sequence[F32]) -> list[Mouth]:
        """Make one mouth for each crop.

        Args:
            crops_bgr: n crops, uint8 (S, S, 3) BGR.
            windows: n windows, float32 (bands, columns) of the front end, of mel80 (80, T), -4…4.
        """
        if not crops_bgr:
            return []
        feeds: Arrays = {"face": np.stack(crops_bgr), self._features: np.stack(windows)}
        out = self.network(**feeds)
        if self.spec.kind == "image":
            return [ImageMouth(image) for image in out["image"]]
        flow, paint = out["flow"].transpose(0, 2, 3, 1), out["paint"].transpose(0, 2, 3, 1)
        planes = zip(flow, out["mask"][:, 0], paint, strict=True)
        window = self.spec.warp.window if self.spec.warp else WHOLE_CROP
        dense = ([np.ascontiguousarray(plane) for plane in mouth] for mouth in planes)
        return [WarpMouth(flow, mask, paint, window) for flow, mask, paint in dense]


def _features_input(spec: ModelSpec) -> str:
    """Return the name of the input that takes audio features: the one beside `face`, `mel` in the bundled cards.

    Raises:
        ModelError: there is not exactly one.
    """
    names = [one.name for one in spec.inputs if one.name != "face"]
    if len(names) != 1:
        raise ModelError(
            expected=f"one input of card {spec.name} for audio features", got=", ".join(names) or "none"
        )
    return names[0]
