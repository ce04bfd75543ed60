"""The audio encoder that is cut out of the lips asks exactly what the whole graph asks."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.spec import load_spec
from training.lips.split import ASKED, split


def test_the_part_gives_what_the_whole_computes_inside(tmp_path: Path) -> None:
    lips = Path("models_onnx/edge_lips.fp32.onnx")
    part, whole = tmp_path / "edge_voice.fp32.onnx", tmp_path / "whole.onnx"
    split(lips, part)
    model = onnx.load(str(lips))
    model.graph.output.append(helper.make_tensor_value_info(ASKED, TensorProto.FLOAT, ["batch", 8]))
    onnx.save(model, str(whole))
    rng = np.random.default_rng(3)
    audio = load_spec("edge_voice").audio
    assert audio is not None
    mel = rng.uniform(-4, 4, (3, 80, audio.columns)).astype(np.float32)
    face = rng.integers(0, 256, (3, 128, 128, 3), dtype=np.uint8)
    asked = open_backend(part, "cpu", 1).run({"mel": mel})["coefficients"]
    inside = open_backend(whole, "cpu", 1).run({"face": face, "mel": mel})[ASKED]
    assert np.array_equal(asked, inside)
    assert np.abs(asked).max() > 0.1
