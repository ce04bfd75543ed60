"""`lipsync-edge convert|adopt|quantize|validate`, in the checkout and as the wheel lays the toolchain out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lipsync_edge
from lipsync_edge.cli import export as commands
from lipsync_edge.cli.console import run_app
from lipsync_edge.cli.main import app
from lipsync_edge.models.registry import bundled_models
from lipsync_edge.toml_reader import read_toml

ROOT = Path(lipsync_edge.__file__).parents[1]


def test_a_missing_package_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(commands, "NEEDED", ("torch", "no_such_package"))
    assert run_app(app, ["convert", "auto", "x.pth", "-o", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "no no_such_package" in error
    assert 'pip install "lipsync-edge[export]"' in error


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["convert", "no_such", "x.pth", "-o", "out"], 2, "rrdbnet"),
        (["convert", "wav2lip", "none.pth", "-o", "out"], 4, "none.pth"),
        (["convert", "wav2lip", "x.bin", "--param", "x.param", "-o", "out"], 2, "--param"),
        (["adopt", "none.onnx", "--as", "s3fd", "-o", "out"], 2, "--as wav2lip"),
        (["adopt", "none.onnx", "--as", "wav2lip", "-o", "out"], 4, "none.onnx"),
        (["quantize", "none"], 3, "lipsync-edge convert"),
        (["quantize", "none", "--precision", "int4"], 2, "int4"),
        (["validate", "none"], 4, "none"),
    ],
)
def test_mistakes_give_one_line_and_their_code(
    words: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_app(app, words) == code
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_convert_quantize_validate(checkpoints: dict[str, Path], tmp_path: Path, capsys) -> None:  # noqa: ANN001
    assert run_app(app, ["convert", "auto", str(checkpoints["syncnet_color"]), "-o", str(tmp_path)]) == 0
    assert "syncnet_color.fp32.onnx" in capsys.readouterr().out
    words = ["quantize", str(tmp_path), "--precision", "fp16", "--samples", "2", "--json"]
    assert run_app(app, words) == 0
    assert json.loads(capsys.readouterr().out)["report"][-1].startswith("syncnet_color.fp16.onnx: cosine")
    assert run_app(app, ["validate", str(tmp_path), "--samples", "1"]) == 0
    assert "syncnet_color.fp16.onnx on cpu" in capsys.readouterr().out


def test_the_toolchain_runs_where_the_wheel_puts_it(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """Both folders as hatch lays them into site-packages, in a fresh process, far from the repository."""
    if not (ROOT / "export").is_dir():
        pytest.skip("a wheel is tested, not the checkout")
    wheel = read_toml(ROOT / "pyproject.toml")["tool"]["hatch"]["build"]["targets"]["wheel"]
    site, away = tmp_path / "site", tmp_path / "away"
    away.mkdir()
    skip = shutil.ignore_patterns("__pycache__")
    for package in wheel["packages"]:
        shutil.copytree(ROOT / package, site / package, ignore=skip)
    assert wheel["force-include"]["export"] == f"{commands.INSTALLED.replace('.', '/')}"
    shutil.copytree(ROOT / "export", site / wheel["force-include"]["export"], ignore=skip)
    shutil.copytree(bundled_models(), site / wheel["force-include"]["models_onnx"])
    program = (
        "from lipsync_edge.cli.main import main; from lipsync_edge.cli.export import toolchain;"
        "assert toolchain().__name__ == 'lipsync_edge._export.commands'; main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}

    def run(*words: str) -> str:
        command = [sys.executable, "-P", "-c", program] if sys.version_info >= (3, 11) else None
        if command is None:
            pytest.skip("needs an interpreter that keeps the working folder out of its path")
        done = subprocess.run(
            [*command, *words], cwd=away, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    assert "syncnet_color" in run("convert", "syncnet_color", str(checkpoints["syncnet_color"]), "-o", "made")
    assert "fp32.onnx on cpu" in run("validate", "made", "--samples", "1")
