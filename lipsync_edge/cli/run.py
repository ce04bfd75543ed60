"""The commands `run` and `demo`: translation only."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lipsync_edge.atomic_write import check_place, check_spares
from lipsync_edge.choices import Codec, Listening, Loop
from lipsync_edge.cli.console import print_json, progress_bar, reporting, say, write_json
from lipsync_edge.cli.options import (
    Background,
    Box,
    Config,
    Device,
    Faces,
    Json,
    Label,
    LabelSize,
    NoMark,
    Pads,
    Precision,
    Preset,
    Quiet,
    SignCert,
    SignKey,
    SpeakerMap,
    Speakers,
    Strength,
    Voices,
    WhoseMouth,
    box_of,
    engine_of,
    pads_of,
    pairs_of,
    with_engine,
)
from lipsync_edge.errors import OutputError
from lipsync_edge.models.engine_options import EngineOptions

if TYPE_CHECKING:
    from lipsync_edge.pipeline.result import PersonResult, RunResult
    from lipsync_edge.pipeline.run_options import RunOptions

Output = Annotated[Path, typer.Option("--output", "-o", help="The result: .mp4, .mov, .mkv or .webm.")]


@with_engine
def run(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FACE", help="A video, or a still image.")],
    out: Output,
    engine: EngineOptions,
    audio: Annotated[
        Path | None,
        typer.Argument(metavar="AUDIO", help="Any file with sound; left out where --voice is given."),
    ] = None,
    config: Config = None,
    face: Faces = "largest",
    voice: Voices = None,
    speakers: Speakers = None,
    speaker_map: SpeakerMap = None,
    listen: Annotated[
        Listening,
        typer.Option(help="What a mouth does while only others speak: closed, or as it was filmed."),
    ] = "closed",
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
    background: Background = "white",
    no_mark: NoMark = False,
    sign_cert: SignCert = None,
    sign_key: SignKey = None,
    label: Label = "none",
    label_size: LabelSize = 7.0,
    report: Annotated[Path | None, typer.Option(help="Write times, devices and counts as JSON.")] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder that keeps what was found in faces, for the next run.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make FACE say AUDIO; of several people each their own, with --voice or --speakers."""
    with reporting(as_json):
        options = run_options_of(context.params)
        if report is not None:
            check_place(report)
            voices, mark = options.voices.values(), options.mark
            read = (source, audio, options.play_audio, options.speakers, *voices)
            check_spares(report, (out, *read, mark.sign_cert, mark.sign_key, config))
        result = _run(engine, source, audio, out, options, quiet or as_json, cache)
        if report is not None:
            write_json(report, result)
        _tell(result, as_json, quiet)


def wishes_of(typed: Mapping[str, Any]) -> tuple[EngineOptions, RunOptions]:
    """Return what the options of `run` ask for, as they were parsed, by the names of its parameters; files aside."""
    return engine_of(typed), run_options_of(typed)


def run_options_of(typed: Mapping[str, Any]) -> RunOptions:
    """Return what the options of `run` ask for beyond the engine."""
    from lipsync_edge.mark.options import MarkOptions
    from lipsync_edge.pipeline.run_options import RunOptions

    cert, key = (None if typed[name] is None else Path(typed[name]) for name in ("sign_cert", "sign_key"))
    play_audio, speakers = typed["play_audio"], typed["speakers"]
    as_typed = (
        "face",
        "detect_every",
        "detect_side",
        "loop",
        "start",
        "end",
        "audio_track",
        "video_track",
        "crf",
        "listen",
        "mouth",
        "strength",
        "background",
        "label",
        "label_size",
    )
    return RunOptions(
        **{name: typed[name] for name in as_typed},
        voices={who: Path(file) for who, file in pairs_of(typed["voice"], "--voice", "WHO=AUDIO").items()},
        speakers=None if speakers is None else Path(speakers),
        speaker_map=pairs_of(typed["speaker_map"], "--map", "SPEAKER=WHO"),
        box_xyxy=box_of(typed["box"]),
        pads=pads_of(typed["pads"]),
        play_audio=None if play_audio is None else Path(play_audio),
        codec=typed["codec"] or "",
        mark=MarkOptions(wanted=not typed["no_mark"], sign_cert=cert, sign_key=key),
    )


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
    engine: EngineOptions,
    face: Path,
    audio: Path | None,
    out: Path,
    options: RunOptions | None,
    quiet: bool,
    cache: Path | None = None,
) -> RunResult:
    from lipsync_edge.engine import load_engine
    from lipsync_edge.models import stage_times, tuner

    loaded = load_engine(engine)
    unmeasured = stage_times.missing(engine)
    with ExitStack() as beside, progress_bar(out.name, quiet) as progress:
        waits = True

        def tell(done: int, total: int | None) -> None:
            nonlocal waits
            if waits:  # nobody waits longer for a first frame because others are measured
                beside.enter_context(tuner.in_background(str(engine.preset), unmeasured))
            waits = False
            progress(done, total)

        return loaded.run(face, audio, out, options=options, progress=tell, cache=cache)


def _tell(result: RunResult, as_json: bool, quiet: bool) -> None:
    if as_json:
        print_json(result)
    elif not quiet:
        say(summary(result))
    if result.mark.failure:  # the video is there; who relies on its marks must not miss that they are not
        error = OutputError(
            expected=f"{result.output} marked as made with AI",
            got=result.mark.failure,
            fix="the video itself is whole",
        )
        if as_json:
            raise typer.Exit(error.exit_code)
        raise error


def summary(result: RunResult) -> str:
    """Return in one line what happened."""
    passed = result.frames_without_face
    missing = f", {passed} without a face passed through" if passed else ""
    speed = result.frames / max(result.elapsed_s, 1e-9)
    where = "+".join(dict.fromkeys(result.devices.values()))
    how = "+".join(dict.fromkeys(result.precisions.values()))
    why = f" ({result.chosen})" if result.chosen else ""
    own = f", {result.own_mouth:.0%} of the speech with the person's own mouth" if result.exemplars else ""
    named = len(result.people) > 1 or any(one.speakers for one in result.people)
    people = "".join(f"; {told(one)}" for one in result.people) if named else ""
    notes = "".join(f"; {note}" for note in result.notes)
    return (
        f"{result.output}: {result.frames} frames {result.width}x{result.height}{missing}{own}, "
        f"{result.elapsed_s:.1f} s ({speed:.1f} fps) on {where} {how}{why}{people}; {result.mark.said}{notes}"
    )


def told(person: PersonResult) -> str:
    """Return in a few words what became of one person."""
    by = " ".join((person.sound.name, *person.speakers))
    return f"{person.who}: {by}, {person.driven} of {person.frames} frames"
