"""The face parser: which pixels of the source crop may be replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lipsync_edge.arrays import F32, U8
from lipsync_edge.errors import ModelError
from lipsync_edge.network import Network


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """What is where in a crop.

    Attributes:
        paste: float32 (h, w): 1 may be replaced, 0 must stay.
        inside: float32 (h, w), 0…1: the inside of the mouth; None when the parser does not tell it from the lips.
        lips: float32 (h, w), 0…1; None like `inside`.
    """

    paste: F32
    inside: F32 | None = None
    lips: F32 | None = None


class Segmenter:
    """Calls the parser and reduces its classes to one mask of what may be replaced.

    kind `labels` (BiSeNet, Yu et al., ECCV 2018, trained on CelebAMask-HQ) gives a hard 0/1 mask, kind `regions`
    the sum of the probabilities of the card's `paste` classes.
    """

    def __init__(self, network: Network) -> None:
        card = network.card
        if card.role != "segment" or card.kind not in ("labels", "regions") or card.segment is None:
            raise ModelError(
                expected="a segment card of kind labels or regions with a [segment] table",
                got=f"card {card.name}",
            )
        self.network = network
        self.card = card
        self.side = card.side("face")
        self._paste = np.zeros(256, np.float32)
        self._paste[list(card.segment.paste)] = 1.0

    def __call__(self, crops_bgr: Sequence[U8]) -> list[F32]:
        """Return for each crop, uint8 (S, S, 3) BGR, a mask float32 (h, w): 1 may be replaced, 0 must stay."""
        return [regions.paste for regions in self.regions(crops_bgr)]

    def regions(self, crops_bgr: Sequence[U8]) -> list[Regions]:
        """Return what is where in each crop, uint8 (S, S, 3) BGR."""
        if not crops_bgr:
            return []
        out = self.network(face=np.stack(crops_bgr))
        if self.card.kind == "labels":
            return [Regions(paste) for paste in self._paste[out["labels"]]]
        planes = out["regions"]
        weights = self._paste[: planes.shape[1], None, None]
        names = self.card.segment.classes if self.card.segment else ()
        inside, lips = (names.index(name) if name in names else None for name in ("mouth", "lips"))
        return [
            Regions(
                np.asarray((one * weights).sum(0), np.float32),
                None if inside is None else np.ascontiguousarray(one[inside]),
                None if lips is None else np.ascontiguousarray(one[lips]),
            )
            for one in planes
        ]
