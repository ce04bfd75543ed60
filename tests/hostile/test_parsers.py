"""Every parser of the package on inputs that a search for new lines of it makes: errors of ours, and no others."""

import pytest

from tests.hostile.explore import explore
from tests.hostile.parsers import Parser, parsers

NAMES = (
    "card", "manifest", "avatar", "exemplars", "track", "wire", "onnx", "rttm", "turns", "jobs", "table", "results",
    "config", "marks", "heif", "checkpoint", "ncnn", "files",
)  # fmt: skip
RUNS, RUNS_AT_NIGHT = 150, 20_000
SLOW = {"config": 10}  # parts of that many runs: a whole command each


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Parser]:
    folder = tmp_path_factory.mktemp("parsers")
    (folder / "files").mkdir()
    return parsers(folder)


def search(parser: Parser, runs: int, seed: int) -> None:
    found = explore(parser.target, parser.seeds, runs, seed, parser.mutate, parser.allowed)
    assert not found.faults, [(name, data[:200]) for data, name in found.faults]
    assert found.lines > 3
    assert found.kept > 0


@pytest.mark.parametrize("name", NAMES)
def test_parsers_raise_their_own_errors_alone(known: dict[str, Parser], name: str) -> None:
    if name not in known:
        pytest.skip("the toolchain is not installed")
    search(known[name], RUNS // SLOW.get(name, 1), seed=1)


@pytest.mark.nightly
@pytest.mark.parametrize("name", NAMES)
def test_parsers_for_long(known: dict[str, Parser], name: str) -> None:
    search(known[name], RUNS_AT_NIGHT // SLOW.get(name, 1), seed=2)


def test_the_search_finds_a_fault_behind_new_lines() -> None:
    """A control: it must see what it is there for."""

    def target(data: bytes) -> None:
        from lipsync_edge.server.protocol import unpack

        if unpack(data)["state"] == "late":
            raise RuntimeError("found")

    from lipsync_edge.server.protocol import HEADER

    found = explore(target, (HEADER.pack(1, 0, 0, 0),), 20_000, 1, allowed=(ValueError,))
    assert [name for _, name in found.faults] == ["RuntimeError: found"]
