"""What worker processes of tests load and parse: functions of a module, as they are sent by name."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from lipsync_edge.batch.job import BatchJob, Option, Vocabulary
from lipsync_edge.cli.batch import parse_row, vocabulary
from lipsync_edge.engine import Engine
from lipsync_edge.mark import apply
from lipsync_edge.models.engine_options import EngineOptions
from tests.scripted import make_engine


def no_key(*_: object) -> None:
    """Fail as a key does that was taken away."""
    raise RuntimeError("the key is gone")


class Moody(Engine):
    """An engine whose runs go as the name of the sound says."""

    def make(self, job: Any, **more: Any) -> Any:
        audio = job.parts[0].sound.file
        name = audio.stem
        if name.startswith("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if name.startswith("exit"):
            os._exit(7)
        if name.startswith("once") and not (gone := audio.with_suffix(".gone")).exists():
            gone.touch()
            os._exit(7)
        if name.startswith("bug"):
            raise ZeroDivisionError("a mistake")
        if name.startswith("unsigned"):
            sign, apply.sign = apply.sign, no_key
            try:
                return super().make(job, **more)
            finally:
                apply.sign = sign
        if name.startswith("full"):
            raise OSError(28, "No space left on device")
        return super().make(job, **more)


def load(options: EngineOptions) -> Engine:
    """An engine of numpy; a line in loaded.txt where the tests run says who loaded it."""
    place = os.environ.get("LOADED")
    if place:
        with Path(place).open("a") as file:
            file.write(f"{os.getpid()} {options.preset} {options.threads}\n")
    made = make_engine()
    return Moody(made.detector, made.renderer)


def words() -> Vocabulary:
    return vocabulary()


def job(folder: Path, audio: str = "speech.wav", *, out: str = "", row: int = 1, **options: str) -> BatchJob:
    """A job on files of a folder."""
    given = tuple(Option(name.replace("_", "-"), value) for name, value in options.items())
    made = out or f"{Path(audio).stem}{row}.mp4"
    return BatchJob(
        out=made, row=row, face=str(folder / "face.mp4"), audio=str(folder / audio), options=given
    )


parse = parse_row
POSIX = os.name == "posix" and sys.platform != "win32"


class Slow(Moody):
    """An engine whose runs take half a second."""

    def make(self, job: Any, **more: Any) -> Any:
        time.sleep(0.5)
        return super().make(job, **more)


def load_slow(options: EngineOptions) -> Engine:
    """An engine of numpy that takes its time."""
    made = make_engine()
    return Slow(made.detector, made.renderer)
