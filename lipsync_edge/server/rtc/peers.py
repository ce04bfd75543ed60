"""WebRTC connections of a server, by the number that their resource has."""

from __future__ import annotations

import asyncio
import re
import secrets
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

from aiortc import RTCIceServer, RTCPeerConnection, RTCRtpCodecCapability, RTCRtpSender, RTCSessionDescription
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError

from lipsync_edge.server.rtc.encode import Codec
from lipsync_edge.server.rtc.feedback import listen
from lipsync_edge.server.rtc.ice import connection, keep_to
from lipsync_edge.server.rtc.pacing import Pacer, pace
from lipsync_edge.server.rtc.upstream import say_what_comes
from lipsync_edge.server.session import LOG, ServerSession
from lipsync_edge.server.session_manager import Refusal, SessionManager

CONNECT_S = 20.0  # a connection that is not there by then is given up
CLOSE_S = 10.0  # and one that does not close within that holds no seat any more
_CLOSING: set[asyncio.Future[None]] = set()
CODECS: tuple[Codec, ...] = ("H264", "VP8")  # best first


@dataclass(slots=True, eq=False)
class _Peer:
    connection: RTCPeerConnection
    over: asyncio.Event = field(default_factory=asyncio.Event)
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class RtcPeers:
    """All connections of a server.

    Args:
        sessions: what they watch.
        servers: STUN and TURN servers.
        address: the only address of this machine that media goes through; "": all of them but loopback.
    """

    def __init__(self, sessions: SessionManager, servers: list[RTCIceServer], address: str) -> None:
        self._sessions, self._servers, self._address = sessions, servers, address
        self._peers: dict[str, _Peer] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._peers)

    async def open(self, session: str, offer: str) -> tuple[str, str]:
        """Answer an offer to watch a session; both are SDP.

        Returns:
            The number of the connection, and the answer.

        Raises:
            Refusal: too many viewers, or an offer that cannot be answered.
        """
        peer, number = _Peer(connection(self._servers)), secrets.token_urlsafe(16)
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        peer.task = asyncio.create_task(self._run(session, offer, peer, answer))
        self._peers[number] = peer
        peer.task.add_done_callback(lambda _: self._peers.pop(number, None))
        try:
            return number, await answer
        except Refusal:
            await peer.task
            self._peers.pop(number, None)  # who hears of it finds nothing left
            raise

    async def close(self, number: str) -> None:
        """End a connection; Refusal 404 when there is none of that number."""
        peer = self._peers.get(number)
        if peer is None:
            raise Refusal(404, "expected an open connection")
        peer.over.set()
        if peer.task is not None:
            await peer.task

    async def close_all(self) -> None:
        """End every connection."""
        for number in list(self._peers):
            with suppress(Refusal):
                await self.close(number)

    async def _run(self, session: str, offer: str, peer: _Peer, answer: asyncio.Future[str]) -> None:
        """Live as long as the connection."""
        try:
            async with AsyncExitStack() as stack:
                stack.push_async_callback(_close, peer.connection)
                seat = await stack.enter_async_context(self._sessions.join(session))
                answer.set_result(await self._connect(seat, offer, peer, stack))
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(_either(peer.connected, peer.over), CONNECT_S)
                if peer.connected.is_set():
                    await peer.over.wait()
        except (InternalError, InvalidAccessError, InvalidStateError, OperationError, ValueError) as error:
            _fail(answer, Refusal(400, f"expected an offer that can be answered: {error}"))
        except Refusal as refusal:
            _fail(answer, refusal)
        except Exception as error:  # whatever it is, the caller is told and the server goes on
            LOG.exception("connection failed")
            _fail(answer, Refusal(500, f"{type(error).__name__}: {error}"))

    async def _connect(self, session: ServerSession, offer: str, peer: _Peer, stack: AsyncExitStack) -> str:
        rtc = peer.connection
        _heed(peer, session, stack, self._sessions.limits.waiting)
        video = rtc.addTransceiver("video", "sendonly")
        video.setCodecPreferences(_preferred())
        audio = rtc.addTransceiver("audio", "sendrecv")
        audio.setCodecPreferences(
            [one for one in RTCRtpSender.getCapabilities("audio").codecs if one.mimeType == "audio/opus"]
        )
        await rtc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        if self._address:
            keep_to(rtc, self._address)
        await rtc.setLocalDescription(await rtc.createAnswer())
        text = rtc.localDescription.sdp
        viewer = stack.enter_context(session.broadcaster.rtc_viewer(codec_of(text), peer.over.set))
        video.sender.replaceTrack(viewer.video)
        audio.sender.replaceTrack(viewer.audio)
        listen(video.sender, viewer.feedback)
        pace(video.sender, Pacer(lambda: viewer.feedback.bits))
        return text


def _preferred() -> list[RTCRtpCodecCapability]:
    """Codecs of pictures, ours first; repeats of lost packets (RTX) with them."""
    able = RTCRtpSender.getCapabilities("video").codecs
    names = [*(f"video/{codec}" for codec in CODECS), "video/rtx"]
    return [one for name in names for one in able if one.mimeType == name]


def codec_of(sdp: str) -> Codec:
    """Return the codec of pictures that a description chose; H264 where there are no pictures."""
    video = re.search(r"^m=video \d+ \S+ (\d+)", sdp, re.MULTILINE)
    if video is None:
        return "H264"
    name = re.search(rf"^a=rtpmap:{video[1]} (\w+)/", sdp, re.MULTILINE)
    return "VP8" if name is not None and name[1] == "VP8" else "H264"


def _heed(peer: _Peer, session: ServerSession, stack: AsyncExitStack, waiting: int) -> None:
    """Watch a connection's state, and take its microphone."""

    @peer.connection.on("connectionstatechange")
    def changed() -> None:
        if peer.connection.connectionState == "connected":
            peer.connected.set()
        if peer.connection.connectionState in ("failed", "closed"):
            peer.over.set()

    @peer.connection.on("track")
    def sent(track: object) -> None:
        if getattr(track, "kind", "") == "audio":
            listening = asyncio.create_task(say_what_comes(track, session, waiting=waiting))  # type: ignore[arg-type]
            stack.callback(listening.cancel)


async def _close(connection: RTCPeerConnection) -> None:
    """Close a connection; one that takes long goes on closing by itself, and holds no seat meanwhile."""
    closing = asyncio.ensure_future(connection.close())
    _CLOSING.add(closing)  # the loop alone would forget it
    closing.add_done_callback(_CLOSING.discard)
    await asyncio.wait([closing], timeout=CLOSE_S)


async def _either(*events: asyncio.Event) -> None:
    tasks = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _fail(answer: asyncio.Future[str], refusal: Refusal) -> None:
    if not answer.done():
        answer.set_exception(refusal)
