"""Check of a dataclass that was made of a file against the types that its fields are written with."""

from __future__ import annotations

import math
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


def check_fields(made: Any) -> None:
    """Raise TypeError for a field that holds something else than its type, or a number that is none.

    Args:
        made: a dataclass whose fields are text, numbers, tuples of these, choices of them, or other dataclasses.
    """
    hints = get_type_hints(type(made))
    for field in fields(made):
        value = getattr(made, field.name)
        if not _fits(value, hints[field.name]):
            raise TypeError(f"{field.name} = {repr(value)[:60]}")


def _fits(value: Any, wanted: Any) -> bool:
    origin, inner = get_origin(wanted), get_args(wanted)
    if wanted is Any:
        return True
    if origin is Literal:
        return value in inner and isinstance(value, str)
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if inner[-1:] == (Ellipsis,):
            return all(_fits(one, inner[0]) for one in value)
        return len(value) == len(inner) and all(
            _fits(one, kind) for one, kind in zip(value, inner, strict=True)
        )
    if wanted is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and _is_finite(value)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if wanted in (None, NoneType):
        return value is None
    return isinstance(value, wanted)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond all floats
        return False
