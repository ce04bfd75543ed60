"""Does everybody say their own? Scenes of two people, each with a voice, made from file to file and read by FaceMesh.

    python -m training evaluate.two_faces --teacher MEDIAPIPE_MODULES

Two evaluation clips side by side change places at two cuts (`training.identity.scenes`). Each person gets a stranger's
voice; the opening of the inner lips in the result is compared with that stranger's own (`r`). Control: with the opening
of the other voice of the scene, which the other face says. `evaluate.dubbing` says what one face reaches alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from lipsync_edge.engine import load
from lipsync_edge.face.detector import Detector
from lipsync_edge.models.network import load_network
from lipsync_edge.video.reader import VideoReader
from training.cli import command, parse
from training.evaluate.dubbing import Array, compare, openings, read_voice, sheet
from training.identity.scenes import SECONDS, TILE, Scene, find, scene, tiles, write_film
from training.teachers.face_mesh import FaceTeacher

FACES = (
    ("address_woman_b", "news_man_a"),
    ("talk_woman_e", "matrix_woman_a"),
    ("grid_s3", "cantonese_woman_a"),
    ("address_woman_d", "grid_s33_1"),
)
VOICES = (("studio_a", "talk_a"), ("talk_b", "studio_b"), ("matrix_man_a", "studio_a"), ("talk_a", "talk_b"))
RATE = 16_000


def of_person(made: Scene, frames: Sequence[Array], person: int) -> list[Array]:
    """Cut one person's tile out of the frames of a result."""
    left = [round(where[person][0]) for where in made.places]
    return [frame[:, x : x + TILE] for frame, x in zip(frames, left, strict=False)]


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    out = Path("benchmarks/results/two_faces.json")
    parser = command(__name__, __doc__, "corpus", "teacher", "models", out=out)
    parser.add_argument("--preset", default="lite")
    parser.add_argument(
        "--sheet", type=Path, help="write a contact sheet here (evaluation clips: not for publication)"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line."""
    options = parse(arguments(), argv)
    engine = load(preset=options.preset, models=options.models, threads=1)
    detector = Detector(load_network("edge_detect", device="cpu", threads=1))
    teacher = FaceTeacher(options.teacher)
    rows: list[dict[str, Any]] = []
    shown: list[list[Array]] = []
    for number, (faces, names) in enumerate(zip(FACES, VOICES, strict=True)):
        voices = [read_voice(teacher, find(options.corpus, name), float(SECONDS)) for name in names]
        made = scene("swap", [tiles(find(options.corpus, name), detector) for name in faces], number)
        with tempfile.TemporaryDirectory() as folder:
            film = write_film(made, Path(folder) / "film.mkv")
            sounds = {who: Path(folder) / f"{who}.wav" for who in ("left", "right")}
            for path, voice in zip(sounds.values(), voices, strict=True):
                soundfile.write(str(path), voice.samples[: SECONDS * RATE], RATE)
            result = engine.run(film, None, Path(folder) / "made.mkv", voices=sounds)
            frames = [frame.image_bgr for frame in VideoReader(Path(folder) / "made.mkv")]
        shown += [made.pictures[5:140:27], frames[5:140:27]]
        for person, (face, voice) in enumerate(zip(faces, voices, strict=True)):
            curve = openings(teacher, of_person(made, frames, person))
            control = compare(curve, voices[1 - person].openings)["r"]
            told = result.people[person]
            row = {"face": face, "voice": voice.name, **compare(curve, voice.openings), "control_r": control}
            rows.append(row | {"frames": told.frames, "driven": told.driven})
            print(rows[-1], flush=True)
    keys = ("r", "control_r", "amplitude", "closures")
    mean = {key: round(float(np.nanmean([row[key] for row in rows])), 3) for key in keys}
    options.out.write_text(
        json.dumps({"preset": options.preset, "mean": mean, "faces": rows}, indent=1) + "\n"
    )
    print(mean)
    if options.sheet:
        sheet(shown, options.sheet)
