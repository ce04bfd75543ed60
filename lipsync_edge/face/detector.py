"""Frames to face boxes: the small copy a detector sees, the decoding of its head, and non-maximum suppression."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from lipsync_edge.errors import ModelError
from lipsync_edge.face.identity import iou_with
from lipsync_edge.models.network import Network
from lipsync_edge.models.spec import DetectHead
from lipsync_edge.types import F32, POINTS, U8, Boxes

MULTIPLE = 32  # sides of a small copy are filled up to this, so that every stride divides them
_SAME_FACE_IOU = 0.6
_S3FD_STRIDES = (4, 8, 16, 32, 64, 128)


def grid_sizes(height: int, width: int, strides: Sequence[int]) -> list[tuple[int, int]]:
    """Return the rows and columns of each map of the head, for an input of height x width pixels.

    A map of stride s has ceil(side / s) cells. S3FD's trunk (strides 4 to 128) differs: its poolings round down, its
    sixth convolution adds four cells at stride 32, and the last two halve that, rounding up.
    """
    if tuple(strides) != _S3FD_STRIDES:
        return [(-(-height // s), -(-width // s)) for s in strides]
    sides = [[side // 4, side // 8, side // 16, side // 32 + 4] for side in (height, width)]
    for side in sides:
        side.append((side[3] + 1) // 2)
        side.append((side[4] + 1) // 2)
    return list(zip(sides[0], sides[1], strict=True))


def make_priors(height: int, width: int, head: DetectHead) -> F32:
    """Return the priors of an input of height x width pixels.

    Returns:
        float32 (N, 4): centre x, centre y, width, height in input pixels; strides in the head's order, each map row
        by row. A prior's centre is stride / 2 + i * stride, its side the head's.
    """
    blocks = []
    grids = grid_sizes(height, width, head.strides)
    for stride, side, (rows, columns) in zip(head.strides, head.sides, grids, strict=True):
        y, x = np.mgrid[:rows, :columns].astype(np.float32).reshape(2, -1) * stride + np.float32(stride / 2)
        blocks.append(np.stack([x, y, np.full_like(x, side), np.full_like(x, side)], axis=1))
    return np.concatenate([np.zeros((0, 4), np.float32), *blocks]).astype(np.float32)


def decode_boxes(offsets: F32, priors: F32, variances: tuple[float, float]) -> F32:
    """Decode SSD's offsets float32 (n, 4) and priors float32 (n, 4) to float32 (n, 4) x1, y1, x2, y2."""
    centre = priors[:, :2] + offsets[:, :2] * np.float32(variances[0]) * priors[:, 2:]
    size = priors[:, 2:] * np.exp(offsets[:, 2:] * np.float32(variances[1]))
    corner = centre - size / 2
    return np.concatenate([corner, corner + size], axis=1).astype(np.float32)


def decode_points(points: F32, priors: F32, variances: tuple[float, float]) -> F32:
    """Decode landmarks' offsets float32 (n, 10) and priors (n, 4) to float32 (n, 5, 2) x, y."""
    offset = points.reshape(-1, POINTS, 2) * np.float32(variances[0]) * priors[:, None, 2:]
    return np.asarray(priors[:, None, :2] + offset, np.float32)


def suppress(xyxy: F32, score: F32, iou: float) -> list[int]:
    """Suppress all but the best of overlapping boxes, greedily; widths count as in the published code (x2 - x1 + 1).

    Args:
        xyxy: float32 (n, 4).
        score: float32 (n,).
        iou: a box that overlaps a better one by more than this is dropped.

    Returns:
        Indices of the kept boxes, best first.
    """
    x1, y1, x2, y2 = xyxy.T
    area = (x2 - x1 + 1) * (y2 - y1 + 1)
    order = np.argsort(-score, kind="stable")
    kept: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        width = np.maximum(0.0, np.minimum(x2[best], x2[rest]) - np.maximum(x1[best], x1[rest]) + 1)
        height = np.maximum(0.0, np.minimum(y2[best], y2[rest]) - np.maximum(y1[best], y1[rest]) + 1)
        common = width * height
        order = rest[common / (area[best] + area[rest] - common) <= iou]
    return kept


def decode(head: DetectHead, priors: F32, score: F32, offsets: F32, points: F32 | None = None) -> Boxes:
    """Turn one picture's raw head into faces, best first, in pixels of the detector's input.

    With landmarks, box and landmarks of a face are means over the candidates that overlap its best one; without (the
    published detector) they are the best candidate's.

    Args:
        head: the card's [detect] table.
        priors: float32 (N, 4), see `make_priors`.
        score: float32 (N,), probability of a face.
        offsets: float32 (N, 4).
        points: float32 (N, 10), or None.
    """
    # a box below the threshold can only suppress boxes that are lower still, so it may go before the suppression
    likely = np.nonzero(score > head.score_threshold)[0]
    xyxy, score = (
        decode_boxes(offsets[likely], priors[likely], head.variances),
        score[likely].astype(np.float32),
    )
    kept = suppress(xyxy, score, head.nms_iou)
    if points is None:
        return Boxes(xyxy[kept], score[kept])
    landmarks = decode_points(points[likely], priors[likely], head.variances)
    rows = np.concatenate([xyxy, landmarks.reshape(-1, 2 * POINTS)], axis=1)
    merged = np.array([_merge(rows, score, i) for i in kept], np.float32).reshape(-1, rows.shape[1])
    return Boxes(merged[:, :4], score[kept], merged[:, 4:].reshape(-1, POINTS, 2))


def _merge(rows: F32, score: F32, best: int) -> F32:
    """Mean of the rows, float32 (n, 14), whose boxes overlap the best, weighted by score; steadier than the best."""
    same = iou_with(rows[:, :4], rows[best, :4]) > _SAME_FACE_IOU
    weight = score[same] / score[same].sum()
    return np.asarray(weight @ rows[same], np.float32)


class Detector:
    """Finds the faces of frames with a network of role "detect".

    Attributes:
        network: the loaded network.
        head: how its output is decoded.
    """

    def __init__(self, network: Network) -> None:
        if network.spec.role != "detect" or network.spec.detect is None:
            raise ModelError(expected="a detect card with a [detect] table", got=f"card {network.spec.name}")
        self.network = network
        self.head = network.spec.detect
        self._priors: tuple[tuple[int, int], F32] = ((0, 0), np.zeros((0, 4), np.float32))

    def __call__(self, frames_bgr: Sequence[U8], side: int = 0) -> list[Boxes]:
        """Find faces.

        Args:
            frames_bgr: uint8 (H, W, 3) each, all of one size; they make one batch.
            side: long side in pixels of the small copy that the network sees, filled up with black at the bottom and
                the right to a multiple of 32; 0: the frame itself, unchanged. A frame is never enlarged.

        Returns:
            The faces of each frame, best first, in pixels of the frame; not clipped to it.
        """
        if not frames_bgr:
            return []
        small = [_small_copy(frame, side) if side else frame for frame in frames_bgr]
        out = self.network(frame=np.stack(small))
        height, width = small[0].shape[:2]
        priors = self._priors_of(height, width)
        if out["scores"].shape[1:] != (len(priors),):
            raise ModelError(
                expected=f"{len(priors)} scores from {self.network.spec.name} for a frame of {width}x{height}",
                got=str(out["scores"].shape),
                fix="the card's [detect] strides do not fit the network",
            )
        scale = _scale(frames_bgr[0], side)
        points = out.get("points") if self.head.landmarks else None
        return [
            _enlarge(
                decode(
                    self.head,
                    priors,
                    out["scores"][i],
                    out["offsets"][i],
                    None if points is None else points[i],
                ),
                scale,
            )
            for i in range(len(frames_bgr))
        ]

    def _priors_of(self, height: int, width: int) -> F32:
        size, priors = self._priors  # one tuple, so that threads never see a size with another size's priors
        if size != (height, width):
            priors = make_priors(height, width, self.head)
            self._priors = ((height, width), priors)
        return priors


def _small_size(frame_bgr: U8, side: int) -> tuple[int, int]:
    height, width = frame_bgr.shape[:2]
    ratio = min(1.0, side / max(height, width))
    return max(1, round(height * ratio)), max(1, round(width * ratio))


def _scale(frame_bgr: U8, side: int) -> tuple[float, float]:
    """Frame pixels per detector pixel, along x and y."""
    if not side:
        return 1.0, 1.0
    height, width = _small_size(frame_bgr, side)
    return frame_bgr.shape[1] / width, frame_bgr.shape[0] / height


def _small_copy(frame_bgr: U8, side: int) -> U8:
    height, width = _small_size(frame_bgr, side)
    if frame_bgr.shape[:2] != (height, width):
        frame_bgr = np.asarray(cv2.resize(frame_bgr, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    filled = np.zeros((-(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE, 3), np.uint8)
    filled[:height, :width] = frame_bgr
    return filled


def _enlarge(boxes: Boxes, scale: tuple[float, float]) -> Boxes:
    if scale == (1.0, 1.0):
        return boxes
    factor = np.array(scale, np.float32)
    landmarks = boxes.landmarks
    if landmarks is not None:  # points count from pixel centres, boxes from pixel edges
        landmarks = (landmarks + np.float32(0.5)) * factor - np.float32(0.5)
    return Boxes(boxes.xyxy * np.tile(factor, 2), boxes.score, landmarks)
