"""JSON and TOML that are nested a hundred thousand deep: an error of the file, not of Python."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lipsync_edge.audio.diarisation import read_turns
from lipsync_edge.batch.manifest import read_manifest as read_jobs
from lipsync_edge.batch.results import read_results
from lipsync_edge.errors import LipsyncError
from lipsync_edge.json_reader import parse_json
from lipsync_edge.models import autotune
from lipsync_edge.models.registry import read_manifest
from lipsync_edge.models.spec import load_spec
from lipsync_edge.pipeline.avatar import load_avatar

DEEP = "[" * 100_000


def _avatar(path: Path) -> None:
    path.write_bytes(b"LSEAVTR1" + len(DEEP).to_bytes(8, "little") + DEEP.encode())
    load_avatar(path)


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "turns.json": (DEEP, read_turns),
    "jobs.jsonl": (DEEP, read_jobs),
    "manifest.json": (DEEP, lambda path: read_manifest(path.parent)),
    "card.toml": (f"x = {DEEP}", lambda path: load_spec("card", path.parent)),
    "face.avatar": ("", _avatar),
}


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_is_nested_too_deeply_is_refused(tmp_path: Path, name: str) -> None:
    text, read = READERS[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(LipsyncError, match="nested too deeply"):
        read(tmp_path / name)


def test_a_cache_that_is_nested_too_deeply_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "bench.json"
    cache.write_text(DEEP)
    monkeypatch.setenv(autotune.VARIABLE, str(cache))
    assert autotune.recorded("k") == []
    assert read_results(cache) == {}


def test_the_reader_says_value_error() -> None:
    assert parse_json('{"a": [1]}') == {"a": [1]}
    for text in (DEEP, b"\xff", "", "{", "1" * 5000):
        with pytest.raises(ValueError, match=r".+"):
            parse_json(text)
