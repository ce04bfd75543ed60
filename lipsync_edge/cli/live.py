"""The commands `live` and `serve`: translation only. With --config each reads its own table of kiosk.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lipsync_edge.choices import LiveFormat
from lipsync_edge.cli.console import pipes, reporting
from lipsync_edge.cli.options import (
    Avatar,
    Fps,
    Host,
    Label,
    LabelSize,
    LiveConfig,
    NoMark,
    Port,
    ServeConfig,
    SignCert,
    SignKey,
    Strength,
    Token,
    UploadMb,
    Watchdog,
    WhoseMouth,
    with_engine,
)
from lipsync_edge.models.engine_options import EngineOptions


@with_engine
def live(
    avatar: Avatar = None,
    audio: Annotated[str, typer.Option(help="- (int16 mono PCM on stdin), mic, or a sound file.")] = "-",
    out: Annotated[
        str, typer.Option(help="- (stdout), window, virtualcam, a file, or a udp/tcp/srt/rtmp URL.")
    ] = "-",
    format: Annotated[LiveFormat | None, typer.Option(help="Goes by the name of OUT without it.")] = None,
    rate: Annotated[int, typer.Option(min=8000, max=96_000, help="Samples a second.")] = 16_000,
    fps: Fps = 0.0,
    realtime: Annotated[bool, typer.Option(help="Pace by the sample clock and drop late frames.")] = False,
    gap_ms: Annotated[int, typer.Option(min=40, help="A pause this long ends an utterance.")] = 500,
    watchdog_s: Watchdog = 0.0,
    mouth: WhoseMouth = "auto",
    strength: Strength = 1.0,
    no_mark: NoMark = False,
    sign_cert: SignCert = None,
    sign_key: SignKey = None,
    label: Label = "none",
    label_size: LabelSize = 7.0,
    *,
    engine: EngineOptions,
    config: LiveConfig = None,
) -> None:
    """Speech in, lip-synced frames out, as it comes."""
    with reporting():
        from lipsync_edge.atomic_write import check_spares
        from lipsync_edge.live.options import LiveOptions
        from lipsync_edge.live.run import open_stream, run_live
        from lipsync_edge.live.setup import log_to_stderr
        from lipsync_edge.mark.options import MarkOptions

        options = LiveOptions(
            audio=audio,
            out=out,
            format=format,
            rate=rate,
            realtime=realtime,
            gap_ms=gap_ms,
            watchdog_s=watchdog_s,
            face=avatar,
            mark=MarkOptions(wanted=not no_mark, sign_cert=sign_cert, sign_key=sign_key),
            label=label,
            label_size=label_size,
        )
        if out != "-":  # nor is stdin stdout
            check_spares(Path(out), (avatar, Path(audio), sign_cert, sign_key, config))
        log_to_stderr()
        stdin, stdout = pipes(audio, out)
        stream = open_stream(engine, avatar, rate=rate, fps=fps, mouth=mouth, strength=strength)
        status = run_live(options, stream, stdin, stdout)
    raise typer.Exit(status)


@with_engine
def serve(
    avatar: Avatar = None,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    token: Token = "",
    rate: Annotated[
        int, typer.Option(min=8000, max=96_000, help="Samples a second in the browser.")
    ] = 24_000,
    fps: Fps = 0.0,
    quality: Annotated[int, typer.Option(min=1, max=100, help="JPEG quality.")] = 85,
    sessions: Annotated[int, typer.Option(min=1, help="Live sessions at a time.")] = 2,
    viewers: Annotated[int, typer.Option(min=1, help="Browsers of one session.")] = 8,
    upload_mb: UploadMb = 20,
    webrtc: Annotated[bool, typer.Option(help="Offer WebRTC, where its extra is installed.")] = True,
    ice: Annotated[str, typer.Option(help="STUN and TURN servers, divided by commas.")] = "",
    tts: Annotated[str, typer.Option(help="Command that reads text and writes a WAV file to stdout.")] = "",
    watchdog_s: Watchdog = 0.0,
    mouth: WhoseMouth = "auto",
    strength: Strength = 1.0,
    *,
    engine: EngineOptions,
    config: ServeConfig = None,
) -> None:
    """A page with the speaking avatar, and a WebSocket and HTTP API to make it speak."""
    with reporting():
        from lipsync_edge.live.run import open_stream
        from lipsync_edge.live.setup import log_to_stderr
        from lipsync_edge.server.options import ServeOptions
        from lipsync_edge.server.run import run_server

        options = ServeOptions(
            host=host,
            port=port,
            token=token,
            rate=rate,
            quality=quality,
            sessions=sessions,
            viewers=viewers,
            upload_mb=upload_mb,
            webrtc=webrtc,
            ice=ice,
            tts=tts,
            watchdog_s=watchdog_s,
        )
        log_to_stderr()
        run_server(options, open_stream(engine, avatar, rate=rate, fps=fps, mouth=mouth, strength=strength))
