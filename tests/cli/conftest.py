"""Commands on networks made of numpy."""

from pathlib import Path

import pytest

from lipsync_edge import engine
from lipsync_edge.cli.console import run_app
from lipsync_edge.cli.main import app
from lipsync_edge.engine import Engine
from lipsync_edge.models.engine_options import EngineOptions
from tests.clips import write_clip, write_sound
from tests.scripted import SIZE, make_engine


class Typed:
    """Runs commands; keeps the options that engines were loaded with."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.loaded: list[EngineOptions] = []
        self.chosen = ""
        self._capsys = capsys

    def load_engine(self, options: EngineOptions) -> Engine:
        self.loaded.append(options)
        made = make_engine()
        made.chosen = self.chosen
        return made

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        code = run_app(app, list(words))
        return code, *self._capsys.readouterr()


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Commands in a folder with face.mp4 (15 frames, a face in each) and speech.wav (0.5 s)."""
    commands = Typed(capsys)
    monkeypatch.setattr(engine, "load_engine", commands.load_engine)
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "face.mp4", 15, size=SIZE)
    write_sound(tmp_path / "speech.wav", 0.5)
    return commands
