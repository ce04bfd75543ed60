"""How deep the calls go: from the public names to a network's session, and iterators that pull from iterators."""

import inspect
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

import lipsync_edge
from lipsync_edge.pipeline.run_options import RunOptions
from lipsync_edge.render.lips import Lips
from tests.clips import scene, write_clip, write_sound
from tests.pipeline import test_own_mouth, test_stream

PACKAGE = str(Path(lipsync_edge.__file__).parent)
SPEECH = np.random.default_rng(5).normal(0, 0.1, 16_000).astype(np.float32)


def ours(frame: FrameType | None) -> Iterator[FrameType]:
    """Frames of the package, the innermost first; what a context manager does on the way in or out does not count."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(PACKAGE) and not is_context_manager(frame):
            yield frame
        frame = frame.f_back


def is_context_manager(frame: FrameType) -> bool:
    caller = frame.f_back
    return caller is not None and caller.f_globals.get("__name__") == "contextlib"


def names(frame: FrameType | None) -> list[str]:
    return [
        one.f_code.co_qualname if sys.version_info >= (3, 11) else one.f_code.co_name for one in ours(frame)
    ]


class Noted:
    """Keeps the call stack that was there when a network's backend, the door to its session, was called."""

    def __init__(self, lips: Lips) -> None:
        self.stacks: list[list[str]] = []
        backend = lips.network.backend
        run = backend.run

        def noting(feeds: object) -> object:
            self.stacks.append(names(inspect.currentframe()))
            return run(feeds)  # type: ignore[arg-type]

        backend.run = noting  # type: ignore[method-assign, assignment]

    def hops(self) -> int:
        """Calls from the public name to the session: one from each frame that is noted, and that of the backend."""
        (depth,) = {len(stack) for stack in self.stacks}
        return depth + 1


@contextmanager
def deepest_iterators() -> Iterator[dict[str, int]]:
    """Gives thread → most iterators of the package that were on its stack at once, "through" a queue apart."""
    most: dict[str, int] = {}

    def look(frame: FrameType, event: str, _: object) -> None:
        if event not in ("call", "c_call"):
            return
        stack = list(ours(frame))
        count = sum(is_iterator(one) for one in stack)
        thread = threading.current_thread().name
        through = any(one.f_code.co_filename.endswith("threads.py") and is_iterator(one) for one in stack)
        key = f"{thread}, through the queue" if through else thread
        most[key] = max(most.get(key, 0), count)

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        yield most
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


def is_iterator(frame: FrameType) -> bool:
    return bool(frame.f_code.co_flags & inspect.CO_GENERATOR) or frame.f_code.co_name == "__next__"


def test_from_run_to_the_session_it_is_six_calls(tmp_path: Path) -> None:
    engine = test_own_mouth.make_engine(whole=False)
    noted = Noted(engine.renderer.lips)
    face, speech = write_clip(tmp_path / "f.mp4", [scene(index=i) for i in range(8)]), tmp_path / "s.wav"
    engine.run(face, write_sound(speech, 0.3), tmp_path / "o.mp4")
    assert noted.stacks[0][-1].endswith("run")
    assert noted.hops() == 6, noted.stacks[0]


def test_from_a_streams_frames_to_the_session_it_is_six_calls() -> None:
    engine = test_stream.make_engine()
    stream = engine.stream(test_stream.AVATAR)
    noted = Noted(engine.renderer.lips)
    assert list(stream.push(SPEECH))
    assert noted.stacks[0][-1].endswith("_frames")  # the iterator that push gives
    assert noted.hops() == 6, noted.stacks[0]


@pytest.mark.parametrize("frames", [40, 12], ids=["as long as the sound", "pingpong"])
def test_pictures_go_through_eight_iterators_at_most(tmp_path: Path, frames: int) -> None:
    face = write_clip(tmp_path / "f.mp4", [test_own_mouth.talking(i) for i in range(frames)])
    speech = write_sound(tmp_path / "s.wav", 1.0)
    engine = test_own_mouth.make_engine()
    with deepest_iterators() as most:
        result = engine.run(face, speech, tmp_path / "o.mp4", options=RunOptions(mouth="auto"))
    assert result.frames == 25
    assert result.exemplars > 0
    making = threading.current_thread().name
    assert most[f"{making}, through the queue"] + most["lipsync-read"] <= 8, most
    assert max(most.values()) <= 8, most
