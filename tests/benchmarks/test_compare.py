"""Two checkouts in turn: the arithmetic, the worktrees, and one side on the code as it is."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.compare import sides
from benchmarks.compare.sides import Task, checkout, row_of
from benchmarks.rows import ROOT


def run_of(fps: float, checksum: int = 1, frames: int = 100) -> dict:
    return {"frames": frames, "wall_s": frames / fps, "cpu_s": 2 * frames / fps, "checksum": checksum}


def test_the_median_over_rounds_decides_and_the_spread_is_said():
    before = [run_of(100.0), run_of(100.0), run_of(50.0)]
    row = row_of(before, [run_of(100.0), run_of(80.0), run_of(49.0)], 0.03)
    assert row["ratios"] == [1.0, 1.25, round(50 / 49, 4)]
    assert row["ratio"] == pytest.approx(50 / 49, abs=1e-4)
    assert row["spread"] == [1.0, 1.25]
    assert row["cpu_ratio"] == row["ratio"]
    assert row["no_slower"]
    assert row["same_output"]
    assert row["fps"] == [100.0, 80.0]
    assert row["cpu_ms"] == [20.0, 25.0]
    assert not row_of([run_of(100.0)], [run_of(96.0)], 0.03)["no_slower"]
    assert row_of([run_of(100.0)], [run_of(120.0)], 0.0)["no_slower"]
    assert not row_of([run_of(100.0)], [run_of(100.0, checksum=2)], 0.03)["same_output"]


def test_a_worktree_goes_whatever_happens(tmp_path):
    def git(*words: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        done = subprocess.run(
            ["git", "-C", tmp_path, *identity, *words], capture_output=True, text=True, check=True
        )
        return done.stdout

    git("init", "-q")
    (tmp_path / "a.txt").write_text("then")
    git("add", "a.txt")
    git("commit", "-qm", "a")
    (tmp_path / "a.txt").write_text("now")
    (tmp_path / "beside").mkdir()
    seen = []

    def fails() -> None:
        with checkout("HEAD", tmp_path / "beside", tmp_path) as where:
            seen.extend([where, (where / "a.txt").read_text()])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    where, text = seen
    assert text == "then"
    assert not where.exists()
    assert len(git("worktree", "list").splitlines()) == 1


def test_rounds_go_to_one_side_and_then_the_other(monkeypatch, tmp_path):
    asked = []

    def once(task, where, *_):
        asked.append((task.what, where.name))
        return run_of(100.0 if where.name == "old" else 50.0)

    for name in ("old", "new"):
        (tmp_path / name / "models_onnx").mkdir(parents=True)
        files = f'{{"files": {{"a.onnx": {{"sha256": "{name}"}}}}}}'
        (tmp_path / name / "models_onnx" / "manifest.json").write_text(files)
    monkeypatch.setattr(sides, "once", once)
    options = sides_options(rounds=2)
    tasks = [Task(what=what, preset="lite", device="cpu") for what in ("run", "live")]
    found = sides.compare(tasks, (tmp_path / "old", tmp_path / "new"), options, tmp_path)
    assert asked == 2 * [("run", "old"), ("run", "new"), ("live", "old"), ("live", "new")]
    assert [(row["what"], row["ratio"], row["rounds"]) for row in found] == [
        ("run", 2.0, 2),
        ("live", 2.0, 2),
    ]
    assert not found[0]["same_networks"]


def sides_options(rounds: int):
    from benchmarks.__main__ import parsed

    return parsed(["compare", "HEAD", "--rounds", str(rounds), "--seconds", "0.4"])[1]


@pytest.mark.parametrize("what", ["run", "live"])
def test_a_side_uses_its_own_checkout_and_counts_frames(what, tmp_path):
    task = Task(what=what, preset="lite", device="cpu")
    source = sides.make_source(sides_options(1), tmp_path)
    found = sides.once(task, ROOT, source, source.audio, tmp_path)
    assert 7 <= found["frames"] <= 11  # 0.4 s at 25 fps
    assert found["wall_s"] > 0
    assert found["cpu_s"] > 0
    assert found["checksum"] != 0
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "lipsync_edge").mkdir(parents=True)
    (elsewhere / "lipsync_edge" / "__init__.py").write_text("")
    with pytest.raises(subprocess.CalledProcessError):
        sides.once(task, elsewhere, source, source.audio, tmp_path)
    assert Path(source.face).is_file()
