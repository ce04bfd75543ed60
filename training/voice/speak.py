"""Text read aloud by eSpeak NG, in any of its languages, with the time of every phone."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.sounds import resampled
from training.voice.articulation import Segment

Array = npt.NDArray[Any]

SYNCHRONOUS, PHONEME_EVENTS, PHONEME_IPA = 2, 1, 2
UTF8 = 1
EVENT_PHONEME = 7
RATE_PARAMETER, PITCH_PARAMETER, RANGE_PARAMETER = 1, 3, 4


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("id", _Id),
    ]


class Speaker:
    """Reads texts aloud; one for a process (the library keeps global state)."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = int(self._library.espeak_Initialize(SYNCHRONOUS, 0, None, PHONEME_EVENTS | PHONEME_IPA))
        self._pieces: list[Array] = []
        self._phones: list[tuple[float, str]] = []
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
        )
        self._callback = kind(self._take)
        self._library.espeak_SetSynthCallback(self._callback)

    def _take(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        i = 0
        while events[i].type != 0:
            if events[i].type == EVENT_PHONEME:
                name = events[i].id.string.decode("utf-8", "ignore")
                self._phones.append((events[i].sample / self.rate, name))
            i += 1
        return 0

    def say(
        self, text: str, voice: str, words_a_minute: int, pitch: int
    ) -> tuple[Array, list[Segment]] | None:
        """Read a text.

        Args:
            text: what to say.
            voice: a language and a variant, e.g. ``de+f2``.
            words_a_minute: 80 to 450.
            pitch: 0 to 99.

        Returns:
            The sound, float32 at 16 kHz, and its phones; None where the voice is missing or parts are read in English.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            return None
        self._library.espeak_SetParameter(RATE_PARAMETER, words_a_minute, 0)
        self._library.espeak_SetParameter(PITCH_PARAMETER, pitch, 0)
        self._pieces, self._phones = [], []
        data = text.encode() + b"\0"
        self._library.espeak_Synth(data, len(data), 0, 0, 0, UTF8, None, None)
        self._library.espeak_Synchronize()
        if not self._pieces or any(name.startswith("(") for _, name in self._phones):
            return None
        samples = np.concatenate(self._pieces).astype(np.float32) / 32768
        starts = [start for start, _ in self._phones]
        ends = [*starts[1:], len(samples) / self.rate]
        segments = [
            Segment("".join(c for c in name if not c.isdigit()), start, end)
            for (start, name), end in zip(self._phones, ends, strict=True)
        ]
        return resampled(samples, self.rate), segments
