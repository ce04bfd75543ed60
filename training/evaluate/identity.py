"""Does identity hold? Scenes of two to four people, who are to be followed through cuts, crossings and absences.

    python -m training evaluate.identity --half report

Each scene is written as a film and goes through a whole run, with a voice for everybody, named by their places in the
first frame; only the pictures are not rendered. A switch: the face that is given as somebody's is another's (each time
that it becomes so). Held: part of the frames in which a person is wholly seen and is followed. Beside the network: the
grey patch, and the control, places alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from lipsync_edge.engine import Engine, load
from lipsync_edge.face.detector import Detector
from lipsync_edge.face.identifier import Identifier
from lipsync_edge.face.looks import Looks, PatchLooks
from lipsync_edge.models.network import load_network
from lipsync_edge.pipeline import offline
from lipsync_edge.pipeline.run_options import RunOptions
from lipsync_edge.render.guide import Guide, Rest
from lipsync_edge.render.renderer import Probe, Renderer, no_probe
from lipsync_edge.types import F32, U8, Boxes, Frame, Rendered
from training.cli import command, parse
from training.identity.scenes import (
    CHOOSE,
    FACE,
    FRAMES,
    REPORT,
    SECONDS,
    TILE,
    Scene,
    is_seen,
    scene,
    tiles_of,
    write_film,
)

KINDS = (
    ("swap", 2),
    ("camera", 2),
    ("cross", 2),
    ("leave", 2),
    ("swap", 3),
    ("camera", 3),
    ("swap", 4),
    ("camera", 4),
)


RATE = 16_000


class PlacesAlone:
    """The control: everybody looks the same."""

    name, same, other = "places", 0.5, 0.2

    def __call__(self, frame_bgr: U8, boxes: Boxes) -> F32:
        """See `Looks`."""
        return np.ones((len(boxes), 1), np.float32)


class Following(Renderer):
    """Notes the frames that are to be rendered and gives them back as they are."""

    def __init__(self, of: Renderer) -> None:
        super().__init__(preset=of.preset, lips=of.lips)
        self.frames: list[Frame] = []

    def render(self, frames: Sequence[Frame], probe: Probe = no_probe) -> list[Rendered]:
        """See the class."""
        self.frames += frames
        return [Rendered(frame.image_bgr) for frame in frames]

    def guide(self, known: Mapping[int, Rest] | None = None) -> Guide | None:
        """Return None: nothing is asked of mouths that are not made."""
        return None


def follow(made: Scene, engine: Engine, looks: Looks) -> list[Frame]:
    """Run a scene with a voice for everybody, who are named by their places in its first frame; return its frames."""
    renderer = Following(engine.renderer)
    people = sorted(made.places[0], key=lambda k: made.places[0][k][0])
    assert people == list(range(len(people))), "scenes begin with everybody from left to right"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        soundfile.write(str(folder / "voice.wav"), np.zeros(SECONDS * RATE, np.float32), RATE)
        film = write_film(made, folder / "film.mkv")
        job = Engine(engine.detector, renderer).job(
            film,
            None,
            folder / "made.mkv",
            voices={str(k): folder / "voice.wav" for k in people},
            options=RunOptions(mouth="painted"),
        )
        offline.run(job, looks=looks)
    assert len(renderer.frames) == FRAMES, "every frame went through"
    return renderer.frames


def is_anothers(where: dict[int, tuple[float, float]], person: int, x: float) -> bool:
    """Whether a face at a column is rather somebody else's: farther than half a face from its own, another is nearer.

    Faces are in the middle of their tiles. Of somebody who is not in the picture: whether it is upon another's.
    """
    off = {one: abs(left + scale * TILE / 2 - x) for one, (left, scale) in where.items()}
    nearest = min(off, key=lambda one: off[one])
    if person not in where:
        return bool(off[nearest] < 0.5 * FACE)
    return bool(off[person] > 0.5 * FACE * where[person][1] and nearest != person)


def judge(made: Scene, followed: Sequence[Frame]) -> dict[str, int]:
    """Count switches, wrong frames, and frames in which somebody is seen and followed."""
    switches = wrong = seen = held = 0
    was_wrong: dict[int, bool] = {}
    width = made.pictures[0].shape[1]
    for where, frame in zip(made.places, followed, strict=True):
        given = {face.identity: float(face.box_xyxy[[0, 2]].mean()) for face in frame.faces}
        for person in {*where, *given}:
            is_wrong = bool(where) and person in given and is_anothers(where, person, given[person])
            hidden = not is_seen(where, person, width)
            switches += is_wrong and not was_wrong.get(person, False)
            wrong += is_wrong
            was_wrong[person] = is_wrong
            seen += not hidden
            held += not hidden and person in given and not is_wrong
    return {"switches": switches, "wrong_frames": wrong, "seen": seen, "held": held}


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", "models", out=Path("benchmarks/results/identity.json"))
    parser.add_argument("--half", choices=("choose", "report"), default="choose")
    parser.add_argument(
        "--keep", type=Path, help="folder in which the clips' tiles are kept for the next time"
    )
    parser.add_argument("--scenes", type=int, default=6, help="of each kind")
    parser.add_argument("--precision", default="int8")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line."""
    options = parse(arguments(), argv)
    detector = Detector(load_network("edge_detect", device="cpu", threads=1))
    engine = load(models=options.models, threads=1)
    identity = load_network(
        "edge_identity", models=options.models, device="cpu", precision=options.precision, threads=1
    )
    ways: dict[str, Looks] = {
        "network": Identifier(identity),
        "grey patch": PatchLooks(),
        "places alone": PlacesAlone(),
    }
    names = CHOOSE if options.half == "choose" else REPORT
    people = tiles_of(options.corpus, names, detector, options.keep)
    rng = np.random.default_rng(7)
    rows: list[dict[str, Any]] = []
    for kind, count in KINDS:
        for number in range(options.scenes):
            cast = [str(name) for name in rng.choice(names, count, replace=False)]
            made = scene(kind, [people[name] for name in cast], number)
            row: dict[str, Any] = {"kind": kind, "people": cast}
            row |= {way: judge(made, follow(made, engine, looks)) for way, looks in ways.items()}
            rows.append(row)
            print(
                kind,
                cast,
                {way: (row[way]["switches"], row[way]["held"], row[way]["seen"]) for way in ways},
                flush=True,
            )
    totals = {way: {key: sum(row[way][key] for row in rows) for key in rows[0][way]} for way in ways}
    for way, total in totals.items():
        total["held_share"] = round(total["held"] / max(1, total["seen"]), 4)
        print(way, total)
    old = json.loads(options.out.read_text()) if options.out.is_file() else {}
    old[options.half] = {"precision": options.precision, "totals": totals, "scenes": rows}
    options.out.write_text(json.dumps(old, indent=1) + "\n")
