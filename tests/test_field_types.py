"""Values out of files must be of the types that their fields are written with."""

from dataclasses import dataclass
from typing import Any, Literal

import pytest

from lipsync_edge.field_types import check_fields
from lipsync_edge.models.spec import SPECS, load_spec


@dataclass
class Made:
    name: str = "a"
    count: int = 1
    share: float = 0.5
    kind: Literal["x", "y"] = "x"
    many: tuple[int, ...] = (1, 2)
    pair: tuple[str, float] = ("a", 1)
    axes: tuple[int | str, ...] = (1, "n")
    maybe: int | None = None


@pytest.mark.parametrize(
    "values",
    [{}, {"share": 1}, {"many": ()}, {"maybe": 3}, {"kind": "y"}, {"axes": ("n",)}],
)
def test_what_fits_passes(values: dict[str, Any]) -> None:
    check_fields(Made(**values))


@pytest.mark.parametrize(
    "values",
    [
        {"name": 1}, {"count": True}, {"count": 1.0}, {"count": "1"}, {"share": "1"}, {"share": float("nan")},
        {"share": float("inf")}, {"share": 10**400}, {"kind": "z"}, {"kind": ["x"]}, {"many": [1]}, {"many": (1, "a")},
        {"many": 3}, {"pair": ("a",)}, {"pair": ("a", "b")}, {"axes": (1.5,)}, {"maybe": "x"},
    ],
)  # fmt: skip
def test_what_does_not_is_refused_by_name(values: dict[str, Any]) -> None:
    (name,) = values
    with pytest.raises(TypeError, match=rf"^{name} = "):
        check_fields(Made(**values))


def test_every_card_of_the_package_passes() -> None:
    for path in SPECS.glob("*.toml"):
        load_spec(path.stem)
