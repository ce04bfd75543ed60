"""The read-out of the audio encoder: what it is taught, how it is judged, and that the first output stays as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch")

from lipsync_edge.models.backend import open_backend  # noqa: E402
from training.voice import read_out  # noqa: E402
from training.voice.articulation import Segment, features_at  # noqa: E402
from training.voice.network import COLUMNS, OFFSET  # noqa: E402
from training.voice.read_out_graph import Trunk, with_articulation, without_articulation  # noqa: E402

MODELS = Path("models_onnx")


def mel(seed: int, columns: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-4, 4, (80, columns)).astype(np.float32)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_a_second_output_leaves_the_first_as_it_was(precision: str, device: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime" if device == "cpu" else "openvino")
    rng = np.random.default_rng(0)
    layers = [
        (rng.normal(0, 0.2, (out, into)).astype(np.float32), rng.normal(0, 0.2, out).astype(np.float32))
        for into, out in ((176, 5), (5, 2))
    ]
    plain, both = tmp_path / "plain.onnx", tmp_path / "both.onnx"
    onnx.save(without_articulation(onnx.load(str(MODELS / f"edge_voice.{precision}.onnx"))), str(plain))
    onnx.save(with_articulation(onnx.load(str(plain)), layers), str(both))
    windows = np.stack([mel(seed, COLUMNS) for seed in range(3)])
    before, after = (open_backend(path, device, 1).run({"mel": windows}) for path in (plain, both))
    assert set(before) == {"coefficients"}
    assert np.array_equal(before["coefficients"], after["coefficients"])
    hidden = np.stack(
        [Trunk(plain)(one)[-OFFSET // 2] for one in windows]
    )  # of the window that is the whole sound
    assert after["articulation"] == pytest.approx(read_out.read(layers, hidden), abs=1e-3)


def test_lips_and_tongue_are_told_from_phones() -> None:
    pytest.importorskip("panphon")
    names = ("f", "v", "θ", "ð", "l", "p", "s", "t", "n", "ʃ", "ɑ", "w", "")
    segments = [Segment(name, k / 10, (k + 1) / 10) for k, name in enumerate(names)]
    told = read_out.said(features_at(segments, 8 * len(names)))[4::8]
    assert [name for name, (tuck, _) in zip(names, told, strict=True) if tuck] == ["f", "v"]
    assert [name for name, (_, tongue) in zip(names, told, strict=True) if tongue] == ["θ", "ð", "l"]


def test_figures_count_phones_and_closures() -> None:
    true, shut = np.zeros(40, bool), np.zeros(40, bool)
    true[[5, 6, 15, 16]], shut[[25, 26, 35, 36]] = True, True
    value = np.zeros(40)
    value[[5, 25, 26]] = 0.9
    row = read_out.figures(value, true, shut, 0.5)
    assert (row["phones"], row["closures"]) == (2, 2)
    assert (
        row["phones_heard"]
        == row["closures_touched"]
        == row["closures_covered"]
        == row["bursts_right"]
        == 0.5
    )
    assert row["precision"] == pytest.approx(1 / 3, abs=1e-3)
    assert read_out.area_under_roc(np.arange(4.0), np.array([False, False, True, True])) == 1.0


def test_what_can_be_read_off_is_learnt() -> None:
    rng = np.random.default_rng(1)
    hidden = rng.normal(size=(4000, 176)).astype(np.float32)
    said = np.stack([hidden[:, 3] > 1, hidden[:, 7] - hidden[:, 9] > 1.5], 1)
    heard = read_out.Heard(hidden, said, ~said[:, 0], np.full(4000, "a:1"))
    torch.manual_seed(0)
    value = read_out.read(read_out.fit(heard, steps=400), hidden)
    assert all(read_out.area_under_roc(value[:, k], said[:, k]) > 0.97 for k in (0, 1))
