"""Run a recipe: the steps that make one bundled network, one after another, as `training/recipes/NAME.toml` says.

    python -m training recipe edge_lips --corpus CORPUS --teacher MEDIAPIPE_MODULES

A step that is finished leaves a stamp in WORK/stamps and is not run again, also not for another recipe with the same
step; a step that was interrupted goes on where it stopped. Minutes are of one core that is not shared: recipes repeat
what was done, not its every bit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lipsync_edge.toml_reader import read_toml
from training.cli import WORK, command

RECIPES = Path(__file__).parent / "recipes"
TIMED = ("minutes", "stop-after")  # what `--scale` shortens
COUNTED = ("count", "each")  # what it makes fewer of
FEWEST = 8
FRESH = "fresh"


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a recipe.

    Attributes:
        name: what it makes.
        run: "training MODULE" or "export VERB".
        arguments: what stands before the options.
        options: option → value; true: a flag; a list: several values.
        copies: what is copied before it begins: to → from.
        gives: files that are there afterwards.
        about: minutes it takes where no option says so.
    """

    name: str
    run: str
    arguments: tuple[str, ...]
    options: Mapping[str, Any]
    copies: Mapping[str, str]
    gives: tuple[str, ...]
    about: float = 0.0

    def words(self, scale: float = 1.0, *, again: bool = False) -> list[str]:
        """Return the command after `python -m`; one that is run again goes on instead of beginning a new cycle."""
        found = [*self.run.split(), *self.arguments]
        for key, value in self.options.items():
            if value is True:
                found += [] if again and key == FRESH else [f"--{key}"]
                continue
            values = value if isinstance(value, list) else [value]
            scaled = [_scaled(key, one, scale) for one in values]
            found += [f"--{key}", *(f"{one:g}" if isinstance(one, float) else str(one) for one in scaled)]
        return found

    def minutes(self) -> float:
        """Return how long it takes, about."""
        planned = [float(self.options[key]) for key in TIMED if key in self.options]
        return min(planned, default=self.about)

    def stamp(self, work: Path) -> Path:
        """Return the file that says that this very step was finished."""
        text = json.dumps([self.words(), dict(self.copies)])
        slug = "-".join(self.name.split())
        return work / "stamps" / f"{slug}-{hashlib.sha256(text.encode()).hexdigest()[:10]}.json"


def _scaled(key: str, value: Any, scale: float) -> Any:
    if key in TIMED:
        return value * scale
    if key in COUNTED:
        return max(min(FEWEST, value), round(value * scale))
    return value


def read_recipe(name: str, places: Mapping[str, Path]) -> list[Step]:
    """Return the steps of a recipe with its places filled in.

    Args:
        name: of a file in `training/recipes`, or a path.
        places: what {corpus}, {teacher}, {work} and {models} stand for.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in RECIPES.glob("*.toml")))
        raise SystemExit(f"error: expected a recipe out of {known}; got {name!r}")
    table = _filled(read_toml(path), {key: str(value) for key, value in places.items()})
    return [
        Step(
            name=row["name"],
            run=row["run"],
            arguments=tuple(row.get("arguments", ())),
            options=row.get("options", {}),
            copies=row.get("copies", {}),
            gives=tuple(row.get("gives", ())),
            about=row.get("about", 0.0),
        )
        for row in table["steps"]
    ]


def _filled(value: Any, places: Mapping[str, str]) -> Any:
    """Return a value of the file with its places filled in, keys too."""
    if isinstance(value, str):
        return value.format_map(places)
    if isinstance(value, list):
        return [_filled(one, places) for one in value]
    if isinstance(value, dict):
        return {_filled(key, places): _filled(one, places) for key, one in value.items()}
    return value


def perform(step: Step, work: Path, scale: float) -> str:
    """Run one step unless its stamp is there; return a line about it.

    Raises:
        SystemExit: it failed, or did not give what it should.
    """
    stamp = step.stamp(work)
    if stamp.is_file():
        return f"{step.name}: done before"
    for to, source in step.copies.items():
        _copy(Path(source), Path(to))
    begun = stamp.with_suffix(".begun")
    words = step.words(scale, again=begun.is_file())
    begun.parent.mkdir(parents=True, exist_ok=True)
    begun.touch()
    started = time.monotonic()
    print(f"{step.name}: python -m {shlex.join(words)}", flush=True)
    code = subprocess.run([sys.executable, "-m", *words], check=False).returncode
    if code:
        raise SystemExit(f"error: {step.name} ended with {code}; the same command goes on from here")
    missing = [one for one in step.gives if not Path(one).exists()]
    if missing:
        raise SystemExit(f"error: {step.name} should have made {', '.join(missing)}")
    taken = (time.monotonic() - started) / 60
    stamp.write_text(json.dumps({"command": words, "minutes": round(taken, 2)}) + "\n")
    begun.unlink()
    return f"{step.name}: {taken:.1f} minutes"


def _copy(source: Path, to: Path) -> None:
    """Copy a file or a folder; what is there already stays, since it may have been trained on."""
    if to.exists():
        return
    if not source.exists():
        raise SystemExit(f"error: nothing at {source}, which {to} begins from: an earlier step was skipped")
    to.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, to)
    else:
        shutil.copy2(source, to)


def plan(steps: Sequence[Step], scale: float) -> Iterator[str]:
    """Yield what would be run: copies and commands, and the time of all."""
    for step in steps:
        yield from (f"cp -r {source} {to}" for to, source in step.copies.items())
        yield f"python -m {shlex.join(step.words(scale))}"
    yield f"# {len(steps)} steps, about {scale * sum(step.minutes() for step in steps):.3g} minutes"


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", "teacher")
    parser.add_argument(
        "recipe", metavar="NAME", help=", ".join(sorted(one.stem for one in RECIPES.glob("*.toml")))
    )
    parser.add_argument("--work", type=Path, default=WORK, help="labels, weights and stamps (.train)")
    parser.add_argument("--models", type=Path, default=Path("models_onnx"), help="where the graphs go")
    parser.add_argument("--skip", action="append", default=[], metavar="STEP", help="a step not to run")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of all training times and counts, for a trial"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the commands")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run a recipe from the command line; its steps check what they need."""
    options = arguments().parse_args(argv)
    places = {key: getattr(options, key) for key in ("corpus", "teacher", "work", "models")}
    steps = read_recipe(options.recipe, places)
    unknown = sorted(set(options.skip) - {step.name for step in steps})
    if unknown:
        raise SystemExit(f"error: no step {', '.join(unknown)}; there are {', '.join(s.name for s in steps)}")
    steps = [step for step in steps if step.name not in options.skip]
    if options.dry_run:
        print("\n".join(plan(steps, options.scale)))
        return
    for step in steps:
        print(perform(step, options.work, options.scale), flush=True)
