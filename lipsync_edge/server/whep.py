"""WHEP: players ask for a session's pictures and sound by one HTTP call (draft-ietf-wish-whep).

::

    POST   /whep            an SDP offer (application/sdp); 201 with the answer, its address in Location; ?session=NAME
    DELETE /whep/NUMBER     ends it
    PATCH  /whep/NUMBER     405: all candidates are in the answer
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lipsync_edge.server.session_manager import Refusal
from lipsync_edge.server.speak import manager_of, session_name
from lipsync_edge.server.uploads import received

if TYPE_CHECKING:
    from lipsync_edge.server.rtc.peers import RtcPeers

SDP = "application/sdp"
LONGEST_OFFER = 100_000  # bytes


def peers_of(request: Request) -> RtcPeers:
    """Return the connections of the server that a request came to; Refusal 501 where WebRTC is not installed."""
    peers: RtcPeers | None = request.app.state.peers
    if peers is None:
        raise Refusal(501, "expected the packages of the extra `webrtc`: pip install lipsync-edge[webrtc]")
    return peers


async def offered(request: Request) -> Response:
    """Answer an offer."""
    peers = peers_of(request)
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != SDP:
        raise Refusal(415, f"expected an offer of {SDP}")
    stall_s = manager_of(request).limits.stall_s
    offer = b"".join([chunk async for chunk in received(request, LONGEST_OFFER, stall_s)])
    number, answer = await peers.open(session_name(request), offer.decode("utf-8", "replace"))
    return Response(answer, 201, {"Location": f"/whep/{number}"}, SDP)


async def ended(request: Request) -> Response:
    """End a connection."""
    await peers_of(request).close(request.path_params["number"])
    return JSONResponse({"ok": True})


ROUTES = [
    Route("/whep", offered, methods=["POST"]),
    Route("/whep/{number}", ended, methods=["DELETE"]),
]
