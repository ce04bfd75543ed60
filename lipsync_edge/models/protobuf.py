"""Walker of protobuf's wire format: the fields of a message, by number, without a schema and without copying."""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST = 10  # bytes of a varint
Value = int | memoryview


def fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Give number and value of each field: an int of a varint or a fixed number, else its bytes.

    Raises:
        ValueError: it is cut short, or no such message.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if not number:
            raise ValueError("a field without a number")
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"a field of the unknown kind {kind}")
        if length > end - at:
            raise ValueError("a field that is longer than its message")
        piece = data[at : at + length]
        at += length
        yield number, piece if kind == _BYTES else int.from_bytes(piece, "little")


def varints(value: Value) -> Iterator[int]:
    """Give the numbers of a repeated field, packed or one by one, as int64."""
    if isinstance(value, int):
        yield _signed(value)
        return
    at = 0
    while at < len(value):
        number, at = _varint(value, at)
        yield _signed(number)


def text(value: Value) -> str:
    """Return a field of text; ValueError where it is a number or no UTF-8."""
    if isinstance(value, int):
        raise ValueError("a number in the place of text")
    return str(value, "utf-8")


def message(value: Value) -> memoryview:
    """Return a field that is a message; ValueError where it is a number."""
    if isinstance(value, int):
        raise ValueError("a number in the place of a message")
    return value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    found = 0
    for shift in range(0, 7 * _LONGEST, 7):
        if at >= len(data):
            raise ValueError("it is cut short")
        byte = data[at]
        at += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found & 0xFFFFFFFFFFFFFFFF, at
    raise ValueError("a number without an end")


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number
