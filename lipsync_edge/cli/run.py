"""The commands `run` and `demo`: translation only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lipsync_edge.atomic_write import check_place
from lipsync_edge.choices import Codec, Loop
from lipsync_edge.cli.console import print_json, progress_bar, reporting, say, write_json
from lipsync_edge.cli.options import (
    Box,
    Config,
    Device,
    Face,
    Json,
    Models,
    Pads,
    Precision,
    Preset,
    Quiet,
    Strength,
    Threads,
    WhoseMouth,
    box_of,
    pads_of,
)
from lipsync_edge.models.engine_options import EngineOptions

if TYPE_CHECKING:
    from lipsync_edge.pipeline.job import RunOptions, RunResult

Output = Annotated[Path, typer.Option("--output", "-o", help="The result: .mp4, .mov, .mkv or .webm.")]


def run(
    source: Annotated[Path, typer.Argument(metavar="FACE", help="A video, or a still image.")],
    audio: Annotated[Path, typer.Argument(metavar="AUDIO", help="Any file with sound.")],
    out: Output,
    preset: Preset = "lite",
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    models: Models = None,
    config: Config = None,
    face: Face = "largest",
    box: Box = None,
    loop: Annotated[Loop, typer.Option(help="What follows a video that is short.")] = "pingpong",
    start: Annotated[float, typer.Option(help="First second of the result to make.")] = 0.0,
    end: Annotated[float | None, typer.Option(help="Second to stop at.")] = None,
    pads: Pads = None,
    detect_every: Annotated[int | None, typer.Option(help="Frames between two detections.", min=1)] = None,
    detect_side: Annotated[
        int | None, typer.Option(help="Long side of the detector's copy of a frame; 0: the frame.", min=0)
    ] = None,
    play_audio: Annotated[Path | None, typer.Option(help="Another sound to hear in the result.")] = None,
    audio_track: Annotated[
        int | None, typer.Option(help="Sound track of AUDIO, from 1; its default without it.", min=1)
    ] = None,
    video_track: Annotated[
        int | None, typer.Option(help="Picture track of FACE, from 1; its default without it.", min=1)
    ] = None,
    codec: Annotated[
        Codec | None, typer.Option(help="Of the video; the container's usual one without it.")
    ] = None,
    crf: Annotated[int | None, typer.Option(help="Quality of the encode, lower is better.")] = None,
    mouth: WhoseMouth = "auto",
    strength: Strength = 1.0,
    report: Annotated[Path | None, typer.Option(help="Write times, devices and counts as JSON.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make FACE say AUDIO."""
    with reporting(as_json):
        from lipsync_edge.pipeline.job import RunOptions

        if report is not None:
            check_place(report)
        engine = EngineOptions(
            preset=preset, device=device, precision=precision, threads=threads, models=models
        )
        options = RunOptions(
            face=face,
            box_xyxy=box_of(box),
            pads=pads_of(pads),
            detect_every=detect_every,
            detect_side=detect_side,
            loop=loop,
            start=start,
            end=end,
            play_audio=play_audio,
            audio_track=audio_track,
            video_track=video_track,
            codec=codec or "",
            crf=crf,
            mouth=mouth,
            strength=strength,
        )
        result = _run(engine, source, audio, out, options, quiet or as_json)
        if report is not None:
            write_json(report, result)
        _tell(result, as_json, quiet)


def demo(
    out: Output = Path("demo.mp4"),
    preset: Preset = "lite",
    device: Device = "auto",
    precision: Precision = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a first result from the face and the speech that ship with the package."""
    with reporting(as_json):
        from lipsync_edge.demo import demo_files

        face, speech = demo_files()
        engine = EngineOptions(preset=preset, device=device, precision=precision)
        _tell(_run(engine, face, speech, out, None, quiet or as_json), as_json, quiet)


def _run(
    engine: EngineOptions, face: Path, audio: Path, out: Path, options: RunOptions | None, quiet: bool
) -> RunResult:
    from lipsync_edge.engine import load_engine
    from lipsync_edge.models import stage_times, tuner

    loaded = load_engine(engine)
    unmeasured = stage_times.missing(engine)
    with tuner.in_background(str(engine.preset), unmeasured), progress_bar(out.name, quiet) as progress:
        return loaded.run(face, audio, out, options=options, progress=progress)


def _tell(result: RunResult, as_json: bool, quiet: bool) -> None:
    if as_json:
        print_json(result)
    elif not quiet:
        say(summary(result))


def summary(result: RunResult) -> str:
    """Return in one line what happened."""
    passed = result.frames_without_face
    missing = f", {passed} without a face passed through" if passed else ""
    speed = result.frames / max(result.elapsed_s, 1e-9)
    where = "+".join(dict.fromkeys(result.devices.values()))
    how = "+".join(dict.fromkeys(result.precisions.values()))
    why = f" ({result.chosen})" if result.chosen else ""
    own = f", {result.own_mouth:.0%} of the speech with the person's own mouth" if result.exemplars else ""
    notes = "".join(f"; {note}" for note in result.notes)
    return (
        f"{result.output}: {result.frames} frames {result.width}x{result.height}{missing}{own}, "
        f"{result.elapsed_s:.1f} s ({speed:.1f} fps) on {where} {how}{why}{notes}"
    )
