"""A studio in a process of its own, as people start it, which writes down every address that it looks for."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
# what Python itself tells of a process and of all that it starts: connections, and names that are looked up
WATCH = """
import os, sys
def note(event, args):
    if event == "socket.connect" and isinstance(args[1], tuple):
        name = str(args[1][0])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        name = str(args[0])
    else:
        return
    with open(os.environ["STUDIO_WATCH"], "a") as file:
        file.write(name + "\\n")
sys.addaudithook(note)
"""
START_S = 120


@dataclass(frozen=True)
class Studio:
    """A studio that runs.

    Attributes:
        url: its page.
        results: folder of its results.
        watched: file of the addresses that it looked for.
        process: of it.
    """

    url: str
    results: Path
    watched: Path
    process: Any

    @property
    def addresses(self) -> set[str]:
        return set(self.watched.read_text().split()) if self.watched.exists() else set()


def need_gradio() -> None:
    """Skip where the extra is missing; Gradio itself is imported in the studio's process alone."""
    if find_spec("gradio") is None:
        pytest.skip("the extra `studio` is not installed")


def environment(folder: Path) -> dict[str, str]:
    """Of a process that is watched; it measures nothing and signs with an identity of its own."""
    hook = folder / "hook"
    hook.mkdir(exist_ok=True)
    (hook / "sitecustomize.py").write_text(WATCH)
    here = [str(hook), *([str(ROOT)] if (ROOT / "lipsync_edge").is_dir() else [])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(here), "STUDIO_WATCH": str(folder / "watched.txt")}


@contextmanager
def served(folder: Path, *words: str) -> Iterator[Studio]:
    """Start it on a free port."""
    results, log = folder / "results", folder / "log.txt"
    command = [sys.executable, "-m", "lipsync_edge", "studio", "--port", "0", "--no-browser"]
    command += ["--results", str(results), *words]
    with log.open("w") as out:
        process = subprocess.Popen(command, env=environment(folder), stderr=out, stdout=out)
    try:
        yield Studio(_address(process, log), results, folder / "watched.txt", process)
    finally:
        process.terminate()
        process.wait(30)


def _address(process: Any, log: Path) -> str:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        said = re.search(r"The studio is at (http://\S+)", log.read_text())
        if said is not None and _answers(said[1]):
            return said[1]
        time.sleep(0.1)
    raise AssertionError("it did not start")


def _answers(url: str) -> bool:
    place = urlsplit(url)
    with socket.socket() as one:
        return one.connect_ex((str(place.hostname), int(place.port or 80))) == 0
