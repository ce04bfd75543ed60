"""What holds for every test, and fixtures that several rooms share."""

import os
import sys
from collections.abc import Generator
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from lipsync_edge.mark.identity import VARIABLE as IDENTITY
from lipsync_edge.models.autotune import VARIABLE
from lipsync_edge.models.telemetry import opt_out
from lipsync_edge.video.ordinary_threads import ordinary_threads

os.environ[VARIABLE] = ""  # what `lipsync-edge bench` once found on this machine must not decide any test
os.environ[IDENTITY] = ""  # nothing that tests make is signed by this user
opt_out()  # tests that import ONNX Runtime by themselves report nothing either


def take_the_wheels_toolchain() -> None:
    """Where a wheel is tested and the checkout's `export` was taken away, import the wheel's by that name."""
    found = None if find_spec("export") else find_spec("lipsync_edge._export")
    if found is None or found.origin is None:
        return
    folder = Path(found.origin).parent
    spec = spec_from_file_location("export", found.origin, submodule_search_locations=[str(folder)])
    assert spec is not None
    assert spec.loader is not None
    sys.modules["export"] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules["export"])


take_the_wheels_toolchain()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Undo what SVT-AV1, with which some tests make their files, does to this process where root runs it."""
    with ordinary_threads():
        return (yield)


@pytest.fixture
def autotune_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of measurements of its own; the file is not there yet, nor its folder."""
    path = tmp_path / "deep" / "bench.json"
    monkeypatch.setenv(VARIABLE, str(path))
    return path
