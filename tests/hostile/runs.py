"""Commands on damaged media, one after another by a seed, and what must hold for each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from lipsync_edge.errors import LipsyncError
from lipsync_edge.video.reader import VideoReader
from tests.hostile import bombs
from tests.hostile.forked import Ended, Forks
from tests.hostile.mutate import mutated, spliced

MOST_S = 10.0  # of the processor, of a command on a file of a few frames
MOST_MB = 1500.0
CODES = (0, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Case:
    """One command: what it is called, its words, and the files that it finds.

    Attributes:
        name: of what was damaged, and by which seed.
        words: of the command line.
        files: name → bytes, or the name of a bomb.
    """

    name: str
    words: tuple[str, ...]
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Fault:
    """What must not be, and where it was seen."""

    case: str
    kind: str
    said: str


def run_words(face: str, audio: str) -> tuple[str, ...]:
    """A run of half a second at most: what is asked for is honest work, what is more is not."""
    return ("run", face, audio, "-o", "out.mp4", "--end", "0.4", "--device", "cpu", "-q")


def damaged(faces: Mapping[str, bytes], sounds: Mapping[str, bytes], count: int, seed: int) -> Iterator[Case]:
    """Give so many cases; each has one damaged file and one whole one."""
    for number in range(count):
        rng = Random(seed * 100_003 + number)
        face, sound = rng.choice(sorted(faces)), rng.choice(sorted(sounds))
        files = {face: faces[face], sound: sounds[sound]}
        broken = face if rng.random() < 0.7 else sound
        if rng.random() < 0.1:
            other = rng.choice(sorted({**faces, **sounds}.items()))[1]
            files[broken] = spliced(files[broken], other, rng)
        else:
            files[broken] = mutated(files[broken], rng)
        words: tuple[str, ...] = run_words(face, sound)
        if rng.random() < 0.15:
            words = ("prepare", face, "-o", "out.avatar", "--seconds", "1") if broken == face else words
        yield Case(f"{broken} {seed}/{number}", words, files)


def exploding(faces: Mapping[str, bytes], sounds: Mapping[str, bytes], folder: Path) -> Iterator[Case]:
    """Give one case for each bomb."""
    whole_face, whole_sound = "h264.mp4", "speech.wav"
    for name, make in {**bombs.FACES, **bombs.SOUNDS}.items():
        make(folder / name)
        data = (folder / name).read_bytes()
        (folder / name).unlink()
        if name in bombs.FACES:
            files = {name: data, whole_sound: sounds[whole_sound], "other.ts": faces["h264.ts"]}
            yield Case(name, run_words(name, whole_sound), files)
        else:
            yield Case(name, run_words(whole_face, name), {name: data, whole_face: faces[whole_face]})


def done(case: Case, forks: Forks, folder: Path) -> tuple[Ended, list[Fault]]:
    """Run a case in an empty folder; return how it ended and what is wrong with that."""
    folder.mkdir()
    for name, data in case.files.items():
        (folder / name).write_bytes(data)
    ended = forks(*case.words, folder=folder, limit_s=12 * MOST_S)
    return ended, [Fault(case.name, kind, said) for kind, said in _faults(case, ended, folder)]


def _faults(case: Case, ended: Ended, folder: Path) -> Iterator[tuple[str, str]]:
    if ended.timed_out or ended.cpu_s > MOST_S:
        yield "hang", f"{ended.seconds:.1f} s, {ended.cpu_s:.1f} s of the processor: {ended.err[-3000:]}"
    if ended.peak_mb > MOST_MB:
        yield "memory", f"{ended.peak_mb:.0f} MB"
    if ended.timed_out:
        return
    if ended.code not in CODES:
        yield "traceback" if ended.code == 1 else "crash", f"code {ended.code}: {ended.err[-1500:]}"
        return
    lines = ended.err.splitlines()
    wanted = [line for line in lines if line.startswith("lipsync-edge: expected ")]
    if len(lines) != (ended.code != 0) or len(wanted) != len(lines):
        yield "stray line", f"code {ended.code}: {ended.err[:500]!r}"
    left = {path.name for path in folder.iterdir()} - set(case.files)
    made = {"out.mp4", "out.avatar"} & left
    if left - made or (ended.code not in (0, 5) and made):
        yield "partial file", f"code {ended.code}: {sorted(left)}"
    if ended.code == 0 and "out.mp4" in made:
        try:
            assert list(VideoReader(folder / "out.mp4"))
        except LipsyncError as error:
            yield "bad result", str(error)
