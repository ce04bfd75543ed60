"""What the shipped coefficients mean for exemplars: opening, width and jaw as a linear map.

python -m training voice.to_shape --shape SHAPE.npz --mesh MESH --out to_shape.npy

The read-out of the renderer's basis, in the units of `mouth_measures` (distance of the eye centres). On ordinary speech
it follows width better than a least-squares map that is fitted on the talking clips (r 0.47 against 0.40 over the
fifteen clips of eval/natural; opening 0.45 and 0.46, jaw 0.37 and 0.36). The opening is scaled so that its spread on
the half CHOOSE is natural.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.lips.coefficients import ShapeModel
from training.teachers.mouth_measures import mouth_measures
from training.voice.measures import fixed_readout, measures

Array = npt.NDArray[Any]

OPENING = 1.27  # how much more mesh v2 sees of an opening than the basis, which FaceMesh gave, says


def eye_unit(mesh: Path) -> float:
    """Return the distance of the outer eye corners over that of the eye centres, median over training people."""
    ratios = []
    for folder in sorted((mesh / "train").iterdir()):
        with np.load(sorted(folder.glob("*.npz"))[0]) as data:
            points = data["points"][data["score"] > 0.5]
        ratios.append(np.median(mouth_measures(points).jaw / measures(points)[:, 2]))
    return float(np.median(ratios))


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", type=Path, required=True)
    parser.add_argument("--mesh", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the map, float32 (3, 8)."""
    options = arguments().parse_args(argv)
    readout = fixed_readout(ShapeModel.load(options.shape)) * np.array([[OPENING], [1.0], [1.0]])
    found = (readout * eye_unit(options.mesh)).astype(np.float32)
    np.save(options.out, found)
    print(np.array2string(found, precision=4, separator=", ", suppress_small=True))
