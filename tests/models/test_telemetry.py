"""Both runtimes report to their makers unless told not to: nothing may leave the machine, nothing may stay in HOME."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lipsync_edge.models.telemetry import ONNX_RUNTIME_OPT_OUT

# Both keep still on build machines; a user's is none.
KEPT_STILL_BY = (
    "CI",
    "GITHUB_ACTIONS",
    "TF_BUILD",
    "JENKINS_URL",
    "BUILD_ID",
    "BUILD_NUMBER",
    ONNX_RUNTIME_OPT_OUT,
)
LOADED = "import time\nfrom lipsync_edge.demo import ASSETS\nfrom lipsync_edge.models.backend import open_backend\n"
LOADED += (
    "open_backend(ASSETS / 'probe.onnx', {device!r}, 1)\ntime.sleep(2)  # what is sent is sent by a thread\n"
)


def a_users(home: Path) -> dict[str, str]:
    """An environment of a user with an empty home."""
    names = {name for name in os.environ if name in KEPT_STILL_BY or name.startswith("XDG_")}
    return {name: value for name, value in os.environ.items() if name not in names} | {"HOME": str(home)}


@pytest.mark.parametrize(("package", "device"), [("onnxruntime", "cpu"), ("openvino", "openvino:CPU")])
def test_no_socket_is_opened_and_home_stays_empty(tmp_path: Path, package: str, device: str) -> None:
    pytest.importorskip(package)
    home, calls = tmp_path / "home", tmp_path / "calls"
    home.mkdir()
    command = [sys.executable, "-c", LOADED.format(device=device)]
    traced = ["strace", "-f", "-o", str(calls), "-e", "trace=socket,connect,sendto"]
    with_strace = (
        shutil.which("strace") and not subprocess.run([*traced, "true"], capture_output=True).returncode
    )
    made = subprocess.run(
        [*traced, *command] if with_strace else command,
        env=a_users(home),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert made.returncode == 0, made.stderr
    assert list(home.rglob("*")) == []
    if with_strace:
        assert [line for line in calls.read_text("utf-8").splitlines() if "AF_" in line] == []
