"""Commands as processes of their own, forked from one that has imported everything: fast, and with their peak memory.

    python -m tests.hostile.forked numpy|real

reads one JSON object a line ({"words", "folder", "limit_s"}) and answers each with one, the fields of `Ended`. On
`numpy` the networks are made of it and see a face everywhere, so that damaged pictures go all the way; on `real` they
are the bundled ones.
"""

from __future__ import annotations

import faulthandler
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

from lipsync_edge.mark.identity import VARIABLE as IDENTITY

ROOT = Path(__file__).parents[2]
LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        code: exit code; −N when signal N killed it.
        out: what it wrote to stdout.
        err: what it wrote to stderr, libraries included.
        seconds: from its start to its end.
        cpu_s: of the processor; other work on the machine does not count.
        peak_mb: its largest resident memory.
        timed_out: whether it was killed for taking too long.
    """

    code: int
    out: str
    err: str
    seconds: float
    cpu_s: float
    peak_mb: float
    timed_out: bool


class Forks:
    """Runs commands, one at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, *words: str, folder: Path, limit_s: float = LIMIT_S) -> Ended:
        """Run a command in a folder."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"words": words, "folder": str(folder), "limit_s": limit_s}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))


@contextmanager
def forks(networks: str = "numpy") -> Iterator[Forks]:
    """Start what forks."""
    data = tempfile.TemporaryDirectory()
    identity = {IDENTITY: str(Path(data.name) / "identity.pem")}  # made once
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | identity
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.hostile.forked", networks],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    try:
        yield Forks(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()
        data.cleanup()


def _child(words: Sequence[str], folder: str, out: int, err: int) -> NoReturn:
    code: Any = 1
    try:
        os.chdir(folder)
        faulthandler.register(signal.SIGUSR1, file=err, all_threads=True)
        for number, stream in ((out, 1), (err, 2), (os.open(os.devnull, os.O_RDONLY), 0)):
            os.dup2(number, stream)
        from lipsync_edge.cli.console import run_app
        from lipsync_edge.cli.main import app

        code = run_app(app, list(words))
    except SystemExit as stop:
        code = stop.code
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _run(words: Sequence[str], folder: str, limit_s: float) -> Ended:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        pid = os.fork()
        if not pid:
            _child(words, folder, out.fileno(), err.fileno())
        timed_out = not _ends(pid, limit_s)
        if timed_out:
            os.kill(pid, signal.SIGUSR1)  # tells where it hangs
            _ends(pid, 1.0)
            os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        return Ended(
            os.waitstatus_to_exitcode(status),
            _text(out),
            _text(err),
            time.monotonic() - began,
            usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss / 1024,
            timed_out,
        )


def _ends(pid: int, limit_s: float) -> bool:
    watched = os.pidfd_open(pid)
    try:
        return bool(select.select([watched], [], [], limit_s)[0])
    finally:
        os.close(watched)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(1 << 20).decode("utf-8", "replace")


# Commands import these when they come to them, which each child would do anew.
_LATE = (
    "av",
    "c2pa",
    "cryptography.x509",
    "lipsync_edge.eval.evaluate",
    "lipsync_edge.eval.marking",
    "lipsync_edge.live.run",
    "lipsync_edge.mark.certificate",
    "lipsync_edge.mark.check",
    "lipsync_edge.models.tuner",
    "lipsync_edge.pipeline.offline",
    "lipsync_edge.pipeline.prepare",
    "lipsync_edge.server.run",
    "numpy.fft",
    "pydantic.type_adapter",
    "pydantic.types",
)


def _prepare(networks: str) -> None:
    """Import what commands need, and nothing that starts a thread."""
    import cv2
    from typer.main import get_command

    from lipsync_edge import engine
    from lipsync_edge.cli.main import app

    for name in _LATE:
        import_module(name)
    get_command(app)
    cv2.setNumThreads(1)
    assert threading.active_count() == 1, threading.enumerate()
    if networks == "numpy":
        from lipsync_edge.batch import run as batch
        from tests.batch.fakes import load
        from tests.scripted import make_engine

        engine.load_engine = lambda options: make_engine()
        batch.BatchOptions = partial(batch.BatchOptions, load=load)  # type: ignore[assignment,misc]
    else:
        from lipsync_edge.models.telemetry import import_onnxruntime

        import_onnxruntime()


def _serve(networks: str) -> None:
    _prepare(networks)
    for line in sys.stdin:
        ended = _run(**json.loads(line))
        print(json.dumps({name: getattr(ended, name) for name in Ended.__slots__}), flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
