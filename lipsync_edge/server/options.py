"""Options of `lipsync-edge serve`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What `serve` was told; the names are those of the long options.

    The avatar and the engine are in the stream that it runs with.

    Attributes:
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        token: what callers of /api must give; "" asks for none.
        rate: samples a second of the sound that browsers play.
        quality: of the pictures sent, JPEG, 1 to 100.
        sessions: live sessions at a time.
        viewers: browsers of one session.
        upload_mb: megabytes of one upload.
        webrtc: offer WebRTC where it is installed.
        ice: STUN and TURN servers, divided by commas.
        tts: command that reads text on stdin and writes a WAV file to stdout; "": no text is said.
        watchdog_s: end the process when a session hangs for so many seconds; 0 does not.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: str = ""
    rate: int = 24_000
    quality: int = 85
    sessions: int = 2
    viewers: int = 8
    upload_mb: int = 20
    webrtc: bool = True
    ice: str = ""
    tts: str = ""
    watchdog_s: float = 0.0
