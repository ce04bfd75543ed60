"""Gates: how much worse a smaller file may be, in the figure of its task; fp32 on the same inputs is the measure.

Every gate takes the spec, the threshold, the inputs (batch 1 each), the outputs of fp32 and those of the smaller file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lipsync_edge.face.detector import decode, make_priors
from lipsync_edge.face.identity import iou_with
from lipsync_edge.face.landmarks import LEFT_EYE_CORNERS, LOWER_INNER, RIGHT_EYE_CORNERS, UPPER_INNER
from lipsync_edge.models.spec import WHOLE_CROP, DetectHead, ModelSpec
from lipsync_edge.render.enhance import compose_small, window_pixels
from lipsync_edge.render.lips import WarpMouth
from lipsync_edge.types import F32, Arrays, Boxes

from .measure import psnr

AP_LOSS = 0.005  # half a point
POINTS_LOSS = 0.005  # of the box's width: landmarks that jump by more make the aligned crop tremble
FLOW_LOSS = 0.1  # of the motion
OPENING_LOSS = 0.006  # of the eye distance; speech opens a mouth by 0.1 to 0.3
POSE_LOSS = 0.6  # degrees
LEAST_SCORE = 0.05  # from which a found box counts as a candidate, as average precision wants it
MATCH = 0.5  # intersection over union from which two boxes are one face


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured and whether it is good enough.

    Attributes:
        figures: name → value; the spec's metric is the first.
        margin: the least of value − threshold over the gated figures; at least 0 is good enough.
    """

    figures: dict[str, float]
    margin: float

    @property
    def passed(self) -> bool:
        """Whether every gated figure reaches its threshold."""
        return self.margin >= 0

    def text(self) -> str:
        """Return "name value, …"."""
        return ", ".join(f"{name} {value:.4g}" for name, value in self.figures.items())


def pictures(
    spec: ModelSpec, threshold: float, inputs: Sequence[Arrays], want: Sequence[Arrays], got: Sequence[Arrays]
) -> Verdict:
    """Return the PSNR of the pictures made, all of them together."""
    made, real = (np.concatenate([next(iter(out.values())).ravel() for out in outs]) for outs in (got, want))
    value = psnr(made, real)
    return Verdict({spec.gate.metric: value}, value - threshold)


def regions(
    spec: ModelSpec, threshold: float, inputs: Sequence[Arrays], want: Sequence[Arrays], got: Sequence[Arrays]
) -> Verdict:
    """Return the mean overlap of the regions found."""
    value = _miou(spec, want, got)
    return Verdict({spec.gate.metric: value}, value - threshold)


def embeddings(
    spec: ModelSpec, threshold: float, inputs: Sequence[Arrays], want: Sequence[Arrays], got: Sequence[Arrays]
) -> Verdict:
    """Return the least cosine between embeddings of the same thing."""
    value = min(_cosine(w[name], g[name]) for w, g in zip(want, got, strict=True) for name in w)
    return Verdict({spec.gate.metric: value}, value - threshold)


def coefficients(
    spec: ModelSpec, threshold: float, inputs: Sequence[Arrays], want: Sequence[Arrays], got: Sequence[Arrays]
) -> Verdict:
    """Return how much of what is asked is kept: 1 − RMS of the difference over RMS of the coefficients."""
    a, b = (np.concatenate([out["coefficients"] for out in side]) for side in (want, got))
    kept = 1.0 - float(np.sqrt(((a - b) ** 2).mean() / max(float((a**2).mean()), 1e-12)))
    return Verdict({spec.gate.metric: kept}, kept - threshold)


def warps(
    spec: ModelSpec, threshold: float, inputs: Sequence[Arrays], want: Sequence[Arrays], got: Sequence[Arrays]
) -> Verdict:
    """The picture of the mouth alone, and how much of the motion is lost: skin that stands still must hide neither.

    `flow_px` says the same of the shape in the mouth's window: how far off its points lie, in pixels of the crop.
    """
    value = psnr(_mouths(spec, inputs, got), _mouths(spec, inputs, want))
    moved = sum(float(np.abs(w["flow"]).sum()) for w in want)
    off = sum(float(np.abs(w["flow"] - g["flow"]).sum()) for w, g in zip(want, got, strict=True))
    lost = off / max(moved, 1e-9)
    figures = {spec.gate.metric: value, "flow_lost": lost, "flow_px": _flow_px(spec, want, got)}
    return Verdict(figures, min(value - threshold, FLOW_LOSS - lost))


def _flow_px(spec: ModelSpec, want: Sequence[Arrays], got: Sequence[Arrays]) -> float:
    """Return the mean length of the difference of two flows in the mouth's window, in pixels of the crop."""
    difference = np.concatenate([w["flow"] - g["flow"] for w, g in zip(want, got, strict=True)])
    side = difference.shape[-1]
    left, top, right, bottom = (
        round(side * part) for part in (spec.warp.window if spec.warp else WHOLE_CROP)
    )
    window = difference[:, :, top:bottom, left:right]
    return float(np.hypot(window[:, 0], window[:, 1]).mean()) * spec.side("face")


def _mouths(spec: ModelSpec, feeds: Sequence[Arrays], outs: Sequence[Arrays]) -> F32:
    """Stack the mouth's window of composed crops, BGR 0…1."""
    window = spec.warp.window if spec.warp else WHOLE_CROP
    made = []
    for feed, out in zip(feeds, outs, strict=True):
        flow, mask, interior = (np.moveaxis(out[name][0], 0, -1) for name in ("flow", "mask", "paint"))
        flow, mask, interior = (np.ascontiguousarray(plane) for plane in (flow, mask[..., 0], interior))
        image = compose_small(feed["face"][0], WarpMouth(flow, mask, interior, window))
        made.append(window_pixels(len(image)).cut(image).ravel())
    return np.concatenate(made)


def _miou(spec: ModelSpec, want: Sequence[Arrays], got: Sequence[Arrays]) -> float:
    """Mean over the classes that occur of intersection over union, all pictures together."""
    name = spec.outputs[0].name
    a, b = (np.concatenate([_labels(out[name]) for out in side]) for side in (want, got))
    classes = np.union1d(np.unique(a), np.unique(b))
    return float(np.mean([((a == c) & (b == c)).sum() / ((a == c) | (b == c)).sum() for c in classes]))


def _labels(array: F32) -> np.ndarray:
    return (array if array.dtype == np.uint8 else array.argmax(1)).ravel()


def _cosine(a: F32, b: F32) -> float:
    return float((a * b).sum() / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def boxes(
    spec: ModelSpec, threshold: float, inputs: Sequence[Arrays], want: Sequence[Arrays], got: Sequence[Arrays]
) -> Verdict:
    """Take fp32's faces for true: mean overlap of the found ones, average precision, distance of landmarks."""
    assert spec.detect is not None
    pairs: list[tuple[float, float]] = []
    hits: list[tuple[float, bool]] = []
    total = 0
    for feed, w, g in zip(inputs, want, got, strict=True):
        height, width = feed["frame"].shape[1:3]
        priors = make_priors(height, width, spec.detect)
        truth = _faces(spec.detect, priors, w)
        total += len(truth)
        _match(truth, _faces(spec.detect, priors, g), pairs, [])
        _match(truth, _faces(replace(spec.detect, score_threshold=LEAST_SCORE), priors, g), [], hits)
    if total == 0:  # nothing to find: no false alarm, and scores that stay close
        off = float(max(np.abs(w["scores"] - g["scores"]).max() for w, g in zip(want, got, strict=True)))
        wrong = any(score > spec.detect.score_threshold for score, _ in hits)
        return Verdict({"iou": 1.0, "ap": float(not wrong), "scores_off": off}, -1.0 if wrong else 0.02 - off)
    overlap, points = np.mean(pairs, axis=0).tolist() if pairs else (0.0, 1.0)
    precision = average_precision(hits, total)
    figures = {"iou": overlap, "ap": precision} | ({"points_off": points} if spec.detect.landmarks else {})
    margins = overlap - threshold, precision - 1 + AP_LOSS, POINTS_LOSS - points
    return Verdict(figures, min(margins))


def _faces(head: DetectHead, priors: F32, out: Arrays) -> Boxes:
    points = out["points"][0] if head.landmarks else None
    return decode(head, priors, out["scores"][0], out["offsets"][0], points)


def _match(
    truth: Boxes, found: Boxes, pairs: list[tuple[float, float]], hits: list[tuple[float, bool]]
) -> None:
    """Pair found faces with true ones, best first: overlap, and mean distance of the landmarks in box widths."""
    free = list(range(len(truth)))
    for i in range(len(found)):
        shared = iou_with(truth.xyxy[free], found.xyxy[i]) if free else np.zeros(0, np.float32)
        best = int(shared.argmax()) if len(shared) else -1
        matched = best >= 0 and float(shared[best]) >= MATCH
        hits.append((float(found.score[i]), matched))
        if matched:
            pairs.append((float(shared[best]), _points_off(truth, found, free.pop(best), i)))


def _points_off(truth: Boxes, found: Boxes, true: int, i: int) -> float:
    if truth.landmarks is None or found.landmarks is None:
        return 0.0
    width = max(float(truth.xyxy[true, 2] - truth.xyxy[true, 0]), 1.0)
    return float(np.linalg.norm(truth.landmarks[true] - found.landmarks[i], axis=1).mean()) / width


def average_precision(hits: Sequence[tuple[float, bool]], total: int) -> float:
    """Return the area under precision over recall (precision made monotone), 0…1.

    Args:
        hits: score and whether it is a true face, for every face found.
        total: how many true faces there are.
    """
    ordered = np.array([true for _, true in sorted(hits, key=lambda hit: -hit[0])], bool)
    if not len(ordered) or not total:
        return 0.0
    found = np.cumsum(ordered)
    precision = found / np.arange(1, len(ordered) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((precision * ordered).sum() / total)


def landmarks(
    spec: ModelSpec, threshold: float, inputs: Sequence[Arrays], want: Sequence[Arrays], got: Sequence[Arrays]
) -> Verdict:
    """How near the points stay (1 − mean distance over the eye distance), and what small errors spoil."""
    a, b = (np.concatenate([out["points"] for out in side]) for side in (want, got))
    eyes = [a[:, list(corners)].mean(1) for corners in (LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS)]
    unit = np.maximum(np.linalg.norm(eyes[1] - eyes[0], axis=1), 1e-6)
    kept = 1 - float((np.linalg.norm(a - b, axis=2).mean(1) / unit).mean())
    gaps = [np.linalg.norm(p[:, list(UPPER_INNER)] - p[:, list(LOWER_INNER)], axis=2).mean(1) for p in (a, b)]
    opening = float((np.abs(gaps[0] - gaps[1]) / unit).mean())
    turned = float(np.mean([np.abs(w["pose"] - g["pose"]).mean() for w, g in zip(want, got, strict=True)]))
    figures = {spec.gate.metric: kept, "opening_off": opening, "pose_off": turned}
    return Verdict(figures, min(kept - threshold, OPENING_LOSS - opening, POSE_LOSS - turned))
