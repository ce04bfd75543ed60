"""The pages of the Python interface: one entry for each public name of the package, whichever module it lives in."""

from __future__ import annotations

import lipsync_edge
from lipsync_edge import errors

FIRST = ("load", "Engine", "RunOptions", "RunResult", "PrepareOptions", "load_avatar", "Avatar", "Stream")
"""Names that a reader meets first; the others follow in the order of `__all__`."""

INTRODUCTION = """# Python API

Everything here is imported from `lipsync_edge` itself; modules below it may move. Importing the package loads
nothing heavy: a name is imported when it is first used.

```python
import lipsync_edge as le
```

Arrays are plain NumPy arrays. Pictures are `uint8 (H, W, 3)` in BGR order, times are `Fraction` seconds. Errors have
[a page of their own](errors.md).
"""

ERRORS = """# Errors

Every error that the package raises on purpose is a `LipsyncError`. It says what was expected, what was got and what to
do (`expected`, `got`, `fix`), and knows the exit code of the command line.

```text
{tree}
```
"""


def api_page() -> str:
    """Return the page of everything public that is no error."""
    names = [name for name in lipsync_edge.__all__ if not _is_error(name)]
    ordered = [name for name in FIRST if name in names] + [name for name in names if name not in FIRST]
    return "\n".join([INTRODUCTION, *(f"::: lipsync_edge.{name}\n" for name in ordered)])


def error_page() -> str:
    """Return the page of the errors, with their tree."""
    names = [kind.__name__ for kind in _kinds(errors.LipsyncError) if kind.__name__ in lipsync_edge.__all__]
    head = ERRORS.format(tree="\n".join(_tree(errors.LipsyncError)))
    return "\n".join([head, *(f"::: lipsync_edge.{name}\n" for name in names)])


def _is_error(name: str) -> bool:
    value = getattr(lipsync_edge, name)
    return isinstance(value, type) and issubclass(value, errors.LipsyncError)


def _kinds(kind: type[errors.LipsyncError]) -> list[type[errors.LipsyncError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _kinds(child))]


def _tree(kind: type[errors.LipsyncError], depth: int = 0) -> list[str]:
    """Lines of the tree: each error under its base, with its exit code."""
    line = f"{'    ' * depth}{kind.__name__}".ljust(28) + f"exit code {kind.exit_code}"
    return [line, *(below for child in kind.__subclasses__() for below in _tree(child, depth + 1))]
