"""The commands `live` and `serve`: what is typed wins over the file, and what cannot be is refused."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lipsync_edge.cli.console import run_app
from lipsync_edge.cli.main import app
from lipsync_edge.errors import UsageError
from lipsync_edge.live import run as live_run
from lipsync_edge.live.setup import open_avatar
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.server import run as server_run
from tests.live.fakes import make_avatar, make_engine

KIOSK = Path(__file__).parents[2] / "examples" / "kiosk" / "kiosk.toml"


@dataclass
class Typed:
    """What the commands were run with."""

    options: list[Any] = field(default_factory=list)
    streams: list[tuple[EngineOptions, Path | None, int, float]] = field(default_factory=list)
    mouths: list[tuple[str, float]] = field(default_factory=list)

    def open_stream(
        self,
        engine: EngineOptions,
        avatar: Path | None,
        *,
        rate: int,
        fps: float,
        mouth: str,
        strength: float,
    ) -> None:
        self.streams.append((engine, avatar, rate, fps))
        self.mouths.append((mouth, strength))

    def run(self, options: Any, *_: object) -> int:  # noqa: ANN401
        self.options.append(options)
        return 0


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Typed:
    commands = Typed()
    monkeypatch.setattr(live_run, "open_stream", commands.open_stream)
    monkeypatch.setattr(live_run, "run_live", commands.run)
    monkeypatch.setattr(server_run, "run_server", commands.run)
    monkeypatch.setattr("lipsync_edge.live.setup.log_to_stderr", lambda: None)
    return commands


def test_options_win_over_the_file(tmp_path: Path, typed: Typed) -> None:
    config = tmp_path / "kiosk.toml"
    config.write_text(
        '[live]\navatar = "a.avatar"\nrate = 48000\nrealtime = true\nwatchdog-s = 5\nthreads = 3\nmouth = "painted"\n',
        "utf-8",
    )
    assert run_app(app, ["live", "--config", str(config), "--rate", "24000"]) == 0
    (options,), ((engine, avatar, rate, fps),) = typed.options, typed.streams
    assert (options.rate, options.realtime, options.watchdog_s, options.format) == (24_000, True, 5.0, None)
    assert (engine, avatar, rate, fps) == (EngineOptions(threads=3), Path("a.avatar"), 24_000, 0.0)
    assert typed.mouths == [("painted", 1.0)]


@pytest.mark.parametrize(
    "text",
    ["[live]\nvolume = 3\n", "live = 3\n", "[live\n", '[live]\nrate = "x"\n', '[live]\nformat = "gif"\n'],
)
def test_a_wrong_setting_is_refused(
    text: str, tmp_path: Path, typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "kiosk.toml"
    config.write_text(text, "utf-8")
    assert run_app(app, ["live", "--config", str(config)]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("lipsync-edge: expected")
    assert errors.count("\n") == 1
    assert not typed.options


def test_a_missing_file_or_face_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(app, ["serve", "--config", str(tmp_path / "no.toml")]) == 2
    assert "a TOML file at" in capsys.readouterr().err
    with pytest.raises(UsageError, match="--avatar"):
        live_run.open_stream(EngineOptions(), None, rate=16_000, fps=0)


@pytest.mark.parametrize("command", ["live", "serve"])
def test_the_kiosks_settings_are_understood(command: str, typed: Typed) -> None:
    assert run_app(app, [command, "--config", str(KIOSK)]) == 0
    (options,), ((engine, avatar, rate, _),) = typed.options, typed.streams
    assert avatar == Path("/var/lib/lipsync-edge/face.avatar")
    assert engine == EngineOptions(preset="lite")
    assert options.rate == rate == (16_000 if command == "live" else 24_000)
    assert options.watchdog_s == 10.0
    if command == "live":
        assert (options.audio, options.out, options.realtime) == ("mic", "window", True)
    else:
        assert (options.host, options.port, options.sessions) == ("127.0.0.1", 8080, 1)


def test_prepare_writes_an_avatar_that_live_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = make_engine()
    monkeypatch.setattr(type(engine), "prepare", lambda self, face, **_: make_avatar(self))
    monkeypatch.setattr("lipsync_edge.engine.load_engine", lambda _: engine)
    out = tmp_path / "f.avatar"
    assert run_app(app, ["prepare", "face.mp4", "-o", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 6 frames 96x96, 0.2 s\n"
    assert len(open_avatar(engine, out)) == 6
    assert run_app(app, ["prepare", "face.mp4", "-o", str(tmp_path / "no" / "f.avatar")]) == 5
