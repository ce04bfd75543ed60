"""What a viewer's browser says of the network: lost pictures, lost packets, how much gets through.

aiortc gives these to its own encoders only. Ours is one for all viewers, so the sender's handler of RTCP packets is
listened to.
"""

from __future__ import annotations

from collections.abc import Callable

from aiortc import RTCRtpSender
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)

MUCH_LOST, LITTLE_LOST = 0.1, 0.02  # of the packets
RISES = 1.05  # with every report of a network that loses nearly nothing


class Feedback:
    """Bits a second that one viewer's network takes.

    Pictures of all viewers are encoded once, at what the narrowest network takes.

    Args:
        most: bits a second where nothing hinders.
        least: bits a second below which it is not worth looking at.
        want_key: called when the viewer lost a picture.
    """

    def __init__(self, most: int, least: int, want_key: Callable[[], None]) -> None:
        self._most, self._least, self._want_key = most, least, want_key
        self._loss_allows = float(most)
        self._receiver_allows = float(most)
        self.lost = 0.0  # part of the packets, in the last report

    @property
    def bits(self) -> int:
        """Bits a second."""
        return round(max(self._least, min(self._loss_allows, self._receiver_allows, self._most)))

    def take(self, packet: AnyRtcpPacket, ssrc: int) -> None:
        """Take an RTCP packet about the stream `ssrc`."""
        if isinstance(packet, (RtcpRrPacket, RtcpSrPacket)):
            for report in packet.reports:
                if report.ssrc == ssrc:
                    self._take_loss(report.fraction_lost / 256)
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
            self._want_key()
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            self._take_estimate(packet.fci, ssrc)

    def _take_loss(self, lost: float) -> None:
        """Go down by half of what was lost, and up slowly, as congestion control of WebRTC does by loss."""
        self.lost = lost
        if lost > MUCH_LOST:
            self._loss_allows = max(self._least, self.bits * (1 - lost / 2))
        elif lost < LITTLE_LOST:
            self._loss_allows = min(self._most, self._loss_allows * RISES)

    def _take_estimate(self, fci: bytes, ssrc: int) -> None:
        try:
            bits, streams = unpack_remb_fci(fci)
        except ValueError:  # another message of an application
            return
        if ssrc in streams:
            self._receiver_allows = float(bits)


def listen(sender: RTCRtpSender, feedback: Feedback) -> None:
    """Let a sender's RTCP packets be seen by `feedback`, too."""
    handle = sender._handle_rtcp_packet

    async def heard(packet: AnyRtcpPacket) -> None:
        await handle(packet)
        feedback.take(packet, sender._ssrc)

    sender._handle_rtcp_packet = heard  # type: ignore[method-assign]
