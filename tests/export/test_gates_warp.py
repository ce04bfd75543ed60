"""The gate of a warp network looks at the mouth and at its motion, not at the skin that stands still."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from export import qdq
from export.catalogue import evaluate_gate, feeds
from export.gates import FLOW_LOSS, Verdict
from export.makers import outputs
from export.samples import HEARD, scenes
from lipsync_edge.audio.mel import mel_spectrogram
from lipsync_edge.audio.reader import read_audio
from lipsync_edge.demo import demo_files
from lipsync_edge.models.registry import bundled_models
from lipsync_edge.models.spec import ModelSpec, WarpHead, load_spec

SIDE = 128
Arrays = dict[str, np.ndarray]


@pytest.fixture
def mouth() -> tuple[ModelSpec, Arrays, Arrays]:
    """A smooth face, and a mouth that opens by three pixels without paint."""
    spec = replace(load_spec("edge_lips"), warp=WarpHead((0.25, 0.4375, 0.75, 0.9375)))
    rng = np.random.default_rng(0)
    face = cv2.GaussianBlur(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8), (0, 0), 5)
    flow = np.zeros((1, 2, 64, 64), np.float32)
    flow[:, 1, 36:44, 24:40] = 3 / SIDE
    plain = np.full((1, 3, SIDE, SIDE), 0.3, np.float32)
    out = {"flow": flow, "mask": np.zeros((1, 1, SIDE, SIDE), np.float32), "paint": plain}
    return spec, {"face": face[None]}, out


def verdict(mouth: tuple[ModelSpec, Arrays, Arrays], **changed: np.ndarray) -> Verdict:
    spec, feed, out = mouth
    return evaluate_gate(spec, "int8", [feed], [out], [{**out, **changed}])


def test_the_same_mouth_passes(mouth: tuple[ModelSpec, Arrays, Arrays]) -> None:
    same = verdict(mouth)
    assert same.passed
    assert same.figures["flow_lost"] == 0


def test_a_mouth_that_moves_less_is_refused_though_its_picture_is_like(
    mouth: tuple[ModelSpec, Arrays, Arrays],
) -> None:
    shy = verdict(mouth, flow=mouth[2]["flow"] * np.float32(0.8))
    assert shy.figures["flow_lost"] == pytest.approx(0.2, abs=1e-6)
    assert shy.figures["psnr"] > mouth[0].gate.int8  # a smooth face hides it
    assert not shy.passed
    assert verdict(mouth, flow=mouth[2]["flow"] * np.float32(1 - FLOW_LOSS / 2)).passed


def test_wrong_paint_counts_where_the_window_lies(mouth: tuple[ModelSpec, Arrays, Arrays]) -> None:
    spec, feed, out = mouth
    shown = {**out, "mask": np.ones_like(out["mask"])}
    wrong = evaluate_gate(spec, "int8", [feed], [shown], [{**shown, "paint": out["paint"] + np.float32(0.1)}])
    # the rest of the mouth is alike
    assert wrong.figures["psnr"] == pytest.approx(20 + 10 * np.log10(0.625 / 0.5), abs=0.5)
    assert not wrong.passed
    assert verdict(mouth, paint=out["paint"] + np.float32(0.1)).passed  # paint under no mask is not seen


def test_flow_is_measured_in_pixels_of_the_window(mouth: tuple[ModelSpec, Arrays, Arrays]) -> None:
    moved = mouth[2]["flow"] + np.array([3, 4], np.float32).reshape(1, 2, 1, 1) / SIDE
    assert verdict(mouth, flow=moved).figures["flow_px"] == pytest.approx(5, abs=1e-4)
    outside = mouth[2]["flow"].copy()
    outside[:, :, :20] += 1
    assert verdict(mouth, flow=outside).figures["flow_px"] == 0


def test_our_lips_wholly_in_int8_are_refused_for_their_motion(tmp_path: Path) -> None:
    """With a scale for a whole tensor, too: the bundled file keeps the ear and what the flow is made of in float."""
    models = bundled_models()
    spec, fp32 = load_spec("edge_lips", models), models / "edge_lips.fp32.onnx"
    face, mel = scenes([demo_files()[0].parent], 1)[0], mel_spectrogram(read_audio(demo_files()[1]))
    starts = np.linspace(0, mel.shape[1] - HEARD, 12).astype(int)
    inputs = list(feeds(spec, [replace(face, mel=mel[:, s : s + HEARD]) for s in starts], fp32))
    want = outputs(fp32, inputs, tmp_path)
    mixed = evaluate_gate(
        spec, "int8", inputs, want, outputs(models / "edge_lips.int8.onnx", inputs, tmp_path)
    )
    prepared = qdq.prepare(fp32, inputs, replace(spec.quant, exclude=(), per_channel=False), tmp_path)
    whole = evaluate_gate(spec, "int8", inputs, want, outputs(qdq.quantized(prepared), inputs, tmp_path))
    assert mixed.passed
    assert whole.figures["psnr"] > spec.gate.int8  # the picture alone would let it pass
    assert whole.figures["flow_px"] > 1.5 * mixed.figures["flow_px"]
    assert not whole.passed
