"""Pacing: packets of a large picture leave one after another, so that they overflow no queue on the way.

aiortc sends a picture's packets at once. A key picture has a hundred of them, more than a narrow link's router holds;
what is lost is asked for again, and the next key picture is lost in the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiortc import RTCRtpSender
from aiortc.rtp import is_rtcp

FASTER = 2.5  # than the bits a second that are encoded, so that pictures do not wait for each other
LEAST_BITS = 800_000  # a second, so that no picture is long on its way
AT_ONCE_S = 0.005  # of sending that need not be waited for


class Pacer:
    """How long a packet holds up the next one.

    Args:
        bits: gives the bits a second that the network takes.
    """

    def __init__(self, bits: Callable[[], int]) -> None:
        self._bits = bits
        self._free_at = 0.0

    def take(self, size: int, now: float) -> float:
        """Count a packet of so many bytes; return the seconds until the next may leave, 0 for nearly none."""
        self._free_at = max(self._free_at, now) + 8 * size / max(FASTER * self._bits(), LEAST_BITS)
        wait = self._free_at - now
        return wait if wait > AT_ONCE_S else 0.0


def pace(sender: RTCRtpSender, pacer: Pacer) -> None:
    """Let the packets of a sender leave at their pace; those that are sent again are counted, but wait for nothing.

    The wait follows a packet: the next one is given its time of sending, by which browsers estimate the network, then.
    """
    transport = sender.transport
    send = transport._send_rtp

    async def paced(data: bytes) -> None:
        await send(data)
        ssrc = 0 if is_rtcp(data) else int.from_bytes(data[8:12], "big")
        if ssrc in (sender._ssrc, sender._rtx_ssrc):
            wait = pacer.take(len(data), asyncio.get_running_loop().time())
            if wait and ssrc == sender._ssrc:
                await asyncio.sleep(wait)

    transport._send_rtp = paced  # type: ignore[method-assign]
