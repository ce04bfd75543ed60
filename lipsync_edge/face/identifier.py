"""What tells people apart: a network that gives a face numbers, near for one person, far for two."""

from __future__ import annotations

import numpy as np

from lipsync_edge.errors import ModelError
from lipsync_edge.face.align import AlignedCrop, aligned_crop, similarity
from lipsync_edge.models.network import Network
from lipsync_edge.models.spec import Likeness
from lipsync_edge.types import F32, U8, Boxes

_CORNERS = np.array([(0.12, 0.04), (0.88, 0.9)])  # of the crop: where a face box lies that has no landmarks


class Identifier:
    """Tells faces apart with a network of role "identity"; it is a `lipsync_edge.face.looks.Looks`.

    Attributes:
        network: the loaded network.
        name: its digest.
        side: of the crops it eats, in pixels.
        same: likeness above which two faces are one person's, wherever they are.
        other: likeness below which two faces are not one person's, even at one place.
    """

    def __init__(self, network: Network) -> None:
        if network.spec.role != "identity":
            raise ModelError(expected="an identity card", got=f"card {network.spec.name}")
        likeness = network.spec.identity or Likeness()
        self.same, self.other = likeness.same, likeness.other
        self.network = network
        self.name = network.sha256 or network.spec.name
        self.side = network.spec.side("face")

    def __call__(self, frame_bgr: U8, boxes: Boxes) -> F32:
        """Return what tells the faces of a frame apart, float32 (n, 128), each of length 1."""
        if not len(boxes):
            return np.zeros((0, 1), np.float32)
        crops = [self._crop(boxes, i).cut(frame_bgr) for i in range(len(boxes))]
        return self.network(face=np.stack(crops))["embedding"]

    def _crop(self, boxes: Boxes, i: int) -> AlignedCrop:
        if boxes.landmarks is not None:
            return aligned_crop(boxes.landmarks[i], self.side)
        corners = boxes.xyxy[i].reshape(2, 2)
        return AlignedCrop(similarity(corners, _CORNERS * self.side - 0.5), self.side)
