"""One heap for all threads: told to the C library before anything else is loaded, unless somebody decided otherwise."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lipsync_edge.cli import main
from lipsync_edge.cli.heap import share_heap

LOADED = "import lipsync_edge.cli.main, sys; print([m for m in ('numpy', 'cv2', 'av') if m in sys.modules])"


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "GLIBC_TUNABLES"])
def test_who_decided_by_the_environment_is_obeyed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert not share_heap()


def test_nothing_that_starts_threads_is_loaded_before() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "shared"),
    [(["run"], 1), (["demo"], 1), (["live"], 1), (["serve"], 1), (["studio"], 0), ([], 0)],
)
def test_only_processes_that_make_a_film_or_serve_share_it(
    words: list[str], shared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(main, "share_heap", lambda: calls.append("heap"))
    monkeypatch.setattr(main, "leave", lambda work: calls.append("work"))
    monkeypatch.setattr(sys, "argv", ["lipsync-edge", *words])
    main.main()
    assert calls == ["heap"] * shared + ["work"]
