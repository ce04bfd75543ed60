"""Command line of training: `python -m training ROOM.MODULE …`, or `python -m training recipe NAME`."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent


def commands() -> dict[str, str]:
    """Return name → first line of the docstring of every module that has `arguments` and `main`; none is imported."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        tree = ast.parse(path.read_text("utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        if {"arguments", "main"} <= functions:
            found[name] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    known = commands()
    if words and words[0] in known:
        importlib.import_module(f"training.{words[0]}").main(words[1:])
        return 0
    listed = "\n".join(f"  {name:26} {line}" for name, line in known.items())
    print(f"usage: python -m training COMMAND …\n\n{listed}", file=sys.stdout if not words else sys.stderr)
    if words[:1] in ([], ["-h"], ["--help"]):
        return 0
    print(f"\nerror: no command {words[0]!r}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
