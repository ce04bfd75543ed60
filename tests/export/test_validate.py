"""`validate` without real faces: what made-up ones cannot show is said to be open, never passed, never refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from export.errors import GateError
from export.quantize import quantize_folder
from export.samples import made_up_scene
from export.validate import NOT_EVALUATED, validate_folder
from lipsync_edge.models.registry import bundled_models
from lipsync_edge.models.spec import SPECS, load_spec

NAME = "edge_segment"
INT8 = f"{NAME}.int8.onnx"


def _ask(folder: Path, least: float) -> None:
    """Give the folder's network a gate of its own, and its manifest that card."""
    text = (SPECS / f"{NAME}.toml").read_text("utf-8").split("[gate]")[0]
    (folder / f"{NAME}.toml").write_text(
        f'{text}[gate]\nmetric = "miou"\nfp16 = 0.9\nint8 = {least}\n', "utf-8"
    )
    path = folder / "manifest.json"
    if path.is_file():
        _note(folder, {"card_digest": load_spec(NAME, folder).digest()})


def _note(folder: Path, facts: dict[str, str], only: str = "") -> None:
    """Write facts into every entry of the manifest, or into one."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    for name, entry in manifest["files"].items():
        if not only or name == only:
            entry.update(facts)
    path.write_text(json.dumps(manifest), "utf-8")


@pytest.fixture(scope="module")
def missed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose int8 file misses its gate on made-up faces."""
    folder = tmp_path_factory.mktemp("missed")
    shutil.copy(bundled_models() / f"{NAME}.fp32.onnx", folder)
    _ask(folder, 0.0)
    list(quantize_folder(folder, samples=6, precisions=("int8",)))
    _ask(folder, 0.9999)
    return folder


def test_made_up_faces_leave_a_missed_gate_open(missed: Path) -> None:
    """A note on each device and at the end; the float file is judged all the same."""
    lines = list(validate_folder(missed, samples=4))
    mine = [line for line in lines if line.startswith(f"{INT8} on") and " ms, " in line]
    assert mine
    assert all(line.endswith(NOT_EVALUATED) and "on made-up faces" in line for line in mine)
    assert lines[-1].endswith(NOT_EVALUATED)
    assert INT8 in lines[-1]
    assert not any(NOT_EVALUATED in line for line in lines if "fp32" in line)


def test_a_gate_reached_is_no_open_question(missed: Path, tmp_path: Path) -> None:
    """The note follows from the figure, and the line says what it was measured on."""
    folder = tmp_path / "x"
    shutil.copytree(missed, folder)
    _ask(folder, 0.1)
    lines = list(validate_folder(folder, samples=4))
    assert not any(NOT_EVALUATED in line for line in lines)
    assert all(line.endswith("on made-up faces") for line in lines)


def test_given_faces_judge(missed: Path, tmp_path: Path) -> None:
    """With --calibrate the same file is refused."""
    for seed in range(4):
        cv2.imwrite(str(tmp_path / f"{seed}.png"), made_up_scene(seed).frame_bgr)
    with pytest.raises(GateError, match=r"int8.*miou"):
        list(validate_folder(missed, calibrate=[tmp_path], samples=4))


def test_numbers_that_are_not_finite_are_never_excused(missed: Path, tmp_path: Path) -> None:
    """Made-up faces are no reason for NaN."""
    folder = tmp_path / "x"
    shutil.copytree(missed, folder)
    model = onnx.load(str(folder / INT8))
    name = model.graph.output[0].name
    next(node for node in model.graph.node if name in node.output).output[:] = ["finite"]
    model.graph.initializer.append(numpy_helper.from_array(np.array(np.nan, np.float32), "nan"))
    model.graph.node.append(helper.make_node("Mul", ["finite", "nan"], [name]))
    data = model.SerializeToString()
    (folder / INT8).write_bytes(data)
    _note(folder, {"sha256": hashlib.sha256(data).hexdigest()}, INT8)
    with pytest.raises(GateError, match="nan"):
        list(validate_folder(folder, samples=2))
