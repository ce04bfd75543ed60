"""What holds for every test, and fixtures that several rooms share."""

import os
from pathlib import Path

import pytest

from lipsync_edge.models.autotune import VARIABLE
from lipsync_edge.models.telemetry import opt_out

os.environ[VARIABLE] = ""  # what `lipsync-edge bench` once found on this machine must not decide any test
opt_out()  # tests that import ONNX Runtime by themselves report nothing either


@pytest.fixture
def autotune_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of measurements of its own; the file is not there yet, nor its folder."""
    path = tmp_path / "deep" / "bench.json"
    monkeypatch.setenv(VARIABLE, str(path))
    return path
