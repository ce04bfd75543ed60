"""Names of the services in an MPEG transport stream, which FFmpeg writes from metadata and PyAV does not read back."""

from __future__ import annotations

from pathlib import Path

PACKET, SYNC, SDT_PID, SDT_TABLE, SERVICE = 188, 0x47, 0x11, 0x42, 0x48
LOOKED_AT = 4 << 20  # bytes; the table comes twice a second


def service_tags(path: Path) -> dict[str, str]:
    """Return "service_provider" and "service_name" of a stream's first service; nothing where it names none."""
    with path.open("rb") as file:
        data = file.read(LOOKED_AT)
    for at in range(0, len(data) - PACKET + 1, PACKET):
        packet = data[at : at + PACKET]
        starts = bool(packet[1] & 0x40)
        if packet[0] == SYNC and starts and (packet[1] & 0x1F) << 8 | packet[2] == SDT_PID:
            found = _of_table(packet)
            if found:
                return found
    return {}


def _of_table(packet: bytes) -> dict[str, str]:
    """Names out of the packet that a service description table begins in; one that goes on is read as far as it is."""
    at = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
    at += 1 + packet[at] if at < PACKET else 0  # the pointer field
    if at + 16 > PACKET or packet[at] != SDT_TABLE:
        return {}
    at += 11 + 5  # head of the table, head of its first service
    while at + 5 <= PACKET:
        tag, size = packet[at], packet[at + 1]
        if tag == SERVICE:
            provider = 1 + packet[at + 3]
            name_at = at + 3 + provider
            name = packet[name_at + 1 : name_at + 1 + packet[name_at]] if name_at < PACKET else b""
            return {
                "service_provider": _text(packet[at + 4 : at + 3 + provider]),
                "service_name": _text(name),
            }
        at += 2 + size
    return {}


def _text(raw: bytes) -> str:
    return raw.lstrip(bytes(range(0x20))).decode("utf-8", "replace")
