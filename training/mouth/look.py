"""Pictures of dubbed mouths for eyes: strips of frames and kymographs, one row a way of making them.

    python -m training mouth.look --kept DIR --ways today self own --face NAME --out strip.png

The views are those that `training.mouth.measure --keep` wrote.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

COLUMN = 0.5  # of a view's width: the column that a kymograph shows


def rows_of(kept: Path, ways: list[str], face: str) -> dict[str, Array]:
    """Return the views of the source and of each way, uint8 (n, h, w, 3)."""
    found: dict[str, Array] = {}
    for way in ways:
        with np.load(kept / way / f"{face}.npz") as data:
            found.setdefault("source", data["source"])
            found[way] = data["made"]
    return found


def strip(views: dict[str, Array], chosen: list[int], scale: float) -> Array:
    """Return rows of ways, columns of frames."""
    rows = [np.hstack([_scaled(part[i], scale) for i in chosen if i < len(part)]) for part in views.values()]
    return np.vstack(rows)


def kymograph(views: dict[str, Array], first: int, last: int) -> Array:
    """Return one column of each frame side by side, a row a way."""
    rows = []
    for part in views.values():
        x = round(COLUMN * part.shape[2])
        rows.append(np.stack([frame[:, x] for frame in part[first:last]], 1))
    return np.asarray(cv2.resize(np.vstack(rows), None, fx=6, fy=2, interpolation=cv2.INTER_NEAREST))


def _scaled(picture: Array, scale: float) -> Array:
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kept", type=Path, required=True)
    parser.add_argument("--ways", nargs="+", required=True)
    parser.add_argument("--face", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=int, default=20)
    parser.add_argument("--count", type=int, default=9)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--kymograph", action="store_true")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write one picture."""
    options = arguments().parse_args(argv)
    views = rows_of(options.kept, options.ways, options.face)
    if options.kymograph:
        picture = kymograph(views, options.start, options.start + options.count)
    else:
        chosen = [options.start + k * options.step for k in range(options.count)]
        picture = strip(views, chosen, options.scale)
    cv2.imwrite(str(options.out), picture)
