"""Wire protocol of a viewer's WebSocket.

Text messages are JSON: first {"type": "hello", "fps", "width", "height", "rate"}, then {"type": "event", "event",
"time"} with event "speech_start", "speech_end" or "interrupt", and {"type": "error", "error"} before a close.
Binary messages are playout slots: a header of 16 bytes, little-endian (number of the slot uint32; state uint8, an
index of STATES; 3 bytes of 0; bytes of sound uint32; bytes of picture uint32), then the sound (int16 mono at `rate`),
then the picture (JPEG; none when nothing new is to be shown).
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from lipsync_edge.live.slot import Slot

HEADER = struct.Struct("<IB3xII")
STATES = ("speech", "silence", "idle", "starved", "late")


def pack(slot: Slot, *, quality: int) -> bytes:
    """Return the binary message of a slot, its picture as a JPEG of this quality, 1 to 100."""
    jpeg = b"" if slot.picture is None else slot.picture.jpeg(quality)
    pcm = slot.pcm.astype("<i2").tobytes()
    state = STATES.index(slot.state)
    return HEADER.pack(slot.index % 2**32, state, len(pcm), len(jpeg)) + pcm + jpeg


def unpack(message: bytes) -> dict[str, Any]:
    """Read a binary message: slot, state, pcm int16 (n,), jpeg bytes; ValueError when it is none."""
    try:
        slot, state, sound, picture = HEADER.unpack_from(message)
        name = STATES[state]
    except (struct.error, IndexError) as error:
        raise ValueError(f"no slot: {error}") from error
    if len(message) != HEADER.size + sound + picture:
        raise ValueError("a slot cut short")
    pcm = np.frombuffer(message, "<i2", sound // 2, HEADER.size).astype(np.int16)
    return {"slot": slot, "state": name, "pcm": pcm, "jpeg": message[HEADER.size + sound :]}
