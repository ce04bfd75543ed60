"""Seeded damage of files: what cut transfers, bad disks and people who mean harm do to bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
Mutation = Callable[[bytearray, Random], None]


def _place(data: bytearray, rng: Random) -> int:
    """A position; headers, where the interesting bytes are, as often as all the rest."""
    return rng.randrange(min(len(data), 512) if rng.random() < 0.5 else len(data))


def _flip(data: bytearray, rng: Random) -> None:
    for _ in range(rng.choice((1, 1, 4, 32))):
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _noise(data: bytearray, rng: Random) -> None:
    at = _place(data, rng)
    end = min(len(data), at + rng.choice((1, 8, 200)))
    data[at:end] = rng.randbytes(end - at)


def _extreme(data: bytearray, rng: Random) -> None:
    """A length, a count or a size that is as large, or as small, as it can be said."""
    for _ in range(rng.choice((1, 2, 5))):
        at = _place(data, rng)
        form = rng.choice((">I", "<I", ">H", "<H", "B"))
        top = (1 << 8 * struct.calcsize(form)) - 1
        value = struct.pack(form, rng.choice(_EXTREMES) & top)
        data[at : at + len(value)] = value


def _cut(data: bytearray, rng: Random) -> None:
    del data[rng.randrange(1, len(data)) :]


def _drop(data: bytearray, rng: Random) -> None:
    at = _place(data, rng)
    del data[at : at + rng.choice((1, 3, 100, 5000))]


def _double(data: bytearray, rng: Random) -> None:
    at = _place(data, rng)
    data[at:at] = data[at : at + rng.choice((1, 16, 1000))] * rng.choice((1, 1, 20))


def _blank(data: bytearray, rng: Random) -> None:
    at = _place(data, rng)
    end = min(len(data), at + rng.choice((4, 64, 4096)))
    data[at:end] = bytes([rng.choice((0, 255))]) * (end - at)


def _shuffle(data: bytearray, rng: Random) -> None:
    """Two stretches change places."""
    length = max(1, len(data) // rng.choice((3, 10, 50)))
    first, second = sorted(rng.randrange(len(data) - length + 1) for _ in range(2))
    one, two = bytes(data[first : first + length]), bytes(data[second : second + length])
    data[first : first + length], data[second : second + length] = two, one


MUTATIONS: tuple[Mutation, ...] = (_flip, _noise, _extreme, _cut, _drop, _double, _blank, _shuffle)


def mutated(data: bytes, rng: Random) -> bytes:
    """Return a copy with one to three kinds of damage; never empty."""
    made = bytearray(data)
    for mutation in rng.choices(MUTATIONS, k=rng.choice((1, 1, 2, 3))):
        if len(made) > 1:
            mutation(made, rng)
    return bytes(made) or b"\0"


def spliced(data: bytes, other: bytes, rng: Random) -> bytes:
    """Return the beginning of one file with the rest of another."""
    return data[: rng.randrange(1, len(data))] + other[rng.randrange(len(other)) :]
