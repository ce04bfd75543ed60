"""One job of a batch: its files, its options, and the words in which a manifest may give them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.pipeline.run_options import RunOptions


@dataclass(frozen=True, slots=True)
class Option:
    """One option of `run`, as a row gives it.

    Attributes:
        name: the long option without its dashes.
        text: its value, or what stands before the file in it.
        file: path or URL of the file that it names; empty where it names none.
    """

    name: str
    text: str
    file: str = ""

    @property
    def value(self) -> str:
        """What is typed behind it."""
        return self.text + self.file


PLAN, MAKE, JOIN = "plan", "make", "join"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job that is made in parts.

    Attributes:
        kind: "plan" looks at the whole, "make" makes one part, "join" joins them.
        seconds: of a part, about.
        number: of the part that is made.
        count: of parts; 0 before the plan.
    """

    kind: str
    seconds: float
    number: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """One row of a manifest, checked.

    Attributes:
        out: place of the result in the output folder, with "/"; it tells the jobs of a batch apart.
        row: number of the row, from 1.
        face: path or URL of a video or a still.
        audio: path or URL of a sound; empty where the options name the voices.
        options: of `run`.
        step: what is to be done of a job that is made in parts; None: all of it.
    """

    out: str
    row: int
    face: str
    audio: str = ""
    options: tuple[Option, ...] = ()
    step: Step | None = None

    @property
    def key(self) -> str:
        """What tells it from everything else that is done at a time."""
        return self.out if self.step is None else f"{self.out} {self.step.kind} {self.step.number}"

    @property
    def files(self) -> Iterator[str]:
        """Every file that goes in, as the row names it."""
        yield from (one for one in (self.face, self.audio, *(option.file for option in self.options)) if one)

    def with_files(self, place: Callable[[str], str]) -> BatchJob:
        """Return the job with other names of its files."""
        options = tuple(replace(one, file=place(one.file)) if one.file else one for one in self.options)
        audio = place(self.audio) if self.audio else ""
        return replace(self, face=place(self.face), audio=audio, options=options)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a job's options ask for.

    Attributes:
        engine: networks and where they run.
        options: of the run.
    """

    engine: EngineOptions
    options: RunOptions


Parse = Callable[[tuple[Option, ...]], Wishes]  # raises UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The options that rows may give: those of `run`, by their long names without dashes.

    Attributes:
        names: all of them.
        flags: those without a value.
        files: those whose value is a file.
        folders: those whose value is a folder.
        keyed: those that may be given several times as KEY=VALUE; a column is called NAME:KEY.
        keyed_files: those of them whose VALUE is a file.
        parse: reads them; a function of a module, so that other processes can be told of it.
    """

    names: frozenset[str]
    flags: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    keyed: frozenset[str] = frozenset()
    keyed_files: frozenset[str] = frozenset()
    parse: Parse


def is_url(name: str) -> bool:
    """Whether a row's file is a URL (`s3://…`) and no path."""
    return "://" in name
