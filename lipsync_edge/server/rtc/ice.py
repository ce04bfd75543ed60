"""ICE: which addresses media goes through, and which STUN and TURN servers help."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection

from lipsync_edge.errors import UsageError

_SERVER = re.compile(
    r"(?P<scheme>stuns?|turns?):(?:(?P<user>[^:@]+):(?P<secret>[^@]+)@)?(?P<rest>[A-Za-z0-9.\[\]:_-]+(\?transport=(udp|tcp))?)"
)


def servers_of(text: str) -> list[RTCIceServer]:
    """Read addresses of STUN and TURN servers, divided by commas: stun:HOST:PORT, turn:USER:PASSWORD@HOST:PORT.

    Raises:
        UsageError: one of them is none.
    """
    found = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        match = _SERVER.fullmatch(word)
        if match is None:
            raise UsageError(
                expected="--ice stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT, divided by commas", got=word
            )
        url = f"{match['scheme']}:{match['rest']}"
        found.append(RTCIceServer(url, username=match["user"], credential=match["secret"]))
    return found


def connection(servers: list[RTCIceServer]) -> RTCPeerConnection:
    """Make a connection that asks these servers and no others."""
    return RTCPeerConnection(RTCConfiguration(iceServers=servers))


def keep_to(peer: RTCPeerConnection, address: str) -> None:
    """Let media of a connection go through one address of this machine; before its description is set.

    ICE leaves loopback out on its own, since other machines cannot reach it. A server that only this machine may reach
    wants nothing else.
    """
    for transceiver in peer.getTransceivers():
        ice: Any = transceiver.sender.transport.transport.iceGatherer._connection
        ice.get_component_candidates = partial(_gather, ice.get_component_candidates, address)


async def _gather(gather: Any, address: str, component: int, addresses: list[str], **options: Any) -> Any:
    return await gather(component=component, addresses=[address], **options)
