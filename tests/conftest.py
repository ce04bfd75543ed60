"""What holds for every test, and fixtures that several rooms share."""

import os
from pathlib import Path

import pytest

from lipsync_edge.models.autotune import VARIABLE

os.environ[VARIABLE] = ""  # what `lipsync-edge bench` once found on this machine must not decide any test


@pytest.fixture
def autotune_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of measurements of its own; the file is not there yet, nor its folder."""
    path = tmp_path / "deep" / "bench.json"
    monkeypatch.setenv(VARIABLE, str(path))
    return path
