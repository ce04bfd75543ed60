"""Every benchmark is started the same way, and none reaches outside the repository unless it is told to."""

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.__main__ import COMMANDS, parsed
from benchmarks.rows import RESULTS, ROOT
from benchmarks.source import make_source
from lipsync_edge.audio.reader import read_audio
from lipsync_edge.video.probe import probe

TORCH = {"reference", "reference untrained", "reference pipeline", "networks torch-export"}
OPENVINO = {"networks nncf"}
NEEDED = {
    "compare": ["HEAD"],
    "reference pipeline": ["f", "a", "--checkpoints", "c", "-o", "o"],
    "table2": ["--corpus", "c"],
    "look": ["s", "a", "b"],
    "look enhanced": ["--models", "m"],
}


def loads(name: str) -> bool:
    asked = {name in TORCH: "torch", name in OPENVINO: "openvino"}.get(True)
    return asked is None or find_spec(asked) is not None


@pytest.mark.parametrize("name", COMMANDS)
def test_no_default_points_outside_the_repository(name):
    if not loads(name):
        pytest.skip("a runtime is not installed")
    module, options = parsed([*name.split(), *NEEDED.get(name, [])])
    assert options.results == RESULTS
    for value in vars(options).values():
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, Path) and path.is_absolute():
                assert path.resolve().is_relative_to(ROOT.resolve()) or path.name == "models_onnx", name
    loaded = import_module(f"benchmarks.{module}")
    assert f"python -m benchmarks {name}" in loaded.__doc__
    assert "shared" not in Path(loaded.__file__).read_text("utf-8")


def test_every_benchmark_is_in_the_readme_and_the_readme_names_no_other():
    text = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
    for name in COMMANDS:
        assert f"| `{name}" in text, name
    listed = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    for words in listed:
        assert any(words == name or words.startswith(f"{name} ") for name in COMMANDS), words


def test_without_a_name_or_with_a_wrong_one_it_says_which_there_are():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "nothing"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 2
    assert "'networks torch-export'" in done.stderr


def test_the_source_is_the_demo_unless_files_are_given(tmp_path):
    source = make_source(parsed(["run", "--seconds", "0.5"])[1], tmp_path)
    info = probe(source.face)
    assert (info.width, info.height, info.fps) == (1280, 720, 25)
    assert len(read_audio(source.audio)) == 8000
    assert "demo" in source.said
    given = parsed(["run", "--face", str(source.face), "--audio", str(source.audio)])[1]
    again = make_source(given, tmp_path)
    assert (again.face, again.audio, again.said) == (source.face, source.audio, "face.mp4")
    # repeated
    assert len(read_audio(make_source(parsed(["run"])[1], tmp_path, seconds=30).audio)) == 30 * 16_000
