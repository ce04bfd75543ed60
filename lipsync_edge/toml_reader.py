"""The only place that parses TOML: model specs, presets, options files and kiosk.toml."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not UTF-8, not TOML, or nested too deeply; the text says where.
    """
    text = path.read_text("utf-8")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def tuples(table: dict[str, Any]) -> dict[str, Any]:
    """Return a table with its arrays as tuples, as frozen dataclasses want them."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
