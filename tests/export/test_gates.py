"""Gates and the ladder of validation see what they should; inputs are cut as the runtime cuts them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from export import gates
from export.catalogue import evaluate_gate, feeds
from export.errors import OutputShapeError, TensorAxesError, TensorNamesError
from export.samples import made_up_scene, scenes
from export.validate import check_graph, check_outputs
from lipsync_edge.errors import InputError
from lipsync_edge.models.registry import bundled_models
from lipsync_edge.models.spec import load_spec

NAME = "edge_segment"


def test_ladder() -> None:
    """Names, then axes, then shapes: each rung its own error."""
    spec = load_spec(NAME)
    model = onnx.load(str(bundled_models() / f"{NAME}.fp32.onnx"))
    check_graph(model, spec, "x")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    with pytest.raises(TensorAxesError, match="face"):
        check_graph(model, spec, "x")
    model.graph.input[0].name = "image"
    with pytest.raises(TensorNamesError, match="image"):
        check_graph(model, spec, "x")
    good = np.zeros((1, 4, 64, 64), np.float32)
    check_outputs(spec, {"regions": good}, 1, "x")
    for bad in (good[:, :3], good[0], good.astype(np.float64), good.repeat(2, 0)):
        with pytest.raises(OutputShapeError, match="regions"):
            check_outputs(spec, {"regions": bad}, 1, "x")


def test_gates_see_what_they_should() -> None:
    """Hand-worked figures: average precision, overlap of labels, NaN never passes."""
    assert gates.average_precision([(0.9, True), (0.8, False), (0.7, True)], 2) == pytest.approx(
        (1 + 2 / 3) / 2
    )
    assert gates.average_precision([], 3) == 0
    spec = load_spec("bisenet")
    a = np.zeros((1, 4, 4), np.uint8)
    a[:, :2] = 1
    b = a.copy()
    b[0, 2, :2] = 1
    verdict = evaluate_gate(spec, "int8", [{}], [{"labels": a}], [{"labels": b}])
    assert verdict.figures["miou"] == pytest.approx((8 / 10 + 6 / 8) / 2)
    assert not verdict.passed
    lips_card = load_spec("wav2lip")
    image = {"image": np.zeros((1, 96, 96, 3), np.float32)}
    assert evaluate_gate(lips_card, "int8", [{}], [image], [image]).passed
    broken = {"image": np.full((1, 96, 96, 3), np.nan, np.float32)}
    assert not evaluate_gate(lips_card, "int8", [{}], [image], [broken]).passed


def test_calibration_inputs_are_the_runtimes(converted: Path) -> None:
    """Every role gets what its card says: type, shape, and not the same picture twice."""
    found = scenes([], 3)
    for name in (
        "wav2lip",
        "s3fd",
        "bisenet",
        "rrdbnet",
        "syncnet_color",
        "syncnet_v2.audio",
        "syncnet_v2.lip",
    ):
        spec = load_spec(name)
        made = list(feeds(spec, found, converted / f"{name}.fp32.onnx"))
        assert len(made) == 3
        for feed in made:
            for tensor_spec in spec.inputs:
                array = feed[tensor_spec.name]
                assert array.dtype == tensor_spec.dtype
                assert [
                    a if isinstance(a, int) else n for a, n in zip(tensor_spec.axes, array.shape, strict=True)
                ] == list(array.shape)
        first = spec.inputs[0].name
        assert not np.array_equal(made[0][first], made[1][first])


def test_scenes_from_a_folder(tmp_path: Path) -> None:
    """Pictures are read wherever they lie; unreadable ones are passed over."""
    import cv2

    (tmp_path / "a b").mkdir()
    for i in range(3):
        cv2.imwrite(str(tmp_path / "a b" / f"{i}.png"), made_up_scene(i).frame_bgr)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    found = scenes([tmp_path], 4)
    assert len(found) == 3
    assert {scene.frame_bgr.shape for scene in found} == {(240, 320, 3)}
    with pytest.raises(InputError):
        scenes([tmp_path / "nowhere"], 2)
