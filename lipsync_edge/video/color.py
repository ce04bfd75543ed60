"""The colour tags of a file, and swscale's names for what they ask."""

from __future__ import annotations

from dataclasses import dataclass

_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}  # AVColorSpace → swscale's numbers; anything else is BT.601
_BT601, _BT709 = 5, 1
_UNSAID = (0, 2, 3)  # reserved or unknown primaries and transfers
# swscale's flags, by number: PyAV before 18 does not name the last three
POINT, BICUBIC, AREA = 0x10, 0x4, 0x20
ACCURATE, FULL_CHROMA_OUT, FULL_CHROMA_IN = 0x40000, 0x2000, 0x4000
FULL_RANGE, LIMITED_RANGE = 2, 1


@dataclass(frozen=True, slots=True)
class ColorTags:
    """A file's colour tags, as FFmpeg numbers them (2 is "unknown", range 0 is "unknown")."""

    matrix: int = 2
    range: int = 0
    primaries: int = 2
    transfer: int = 2

    @property
    def sws_matrix(self) -> int:
        """The matrix that pictures really go through, as swscale numbers it."""
        return _MATRICES.get(self.matrix, _BT601)

    @property
    def sws_range(self) -> int:
        """The range that pictures really go through: 2 full, 1 limited."""
        return FULL_RANGE if self.range == FULL_RANGE else LIMITED_RANGE

    def stated(self) -> ColorTags:
        """Return tags that leave a player nothing to guess: the file's own where it has them, else BT.709; limited.

        For pictures that are encoded anew from BGR. (What is copied from a file keeps the file's tags, unsaid ones
        included.)
        """
        return ColorTags(
            matrix=self.matrix if self.matrix in _MATRICES else _BT709,
            range=LIMITED_RANGE,
            primaries=_BT709 if self.primaries in _UNSAID else self.primaries,
            transfer=_BT709 if self.transfer in _UNSAID else self.transfer,
        )


STILL_COLOR = ColorTags(matrix=_BT709, range=LIMITED_RANGE, primaries=1, transfer=1)
