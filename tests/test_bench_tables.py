import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("make_tables", ROOT / "scripts" / "make_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_the_readme_are_those_of_the_results(tables):
    text = tables.README.read_text("utf-8")
    assert "<!-- table run -->" in text
    assert "<!-- table table2 -->" in text
    assert tables.filled(text) == text, "run python scripts/make_tables.py"


def test_a_changed_row_changes_the_text(tables, tmp_path):
    row = {
        "preset": "lite",
        "size": "1x1",
        "frames": 2,
        "fps": 3.0,
        "cpu_ms": 4.0,
        "peak_mb": 5.0,
        "load": 6.0,
        "cores": 2,
        "note": "",
    }
    path = tmp_path / "run.json"
    path.write_text(json.dumps([row]))
    before = tables.filled("a\n<!-- table run --><!-- end run -->\nb", tmp_path)
    assert "| `lite` | 1x1 | 2 | 3.0 |" in before
    assert tables.filled(before, tmp_path) == before
    path.write_text(json.dumps([row | {"fps": 9.0}]))
    assert tables.filled(before, tmp_path) != before


def test_what_was_not_measured_is_said(tables, tmp_path):
    assert "Not measured." in tables.filled("<!-- table run -->x<!-- end run -->", tmp_path)
    with pytest.raises(ValueError, match="without"):
        tables.filled("<!-- table run -->x", tmp_path)


def test_missing_figures_are_named_and_never_a_number(tables):
    row = {
        "preset": "lite",
        "self": {"opening_r": 0.5},
        "cross": {"opening_r": 0.4},
        "shuffled": {},
        "missing": {"lse_d": "no model"},
    }
    text = tables.quality_table(
        {"rows": [row], "clips": ["a", "b"], "seconds": 3.0, "absent": {"wav2lip": "none"}}
    )
    assert "| `lite` | own voice | 0.50 |" in text
    assert "| `lite` | control: shuffled | - |" in text
    assert "LSE-D" in text.split("Missing")[1]
    assert "wav2lip" in text.split("Presets without")[1]
