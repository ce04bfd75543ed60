"""`lipsync-edge eval`: translation only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lipsync_edge.atomic_write import check_place, check_spares
from lipsync_edge.cli.console import plain, print_json, reporting, say, write_json
from lipsync_edge.cli.options import Json, Models, NoMark, SignCert, SignKey
from lipsync_edge.errors import OutputError


def evaluate_command(
    generated: Annotated[Path, typer.Argument(metavar="GENERATED", help="The result to judge.")],
    reference: Annotated[
        Path | None, typer.Option(help="The same pictures as they really were (or the dubbed source).")
    ] = None,
    speaker: Annotated[
        Path | None, typer.Option(help="Video of the person who really says what is heard.")
    ] = None,
    audio: Annotated[Path | None, typer.Option(help="The sound; the result's own without it.")] = None,
    models: Models = None,
    inception: Annotated[Path | None, typer.Option(help="Your Inception-v3 as ONNX, for FID.")] = None,
    seconds: Annotated[float, typer.Option(help="How much is looked at.", min=0.2)] = 30.0,
    report: Annotated[
        Path | None, typer.Option(help="One page with faces and curves: .html, .png, .pdf, .svg.")
    ] = None,
    no_mark: NoMark = False,
    sign_cert: SignCert = None,
    sign_key: SignKey = None,
    out: Annotated[Path | None, typer.Option("--output", "-o", help="Figures and curves as JSON.")] = None,
    as_json: Json = False,
) -> None:
    """Judge a result: sync, pictures, mouth opening, seams, flicker; what cannot be taken is said to be missing."""
    with reporting(as_json):
        from lipsync_edge.eval.evaluate import EvalOptions, evaluate
        from lipsync_edge.eval.marking import StillMark
        from lipsync_edge.eval.report import FIX, HTML, table
        from lipsync_edge.eval.report import report as write_report
        from lipsync_edge.figures import check_page
        from lipsync_edge.mark.options import MarkOptions

        mark = StillMark.of(
            MarkOptions(wanted=not no_mark, sign_cert=sign_cert, sign_key=sign_key), generated
        )
        for path in (report, out):
            if path is not None:
                check_place(path)
                check_spares(path, (generated, reference, speaker, audio, inception, sign_cert, sign_key))
        if report is not None:
            check_spares(report, (out,))
            check_page(report, FIX, HTML)
        found = evaluate(
            EvalOptions(
                generated=generated,
                reference=reference,
                speaker=speaker,
                audio=audio,
                models=models,
                inception=inception,
                seconds=seconds,
            )
        )
        marked = None if report is None else write_report(found, report, generated.name, mark)
        figures = found.plain() | ({} if marked is None else {"report_mark": plain(marked)})
        if out is not None:
            write_json(out, figures)
        if as_json:
            print_json(figures)
        else:
            say(table(found) + ("" if marked is None else f"\n{report}: {marked.said}"))
        if marked is not None and marked.failure:
            raise OutputError(
                expected=f"{report} marked as made with AI",
                got=marked.failure,
                fix="the page itself is whole",
            )
