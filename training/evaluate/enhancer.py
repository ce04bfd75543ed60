"""Measure `edge_enhance` on the held-out stills: against bicubic, by kind of damage, and colours.

python -m training evaluate.enhancer
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.models.telemetry import import_onnxruntime
from training.cli import command, parse
from training.enhancer.sharpness import cut_stills, degrade

Array = npt.NDArray[Any]
Enlarge = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class EnhanceRow:
    """Figures for one kind of damage, means over pictures.

    Attributes:
        psnr: dB against the sharp picture; `psnr_bicubic`, `psnr_linear`: plain enlargement.
        sharpness: variance of the Laplacian over the sharp picture's own; `sharpness_bicubic` alike.
        true_detail: how much of the sharp picture's Laplacian is there, at its own place (the slope of a regression;
            noise adds nothing to it); `true_detail_bicubic` alike.
        colour_shift: largest mean change of any channel, 0..255, against the network's input.
    """

    damage: str
    pictures: int
    psnr: float
    psnr_bicubic: float
    psnr_linear: float
    sharpness: float
    sharpness_bicubic: float
    true_detail: float
    true_detail_bicubic: float
    colour_shift: float


def psnr(a: Array, b: Array) -> float:
    """Return the peak signal-to-noise ratio of two uint8 images, dB."""
    return float(10 * np.log10(255**2 / max(float(np.mean((a.astype(float) - b) ** 2)), 1e-9)))


def edges(image_bgr: Array) -> Array:
    """Return the Laplacian of the grey image, float64 (H, W)."""
    return np.asarray(cv2.Laplacian(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY), cv2.CV_64F))


def true_detail(made_bgr: Array, truth_bgr: Array) -> float:
    """Return the slope of the made picture's Laplacian on the true one's: 1 where all detail is there."""
    made, truth = edges(made_bgr).ravel(), edges(truth_bgr).ravel()
    return float(made @ truth / max(float(truth @ truth), 1e-6))


def laplacian(image_bgr: Array) -> float:
    """Return the variance of the Laplacian of the grey image."""
    return float(edges(image_bgr).var())


def blurred(sigma: float) -> Callable[[Array], Array]:
    """Return a damage: Gaussian blur at full size, then half the size."""

    def damage(sharp: Array) -> Array:
        out = cv2.GaussianBlur(sharp, (0, 0), sigma) if sigma else sharp
        return np.asarray(cv2.resize(out, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))

    return damage


def measure(enlarge: Enlarge, name: str, small_pictures: Iterable[Array], sharp: Array) -> EnhanceRow:
    """Enlarge what was damaged and compare with the sharp pictures."""
    rows = []
    for small, truth in zip(small_pictures, sharp, strict=True):
        made = enlarge(small)
        size = truth.shape[1::-1]
        cubic = cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)
        linear = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
        shift = np.abs(made.mean((0, 1)) - small.mean((0, 1))).max()
        own = max(laplacian(truth), 1e-6)
        rows.append(
            (
                psnr(made, truth),
                psnr(cubic, truth),
                psnr(linear, truth),
                laplacian(made) / own,
                laplacian(cubic) / own,
                true_detail(made, truth),
                true_detail(cubic, truth),
                shift,
            )
        )
    return EnhanceRow(name, len(rows), *(float(v) for v in np.mean(rows, 0)))


def graph(path: Path) -> Enlarge:
    """Open the exported graph as a function of uint8 images."""
    ort = import_onnxruntime()

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def enlarge(small: Array) -> Array:
        made = session.run(None, {"image": small[None].astype(np.float32) / 255})[0][0]
        return (made * 255 + 0.5).astype(np.uint8)

    return enlarge


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(
        __name__, __doc__, "corpus", "labels", out=Path("benchmarks/results/train_edge_enhance.json")
    )
    parser.add_argument("--model", type=Path, default=Path("models_onnx/edge_enhance.fp32.onnx"))
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line; writes JSON and prints a table."""
    options = parse(arguments(), argv)
    crops, held = cut_stills(options.corpus, options.labels)
    sharp = crops[held][:, 32:224, 32:224]  # 192 px: the face without most of the hair
    enlarge, rng = graph(options.model), np.random.default_rng(0)
    damages = {f"blur {s}": blurred(s) for s in (0.0, 1.0, 2.0)} | {
        "as in training": lambda x: degrade(rng, x)
    }
    rows = [measure(enlarge, name, map(damage, sharp), sharp) for name, damage in damages.items()]
    for row in rows:
        print(
            " ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in asdict(row).values()), flush=True
        )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps([asdict(r) for r in rows], indent=1))
