"""The encoded loop of an avatar that nobody speaks through: what was encoded of it is kept and sent again.

Pictures come again in the same order, and a decoder that was given the same units since a key picture is in the same
state, whatever came before that. So a unit is kept as what follows another one: every chain begins with a key picture
(an IDR picture of H.264), and what comes next in the loop hangs on it. Which chain it is does not matter: a viewer who
needs a key picture in the middle begins one there, and it goes over into an older one at that one's beginning.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TypeAlias

KEPT_BYTES = 64_000_000  # of one codec of one session: 98 s at the usual bits of 1080p, 25 fps
UNIT_BYTES = 400  # beside what was encoded
BETTER = 1.5  # times the bits a second for which a loop is encoded anew

Step: TypeAlias = (
    "tuple[Hashable | None, Hashable | None]"  # loop keys of the picture before, and of the picture
)


@dataclass(slots=True, eq=False)
class Unit:
    """One encoded picture.

    Attributes:
        data: what the encoder gave.
        is_key: whether a decoder can begin with it.
        then: loop key of the next picture → its unit.
    """

    data: bytes
    is_key: bool
    then: dict[Hashable, Unit] = field(default_factory=dict)


class EncodedLoop:
    """Units of a loop, and where in it the viewers' decoders are.

    One loop is kept, for one number of bits a second. When the network takes fewer, or many more, it is forgotten and
    kept anew at what is taken then.

    Args:
        limit: bytes of all units; what finds no room is encoded every time.

    Attributes:
        held: bytes.
    """

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self.limit = limit
        self.held = 0
        self._bits = 0
        self._keys: dict[Step, Unit] = {}
        self._at: Unit | None = None

    @property
    def has_room(self) -> bool:
        """Whether more can be kept."""
        return self.held < self.limit

    def fit(self, bits: int) -> None:
        """Forget everything, if it was encoded for more bits a second than that, or for far fewer."""
        if self._bits and not self._bits <= bits < BETTER * self._bits:
            self._keys, self._at, self.held, self._bits = {}, None, 0, 0

    def follow(self, step: Step, *, key: bool) -> Unit | None:
        """Give what can be sent for a step, a key picture if that is asked for; None where it must be encoded."""
        unit = None
        if self._at is not None and step[1] is not None and not key:
            unit = self._at.then.get(step[1])
        if unit is None and None not in step:
            unit = self._keys.get(step)
        if unit is not None:
            self._at = unit
        return unit

    def keep(self, step: Step, unit: Unit, bits: int) -> None:
        """Note what was encoded and sent for a step, at so many bits a second."""
        before, self._at = self._at, None
        size = UNIT_BYTES + len(unit.data)
        if step[1] is None or self.held + size > self.limit:
            return
        if unit.is_key and step[0] is not None:
            self._keys[step] = unit
        elif before is not None and not unit.is_key:
            before.then[step[1]] = unit
        else:
            return
        self._at = unit
        self._bits = self._bits or bits
        self.held += size
