"""Several files at once: faces and voices become the rows of a batch, its results entries of the history."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lipsync_edge.batch.checks import JobChecker
from lipsync_edge.batch.driver import State
from lipsync_edge.batch.job import BatchJob, Vocabulary
from lipsync_edge.batch.manifest import Row
from lipsync_edge.batch.results import DONE, Outcome, read_results
from lipsync_edge.batch.run import BatchOptions, run_batch
from lipsync_edge.errors import UsageError
from lipsync_edge.studio.history import RESULT
from lipsync_edge.studio.producer import LoadEngine, Producer
from lipsync_edge.studio.runner import Control

MOST = 200  # rows


@dataclass(frozen=True, slots=True)
class Pair:
    """One face and the voice that it gets."""

    face: Path
    voice: Path

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.face.stem} · {self.voice.stem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How one pair ended.

    Attributes:
        title: for people.
        key: of its entry in the history; empty where it failed.
        error: why it failed, one line.
    """

    title: str
    key: str = ""
    error: str = ""


def pairs_of(faces: Sequence[str] | None, voices: Sequence[str] | None) -> list[Pair]:
    """Return who says what: one face says all voices, all faces say one voice, else those of one name belong together.

    Raises:
        UsageError: nothing was given, or names do not match; it says which.
    """
    shown, heard = [Path(one) for one in faces or ()], [Path(one) for one in voices or ()]
    if not shown or not heard:
        missing = "faces" if not shown else "voices"
        raise UsageError(expected="faces and voices", got=f"no {missing}", fix=f"choose {missing} first")
    if len(shown) == 1 or len(heard) == 1:
        pairs = [Pair(face, voice) for face in shown for voice in heard]
    else:
        pairs = _by_name(shown, heard)
    if len(pairs) > MOST:
        raise UsageError(
            expected=f"at most {MOST} videos at once", got=str(len(pairs)), fix="use lipsync-edge batch"
        )
    return pairs


def _by_name(faces: Sequence[Path], voices: Sequence[Path]) -> list[Pair]:
    named: tuple[dict[str, Path], dict[str, Path]] = ({}, {})
    for table, files in zip(named, (faces, voices), strict=True):
        for file in files:
            if file.stem in table:
                raise UsageError(expected=f"one file called {file.stem} of each kind", got="two of that name")
            table[file.stem] = file
    alone = sorted(set(named[0]) ^ set(named[1]))
    if alone:
        raise UsageError(
            expected="one face, or one voice, or faces and voices of the same names",
            got=f"without the other: {', '.join(alone[:5])}{', …' if len(alone) > 5 else ''}",
            fix="rename them: anna.mp4 says anna.wav",
        )
    return [Pair(named[0][name], named[1][name]) for name in sorted(named[0])]


def check_pairs(
    pairs: Sequence[Pair], uploads: Path, words: Vocabulary, common: Mapping[str, str]
) -> list[BatchJob]:
    """Check every row as `lipsync-edge batch` does.

    Args:
        pairs: who says what.
        uploads: folder in which all files lie.
        words: options that may be given.
        common: option → value, of every row.

    Raises:
        UsageError, InputError: what cannot be made.
    """
    rows = [
        Row(number, {"face": str(pair.face), "audio": str(pair.voice), "out": f"{number:04d}.mp4"})
        for number, pair in enumerate(pairs, 1)
    ]
    return JobChecker(uploads, words, common).jobs(rows)


def make_several(
    producer: Producer,
    pairs: Sequence[Pair],
    jobs: Sequence[BatchJob],
    words: Vocabulary,
    folder: Path,
    control: Control,
    *,
    load: LoadEngine,
    said: str = "",
) -> list[Made]:
    """Make every pair; what is made is kept in the history even if others fail, or the rest is given up.

    Args:
        producer: takes the results into its history.
        pairs: who says what.
        jobs: the same, checked, in the same order.
        words: reads their options.
        folder: of what is being made; it is removed at the end.
        control: of this work.
        load: opens engines; a function of a module.
        said: the options, for people.

    Raises:
        LipsyncError: as `run_batch` does.
    """
    control.say("starting workers")
    taken: dict[str, Made] = {}
    began = time.monotonic()

    def take(outcome: Outcome) -> None:
        pair = pairs[outcome.row - 1]
        if outcome.state != DONE:
            taken[outcome.job] = Made(title=pair.title, error=outcome.error)
            return
        with producer.history.draft() as draft:
            shutil.move(folder / outcome.job, draft.folder / RESULT)
            seconds = f"{outcome.frames} frames, made in {outcome.seconds:.1f} s, one of {len(pairs)}"
            draft.finish(producer.describe(draft, pair.title, said, None, seconds))
        taken[outcome.job] = Made(title=pair.title, key=draft.key)

    def watch(state: State) -> None:
        for outcome in state.outcomes:
            if outcome.job not in taken:
                take(outcome)
        control.check()
        fps = state.frames / max(time.monotonic() - began, 1e-3)
        failed = f", {state.failed} failed" if state.failed else ""
        control.count(len(state.outcomes), state.total, f"videos ({fps:.0f} frames a second{failed})")

    try:
        folder.mkdir(parents=True)
        run_batch(jobs, words.parse, BatchOptions(out=folder, load=load), watch=watch, tell=control.say)
        for outcome in read_results(folder / "results.jsonl").values():
            if outcome.job not in taken:
                take(outcome)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [taken[job.out] for job in jobs if job.out in taken]
