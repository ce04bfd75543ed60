"""Show a converted enhancer at work on the demo face: small and enlarged, fp32, int8, the original.

    python -m benchmarks look enhanced --models DIR [-o benchmarks/results/enhanced_face.png]

DIR holds rrdbnet.fp32.onnx and rrdbnet.int8.onnx.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from lipsync_edge.demo import demo_files
from lipsync_edge.models.network import load_network
from lipsync_edge.video.still_image import read_image

SIDE = 96


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the folder and the picture."""
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument(
        "-o", "--out", type=Path, help="the picture; without it enhanced_face.png among the results"
    )


def main(options: argparse.Namespace) -> None:
    """Enhance, write."""
    face = read_image(demo_files()[0])
    original = cv2.resize(face, (4 * SIDE, 4 * SIDE), interpolation=cv2.INTER_AREA)
    small = cv2.resize(original, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    tiles = [cv2.resize(small, (4 * SIDE, 4 * SIDE), interpolation=cv2.INTER_CUBIC)]
    for precision in ("fp32", "int8"):
        network = load_network("rrdbnet", models=options.models, device="cpu", precision=precision)
        made = network(image=(small.astype(np.float32) / np.float32(255))[None])["image_out"][0]
        tiles.append(np.rint(made * 255).astype(np.uint8))
    out = options.out or options.results / "enhanced_face.png"
    out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out), np.hstack([*tiles, original]))
