"""Finished pictures that wait for the encoder: no more of them is held than nobody has elsewhere."""

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipsync_edge.pipeline.outgoing import Outgoing, Outlet
from lipsync_edge.pipeline.run_options import RunOptions
from lipsync_edge.types import Frame, Rendered
from lipsync_edge.video.encoder import Patch
from tests.clips import write_clip, write_sound
from tests.pipeline.test_own_mouth import make_engine, talking


def held_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: RunOptions) -> tuple[list[Any], int]:
    """Dub a film; what the outlet held of each picture, and how many finished pictures lived on to the next batch."""
    film = write_clip(tmp_path / "talks.mp4", [talking(i) for i in range(40)])
    engine, held = make_engine(), []
    made: list[weakref.ref[Any]] = []
    left = 0
    render, take = engine.renderer.render, Outlet.take

    def rendering(frames: list[Frame], *more: Any) -> list[Rendered]:  # noqa: ANN401
        nonlocal left
        left = max(left, sum(one() is not None for one in made))
        finished = render(frames, *more)
        own = [weakref.ref(done.image_bgr) for frame, done in zip(frames, finished, strict=True)
               if done.image_bgr is not frame.image_bgr]  # fmt: skip
        made.extend(own)
        return finished

    def taking(self: Outlet, *given: Any) -> Outgoing:  # noqa: ANN401
        held.append(take(self, *given))
        return held.pop(0) if len(held) > 40 else held[-1]

    monkeypatch.setattr(engine.renderer, "render", rendering)
    monkeypatch.setattr(Outlet, "take", taking)
    engine.run(film, write_sound(tmp_path / "s.wav", 1.3), tmp_path / "o.mp4", options=options)
    assert len(made) > 20
    return held, left


def test_of_a_film_only_what_was_changed_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, left = held_by(tmp_path, monkeypatch, RunOptions())
    assert left == 0
    patches = [one.picture for one in held]
    assert all(isinstance(patch, Patch) for patch in patches)
    sizes = [patch.pixels.shape for patch in patches if patch.pixels is not None]
    assert len(sizes) > 20
    assert all(height % 2 == width % 2 == 0 for height, width, _ in sizes)


def test_with_a_label_all_of_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, left = held_by(tmp_path, monkeypatch, RunOptions(label="top-left"))
    assert left > 0
    assert all(isinstance(one.picture, np.ndarray) for one in held)
