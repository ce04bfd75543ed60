"""Figures of one dub: what the mouth was asked, what it did, what shows through, and how its inside looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.eval.metrics.opening import beyond, correlation
from lipsync_edge.eval.metrics.temporal import flicker
from lipsync_edge.types import U8
from training.lips.coefficients import INNER
from training.mouth.shape import mouth_shape

Array = npt.NDArray[Any]

NAMES = ("opening", "width", "jaw")
OPEN = 0.06  # of the eye distance: the inside of the lips is judged from this opening on
SHUT_ASKED = 0.02  # a smaller asked opening (relative to shut) asks for shut lips
SHUT_MADE = 0.045  # and a smaller one read off the picture gives them
NOISE = 4.0  # squared Laplacian of a flat surface's noise, left out of the ratio


@dataclass(frozen=True, slots=True, eq=False)
class Inside:
    """What is seen between the lips of one frame; NaN where they are shut.

    Attributes:
        energy: mean square of the Laplacian, grey levels².
        light: mean grey level.
    """

    energy: float
    light: float


def inside_lips(frame_bgr: U8, mesh: Array) -> Inside:
    """Look between the inner lips of a frame, mesh float (478, 3) in its pixels."""
    polygon = mesh[list(INNER), :2]
    if not np.isfinite(polygon).all() or mouth_shape(mesh[None])[0, 0] < OPEN:
        return Inside(np.nan, np.nan)
    low = np.maximum(np.floor(polygon.min(0)).astype(int) - 3, 0)
    high = np.ceil(polygon.max(0)).astype(int) + 4
    part = cv2.cvtColor(frame_bgr[low[1] : high[1], low[0] : high[0]], cv2.COLOR_BGR2GRAY)
    mask = np.zeros(part.shape, np.uint8)
    cv2.fillPoly(mask, [np.rint((polygon - low) * 16).astype(np.int32)], 1, shift=4)
    where = cv2.erode(mask, np.ones((3, 3), np.uint8)) > 0
    if where.sum() < 20:
        return Inside(np.nan, np.nan)
    edges = cv2.Laplacian(part, cv2.CV_64F)[where]
    return Inside(float((edges**2).mean()), float(part[where].mean()))


def jumps(light: Array) -> float:
    """Return the mean absolute change of brightness between neighbouring open frames, grey levels."""
    steps = np.abs(np.diff(light))
    return float(np.nanmean(steps)) if np.isfinite(steps).any() else np.nan


def motion_row(made: Array, asked: Array, speaker: Array, source: Array, other: Array) -> dict[str, float]:
    """Return how shapes follow each other; every argument float (n, 3): opening, width, jaw.

    Args:
        made: read off the made frames.
        asked: what the coefficients mean.
        speaker: the voice's own speaker.
        source: the face's own film.
        other: what another voice asks (the control).
    """
    row: dict[str, float] = {}
    for k, name in enumerate(NAMES):
        one = [x[:, k].astype(np.float64) for x in (made, asked, speaker, source, other)]
        row[f"{name}_asked"] = _number(correlation(one[0], one[1]))
        row[f"{name}_wrong_voice"] = _number(correlation(one[0], one[4]))
        row[f"{name}_speaker"] = _number(correlation(one[0], one[2]))
        row[f"{name}_source"] = _number(beyond(one[0], one[3], one[1]))
    row["amplitude"] = float(np.nanstd(made[:, 0]) / np.nanstd(source[:, 0]))
    for key, shut in (
        ("closures", asked[:, 0] < SHUT_ASKED),
        ("closures_wrong_voice", other[:, 0] < SHUT_ASKED),
    ):
        shut = shut & np.isfinite(made[:, 0])
        row[key] = float((made[shut, 0] < SHUT_MADE).mean()) if shut.any() else np.nan
    return row


def look_row(
    made: list[Inside], source: list[Inside], made_crops: list[U8], source_crops: list[U8]
) -> dict[str, float]:
    """Return sharpness, brightness jumps and flicker of the made mouth over the source's own."""
    energy = [np.array([x.energy for x in part]) for part in (made, source)]
    light = [np.array([x.light for x in part]) for part in (made, source)]
    open_enough = min(int(np.isfinite(part).sum()) for part in energy) >= 8
    sharp = [np.sqrt(max(np.nanmean(part) - NOISE, 0.0)) if open_enough else np.nan for part in energy]
    return {
        "sharpness": float(sharp[0] / sharp[1]),
        "light_jumps": jumps(light[0]) / jumps(light[1]),
        "flicker": float((flicker(made_crops) or np.nan) / (flicker(source_crops) or np.nan)),
    }


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
