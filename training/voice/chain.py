"""Records what every stage between a voice and the finished picture makes of opening, width and jaw.

python -m training voice.chain --teacher MEDIAPIPE_MODULES --task FACE_LANDMARKER.task --out FOLDER

The dubs are those of `voice.measure_dubs`: two faces, the fifteen clips of ordinary speech, up to 6 s each, as films
are made: painted and steered, and with the person's own mouths. Each becomes FOLDER/FACE-VOICE.npz of curves at 25
frames a second (`STAGES`); `training.voice.chain_figures` tells how much each stage keeps.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.engine import Engine, load
from lipsync_edge.face.align import aligned_crop
from lipsync_edge.pipeline.mouth_plans import MouthPlans, planned
from lipsync_edge.render.exemplars.planner import can_talk
from lipsync_edge.render.exemplars.sequence import Own
from lipsync_edge.render.steering import made_face, steered
from lipsync_edge.types import Frame
from lipsync_edge.video.reader import VideoReader
from training.cli import command, parse
from training.data.sounds import read_sound
from training.evaluate.dubbing import there_and_back
from training.evaluate.speaking import at_25, hearing, landmarks_of
from training.mouth.ways import library_of
from training.teachers.face_mesh import FaceTeacher
from training.teachers.mesh_v2 import MeshTeacher
from training.voice.measure_dubs import FACES, SECONDS, curves
from training.voice.natural import CHOOSE, REPORT

Array = npt.NDArray[Any]

NOTHING = np.full(3, np.nan)
STAGES = {
    "real_v2": "the voice's speaker, mesh v2",
    "real_fm": "the voice's speaker, FaceMesh",
    "source_v2": "the face's own film, mesh v2",
    "pose": "its yaw, pitch and roll, degrees",
    "coefficients": "what the encoder says as the engine calls it, (n, 8)",
    "heard": "these as opening, width and jaw, by the card's map",
    "painted_asked": "what the guide asks",
    "painted_flow": "what the lip network's flow gives",
    "painted_steered": "the same, steered",
    "painted_own": "the painted picture, read by our landmarks",
    "painted_v2": "by mesh v2",
    "painted_fm": "by FaceMesh",
    "own_asked": "what the plan of the own mouth asks",
    "own_own": "the picture with the own mouth, read by our landmarks",
    "own_v2": "by mesh v2",
    "own_fm": "by FaceMesh",
}
"""Each curve, float (n, 3) in eye distances unless it says otherwise; NaN where nothing is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Judges:
    """Who reads pictures: FaceMesh and mesh v2."""

    fm: FaceTeacher
    v2: MeshTeacher

    def read(self, pictures: list[Array]) -> dict[str, Array]:
        """Return the curves of both, by their short names."""
        return {"fm": curves(self.fm, pictures), "v2": curves(self.v2, pictures)}


@dataclass(frozen=True, slots=True, eq=False)
class Speaker:
    """A clip of ordinary speech: its sound, and its pictures as both judges read them."""

    name: str
    samples: Array
    real: dict[str, Array]


def read_speaker(judges: Judges, path: Path) -> Speaker:
    """Read the first seconds of a clip."""
    frames: list[Any] = list(at_25(list(VideoReader(path, end=SECONDS + 0.2)), SECONDS))
    real = judges.read([frame.image_bgr for frame in frames])
    return Speaker(path.stem, read_sound(path)[: int(SECONDS * 16000)], real)


def own_reading(engine: Engine, frames: Sequence[Frame], pictures: list[Array]) -> Array:
    """Return what our own landmarks read off pictures, (n, 3), where the frames' faces are."""
    landmarker = engine.renderer.landmarker
    assert landmarker is not None
    out = []
    for frame, picture in zip(frames, pictures, strict=True):
        five = landmarks_of(frame)
        if five is None:
            out.append(NOTHING)
            continue
        mouth = landmarker([aligned_crop(five, landmarker.side).cut(picture)])[0].mouth()
        out.append(np.array([mouth.opening, mouth.width, mouth.jaw]))
    return np.array(out)


def painted(engine: Engine, frames: list[Frame]) -> tuple[dict[str, Array], list[Array]]:
    """Return what each stage of the painted mouth gives, and the pictures."""
    renderer = engine.renderer
    guide = renderer.guide()
    assert guide is not None
    stages: dict[str, list[Array]] = {"asked": [], "flow": [], "steered": []}
    pictures = []
    for frame in map(guide, frames):
        face = frame.faces[0] if frame.faces else None
        crop = renderer._composer.crop(frame.image_bgr, face) if face else None
        pictures.append(engine.render([frame])[0].image_bgr)
        if face is None or face.goal is None or crop is None or face.features is None:
            for rows in stages.values():
                rows.append(NOTHING)
            continue
        mouth: Any = renderer.lips([crop.face_bgr], [face.features])[0]
        stages["asked"].append(face.goal.asked)
        stages["flow"].append(made_face(mouth, face.goal).shape)
        stages["steered"].append(made_face(steered(mouth, face.goal), face.goal).shape)
    return {f"painted_{key}": np.array(rows, float) for key, rows in stages.items()}, pictures


def own(engine: Engine, frames: list[Frame]) -> tuple[Array, list[Array]]:
    """Return what the plans of the person's own mouth ask (n, 3), and the pictures."""
    watcher, encoder = engine.renderer.watcher, engine.renderer.encoder
    assert watcher is not None
    assert encoder is not None
    library = library_of(engine, frames)
    if library is None or not can_talk(library):
        raise ValueError("the face's owner does not talk: it has no own mouth")
    asked, pictures = [], []
    for frame in planned(frames, MouthPlans(watcher, encoder, {0: library})):
        plan = frame.faces[0].own if frame.faces else None
        asked.append(plan.plan.asked if isinstance(plan, Own) else NOTHING)
        pictures.append(engine.render([frame])[0].image_bgr)
    return np.array(asked, float), pictures


def poses(engine: Engine, frames: list[Frame]) -> Array:
    """Return yaw, pitch and roll of frames, (n, 3)."""
    landmarker = engine.renderer.landmarker
    assert landmarker is not None
    out = []
    for frame in frames:
        five = landmarks_of(frame)
        crop = None if five is None else aligned_crop(five, landmarker.side).cut(frame.image_bgr)
        out.append(NOTHING if crop is None else landmarker([crop])[0].pose)
    return np.array(out, float)


def record(engine: Engine, judges: Judges, face: list[Frame], speaker: Speaker) -> dict[str, Array]:
    """Return the curves of one dub, see `STAGES`."""
    encoder = engine.renderer.encoder
    assert encoder is not None
    frames = hearing(engine, face[: len(speaker.real["v2"])], speaker.samples)
    heard = [frame.faces[0].features if frame.faces else None for frame in frames]
    coefficients = np.array([np.full(8, np.nan) if one is None else encoder([one])[0] for one in heard])
    out = {
        "coefficients": coefficients,
        "heard": coefficients @ encoder.to_shape.T,
        "pose": poses(engine, frames),
        "source_v2": curves(judges.v2, [frame.image_bgr for frame in frames]),
    }
    out |= {f"real_{key}": curve[: len(frames)] for key, curve in speaker.real.items()}
    stages, pictures = painted(engine, frames)
    out |= stages | {"painted_own": own_reading(engine, frames, pictures)}
    out |= {f"painted_{key}": curve for key, curve in judges.read(pictures).items()}
    out["own_asked"], pictures = own(engine, frames)
    out["own_own"] = own_reading(engine, frames, pictures)
    return out | {f"own_{key}": curve for key, curve in judges.read(pictures).items()}


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", "teacher", "models")
    parser.add_argument("--task", type=Path, required=True, help="the mesh teacher's bundle")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--only", nargs="*", default=[], help="voices; all without it")
    parser.add_argument("--out", type=Path, required=True)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Record from the command line; dubs that are there already are not made again."""
    options = parse(arguments(), argv)
    engine = load(preset="lite", device="cpu", threads=1, precision=options.precision, models=options.models)
    judges = Judges(FaceTeacher(options.teacher), MeshTeacher(options.task))
    clips = options.corpus / "eval"
    natural = sorted(p for p in (clips / "natural").iterdir() if p.stem in (*CHOOSE, *REPORT))
    speakers = [read_speaker(judges, p) for p in natural if not options.only or p.stem in options.only]
    options.out.mkdir(parents=True, exist_ok=True)
    for name in FACES:
        face = there_and_back(engine, clips / name, SECONDS)
        for speaker in speakers:
            path = options.out / f"{Path(name).stem}-{speaker.name}.npz"
            if not path.is_file():
                np.savez_compressed(path, **record(engine, judges, face, speaker))  # type: ignore[arg-type]
                print(path.stem, flush=True)
