"""Runner of `lipsync-edge live`: from options to a session that runs to its end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import IO

from lipsync_edge.audio.reader import read_mono
from lipsync_edge.choices import Mouth
from lipsync_edge.errors import OutputError, UsageError
from lipsync_edge.live.audio_queue import Pcm
from lipsync_edge.live.camera import CameraSink
from lipsync_edge.live.health import SessionHealth
from lipsync_edge.live.marking import MarkedSink, live_tags
from lipsync_edge.live.options import LiveOptions, SessionOptions
from lipsync_edge.live.process import notify_systemd
from lipsync_edge.live.relay import RelayedSink, is_known, open_relay, pipe_of
from lipsync_edge.live.session import LiveSession
from lipsync_edge.live.setup import LOG, open_avatar, stop_on_signals, watched
from lipsync_edge.live.sinks import SCHEMES, MediaSink, RawSink, WindowSink, container_of
from lipsync_edge.live.slot import Sink
from lipsync_edge.live.sources import AudioFeeder, keep_open, open_microphone, read_pipe
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.pipeline.stream import Stream

INTERRUPTED = 128 + signal.SIGINT
_MIC_BUFFER_S = 0.5


def run_live(options: LiveOptions, stream: Stream, stdin: IO[bytes], stdout: IO[bytes]) -> int:
    """Run a live session to its end; return the exit status: 0, or 130 after Ctrl-C. Errors are raised."""
    must_pace = options.realtime or options.audio == "mic" or options.out in ("window", "virtualcam")
    over = threading.Event()
    settings = SessionOptions(
        rate=options.rate,
        realtime=must_pace,
        gap_s=options.gap_ms / 1000,
        buffer_s=_MIC_BUFFER_S if options.audio == "mic" else 10.0,
    )

    def stop() -> None:
        over.set()
        session.stop()

    session = LiveSession(stream, _sink(options, stream, stdout, stop), settings)
    feeder = AudioFeeder(session, _source(options, stdin, over), is_live=options.audio == "mic")
    with ExitStack() as stack:
        came = stack.enter_context(stop_on_signals(stop))
        if options.watchdog_s > 0:
            age = partial(_age_s, session)
            stack.enter_context(watched(age, options.watchdog_s, lambda: _report(session.health())))
        feeder.start()
        notify_systemd("READY=1")
        try:
            session.run()
        finally:
            over.set()
            notify_systemd("STOPPING=1")
            lost = feeder.lost_samples / options.rate
            LOG.info("end", extra={"data": {**_report(session.health()), "lost_audio_s": lost}})
    return INTERRUPTED if signal.SIGINT in came else 0


def _age_s(session: LiveSession) -> float:
    health = session.health()
    return health.heartbeat_age_s if health.running else 0.0


def _report(health: SessionHealth) -> dict[str, object]:
    return asdict(health)


def _source(options: LiveOptions, stdin: IO[bytes], over: threading.Event) -> Iterator[Pcm]:
    if options.audio == "-":
        return read_pipe(stdin)
    if options.audio == "mic":
        return keep_open(partial(open_microphone, options.rate), over)
    return read_mono(Path(options.audio), options.rate)


def _sink(options: LiveOptions, stream: Stream, stdout: IO[bytes], stop: Callable[[], None]) -> Sink:
    if options.out == "window":
        return MarkedSink(WindowSink(stop), options, stream, None)
    if options.out == "virtualcam":
        return MarkedSink(CameraSink(stream.avatar.size, stream.fps), options, stream, None)
    container = container_of(options.out, options.format)
    scheme = options.out.split("://")[0].lower()
    is_url = scheme in SCHEMES
    relay = open_relay(options.out) if is_url and container == "mpegts" and not is_known(scheme) else None
    file = None if options.out == "-" or is_url else Path(options.out)
    if container == "rawvideo":  # nothing but pixels: a label is all that it can bear
        return MarkedSink(RawSink(stdout if file is None else _opened(file)), options, stream, None)
    elsewhere = options.out if relay is None else pipe_of(relay)
    sink: Sink = MediaSink(
        stdout if options.out == "-" else file or elsewhere,
        container=container,
        size=stream.avatar.size,
        fps=stream.fps,
        rate=options.rate,
        color=stream.avatar.color,
        tags=live_tags(options, stream, container),
    )
    if relay is not None:
        sink = RelayedSink(sink, relay, options.out)
    return MarkedSink(sink, options, stream, file if options.mark.wanted else None)


def _opened(file: Path) -> IO[bytes]:
    try:
        return file.open("wb")
    except OSError as error:
        raise OutputError(expected=f"to write {file}", got=error.strerror or str(error)) from error


def open_stream(
    engine: EngineOptions,
    avatar: Path | None,
    *,
    rate: int,
    fps: float,
    mouth: Mouth = "auto",
    strength: float = 1.0,
) -> Stream:
    """Load an engine and an avatar, and open a stream.

    Args:
        engine: which engine.
        avatar: a saved avatar, a video or a picture.
        rate: samples a second of the sound.
        fps: frames a second; 0 takes the avatar's.
        mouth: whose lips and teeth, see `RunOptions.mouth`.
        strength: how far an own mouth moves.

    Raises:
        UsageError: no avatar was named.
    """
    if avatar is None:
        raise UsageError(
            expected="--avatar FACE", got="none", fix="give a saved avatar, a video or a picture"
        )
    from lipsync_edge.engine import load_engine

    loaded = load_engine(engine)
    chosen = Fraction(fps).limit_denominator(1001) if fps else None
    return loaded.stream(
        open_avatar(loaded, avatar), sample_rate=rate, fps=chosen, mouth=mouth, strength=strength
    )
