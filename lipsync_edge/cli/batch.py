"""The command `batch`: translation only."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

import typer

from lipsync_edge.cli.batch_view import batch_bar, failure_table, summary
from lipsync_edge.cli.console import finite, print_json, reporting, say
from lipsync_edge.cli.options import Json, Quiet
from lipsync_edge.cli.run import run, wishes_of
from lipsync_edge.errors import UsageError

if TYPE_CHECKING:
    from lipsync_edge.batch.driver import State
    from lipsync_edge.batch.job import BatchJob, Option, Vocabulary, Wishes
    from lipsync_edge.batch.run import BatchReport
    from lipsync_edge.batch.storage import Storage

NOT_IN_ROWS = ("source", "audio", "out", "config", "report", "cache", "as_json", "quiet", "context")
FOLDERS = ("models",)  # options of `run` that name a folder
KEYED_FILES = ("voice",)  # options of `run` whose values are KEY=FILE


def batch(
    jobs: Annotated[
        Path,
        typer.Argument(
            metavar="JOBS", help="CSV or JSONL: face, audio, out, options of run. Or a folder of pairs."
        ),
    ],
    out: Annotated[
        str,
        typer.Option("--output", "-o", metavar="OUTDIR", help="Folder of the results, or a URL (s3://…)."),
    ],
    workers: Annotated[
        str, typer.Option(metavar="auto|N", help="Processes; auto measures what is fastest here.")
    ] = "auto",
    retries: Annotated[int, typer.Option(help="Times a job is tried again that may go better.", min=0)] = 1,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first job that fails.")] = False,
    common: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="OPTION=VALUE", help="An option of run for every row that does not give it."
        ),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Folder of the inputs; that of JOBS without it. None may lie outside.")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="JSONL of how each job ended; OUTDIR/results.jsonl without it.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder that keeps what was found in faces, for the next batch.")
    ] = None,
    split: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="Make longer results in parts of about so many seconds, and join them."
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="auto|ADDRESS", help="Make them on a Ray cluster; local: one of this machine alone."
        ),
    ] = None,
    cpus: Annotated[float | None, typer.Option(help="With --ray: CPUs of each worker.", min=0)] = None,
    gpus: Annotated[float | None, typer.Option(help="With --ray: GPUs of each worker.", min=0)] = None,
    check: Annotated[bool, typer.Option("--check", help="Check every row, make nothing.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make every job of JOBS; the same command again makes what is missing."""
    with reporting(as_json):
        from lipsync_edge.atomic_write import check_spares
        from lipsync_edge.batch.driver import DriverOptions
        from lipsync_edge.batch.run import BatchOptions, run_batch
        from lipsync_edge.cluster.batch import ClusterOptions, run_on_cluster

        if results is not None:
            check_spares(results, (jobs,))
        options = BatchOptions(
            out=here(out, results),
            workers=worker_count(workers),
            split=split,
            results=results,
            cache=cache,
            driver=DriverOptions(retries=retries, fail_fast=fail_fast),
        )
        checked = checked_jobs(jobs, root, common or ())
        if check:
            say(f"{jobs}: {len(checked)} jobs that can be made")
            return
        silent = quiet or as_json
        tell = partial(say, to_stderr=True) if not silent else lambda text: None
        with batch_bar(silent) as show, telling_interrupts(len(checked), show) as watch:
            if ray is not None:
                cluster = ClusterOptions(address=ray, out=out, cpus=cpus, gpus=gpus)
                report = run_on_cluster(checked, parse_row, options, cluster, watch=watch)
            else:
                urls = storage_of(out, checked)
                report = run_batch(checked, parse_row, options, storage=urls, watch=watch, tell=tell)
        tell_report(report, out, as_json, quiet)
        if report.failures or report.not_begun:
            raise typer.Exit(1)


@contextmanager
def telling_interrupts(jobs: int, show: Callable[[State], None]) -> Iterator[Callable[[State], None]]:
    """Say how far a batch was when it is interrupted; gives what is to be called as it goes on."""
    made = 0

    def watch(state: State) -> None:
        nonlocal made
        made = jobs - state.total + state.made  # those that a run before had made count, too
        show(state)

    try:
        yield watch
    except (KeyboardInterrupt, SystemExit):
        say(f"lipsync-edge: {made} of {jobs} jobs made; the same command makes the others", to_stderr=True)
        raise


def tell_report(report: BatchReport, out: str, as_json: bool, quiet: bool) -> None:
    """Say how a batch ended; failures are told even when quiet."""
    if as_json:
        print_json(asdict(report))
        return
    if report.failures:
        say(failure_table(report), to_stderr=True)
    if not quiet:
        say(summary(report, out))


def here(out: str, results: Path | None) -> Path:
    """Return the folder of this machine that belongs to an output folder: itself, or that of the results file."""
    from lipsync_edge.batch.job import is_url

    if not is_url(out):
        return Path(out)
    if results is None:
        raise UsageError(
            expected="--results FILE, as a results file cannot be appended to behind a URL",
            got=f"-o {out} alone",
        )
    return results.resolve().parent


def storage_of(out: str, jobs: Sequence[BatchJob]) -> Storage | None:
    """Return what fetches and stores where any file is a URL; None where all are this machine's."""
    from lipsync_edge.batch.job import is_url

    if not is_url(out) and not any(is_url(name) for job in jobs for name in job.files):
        return None
    from lipsync_edge.cluster.batch import ON_NODE
    from lipsync_edge.cluster.storage import UrlStorage

    storage = UrlStorage(out, ON_NODE / "downloads")
    storage.check(itertools.islice((name for job in jobs for name in job.files), 2))
    return storage


def worker_count(text: str) -> int | None:
    """Read what --workers was given; None for auto."""
    if text == "auto":
        return None
    if not (text.isascii() and text.isdigit()):
        raise UsageError(expected="auto or a number of workers", got=repr(text))
    return int(text)


def checked_jobs(manifest: Path, root: Path | None, common: list[str] | tuple[str, ...]) -> list[BatchJob]:
    """Read a manifest and check every row."""
    from lipsync_edge.batch.checks import JobChecker, column_of
    from lipsync_edge.batch.manifest import read_manifest

    given: dict[str, str] = {}
    for text in common:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(expected="--with OPTION=VALUE", got=repr(text))
        given[column_of(name)] = value
    rows = read_manifest(manifest)
    folder = root or (manifest if manifest.is_dir() else manifest.parent)
    return JobChecker(folder, vocabulary(), given).jobs(rows)


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Return the options of `run` that rows may give, read off its parameters."""
    from lipsync_edge.batch.job import Vocabulary

    hints: Mapping[str, Any] = get_type_hints(run)
    names = {name for name in hints if name not in (*NOT_IN_ROWS, "return")}
    typed: Mapping[str, Any] = get_type_hints(run, include_extras=True)
    long = {name: long_name(name, typed[name]) for name in names}

    def of(kind: Any) -> frozenset[str]:
        return frozenset(long[name] for name in names if kind in (hints[name], *get_args(hints[name])))

    keyed = of(list[str])
    return Vocabulary(
        names=frozenset(long.values()),
        flags=of(bool),
        files=of(Path) - set(FOLDERS),
        folders=frozenset(FOLDERS),
        keyed=keyed,
        keyed_files=keyed & set(KEYED_FILES),
        parse=parse_row,
    )


def long_name(name: str, hint: Any) -> str:
    """Return the long name, without dashes, of the option that a parameter of `run` is typed as."""
    # in an annotation the first name that an option is given stands where its default would
    said = [one for info in hint.__metadata__ for one in (info.default, *(info.param_decls or ()))]
    names = (one[2:] for one in said if isinstance(one, str) and one.startswith("--"))
    return next(names, name.replace("_", "-"))


def parse_row(options: tuple[Option, ...]) -> Wishes:
    """Read a row's options as `run` reads them; UsageError says what it does not take."""
    from lipsync_edge.batch.job import Wishes

    words = ["FACE", "AUDIO", "--output", "out.mp4"]
    for option in options:
        words += (
            [f"--{option.name}"] if option.name in vocabulary().flags else [f"--{option.name}={option.value}"]
        )
    return Wishes(*_parsed(tuple(words)))


@lru_cache(maxsize=1)
def _command() -> Any:
    app = typer.Typer(add_completion=False)
    app.command()(run)
    return finite(typer.main.get_command(app))


@lru_cache(maxsize=256)
def _parsed(words: tuple[str, ...]) -> Any:
    mistake: Any = typer.BadParameter.__mro__[1]  # of every wrongly typed command, see `console.run_app`
    try:
        context = _command().make_context("run", list(words))
    except mistake as error:
        raise UsageError(expected="options as run takes them", got=error.format_message()) from error
    return wishes_of(context.params)
