"""How far the frames of two machines are from each other, kept as a row; what `scripts/arm64` ends with."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from benchmarks import rows


def pictures(path: Path) -> list[np.ndarray]:
    """Return the frames of a video, uint8 (H, W, 3)."""
    video, found = cv2.VideoCapture(str(path)), []
    while True:
        more, frame = video.read()
        if not more:
            return found
        found.append(frame)


def differences(here: Path, there: Path) -> dict[str, float | int]:
    """Return how many grey levels lie between the same pixels of two videos.

    Raises:
        SystemExit: they have not the same frames.
    """
    ours, theirs = pictures(here), pictures(there)
    if not ours or len(ours) != len(theirs):
        raise SystemExit(f"{len(ours)} frames here, {len(theirs)} there")
    levels = np.stack([cv2.absdiff(a, b).max(2) for a, b in zip(ours, theirs, strict=True)])
    return {
        "frames": len(ours),
        "most_levels": int(levels.max()),
        "beyond_one_level": round(float((levels > 1).mean()), 8),
        "mean_levels": round(float(levels.mean()), 6),
    }


def main() -> None:
    """Compare, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("here", type=Path, help="folder with PRECISION.mp4, made here")
    parser.add_argument("there", type=Path, help="the same, made there")
    parser.add_argument("--tests", default="", help="pytest's last line")
    parser.add_argument("--demo-s", type=int)
    parser.add_argument("--tests-s", type=int)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/arm64.json"))
    options = parser.parse_args()
    row = {
        "emulated": "qemu-user, Debian bookworm arm64",
        "differences": {
            name: differences(options.here / f"{name}.mp4", options.there / f"{name}.mp4")
            for name in ("int8", "fp32")
        },
        "tests": options.tests,
        "demo_s": options.demo_s,
        "tests_s": options.tests_s,
        "here": rows.stated(),
    }
    options.out.write_text(json.dumps(row, indent=1) + "\n", "utf-8")
    print(json.dumps({name: value for name, value in row.items() if name != "here"}, indent=1))


if __name__ == "__main__":
    main()
