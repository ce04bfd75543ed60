"""The page in `web/`: its golden files are still what the package makes; its own tests, where they are asked for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

WEB = Path(__file__).resolve().parents[2] / "web"
pytestmark = pytest.mark.skipif(not WEB.is_dir(), reason="the page's folder is not here")


def test_the_golden_files_were_made_with_the_networks_that_are_shipped() -> None:
    made_with = json.loads((WEB / "tests" / "golden" / "golden.json").read_text())["models"]
    manifest = json.loads((WEB.parent / "models_onnx" / "manifest.json").read_text())["files"]
    shipped = {name: manifest[f"{name}.int8.onnx"]["sha256"] for name in made_with}
    assert made_with == shipped, "make them anew: python web/scripts/make_golden.py"


def test_the_golden_files_are_small() -> None:
    assert sum(path.stat().st_size for path in (WEB / "tests" / "golden").iterdir()) < 1_000_000


def test_teeth_differ_as_the_package_lets_them_differ() -> None:
    from lipsync_edge.render.inside import teeth

    kept = json.loads((WEB / "src" / "render" / "inside" / "differences.json").read_text())
    for name, row in (("upper", teeth.UPPER), ("lower", teeth.LOWER)):
        random = np.random.default_rng(row.seed)
        for part, spread in (("edge", teeth.DIFFERS_MM), ("tone", teeth.DIFFERS)):
            assert np.allclose(kept[name][part], random.normal(0.0, spread, (2, len(row.widths))))


def test_the_lock_file_names_no_machine() -> None:
    text = (WEB / "package-lock.json").read_text()
    for word in ("resolved", "registry", "file:"):
        assert word not in text, word


@pytest.mark.skipif(not os.environ.get("LIPSYNC_EDGE_WEB"), reason="LIPSYNC_EDGE_WEB=1 runs it")
@pytest.mark.parametrize("tests", ["test", "test:browser"])
def test_the_page_passes_its_own_tests(tests: str) -> None:
    npm = shutil.which("npm")
    assert npm, "LIPSYNC_EDGE_WEB was set and there is no npm"
    for command in (["ci"], ["run", tests]):
        subprocess.run([npm, *command], cwd=WEB, check=True)
