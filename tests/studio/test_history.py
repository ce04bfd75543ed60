"""History: a result is there whole or not at all, and nothing but its own files can be asked for."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from lipsync_edge.errors import OutputError, UsageError
from lipsync_edge.studio.history import ENTRY, RESULT, Entry, History, open_history

ENTRY_OF = Entry(
    key="", title="t", made="2026-01-31T12:00:00", summary="s", marked=True, mark="m", check=("c",)
)


def put(history: History) -> str:
    with history.draft() as draft:
        (draft.folder / RESULT).write_bytes(b"video")
        draft.finish(replace(ENTRY_OF, key=draft.key))
    return draft.key


def test_what_is_kept_comes_back_the_newest_first(tmp_path: Path) -> None:
    with open_history(tmp_path / "deep" / "h") as history:
        assert history.entries() == []
        keys = [put(history) for _ in range(3)]
        assert sorted((one.key for one in history.entries()), reverse=True) == sorted(keys, reverse=True)
        assert history.find(keys[0]) == replace(ENTRY_OF, key=keys[0])
        history.remove(keys[0])
        assert keys[0] not in {one.key for one in history.entries()}
    with open_history(tmp_path / "deep" / "h") as again:
        assert {one.key for one in again.entries()} == set(keys[1:])
    if os.name == "posix":
        assert (tmp_path / "deep" / "h" / keys[1]).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_draft_that_fails_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with open_history(tmp_path) as history:

        def half() -> None:
            with history.draft() as draft:
                (draft.folder / RESULT).write_bytes(b"half")
                raise error

        with pytest.raises(error):
            half()
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_what_a_killed_studio_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".draft-20260131-120000-00000000").mkdir()
    with open_history(tmp_path) as history:
        key = put(history)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", key]


def test_one_studio_at_a_folder(tmp_path: Path) -> None:
    with open_history(tmp_path), pytest.raises(OutputError, match="another studio"), open_history(tmp_path):
        pass


def test_nothing_but_the_files_of_results_can_be_asked_for(tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(b"x")
    with open_history(tmp_path / "h") as history:
        key = put(history)
        assert history.file(key, RESULT) is not None
        folder = history.folder / key
        (folder / "source.mp4").symlink_to(tmp_path / "secret.mp4")
        asked = [
            (key, "source.mp4"),
            (key, ENTRY),
            (key, "../../secret.mp4"),
            ("..", "secret.mp4"),
            (".", RESULT),
        ]
        asked += [(f"../h/{key}", RESULT), (key, f"../{key}/{RESULT}"), ("", "secret.mp4"), (key, "")]
        assert [history.file(*one) for one in asked] == [None] * len(asked)
        for wrong in ("..", "", f"{key}/..", key[:-1]):
            with pytest.raises(UsageError):
                history.find(wrong)
            with pytest.raises(UsageError):
                history.remove(wrong)


def test_a_damaged_entry_is_passed_over(tmp_path: Path) -> None:
    with open_history(tmp_path) as history:
        good, bad = put(history), put(history)
        (tmp_path / bad / ENTRY).write_text("{", "utf-8")
        assert [one.key for one in history.entries()] == [good]
