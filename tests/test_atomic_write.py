"""A file is replaced as a whole or not at all, and nothing is left beside it."""

import os
from pathlib import Path

import pytest

from lipsync_edge.atomic_write import replacing


def test_the_new_file_takes_the_place_of_the_old_one_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a b.json"
    path.write_text("old", "utf-8")
    with replacing(path) as beside:
        assert beside.parent == path.parent
        assert beside.suffix == path.suffix
        beside.write_text("new", "utf-8")
        assert path.read_text("utf-8") == "old"
    assert path.read_text("utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_whatever_is_raised_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "a.json"
    path.write_text("old", "utf-8")

    def fail() -> None:
        with replacing(path) as beside:
            beside.write_text("half", "utf-8")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file|cannot find"), replacing(tmp_path / "a"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with replacing(path) as beside:
        assert beside == path
        beside.write_text("through", "utf-8")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert path.is_fifo()
