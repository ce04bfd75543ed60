"""What a server offers beside its WebSocket: WebRTC, and a voice for texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lipsync_edge.errors import UsageError

if TYPE_CHECKING:
    from lipsync_edge.server.rtc.peers import RtcPeers
    from lipsync_edge.server.session_manager import SessionManager


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What is offered.

    Attributes:
        webrtc: whether WebRTC is, where it is installed.
        ice: STUN and TURN servers, see `lipsync_edge.server.rtc.ice.servers_of`.
        address: the only address of this machine that media goes through; "": all of them but loopback.
        tts: the words of a text-to-speech command; none: no text is said.
    """

    webrtc: bool = True
    ice: str = ""
    address: str = "127.0.0.1"
    tts: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise UsageError for ICE servers that cannot be read, or that are asked for without the extra `webrtc`."""
        if not self.ice:
            return
        try:
            from lipsync_edge.server.rtc.ice import servers_of
        except ImportError as error:
            raise UsageError(
                expected="the packages of the extra `webrtc` for --ice",
                got=str(error),
                fix="pip install lipsync-edge[webrtc]",
            ) from error
        servers_of(self.ice)

    def peers(self, sessions: SessionManager) -> RtcPeers | None:
        """Return what answers offers; None where WebRTC is not wanted or not installed."""
        if not self.webrtc:
            return None
        try:
            from lipsync_edge.server.rtc.ice import servers_of
            from lipsync_edge.server.rtc.peers import RtcPeers
        except ImportError:
            return None
        return RtcPeers(sessions, servers_of(self.ice), self.address)

    def told(self, *, webrtc: bool) -> dict[str, object]:
        """Return what the page is told; `webrtc`: whether there are `peers`."""
        servers: list[dict[str, object]] = []
        if webrtc:
            from lipsync_edge.server.rtc.ice import servers_of

            servers = [
                {"urls": one.urls, "username": one.username, "credential": one.credential}
                if one.username
                else {"urls": one.urls}
                for one in servers_of(self.ice)
            ]
        return {"webrtc": webrtc, "ice": servers, "tts": bool(self.tts)}
