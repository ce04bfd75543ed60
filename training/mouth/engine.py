"""The bundled engine with its lip graph cut in two, so that coefficients can be read and exemplars be rendered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from lipsync_edge import load
from lipsync_edge.arrays import F32, U8
from lipsync_edge.card import WHOLE_CROP
from lipsync_edge.engine import Engine
from lipsync_edge.lips import Lips, Mouth, WarpMouth

Array = npt.NDArray[Any]


class SplitLips(Lips):
    """Audio encoder and mouth renderer as two calls; together bit for bit the one graph."""

    def __init__(self, lips: Lips, folder: Path, precision: str, threads: int) -> None:
        super().__init__(lips.network)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self._encoder, self._renderer = (
            ort.InferenceSession(str(folder / f"edge_lips_{part}.{precision}.onnx"), options)
            for part in ("encoder", "renderer")
        )

    def coefficients(self, mels: Sequence[F32]) -> F32:
        """Return what each window, float32 (80, 30), asks of the mouth, float32 (n, 8)."""
        return np.asarray(self._encoder.run(None, {"mel": np.stack(mels)})[0], np.float32)

    def mouths(self, crops_bgr: Sequence[U8], coefficients: F32) -> list[WarpMouth]:
        """Render one mouth for each crop, uint8 (128, 128, 3), and row of coefficients, float32 (n, 8)."""
        feeds = {"face": np.stack(crops_bgr), "coefficients": coefficients.astype(np.float32)}
        flow, mask, paint, _ = self._renderer.run(None, feeds)
        window = self.card.warp.window if self.card.warp else WHOLE_CROP
        dense = (
            [np.ascontiguousarray(plane) for plane in mouth]
            for mouth in zip(flow.transpose(0, 2, 3, 1), mask[:, 0], paint.transpose(0, 2, 3, 1), strict=True)
        )
        return [WarpMouth(*planes, window) for planes in dense]

    def __call__(self, crops_bgr: Sequence[U8], mels: Sequence[F32]) -> list[Mouth]:
        """Make one mouth for each crop and window, as `Lips` does."""
        return list(self.mouths(crops_bgr, self.coefficients(mels))) if crops_bgr else []


def split_engine(folder: Path, precision: str = "int8", threads: int = 1) -> Engine:
    """Load `lite` with the cut lips in `folder`."""
    engine = load(preset="lite", device="cpu", precision=precision, threads=threads)
    engine.lips = SplitLips(engine.lips, folder, precision, threads)
    return engine
