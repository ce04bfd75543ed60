"""The command line: translation only, every verb is a call of the Python API."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lipsync_edge.cli.bench import bench_command
from lipsync_edge.cli.console import print_json, progress_bar, reporting, run_app
from lipsync_edge.cli.eval import evaluate_command
from lipsync_edge.cli.export import register as register_export
from lipsync_edge.cli.live import live, prepare, serve
from lipsync_edge.cli.models import models_app
from lipsync_edge.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

app = typer.Typer(
    name="lipsync-edge",
    help="Lip-sync a video or a photo to any speech, on ordinary hardware.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models_app, name="models")
app.command()(prepare)
app.command()(live)
app.command()(serve)
app.command("eval")(evaluate_command)
app.command("bench")(bench_command)
register_export(app)


def version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        from importlib.metadata import version

        print(version("lipsync-edge"))
        raise typer.Exit


@app.callback()
def root(
    show: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Lip-sync a video or a photo to any speech, on ordinary hardware."""


def defaults_from(context: typer.Context, path: Path | None) -> Path | None:
    """Let a TOML file give the options that were not typed; its keys are the long option names."""
    if path is None:
        return None
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(expected=f"a TOML file at {path}", got=str(error)) from error
    names = {
        name.lstrip("-"): p.name for p in context.command.params for name in p.opts if p.name != "config"
    }
    unknown = sorted(set(table) - set(names))
    if unknown:
        raise UsageError(
            expected=f"options out of {', '.join(sorted(names))} in {path.name}", got=", ".join(unknown)
        )
    context.default_map = {names[key]: value for key, value in table.items()}
    return path


Preset = Annotated[str, typer.Option(help="lite, hq, wav2lip, wav2lip-sr, wav2lip-hq, wav2lip-soft.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, tensorrt, openvino, openvino:GPU, openvino:NPU.")]
Precision = Annotated[str, typer.Option(help="auto, fp32, fp16, int8.")]
Threads = Annotated[int | None, typer.Option(help="Threads of one network call.", min=1)]
Models = Annotated[Path | None, typer.Option(help="Folder with your own converted models.")]
Config = Annotated[
    Path | None, typer.Option(callback=defaults_from, is_eager=True, help="TOML file with options.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result, or the error, as one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The result: .mp4, .mov, .mkv or .webm.")]


@app.command()
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
    face: Annotated[
        str, typer.Option(help="Who: largest, left, right, an index from the left, or a picture.")
    ] = "largest",
    box: Annotated[
        str | None, typer.Option(metavar="X1,Y1,X2,Y2", help="A fixed face box in pixels.")
    ] = None,
    loop: Annotated[
        str, typer.Option(help="When the video is short: pingpong, repeat, hold, cut.")
    ] = "pingpong",
    start: Annotated[float, typer.Option(help="First second of the result to make.")] = 0.0,
    end: Annotated[float | None, typer.Option(help="Second to stop at.")] = None,
    pads: Annotated[str | None, typer.Option(metavar="T,B,L,R", help="Pixels added to the face box.")] = None,
    detect_every: Annotated[int | None, typer.Option(help="Frames between two detections.", min=1)] = None,
    detect_side: Annotated[
        int | None, typer.Option(help="Long side of the detector's copy of a frame; 0: the frame.", min=0)
    ] = None,
    play_audio: Annotated[Path | None, typer.Option(help="Another sound to hear in the result.")] = None,
    codec: Annotated[
        str, typer.Option(help="h264, hevc, vp9, av1; the container's usual one without it.")
    ] = "",
    crf: Annotated[int | None, typer.Option(help="Quality of the encode, lower is better.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write times, devices and counts as JSON.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make FACE say AUDIO."""
    with reporting(as_json):
        from lipsync_edge.engine import load
        from lipsync_edge.pipeline.job import RunOptions

        options = RunOptions(
            face=face,
            box_xyxy=numbers(box, "box x1,y1,x2,y2"),  # type: ignore[arg-type]
            pads=numbers(pads, "pads top,bottom,left,right", int),  # type: ignore[arg-type]
            detect_every=detect_every,
            detect_side=detect_side,
            loop=loop,  # type: ignore[arg-type]
            start=start,
            end=end,
            play_audio=play_audio,
            codec=codec,
            crf=crf,
        )
        engine = load(preset=preset, device=device, precision=precision, threads=threads, models=models)
        with progress_bar(out.name, quiet or as_json) as progress:
            result = engine.run(source, audio, out, options=options, progress=progress)
        if report is not None:
            write_report(report, result)
        if as_json:
            print_json(result)
        elif not quiet:
            summary(result)


def numbers(text: str | None, what: str, kind: type = float) -> tuple[float, ...] | None:
    """Read four numbers, separated by commas."""
    if text is None:
        return None
    try:
        values = tuple(kind(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(expected=what, got=repr(text)) from error
    if len(values) != 4:
        raise UsageError(expected=what, got=repr(text))
    return values


def write_report(path: Path, result: object) -> None:
    """Write a result as JSON."""
    import json

    from lipsync_edge.cli.console import plain
    from lipsync_edge.errors import OutputError

    try:
        path.write_text(json.dumps(plain(result), indent=1, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise OutputError(expected=f"a report at {path}", got=str(error)) from error


def summary(result: Any) -> None:
    """Say in one line what happened."""
    passed = result.frames_without_face
    missing = f", {passed} without a face passed through" if passed else ""
    speed = result.frames / max(result.elapsed_s, 1e-9)
    where = "+".join(dict.fromkeys(result.devices.values()))
    how = "+".join(dict.fromkeys(result.precisions.values()))
    why = f" ({result.chosen})" if result.chosen else ""
    print(
        f"{result.output}: {result.frames} frames {result.width}x{result.height}{missing}, "
        f"{result.elapsed_s:.1f} s ({speed:.1f} fps) on {where} {how}{why}"
    )


@app.command()
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
        from lipsync_edge.engine import load

        engine = load(preset=preset, device=device, precision=precision)
        with progress_bar(out.name, quiet or as_json) as progress:
            result = engine.run(*demo_files(), out, progress=progress)
        if as_json:
            print_json(result)
        elif not quiet:
            summary(result)


@app.command()
def devices(as_json: Json = False) -> None:
    """List what each backend can really run here, what would add the rest, and what `--device auto` takes."""
    with reporting(as_json):
        from lipsync_edge.models.autotune import fastest
        from lipsync_edge.models.devices import probe_devices

        found, auto = probe_devices(), {preset: fastest(preset) for preset in ("lite", "hq")}
        if as_json:
            print_json({"devices": found, "auto": auto})
            return
        for one in found:
            line = f"{'yes' if one.works else 'no ':3}  {one.name:14} {one.detail}"
            print(line + (f"   → {one.fix}" if one.fix and not one.works else ""))
        for preset, best in auto.items():
            how = "not measured   → lipsync-edge bench"
            if best is not None:
                how = f"{best.device} {best.precision}, {best.fps:.0f} fps on {best.when}"
            print(f"auto {preset:14} {how}")


def main() -> None:
    """Run the command line."""
    sys.exit(run_app(app, sys.argv[1:]))
