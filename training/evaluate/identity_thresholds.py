"""Choose the identity card's thresholds on the scenes of the choosing half; nobody of the other half is looked at.

    python -m training evaluate.identity_thresholds --graph models_onnx/edge_identity.int8.onnx

Everybody is followed with every pair of thresholds. Chosen is the pair with the fewest switches, of these with the
fewest wrong frames, of these the one that holds its people longest; the same within `SLACK` frames counts as equal. As
these scenes hold nobody who is not followed, the highest `same` of what is equal is taken, which refuses most
strangers, and the `other` in the middle.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from lipsync_edge.face.detector import Detector
from lipsync_edge.face.identifier import Identifier
from lipsync_edge.face.looks import Looks
from lipsync_edge.face.people import Wanted
from lipsync_edge.face.tracker import Tracker, TrackOptions
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.network import Network, load_network
from lipsync_edge.models.spec import load_spec
from lipsync_edge.types import F32, U8, Boxes, Frame
from training.cli import command, parse
from training.evaluate.identity import KINDS, judge
from training.identity.scenes import CHOOSE, Scene, scene, tiles_of

SAME = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
OTHER = (0.1, 0.2, 0.3, 0.4)
LEAST_APART = 0.1  # `other` below `same`
SLACK = 0.002  # of the frames


@dataclass(slots=True, eq=False)
class Remembered:
    """A detector and looks that were asked before; pictures are told apart by where they lie in memory."""

    detector: Detector
    looks: Looks
    boxes: dict[tuple[int, int], Boxes] = field(default_factory=dict)
    _numbers: dict[tuple[int, bytes], F32] = field(default_factory=dict)

    def find(self, frames_bgr: Sequence[U8], side: int = 0) -> list[Boxes]:
        """See `FindFaces`."""
        for frame in frames_bgr:
            if (id(frame), side) not in self.boxes:
                self.boxes[id(frame), side] = self.detector([frame], side)[0]
        return [self.boxes[id(frame), side] for frame in frames_bgr]

    def numbers(self, frame_bgr: U8, boxes: Boxes) -> F32:
        """See `Looks`."""
        key = id(frame_bgr), boxes.xyxy.tobytes()
        if key not in self._numbers:
            self._numbers[key] = self.looks(frame_bgr, boxes)
        return self._numbers[key]


@dataclass(frozen=True, slots=True, eq=False)
class With:
    """The same looks with other thresholds."""

    of: Remembered
    same: float
    other: float
    name: str = "tried"

    def __call__(self, frame_bgr: U8, boxes: Boxes) -> F32:
        """See `Looks`."""
        return self.of.numbers(frame_bgr, boxes)


def follow(made: Scene, looks: With) -> list[Frame]:
    """Follow everybody by the looks of their first picture, as they stand in it from left to right."""
    find_faces = looks.of.find
    options = TrackOptions()
    first = find_faces([made.pictures[0]], options.side)[0]
    known = looks(made.pictures[0], first)[np.argsort(first.xyxy[:, 0])]
    wanted = [Wanted(looks=one[None]) for one in known[: len(made.places[0])]]
    tracker = Tracker(options, find_faces, wanted, looks)
    out = []
    for i, picture in enumerate(made.pictures):
        out += tracker.push(Frame(i, Fraction(i, 25), picture))
    return out + tracker.flush()


def choose(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the row of the pair that is taken; see the module."""
    fewest = min((row["switches"], row["wrong_frames"]) for row in rows)
    clean = [row for row in rows if (row["switches"], row["wrong_frames"]) == fewest]
    most = max(row["held"] for row in clean)
    equal = [row for row in clean if row["held"] >= most - SLACK * row["seen"]]
    same = max(row["same"] for row in equal)
    strictest = [row for row in equal if row["same"] == same]
    middle = float(np.median([row["other"] for row in strictest]))
    return min(strictest, key=lambda row: (abs(row["other"] - middle), row["other"]))


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", out=Path("benchmarks/results/identity_thresholds.json"))
    graphs = [Path("models_onnx/edge_identity.int8.onnx")]
    parser.add_argument(
        "--graph", type=Path, nargs="+", default=graphs, help="networks, judged on the same scenes"
    )
    parser.add_argument(
        "--keep", type=Path, help="folder in which the clips' tiles are kept for the next time"
    )
    parser.add_argument("--scenes", type=int, default=2, help="of each kind")
    return parser


def identifier(graph: Path) -> Identifier:
    """Open a network with the bundled card."""
    spec = load_spec("edge_identity")
    return Identifier(Network(spec, open_backend(graph, "cpu", 1), graph.name.split(".")[1], ""))


def main(argv: Sequence[str] | None = None) -> None:
    """Choose from the command line."""
    options = parse(arguments(), argv)
    detector = Detector(load_network("edge_detect", device="cpu", threads=1))
    people = tiles_of(options.corpus, CHOOSE, detector, options.keep)
    pairs = [(same, other) for same in SAME for other in OTHER if other <= same - LEAST_APART + 1e-9]
    networks = {str(graph): identifier(graph) for graph in options.graph}
    found = {
        name: {(same, other): {"same": same, "other": other} for same, other in pairs} for name in networks
    }
    rng = np.random.default_rng(7)
    for kind, count in KINDS:
        for number in range(options.scenes):
            cast = [str(name) for name in rng.choice(CHOOSE, count, replace=False)]
            made = scene(kind, [people[name] for name in cast], number)
            boxes: dict[tuple[int, int], Boxes] = {}
            for name, looks in networks.items():
                asked = Remembered(detector, looks, boxes)
                for (same, other), row in found[name].items():
                    for key, value in judge(made, follow(made, With(asked, same, other))).items():
                        row[key] = row.get(key, 0) + value
            print(kind, cast, flush=True)
    out = {}
    for name, rows in found.items():
        taken = choose([*rows.values()])
        print(name, *(f"{row} {'<- taken' if row is taken else ''}" for row in rows.values()), sep="\n")
        out[name] = {"taken": taken, "pairs": [*rows.values()]}
    options.out.write_text(json.dumps({"half": "choose", "networks": out}, indent=1) + "\n")
