"""How much worse a smaller file may be, in the figure of its task; fp32 on the same inputs is the measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from export.measure import psnr
from lipsync_edge.arrays import F32, Boxes
from lipsync_edge.backend import Arrays
from lipsync_edge.card import WHOLE_CROP, DetectHead, ModelCard
from lipsync_edge.detect import decode, make_priors
from lipsync_edge.enhance import compose_small, window_pixels
from lipsync_edge.landmarks import LEFT_EYE_CORNERS, LOWER_INNER, RIGHT_EYE_CORNERS, UPPER_INNER
from lipsync_edge.lips import WarpMouth
from lipsync_edge.select import iou_with

METRICS = {
    "lips": "psnr",
    "enhance": "psnr",
    "segment": "miou",
    "detect": "iou",
    "sync": "cosine",
    "landmarks": "points_kept",
}
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
        figures: name → value; the card's metric is the first.
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


def judge(
    card: ModelCard, precision: str, feeds: Sequence[Arrays], want: Sequence[Arrays], got: Sequence[Arrays]
) -> Verdict:
    """Compare outputs with those of fp32.

    Args:
        card: its [gate] says how much is enough.
        precision: "fp16" or "int8"; anything else is judged as int8.
        feeds: what both were fed, batch 1 each.
        want: outputs of fp32.
        got: outputs of the smaller file.
    """
    threshold = card.gate.fp16 if precision == "fp16" else card.gate.int8
    if not all(np.isfinite(a).all() for out in got for a in out.values() if a.dtype.kind == "f"):
        return Verdict({METRICS[card.role]: float("nan")}, -float("inf"))
    if card.role == "detect":
        return _judge_boxes(card, threshold, feeds, want, got)
    if card.role == "segment":
        value = _miou(card, want, got)
    elif card.role == "sync":
        value = min(_cosine(w[name], g[name]) for w, g in zip(want, got, strict=True) for name in w)
    elif card.kind == "warp":
        return _judge_warp(card, threshold, feeds, want, got)
    elif card.role == "landmarks":
        return _judge_points(threshold, want, got)
    else:
        value = psnr(
            *(np.concatenate([next(iter(o.values())).ravel() for o in outs]) for outs in (got, want))
        )
    return Verdict({METRICS[card.role]: value}, value - threshold)


def _judge_warp(
    card: ModelCard, threshold: float, feeds: Sequence[Arrays], want: Sequence[Arrays], got: Sequence[Arrays]
) -> Verdict:
    """The picture of the mouth alone, and how much of the motion is lost: skin that stands still must hide neither.

    `flow_px` says the same of the shape in the mouth's window: how far off its points lie, in pixels of the crop.
    """
    value = psnr(_mouths(card, feeds, got), _mouths(card, feeds, want))
    moved = sum(float(np.abs(w["flow"]).sum()) for w in want)
    off = sum(float(np.abs(w["flow"] - g["flow"]).sum()) for w, g in zip(want, got, strict=True))
    lost = off / max(moved, 1e-9)
    figures = {METRICS[card.role]: value, "flow_lost": lost, "flow_px": _flow_px(card, want, got)}
    return Verdict(figures, min(value - threshold, FLOW_LOSS - lost))


def _judge_points(threshold: float, want: Sequence[Arrays], got: Sequence[Arrays]) -> Verdict:
    """How near the points stay (1 − mean distance over the eye distance), and what small errors spoil."""
    a, b = (np.concatenate([out["points"] for out in side]) for side in (want, got))
    eyes = [a[:, list(corners)].mean(1) for corners in (LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS)]
    unit = np.maximum(np.linalg.norm(eyes[1] - eyes[0], axis=1), 1e-6)
    kept = 1 - float((np.linalg.norm(a - b, axis=2).mean(1) / unit).mean())
    gaps = [np.linalg.norm(p[:, list(UPPER_INNER)] - p[:, list(LOWER_INNER)], axis=2).mean(1) for p in (a, b)]
    opening = float((np.abs(gaps[0] - gaps[1]) / unit).mean())
    turned = float(np.mean([np.abs(w["pose"] - g["pose"]).mean() for w, g in zip(want, got, strict=True)]))
    figures = {METRICS["landmarks"]: kept, "opening_off": opening, "pose_off": turned}
    return Verdict(figures, min(kept - threshold, OPENING_LOSS - opening, POSE_LOSS - turned))


def _flow_px(card: ModelCard, want: Sequence[Arrays], got: Sequence[Arrays]) -> float:
    """Return the mean length of the difference of two flows in the mouth's window, in pixels of the crop."""
    difference = np.concatenate([w["flow"] - g["flow"] for w, g in zip(want, got, strict=True)])
    side = difference.shape[-1]
    left, top, right, bottom = (
        round(side * part) for part in (card.warp.window if card.warp else WHOLE_CROP)
    )
    window = difference[:, :, top:bottom, left:right]
    return float(np.hypot(window[:, 0], window[:, 1]).mean()) * card.side("face")


def _mouths(card: ModelCard, feeds: Sequence[Arrays], outs: Sequence[Arrays]) -> F32:
    """Stack the mouth's window of composed crops, BGR 0…1."""
    window = card.warp.window if card.warp else WHOLE_CROP
    made = []
    for feed, out in zip(feeds, outs, strict=True):
        flow, mask, paint = (np.moveaxis(out[name][0], 0, -1) for name in ("flow", "mask", "paint"))
        flow, mask, paint = (np.ascontiguousarray(plane) for plane in (flow, mask[..., 0], paint))
        image = compose_small(feed["face"][0], WarpMouth(flow, mask, paint, window))
        made.append(window_pixels(len(image)).cut(image).ravel())
    return np.concatenate(made)


def _miou(card: ModelCard, want: Sequence[Arrays], got: Sequence[Arrays]) -> float:
    """Mean over the classes that occur of intersection over union, all pictures together."""
    name = card.outputs[0].name
    a, b = (np.concatenate([_labels(out[name]) for out in side]) for side in (want, got))
    classes = np.union1d(np.unique(a), np.unique(b))
    return float(np.mean([((a == c) & (b == c)).sum() / ((a == c) | (b == c)).sum() for c in classes]))


def _labels(array: F32) -> np.ndarray:
    return (array if array.dtype == np.uint8 else array.argmax(1)).ravel()


def _cosine(a: F32, b: F32) -> float:
    return float((a * b).sum() / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def _judge_boxes(
    card: ModelCard, threshold: float, feeds: Sequence[Arrays], want: Sequence[Arrays], got: Sequence[Arrays]
) -> Verdict:
    """Take fp32's faces for true: mean overlap of the found ones, average precision, distance of landmarks."""
    assert card.detect is not None
    pairs: list[tuple[float, float]] = []
    hits: list[tuple[float, bool]] = []
    total = 0
    for feed, w, g in zip(feeds, want, got, strict=True):
        priors = make_priors(*feed["frame"].shape[1:3], card.detect)
        truth = _faces(card.detect, priors, w)
        total += len(truth)
        _match(truth, _faces(card.detect, priors, g), pairs, [])
        _match(truth, _faces(replace(card.detect, score_threshold=LEAST_SCORE), priors, g), [], hits)
    if total == 0:  # nothing to find: no false alarm, and scores that stay close
        off = float(max(np.abs(w["scores"] - g["scores"]).max() for w, g in zip(want, got, strict=True)))
        wrong = any(score > card.detect.score_threshold for score, _ in hits)
        return Verdict({"iou": 1.0, "ap": float(not wrong), "scores_off": off}, -1.0 if wrong else 0.02 - off)
    overlap, points = np.mean(pairs, axis=0).tolist() if pairs else (0.0, 1.0)
    precision = average_precision(hits, total)
    figures = {"iou": overlap, "ap": precision} | ({"points_off": points} if card.detect.landmarks else {})
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
