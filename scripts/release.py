"""Make what a release consists of: wheel and sdist, built twice with equal bytes, a bill of materials, an audit.

    python scripts/release.py [-o dist] [--no-audit]

It builds from two fresh copies of what git tracks, in folders of different names, and refuses to go on when one byte
differs. It installs the wheel into an environment of its own, lists what that installs as a CycloneDX bill of materials
(the bundled networks and their SHA-256 among it), holds that against the schema, asks pip-audit for known
vulnerabilities, and writes SHA256SUMS. A checkout that differs from its last commit is refused. It needs

    pip install build cyclonedx-bom "cyclonedx-python-lib[validation]" pip-audit

and asks the package index, nothing else. Signing and publishing are left to people: CONTRIBUTING.md says how.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = "cpu"  # of the installation that is listed and audited: what most machines need
BILL, SUMS = "sbom.cdx.json", "SHA256SUMS"


def main() -> int:
    """Make a release; the exit code is 0 when all is well."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "dist")
    parser.add_argument("--no-audit", action="store_true", help="do not ask for known vulnerabilities")
    options = parser.parse_args()
    if _said("git", "-C", str(ROOT), "status", "--porcelain"):
        print(
            "release: expected a clean checkout, got files that differ from the last commit", file=sys.stderr
        )
        return 2
    options.output.mkdir(parents=True, exist_ok=True)
    built = twice(options.output)
    wheel = next(path for path in built if path.suffix == ".whl")
    with installed(wheel) as environment:
        bill = json.dumps(bill_of(environment, ROOT / "models_onnx"), indent=1) + "\n"
        check_bill(bill)
        (options.output / BILL).write_text(bill, "utf-8")
        if not options.no_audit:
            audit(environment)
    sums = [f"{digest(path)}  {path.name}" for path in [*built, options.output / BILL]]
    (options.output / SUMS).write_text("\n".join(sums) + "\n", "utf-8")
    print("\n".join(sums))
    return 0


def twice(out: Path) -> list[Path]:
    """Build from two copies of the commit; return the files, which are the same from both.

    Raises:
        SystemExit: they differ.
    """
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory(prefix="another-") as second:
        found = [built(Path(folder)) for folder in (first, second)]
        names = [sorted(path.name for path in paths) for paths in found]
        differing = [
            a.name for a, b in zip(*(sorted(paths) for paths in found), strict=True) if digest(a) != digest(b)
        ]
        if names[0] != names[1] or differing:
            raise SystemExit(f"release: expected equal bytes from two builds, got differences in {differing}")
        return [Path(shutil.copy2(path, out)) for path in found[0]]


def built(folder: Path) -> list[Path]:
    """Build wheel and sdist of the last commit in a copy of it, with the commit's own time."""
    source = folder / "source"
    source.mkdir()
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", "HEAD"], check=True, stdout=subprocess.PIPE
    ).stdout
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive, check=True)
    when = _said("git", "-C", str(ROOT), "log", "-1", "--format=%ct")
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(source)],
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"SOURCE_DATE_EPOCH": when},
    )
    return sorted((folder / "dist").iterdir())


@contextmanager
def installed(wheel: Path) -> Iterator[Path]:
    """Install a wheel into an environment of its own; gives its interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts" if os.name == "nt" else "bin") / "python"
        subprocess.run([str(python), "-m", "pip", "install", "-q", f"{wheel}[{EXTRAS}]"], check=True)
        yield python


def bill_of(python: Path, models: Path) -> dict[str, Any]:
    """Return the bill of materials of an environment, with the bundled networks, in CycloneDX 1.6."""
    words = ["cyclonedx_py", "environment", "--output-reproducible", "--spec-version", "1.6", str(python)]
    bill: dict[str, Any] = json.loads(_said(sys.executable, "-m", *words))
    bill["components"] = sorted(
        [*bill.get("components", ()), *networks(models)], key=lambda one: (one["type"], one["name"])
    )
    return bill


def check_bill(text: str) -> None:
    """Hold a bill of materials against the schema of CycloneDX 1.6, strictly; SystemExit where it is not one."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise SystemExit(f"release: expected a bill as CycloneDX 1.6 says, got {str(wrong)[:300]}")


def networks(models: Path) -> list[dict[str, Any]]:
    """Return the bundled networks as components, by the manifest beside them."""
    files = json.loads((models / "manifest.json").read_text("utf-8"))["files"]
    return [
        {
            "type": "machine-learning-model",
            "bom-ref": f"network:{name}",
            "name": name,
            "hashes": [{"alg": "SHA-256", "content": facts["sha256"]}],
            "licenses": [{"license": {"name": facts["licence"]}}],
        }
        for name, facts in sorted(files.items())
    ]


def audit(python: Path) -> None:
    """Ask for known vulnerabilities of what an environment holds; SystemExit for some, and for what nobody knows."""
    frozen = _said(str(python), "-m", "pip", "freeze", "--exclude", "lipsync-edge")
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder) / "pinned.txt"
        pinned.write_text(frozen, "utf-8")
        words = ["pip_audit", "--strict", "--no-deps", "--disable-pip", "-r", str(pinned)]
        if subprocess.run([sys.executable, "-m", *words], check=False).returncode:
            raise SystemExit("release: expected no known vulnerability, got some, or no answer")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _said(*words: str) -> str:
    done: Sequence[str] = words
    return subprocess.run(done, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
