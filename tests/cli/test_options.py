"""Choices are listed by help and completed by the shell; one file gives what was not typed."""

import os
import subprocess
import sys

import pytest

from lipsync_edge.choices import CODECS, LOOPS
from lipsync_edge.cli.options import box_of, pads_of
from lipsync_edge.errors import UsageError
from lipsync_edge.models.devices import DEVICE_NAMES
from lipsync_edge.models.preset import preset_names
from tests.cli.conftest import Typed


def module(*words: str, **environment: str) -> str:
    """What `python -m lipsync_edge` prints."""
    command = [sys.executable, "-m", "lipsync_edge", *words]
    wide = os.environ | {"COLUMNS": "200", "TERMINAL_WIDTH": "200", "NO_COLOR": "1"}
    done = subprocess.run(command, env=wide | environment, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("command", ["run", "prepare", "bench", "demo"])
def test_help_lists_the_choices(command: str) -> None:
    text = module(command, "--help")
    for name in (*preset_names(), *DEVICE_NAMES, "fp16"):
        assert name in text
    if command == "run":
        assert all(name in text for name in (*LOOPS, *CODECS))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("run --preset w", [name for name in preset_names() if name.startswith("w")]),
        ("bench --preset h", ["hq"]),
        ("run --device t", ["tensorrt"]),
        ("run --precision ", ["auto", "fp32", "fp16", "int8"]),
        ("run --loop p", ["pingpong"]),
        ("run --codec h", ["h264", "hevc"]),
    ],
)
def test_the_shell_completes_the_choices(words: str, found: list[str]) -> None:
    text = module(
        _LIPSYNC_EDGE_COMPLETE="complete_bash",
        COMP_WORDS=f"lipsync-edge {words}",
        COMP_CWORD=str(words.count(" ") + 1),
    )
    assert text.split() == found


def test_four_numbers_are_read() -> None:
    assert box_of("1,2.5, 3,4") == (1.0, 2.5, 3.0, 4.0)
    assert pads_of("0,10,0,0") == (0, 10, 0, 0)
    assert box_of(None) is pads_of(None) is None
    for text in ("", "1,2,3", "1,2,3,4,5", "a,b,c,d"):
        with pytest.raises(UsageError, match="x1,y1,x2,y2"):
            box_of(text)
        with pytest.raises(UsageError, match="top,bottom"):
            pads_of(text)
    with pytest.raises(UsageError, match="top,bottom"):
        pads_of("1.5,0,0,0")


def test_the_version_is_that_of_the_package(typed: Typed) -> None:
    import lipsync_edge

    assert typed("--version") == (0, f"{lipsync_edge.__version__}\n", "")
