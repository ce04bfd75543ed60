"""Show a converted enhancer at work on the demo face: small and enlarged, fp32, int8, the original.

    python benchmarks/show_enhanced.py --models DIR [-o benchmarks/results/enhanced_face.png]

DIR holds rrdbnet.fp32.onnx and rrdbnet.int8.onnx.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

import lipsync_edge
from lipsync_edge.models.network import load_network

SIDE = 96
FACE = Path(lipsync_edge.__file__).parent / "assets" / "face.jpg"


def main() -> None:
    """Parse the command line, enhance, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument(
        "-o", "--out", type=Path, default=Path(__file__).parent / "results" / "enhanced_face.png"
    )
    args = parser.parse_args()
    original = cv2.resize(cv2.imread(str(FACE)), (4 * SIDE, 4 * SIDE), interpolation=cv2.INTER_AREA)
    small = cv2.resize(original, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    tiles = [cv2.resize(small, (4 * SIDE, 4 * SIDE), interpolation=cv2.INTER_CUBIC)]
    for precision in ("fp32", "int8"):
        network = load_network("rrdbnet", models=args.models, device="cpu", precision=precision)
        made = network(image=(small.astype(np.float32) / np.float32(255))[None])["image_out"][0]
        tiles.append(np.rint(made * 255).astype(np.uint8))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(args.out), np.hstack([*tiles, original]))


if __name__ == "__main__":
    main()
