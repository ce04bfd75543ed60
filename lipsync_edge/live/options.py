"""What `lipsync-edge live` does: options into a show."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import IO

from lipsync_edge.choices import Mouth
from lipsync_edge.errors import OutputError, UsageError
from lipsync_edge.live.health import SessionHealth
from lipsync_edge.live.process import notify_systemd
from lipsync_edge.live.session import LiveSession, SessionOptions
from lipsync_edge.live.setup import LOG, open_avatar, stop_on_signals, watched
from lipsync_edge.live.sinks import MediaSink, RawSink, WindowSink, container_of
from lipsync_edge.live.slot import I16, Sink
from lipsync_edge.live.sources import Feeder, keep_open, open_microphone, read_file, read_pipe
from lipsync_edge.pipeline.stream import Stream

INTERRUPTED = 128 + signal.SIGINT
_MIC_BUFFER_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """What `live` was told; the names are those of the long options.

    Attributes:
        avatar: a saved avatar, a video or a picture.
        audio: "-" (int16 mono PCM on stdin), "mic", or a sound file.
        out: "-", "window", a file or a URL.
        format: "raw", "ts" or "mp4"; "" goes by the name.
        rate: samples a second of stdin and the microphone, and of the sound that comes out.
        fps: frames a second; 0 takes the avatar's.
        realtime: pace by the sample clock.
        gap_ms: pause in the sound after which an utterance counts as over, in milliseconds.
        watchdog_s: end the process when the show hangs for so many seconds; 0 does not.
        mouth: "auto", "own" or "painted", see `RunOptions`; so is strength.
        strength: see above.
        preset: see `lipsync-edge run`; so are device, precision, threads and models.
        device: see above.
        precision: see above.
        threads: 0 leaves it to the runtime.
        models: folder, or "".
    """

    avatar: str = ""
    audio: str = "-"
    out: str = "-"
    format: str = ""
    rate: int = 16_000
    fps: float = 0.0
    realtime: bool = False
    gap_ms: int = 500
    watchdog_s: float = 0.0
    mouth: Mouth = "auto"
    strength: float = 1.0
    preset: str = "lite"
    device: str = "auto"
    precision: str = "auto"
    threads: int = 0
    models: str = ""


def run_live(options: LiveOptions, stream: Stream, stdin: IO[bytes], stdout: IO[bytes]) -> int:
    """Run a show to its end; return the exit status: 0, or 130 after Ctrl-C. Errors are raised."""
    must_pace = options.realtime or options.audio == "mic" or options.out == "window"
    over = threading.Event()
    settings = SessionOptions(
        rate=options.rate,
        realtime=must_pace,
        gap_s=options.gap_ms / 1000,
        buffer_s=_MIC_BUFFER_S if options.audio == "mic" else 10.0,
    )

    def stop() -> None:
        over.set()
        show.stop()

    show = LiveSession(stream, _sink(options, stream, stdout, stop), settings)
    feeder = Feeder(show, _source(options, stdin, over), live=options.audio == "mic")
    with ExitStack() as stack:
        came = stack.enter_context(stop_on_signals(stop))
        if options.watchdog_s > 0:
            age = partial(_age_s, show)
            stack.enter_context(watched(age, options.watchdog_s, lambda: _report(show.health())))
        feeder.start()
        notify_systemd("READY=1")
        try:
            show.run()
        finally:
            over.set()
            notify_systemd("STOPPING=1")
            lost = feeder.lost_samples / options.rate
            LOG.info("end", extra={"data": {**_report(show.health()), "lost_audio_s": lost}})
    return INTERRUPTED if signal.SIGINT in came else 0


def _age_s(show: LiveSession) -> float:
    health = show.health()
    return health.beat_age_s if health.on_air else 0.0


def _report(health: SessionHealth) -> dict[str, object]:
    return asdict(health)


def _source(options: LiveOptions, stdin: IO[bytes], over: threading.Event) -> Iterator[I16]:
    if options.audio == "-":
        return read_pipe(stdin)
    if options.audio == "mic":
        return keep_open(partial(open_microphone, options.rate), over)
    return read_file(Path(options.audio), options.rate)


def _sink(options: LiveOptions, stream: Stream, stdout: IO[bytes], stop: Callable[[], None]) -> Sink:
    if options.out == "window":
        return WindowSink(stop)
    container = container_of(options.out, options.format)
    if container != "rawvideo":
        target = stdout if options.out == "-" else options.out
        return MediaSink(
            target, container=container, size=stream.avatar.size, fps=stream.fps, rate=options.rate
        )
    if options.out == "-":
        return RawSink(stdout)
    try:
        return RawSink(Path(options.out).open("wb"))
    except OSError as error:
        raise OutputError(expected=f"to write {options.out}", got=error.strerror or str(error)) from error


def open_live_stream(options: LiveOptions) -> Stream:
    """Load the engine and the avatar, and open the stream."""
    if not options.avatar:
        raise UsageError(
            expected="--avatar FACE", got="none", fix="give a saved avatar, a video or a picture"
        )
    from lipsync_edge.engine import load

    engine = load(
        preset=options.preset,
        device=options.device,
        precision=options.precision,
        threads=options.threads or None,
        models=options.models or None,
    )
    fps = Fraction(options.fps).limit_denominator(1001) if options.fps else None
    return engine.stream(
        open_avatar(engine, Path(options.avatar)),
        sample_rate=options.rate,
        fps=fps,
        mouth=options.mouth,
        strength=options.strength,
    )
