"""Phones as articulatory features, so that a sound that no training clip says still gets a sensible mouth.

Features of IPA segments are panphon's (Mortensen et al., "PanPhon", COLING 2016, MIT); three flags that matter to the
lips (both lips shut, lower lip under the teeth, silence) are added.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

COLUMNS_PER_SECOND = 80
PANPHON = (
    "syl", "son", "cons", "cont", "delrel", "lat", "nas", "strid", "voi", "sg", "ant", "cor", "distr", "lab", "hi",
    "lo", "back", "round", "tense", "long",
)  # fmt: skip
FEATURES = (*PANPHON, "shut", "labiodental", "silence")
SHUT, LABIODENTAL, SILENCE = (FEATURES.index(name) for name in ("shut", "labiodental", "silence"))
BILABIAL = frozenset("pbmɓ")
LABIODENTALS = frozenset("fvʋɱ")
REWRITTEN = {
    "ɚ": "əɹ",
    "ɝ": "ɜɹ",
    "g": "ɡ",
    "s.": "ʂ",
    "ts.": "tʂ",
    "i.": "ɨ",
    "r": "r",
    "R": "ʁ",
    "ᵻ": "ɨ",
    "ɐ": "ɐ",
}
ARPABET = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "B": "b", "CH": "tʃ", "D": "d", "DH": "ð",
    "EH": "ɛ", "ER": "ɜɹ", "EY": "eɪ", "F": "f", "G": "ɡ", "HH": "h", "IH": "ɪ", "IY": "iː", "JH": "dʒ", "K": "k",
    "L": "l", "M": "m", "N": "n", "NG": "ŋ", "OW": "oʊ", "OY": "ɔɪ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ",
    "T": "t", "TH": "θ", "UH": "ʊ", "UW": "uː", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Segment:
    """One phone: its IPA letters ("" = silence), and seconds at which it begins and ends."""

    ipa: str
    start: float
    end: float


@lru_cache(maxsize=1)
def _table() -> Any:
    import panphon

    return panphon.FeatureTable()


@lru_cache(maxsize=4096)
def vectors(ipa: str) -> tuple[tuple[float, ...], ...]:
    """Return the features (-1, 0, 1) of each IPA segment of a phone: two for a diphthong, none if it is unknown."""
    for old, new in REWRITTEN.items():
        ipa = ipa.replace(old, new)
    out = []
    for letters in _table().ipa_segs(ipa):
        values = dict(
            zip(_table().names, _table().word_to_vector_list(letters, numeric=True)[0], strict=True)
        )
        flags = (letters[0] in BILABIAL, letters[0] in LABIODENTALS, False)
        out.append((*(float(values[name]) for name in PANPHON), *(1.0 if flag else -1.0 for flag in flags)))
    return tuple(out)


def silence() -> Array:
    """Return the features of silence, float32 (features,)."""
    row = np.zeros(len(FEATURES), np.float32)
    row[[SHUT, LABIODENTAL]] = -1
    row[SILENCE] = 1
    return row


def features_at(segments: list[Segment], columns: int) -> Array:
    """Return the features, int8 (columns, features), of mel columns that are 1/80 s apart, the first at 0 s."""
    out = np.repeat(silence()[None], columns, 0)
    times = np.arange(columns) / COLUMNS_PER_SECOND
    for segment in segments:
        parts = vectors(segment.ipa) if segment.ipa else ()
        edges = np.linspace(segment.start, segment.end, len(parts) + 1)
        for part, start, end in zip(parts, edges[:-1], edges[1:], strict=True):
            out[(times >= start) & (times < end)] = part
    return out.astype(np.int8)
