"""Recipes: their steps are real commands, each takes what an earlier one gives, and one is run on drawn faces."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

from export.__main__ import parser as export_parser  # noqa: E402
from training import cli, recipe  # noqa: E402
from training.__main__ import commands, main  # noqa: E402

PLACES = {name: Path(f"/place/{name}") for name in ("corpus", "teacher", "work", "models")}
NAMES = sorted(path.stem for path in recipe.RECIPES.glob("*.toml"))


def test_every_bundled_network_has_a_recipe() -> None:
    bundled = {path.name.split(".")[0] for path in Path("models_onnx").glob("*.fp32.onnx")}
    assert bundled == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_steps_are_commands_with_options_that_exist(name: str) -> None:
    known = commands()
    for step in recipe.read_recipe(name, PLACES):
        program, *words = step.words()
        if program == "export":
            export_parser().parse_args(words)
            continue
        assert program == "training"
        assert words[0] in known, step.name
        importlib.import_module(f"training.{words[0]}").arguments().parse_args(words[1:])


@pytest.mark.parametrize("name", NAMES)
def test_steps_take_what_earlier_ones_give(name: str) -> None:
    """Whatever a step reads lies in what an earlier step wrote, or in the repository."""
    given: list[Path] = []
    for step in recipe.read_recipe(name, PLACES):
        read = [Path(source) for source in step.copies.values()]
        read += [
            Path(step.options[key]) for key in ("labels", "voices", "warm", "teachers") if key in step.options
        ]
        for path in read:
            near = any(path == one or one in path.parents or path in one.parents for one in given)
            assert near or path.is_file(), f"{step.name} reads {path}"
        given += [Path(one) for one in step.gives]
        given += [Path(step.options["out"])] if "out" in step.options else []
    assert PLACES["models"] / f"{name}.fp32.onnx" in given
    assert PLACES["models"] / f"{name}.int8.onnx" in given


def test_no_default_path_points_outside_the_repository() -> None:
    for name in commands():
        for action in importlib.import_module(f"training.{name}").arguments()._actions:
            if isinstance(action.default, Path):
                assert not action.default.is_absolute(), (name, action.dest)
                assert ".." not in action.default.parts, (name, action.dest)


def test_a_cycle_that_is_run_again_goes_on() -> None:
    step = recipe.Step("x", "training detector.train", (), {"minutes": 18, "fresh": True}, {}, ())
    assert step.words()[-1] == "--fresh"
    assert "--fresh" not in step.words(again=True)
    assert step.words(0.5)[3] == "9"


def test_plans_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipe", "edge_lips", "--dry-run", "--skip", "labels"]) == 0
    out = capsys.readouterr().out
    assert "--stop-after 37" in out
    assert "data.labels" not in out
    with pytest.raises(SystemExit, match="edge_detect"):
        main(["recipe", "no_such", "--dry-run"])
    with pytest.raises(SystemExit, match="no step nonsense"):
        main(["recipe", "edge_lips", "--dry-run", "--skip", "nonsense"])


def test_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "lips.mouth_renderer" in capsys.readouterr().out
    assert main(["no.such"]) == 2


def test_a_folder_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.parse(cli.command("training.x", "x", "labels"), ["--labels", str(tmp_path / "none")])
    assert "--labels" in capsys.readouterr().err


def labels(folder: Path) -> None:
    """What `data.labels` writes, of a few drawn faces."""
    rng = np.random.default_rng(0)
    for part, place in (("faces", "faces/a"), ("train", "train/a")):
        count = 12
        points = np.zeros((count, 468, 3), np.float32)
        points[:, :, :2] = rng.uniform(60, 100, (count, 468, 2))
        np.savez(
            folder / f"{part}.npz",
            paths=np.array([f"{place}/{i}.png" for i in range(count)]),
            clip=np.arange(count, dtype=np.int32),
            frame=np.zeros(count, np.int32),
            time=np.zeros(count),
            score=np.ones(count, np.float32),
            pose=np.zeros((count, 3), np.float32),
            size=np.full((count, 2), 160, np.int32),
            points=points,
            matrix=np.tile(np.eye(2, 3, dtype=np.float32), (count, 1, 1)),
        )
        np.save(folder / f"{part}_crops.npy", rng.integers(0, 256, (count, 160, 160, 3), dtype=np.uint8))


def test_a_recipe_is_run_step_by_step_and_not_twice(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The segmenter's two cycles, on drawn labels, for a moment; then again, when nothing is left to do."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    (tmp_path / "labels").mkdir()
    labels(tmp_path / "labels")
    models = tmp_path / "models"
    words = ["recipe", "edge_segment", "--work", str(tmp_path), "--models", str(models), "--scale", "1e-4"]
    words += ["--skip", "labels", "--skip", "int8"]
    assert main(words) == 0
    assert (models / "edge_segment.fp32.onnx").is_file()
    stamps = sorted((tmp_path / "stamps").iterdir())
    assert [path.name.rsplit("-", 1)[0] for path in stamps] == ["first-cycle", "second-cycle"]
    assert "--fresh" in json.loads(stamps[1].read_text())["command"]
    capfd.readouterr()
    assert main(words) == 0
    assert capfd.readouterr().out.count("done before") == 2


def test_a_step_that_fails_is_named_and_goes_on(tmp_path: Path) -> None:
    step = recipe.Step("bad", "training segmenter.train", (), {"labels": str(tmp_path / "none")}, {}, ())
    with pytest.raises(SystemExit, match="bad ended with 2"):
        recipe.perform(step, tmp_path, 1.0)
    assert not step.stamp(tmp_path).exists()
    idle = recipe.Step("idle", "training", (), {}, {}, (str(tmp_path / "never"),))
    with pytest.raises(SystemExit, match="never"):
        recipe.perform(idle, tmp_path, 1.0)


def test_a_trial_takes_less_time_and_fewer_of_what_is_made() -> None:
    (step,) = [one for one in recipe.read_recipe("edge_lips", PLACES) if one.name == "readings"]
    assert step.words()[-2:] == ["--count", "1800"]
    assert step.words(0.1)[-2:] == ["--count", "180"]
    assert step.words(1e-4)[-2:] == ["--count", "8"]
