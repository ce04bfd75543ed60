"""The rooms: every import of the package points downwards, and no two modules need each other.

Lazy imports and those under TYPE_CHECKING count: what a module names, it knows.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import lipsync_edge

PACKAGE = "lipsync_edge"
ROOT = Path(lipsync_edge.__file__).parent  # of the checkout, or of the wheel where that is tested
TOOLCHAIN = "_export"  # lies in a wheel's package and outside of the checkout's

# Floors from the top; a room imports from the floors below it and from itself. Rooms of one floor know nothing of each
# other. A module of the package's own folder is a room by its name; those not named here are on the lowest floor.
FLOORS = (
    ("__main__",),
    ("cli",),
    ("cluster", "studio"),
    ("batch",),
    ("bench",),
    ("server", "integrations"),
    ("live",),
    ("engine",),
    ("pipeline",),
    ("eval",),
    ("render",),  # its `listen` builds the audio side
    ("audio",),
    ("mark",),  # signs what `pipeline`, `live` and `eval` make; reads the files of anybody
    ("video",),
    ("face",),
    ("models",),
    ("figures",),  # writes pages
    (
        "demo",
        "machine",
        "toml_reader",
        "atomic_write",
        "choices",
        "digests",
        "field_types",
        "disk_budget",
        "file_lock",
        "json_reader",
        "npz_reader",
    ),
    ("types",),
    ("errors",),
)
FLOOR = {room: floor for floor, rooms in enumerate(reversed(FLOORS)) for room in rooms}
PUBLIC_FACE = PACKAGE  # the package itself names what it makes public; nothing inside may lean on it


def modules() -> dict[str, Path]:
    """Dotted name → file of every module of the package."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = (PACKAGE, *path.relative_to(ROOT).with_suffix("").parts)
        if TOOLCHAIN in parts:
            continue
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(path: Path) -> Iterator[str]:
    """Modules of the package that a file imports, wherever in the file it does so."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for name in node.names:
                inside = f"{node.module}.{name.name}"
                if inside in MODULES:
                    yield inside
                elif node.module in MODULES:
                    yield str(node.module)


GRAPH = {name: set(imports(path)) - {name} for name, path in MODULES.items() if name != PUBLIC_FACE}


def room(module: str) -> str:
    """Room of a module: the folder, or the module's own name in the package's folder."""
    return module.split(".")[1]


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that need each other, directly or through others (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for needed in sorted(graph.get(module, ())):
            if needed not in index:
                visit(needed)
                low[module] = min(low[module], low[needed])
            elif needed in stack:
                low[module] = min(low[module], index[needed])
        if low[module] == index[module]:
            at = stack.index(module)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                found.append(sorted(group))

    for module in sorted(graph):
        if module not in index:
            visit(module)
    return found


def upward(graph: dict[str, set[str]]) -> list[str]:
    """Imports that do not point downwards, as text."""
    return [
        f"{module} → {needed}"
        for module, needs in sorted(graph.items())
        for needed in sorted(needs - {PUBLIC_FACE})
        if room(module) != room(needed) and FLOOR[room(needed)] >= FLOOR[room(module)]
    ]


def test_every_room_has_a_floor() -> None:
    assert {room(module) for module in GRAPH} == set(FLOOR)


def test_imports_point_downwards() -> None:
    assert upward(GRAPH) == []


def test_no_modules_need_each_other() -> None:
    assert circles(GRAPH) == []


def test_nothing_inside_leans_on_the_public_face() -> None:
    leaning = [module for module, needs in GRAPH.items() if PUBLIC_FACE in needs]
    assert leaning in ([], [f"{PACKAGE}.cli.main"])  # which asks it for the version


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}}, [["a", "b"]]),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, [["a", "b", "c"]]),
        ({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}, []),
    ],
)
def test_circles_are_found(graph: dict[str, set[str]], found: list[list[str]]) -> None:
    assert circles(graph) == found


def test_an_import_upwards_is_found_wherever_it_stands(tmp_path: Path) -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lipsync_edge.cli import main\n"
    text += "def f():\n    from lipsync_edge.errors import LipsyncError\n    import lipsync_edge.engine\n"
    (tmp_path / "m.py").write_text(text, "utf-8")
    needs = set(imports(tmp_path / "m.py"))
    assert needs == {"lipsync_edge.cli.main", "lipsync_edge.errors", "lipsync_edge.engine"}
    assert upward({"lipsync_edge.face.m": needs}) == [
        "lipsync_edge.face.m → lipsync_edge.cli.main",
        "lipsync_edge.face.m → lipsync_edge.engine",
    ]
