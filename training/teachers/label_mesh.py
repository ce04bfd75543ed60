"""Label the corpus with the mesh teacher, one .npz a clip, one .npz for all stills; resumes where it stopped.

python -m training teachers.label_mesh [--share 0/2]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from training.cli import WORK, command, parse
from training.teachers.mesh_v2 import POINTS, TASK, MeshTeacher

Array = npt.NDArray[Any]
VIDEOS = {".mkv", ".mp4", ".mpg"}
STILLS = {".jpg", ".jpeg", ".png", ".webp"}


def jobs_in_order(corpus: Path) -> list[Path]:
    """List clips and folders of stills: eval, people by their number of clips, stills, the one with most clips."""
    natural = _videos(corpus / "eval" / "natural")
    others = _videos(corpus / "eval")
    people = sorted((p for p in (corpus / "train").iterdir()), key=lambda p: (len(_videos(p)), p.name))
    rest = [clip for person in people[:-1] for clip in _videos(person)]
    largest = _videos(people[-1])
    stills = sorted(p for p in (corpus / "faces").iterdir() if p.is_dir())
    return natural + others + rest + stills + largest[::2] + largest[1::2]


def _videos(folder: Path) -> list[Path]:
    if not folder.is_dir():  # a corpus may lack what is only measured on
        return []
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in VIDEOS)


def frames_of(path: Path) -> Iterator[Array]:
    """Yield uint8 (H, W, 3) BGR frames of a clip in display order."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for frame in container.decode(stream):
            yield frame.to_ndarray(format="bgr24")


def label_clip(path: Path, teacher: MeshTeacher) -> dict[str, Array]:
    """Return points float32 (T, 478, 3), score float32 (T,) (0: no face) and size int32 (2,) width, height."""
    teacher.reset()
    points, scores, size = [], [], (0, 0)
    for frame in frames_of(path):
        found = teacher(frame)
        size = frame.shape[1], frame.shape[0]
        points.append(np.zeros((POINTS, 3), np.float32) if found is None else found.points)
        scores.append(0.0 if found is None else found.score)
    return {
        "points": np.asarray(points, np.float32).reshape(-1, POINTS, 3),
        "score": np.asarray(scores, np.float32),
        "size": np.asarray(size, np.int32),
    }


def label_stills(corpus: Path, folder: str, teacher: MeshTeacher) -> dict[str, Array]:
    """Return names (path below `faces`), points, score and size (N, 2) of one folder of stills."""
    paths = sorted(p for p in (corpus / "faces" / folder).rglob("*") if p.suffix.lower() in STILLS)
    names, points, scores, sizes = [], [], [], []
    for path in paths:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            continue
        teacher.reset()
        found = teacher(image)
        names.append(str(path.relative_to(corpus / "faces")))
        points.append(np.zeros((POINTS, 3), np.float32) if found is None else found.points)
        scores.append(0.0 if found is None else found.score)
        sizes.append(image.shape[1::-1])
    return {
        "names": np.array(names),
        "points": np.asarray(points, np.float32),
        "score": np.asarray(scores, np.float32),
        "size": np.asarray(sizes, np.int32),
    }


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", out=WORK / "mesh")
    parser.add_argument("--task", type=Path, default=TASK)
    parser.add_argument("--share", default="0/1", help="I/N: take every N-th file from the I-th on")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Label everything that has no file yet."""
    options = parse(arguments(), argv)
    teacher = MeshTeacher(options.task)
    part, parts = (int(v) for v in options.share.split("/"))
    options.out.mkdir(parents=True, exist_ok=True)
    for job in jobs_in_order(options.corpus)[part::parts]:
        out = options.out / job.relative_to(options.corpus).with_suffix(".npz")
        if out.is_file():
            continue
        out.parent.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        arrays = label_stills(options.corpus, job.name, teacher) if job.is_dir() else label_clip(job, teacher)
        partial = out.with_suffix(".tmp.npz")
        np.savez_compressed(partial, allow_pickle=False, **arrays)
        partial.rename(out)
        count, found = len(arrays["score"]), int((arrays["score"] > 0).sum())
        print(
            f"{out.relative_to(options.out)}: {found}/{count} in {time.monotonic() - start:.1f} s", flush=True
        )
