"""How well the identity network tells people apart: pairs of faces of the evaluation clips, nobody of whom it has seen.

    python -m training evaluate.likeness --graph models_onnx/edge_identity.fp32.onnx models_onnx/edge_identity.int8.onnx

Faces half a second apart, of people of both halves; `altered`: one face of each pair in another light, turned a little,
and of as few as 24 pixels. `wrong_of_two`: how often a stranger's face is more alike than the person's own. Control:
the grey patch, which the network replaced. Clips of one person count as one person.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.face.align import TEMPLATE, aligned_crop
from lipsync_edge.face.detector import Detector
from lipsync_edge.face.identity import choose
from lipsync_edge.face.looks import appearance
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.network import Network, load_network
from lipsync_edge.models.spec import load_spec
from lipsync_edge.video.reader import VideoReader
from training.cli import command, parse
from training.data.light import camera, relight
from training.identity.scenes import CHOOSE, REPORT, find, kept

Array = npt.NDArray[Any]
Describe = Callable[[Array], Array]

SIDE = 112  # of the crops that are compared
STEP, MOST = 12, 12  # frames between two faces, and faces of a clip
ONE_PERSON = {"talk_woman_d": "address_woman_a"}
DRAWN = 2000  # strangers' faces that each pair is compared with


def crops(detector: Detector, path: Path) -> list[Array]:
    """Cut the largest face out of frames half a second apart, uint8 (112, 112, 3)."""
    out = []
    for i, frame in enumerate(VideoReader(path, end=20)):
        if i % STEP:
            continue
        boxes = detector([frame.image_bgr], 320)[0]
        found = choose(boxes, "largest")
        if found is not None and boxes.landmarks is not None:
            out.append(aligned_crop(boxes.landmarks[found], SIDE).cut(frame.image_bgr))
    return [out[i] for i in np.linspace(0, len(out) - 1, min(MOST, len(out))).astype(int)]


def altered(rng: np.random.Generator, crop: Array) -> Array:
    """Return a crop as another camera might give it."""
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), rng.normal(0, 4), float(np.exp(rng.normal(0, 0.05))))
    turn = np.hstack([turn[:, :2], turn[:, 2:] + rng.normal(0, 2, (2, 1))])
    out = cv2.warpAffine(crop, turn, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    side = int(rng.integers(24, 100))
    out = cv2.resize(cv2.resize(out, (side, side), interpolation=cv2.INTER_AREA), (SIDE, SIDE))
    return camera(rng, relight(rng, np.asarray(out), 0.7), 0.5)


def by_network(path: Path) -> tuple[Describe, float]:
    """Return what describes a crop with a network, and its threshold."""
    spec = load_spec("edge_identity", path.parent)
    network = Network(spec, open_backend(path, "cpu", 1), path.name.split(".")[1], "")
    side = spec.side("face")
    assert spec.identity is not None

    def describe(crop: Array) -> Array:
        small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
        return network(face=small[None])["embedding"][0]

    return describe, spec.identity.same


def by_patch(crop: Array) -> Array:
    """Describe a crop by the grey patch."""
    return appearance(crop, np.zeros(4, np.float32), (TEMPLATE * SIDE - 0.5).astype(np.float32))


def figures(a: Array, b: Array, person: Array, same: float) -> dict[str, float]:
    """Return what is found of faces (n, d) of two sets, and the person of each."""
    alike = a @ b.T
    is_same = person[:, None] == person[None]
    pairs = is_same & ~np.eye(len(person), dtype=bool)
    mine, others = alike[pairs], alike[~is_same]
    drawn = others[np.random.default_rng(0).integers(0, len(others), DRAWN)]
    strict = np.quantile(others, 0.999)
    return {
        "same_found": round(float((mine > same).mean()), 4),
        "others_taken": round(float((others > same).mean()), 4),
        "found_at_1_in_1000": round(float((mine > strict).mean()), 4),
        "wrong_of_two": round(float((mine[:, None] < drawn[None]).mean()), 4),
    }


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", out=Path("benchmarks/results/train_edge_identity.json"))
    graphs = [Path(f"models_onnx/edge_identity.{kind}.onnx") for kind in ("fp32", "int8")]
    parser.add_argument("--graph", type=Path, nargs="+", default=graphs)
    parser.add_argument(
        "--keep", type=Path, help="folder in which the clips' faces are kept for the next time"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line."""
    options = parse(arguments(), argv)
    detector = Detector(load_network("edge_detect", device="cpu", threads=1))
    faces: list[Array] = []
    person: list[str] = []
    for name in (*CHOOSE, *REPORT, *ONE_PERSON):
        found = kept(options.keep, f"{name}.crops", partial(crops, detector, find(options.corpus, name)))
        faces += list(found)
        person += [ONE_PERSON.get(name, name)] * len(found)
    rng = np.random.default_rng(0)
    other_faces = [altered(rng, face) for face in faces]
    ways: dict[str, tuple[Describe, float]] = {
        path.name.split(".")[1]: by_network(path) for path in options.graph
    }
    ways["grey patch"] = by_patch, 0.5
    out: dict[str, Any] = {"faces": len(faces), "people": len(set(person)), "ways": {}}
    halves = {"choose": [*CHOOSE, *ONE_PERSON], "report": [*REPORT]}
    for name, (describe, same) in ways.items():
        plain, changed = (np.stack([describe(face) for face in some]) for some in (faces, other_faces))
        out["ways"][name] = {}
        for half, names in halves.items():
            mine = np.isin(person, [ONE_PERSON.get(one, one) for one in names])
            of = np.array(person)[mine]
            out["ways"][name][half] = {
                "clean": figures(plain[mine], plain[mine], of, same),
                "altered": figures(plain[mine], changed[mine], of, same),
            }
        print(name, out["ways"][name], flush=True)
    options.out.write_text(json.dumps(out, indent=1) + "\n")
