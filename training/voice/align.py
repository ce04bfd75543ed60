"""Phone times of known English words: forced alignment by pocketsphinx (BSD), in two passes.

Its default beams align most; wider ones fail more often in the second pass.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.voices import sentence
from training.voice.articulation import ARPABET, Segment

Array = npt.NDArray[Any]

SHIFT = 0.010  # seconds: its times fit best moved by so much (corpus README)
FRAME = 0.010
Phone = tuple[str, float, float]  # ARPAbet, and seconds at which it begins and ends
LETTER = 3  # which word of a GRID sentence is a letter of the alphabet


class Aligner:
    """Aligns texts with sounds."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(lm=None, loglevel="FATAL")

    def __call__(self, samples: Array, text: str) -> list[Segment] | None:
        """Return the phones of float32 16 kHz `samples` that say `text`; None where they do not fit.

        Args:
            samples: (n,), -1 to 1.
            text: words; those that the dictionary lacks make it fail.
        """
        words = self.words(samples, text)
        if words is None:
            return None
        phones = [phone for _, some in words for phone in some]
        return [Segment(ARPABET.get(name, ""), start + SHIFT, end + SHIFT) for name, start, end in phones]

    def words(self, samples: Array, text: str) -> list[tuple[str, list[Phone]]] | None:
        """Return the words with their ARPAbet phones, silences among them, before `SHIFT`; None as above."""
        pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16).tobytes()
        try:
            self._decoder.set_align_text(" ".join(re.findall(r"[a-z']+", text.lower())))
            self._decode(pcm)
            self._decoder.set_alignment()
            self._decode(pcm)
        except RuntimeError:
            return None
        alignment = self._decoder.get_alignment()
        if alignment is None:
            return None
        return [
            (
                re.sub(r"\(\d+\)$", "", str(word.name)),
                [(p.name, p.start * FRAME, (p.start + p.duration) * FRAME) for p in word],
            )
            for word in alignment
        ]

    def _decode(self, pcm: bytes) -> None:
        self._decoder.start_utt()
        try:
            self._decoder.process_raw(pcm, full_utt=True)
        finally:
            self._decoder.end_utt()


def grid_words(name: str) -> str | None:
    """Return the words of a GRID file for the dictionary of pocketsphinx; None where it is no such name."""
    text = sentence(name)
    if text is None:
        return None
    return " ".join(name[LETTER] if i == LETTER else word for i, word in enumerate(text.split()))
