"""Ways of making the mouths of one clip: by the networks alone, and with the person's own mouth."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lipsync_edge.engine import Engine
from lipsync_edge.pipeline.mouth_plans import MouthPlans, planned
from lipsync_edge.render.exemplars.library import MOST, Library
from lipsync_edge.render.exemplars.planner import can_talk
from lipsync_edge.render.exemplars.watcher import gather
from lipsync_edge.types import U8, Frame

Way = Callable[[Engine, list[Frame]], Iterator[U8]]
TOGETHER = 4


def painted(engine: Engine, speaking: list[Frame]) -> Iterator[U8]:
    """Render by the networks alone; the mouths of films are steered, as in a run, that of one picture is not."""
    film = any(frame.image_bgr is not speaking[0].image_bgr for frame in speaking)
    guide = engine.renderer.guide() if film else None
    for i in range(0, len(speaking), TOGETHER):
        some = speaking[i : i + TOGETHER]
        if guide is not None:
            some = [guide(frame) for frame in some]
        yield from (rendered.image_bgr for rendered in engine.render(some))


def own(engine: Engine, speaking: list[Frame]) -> Iterator[U8]:
    """Render with the person's own mouth, the library being the clip itself; painted where nobody talks."""
    renderer = engine.renderer
    library, watcher, encoder = library_of(engine, speaking), renderer.watcher, renderer.encoder
    if library is None or watcher is None or encoder is None or not can_talk(library):
        yield from painted(engine, speaking)
        return
    for frame in planned(speaking, MouthPlans(watcher, encoder, {0: library})):
        yield engine.render([frame])[0].image_bgr


def library_of(engine: Engine, frames: list[Frame]) -> Library | None:
    """Gather the exemplars of a clip; a picture that is shown again counts once."""
    watcher = engine.renderer.watcher
    assert watcher is not None, "the preset has no landmark network"
    shown = {id(frame.image_bgr): (k, frame) for k, frame in reversed(list(enumerate(frames)))}
    once = sorted(shown.values(), key=lambda one: one[0])
    faces = ((k, frame.image_bgr, frame.faces[0].landmarks) for k, frame in once if frame.faces)
    return gather(((k, watcher(image, points)) for k, image, points in faces if points is not None), MOST)


WAYS: dict[str, Way] = {"painted": painted, "own": own}
