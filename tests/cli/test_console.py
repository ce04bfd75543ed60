"""What commands print and write: nothing of it can fail work that is done."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lipsync_edge.atomic_write import check_place
from lipsync_edge.cli.console import print_json, progress_bar, say, write_json
from lipsync_edge.errors import OutputError


def test_characters_that_a_terminal_lacks_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "cp1252", newline="\n"))
    say("lite → ö ✓")
    assert raw.getvalue() == b"lite ? \xf6 ?\n"


def test_json_is_ascii_and_holds_any_file_name(capsys: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(b"caf\xe9.mp4")
    print_json({"output": Path(name), "ö": (1, 2)})
    text = capsys.readouterr().out
    assert text.isascii()
    assert json.loads(text) == {"output": name, "ö": [1, 2]}


@pytest.mark.skipif(os.name != "posix", reason="closes a pipe's other end")
def test_a_pipe_that_nobody_reads_fails_nothing() -> None:
    code = "from lipsync_edge.cli.console import say\nfor i in range(9): say('x' * 70_000)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


def test_a_json_file_is_written_whole_or_refused(tmp_path: Path) -> None:
    check_place(tmp_path / "r.json")
    write_json(tmp_path / "r.json", {"a": Path("b")})
    assert json.loads((tmp_path / "r.json").read_text("utf-8")) == {"a": "b"}
    for path in (tmp_path / "none" / "r.json", tmp_path):
        with pytest.raises(OutputError):
            check_place(path)
        with pytest.raises(OutputError):
            write_json(path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


class Terminal(io.TextIOWrapper):
    """A terminal with a poor alphabet."""

    def isatty(self) -> bool:
        return True


class FullDisk(io.BytesIO):
    """A file that takes nothing."""

    def write(self, data: object) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("kind", [io.BytesIO, FullDisk])
@pytest.mark.parametrize("title", ["[red]", "[/nope] x.mp4", "图 → [b]"])
def test_a_progress_bar_shows_any_name_and_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, kind: type[io.BytesIO], title: str
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    raw = kind()
    monkeypatch.setattr(sys, "stderr", Terminal(raw, "cp1252", write_through=True))
    with progress_bar(title, quiet=False) as progress:
        for done in range(3):
            progress(done, 3)
    shown = b"" if isinstance(raw, FullDisk) else raw.getvalue()
    assert (title.encode("cp1252", "replace") in shown) == (not isinstance(raw, FullDisk))
    monkeypatch.undo()
