import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tables():
    sys.path.insert(0, str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location("make_tables", ROOT / "scripts" / "make_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(ROOT / "scripts"))


def test_every_page_shows_the_results(tables):
    seen = []
    for page in tables.PAGES:
        text = page.read_text("utf-8")
        assert tables.filled(text) == text, f"{page.name}: run python scripts/make_tables.py"
        assert "Not measured." not in text
        seen += [name for name in tables.TABLES if f"<!-- table {name} -->" in text]
    assert sorted(seen) == sorted(tables.TABLES)


def test_ratios_say_target_device_and_face(tables):
    row = {
        "name": "lite",
        "devices": {"lips": "cpu", "detect": "cpu"},
        "fps": 61.0,
        "ratio": 305.4,
        "least_fps": 60.0,
        "least_ratio": 300.0,
        "reached": True,
        "n": 1000,
        "rounds": 2,
        "load": 0.3,
        "face": "found",
    }
    other = row | {"name": "b", "ratio": 4.92, "least_fps": 0.0, "least_ratio": 5.0, "reached": False}
    machine = {"processor": "x", "cores": 2, "flags": ["AVX2"]}
    runs = [{"fps": 0.1, "frames": 3, "threads": 2}, {"fps": 0.2, "frames": 3, "threads": 2}]
    run = {"when": "2026-11-30T08:00:00+00:00", "rows": [row, other], "reference": runs, "machine": machine}
    before = run | {"when": "2026-11-23T08:00:00+00:00", "rows": [row | {"name": "c"}]}
    text = tables.ratio_table(run | {"earlier": [before]})
    assert "| lite | cpu | 61.0 | 305 × | 60 fps and 300 × | yes | 1000 × 2 | 0.3 |" in text
    assert "| b | cpu | 61.0 | 4.9 × | 5 × | no |" in text
    assert "Reference: 0.100, 0.200 fps (3 frames a round, 2 threads)" in text
    assert "Face of lite, b: found." in text
    assert text.index("(AVX2), 2026-11-30.") < text.index("| c | cpu |") < text.index("(AVX2), 2026-11-23.")


def test_waits_and_profiles_become_tables(tables):
    one = {"median": 0.9, "worst": 1.1, "n": 7, "target": 1.5, "reached": True, "load": 0.2}
    found = {"import_ms": one, "first_frame_s": {"lite": one | {"reached": False}}, "machine": {"load": 0.1}}
    text = tables.start_table(found)
    assert "| `import lipsync_edge` | 0.90 ms | 1.10 ms | 7 | 1.5 ms | yes |" in text
    assert "| first frame, `lite` | 0.90 s | 1.10 s | 7 | 1.5 s | no |" in text
    row = {
        "preset": "lite",
        "stage_ms": {"decode": {"p50": 1.0, "p95": 2.0}},
        "busy": {"decode": 0.5},
        "macs": {"lips": 4_000_000, "detect": 1_000_000},
        "moved_bytes": 16_600_000,
        "least_bytes": 2_760_000,
        "fps": 70.0,
        "load": 0.2,
        "size": "1280x720",
        "frames": 10,
    }
    text = tables.profile_table(
        {"rows": [row, row | {"preset": "hq", "stage_ms": {"encode": {"p50": 3.0, "p95": 4.0}}}]}
    )
    assert "| decode | 1.00 / 2.00 | - |" in text
    assert "| encode | - | 3.00 / 4.00 |" in text
    assert "| busy: decode | 50% | 50% |" in text
    assert "| million multiply-adds | 5 | 5 |" in text


def test_picture_work_and_pools_become_tables(tables):
    steps = {
        "to BGR": {"least": 1.0, "median": 2.0, "n": 60},
        "write": {"mean_all_threads": 9.0, "n": 50, "kB": 450},
    }
    text = tables.picture_table({"cpu_ms": steps, "load": 3.0})
    assert "| to BGR | 1.00 | 2.00 | 60 | - |" in text
    assert "| write | 9.00 (mean) | - | 50 | 450 |" in text
    row = {"variant": "both", "fps": 70.0, "cpu_ms": 25.0, "n": 3}
    assert "| both | 70.0 | 25.0 | 3 |" in tables.threads_table({"rows": [row], "machine": {"load": 0.1}})


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
    path = tmp_path / "avx2" / "run.json"
    path.parent.mkdir()
    path.write_text(json.dumps([row]))
    before = tables.filled("a\n<!-- table run --><!-- end run -->\nb", tmp_path)
    assert "| `lite` | 1x1 | 2 | 3.0 |" in before
    assert tables.filled(before, tmp_path) == before
    path.write_text(json.dumps([row | {"fps": 9.0}]))
    assert tables.filled(before, tmp_path) != before


def test_processors_stand_side_by_side_and_common_rows_belong_to_none(tables, tmp_path):
    import kinds_of_rows

    row = {"variant": "both", "fps": 70.0, "cpu_ms": 25.0, "n": 3}
    for kind, fps in (("amx", 80.0), ("avx2", 50.0)):
        (tmp_path / kind).mkdir()
        found = {"rows": [row | {"fps": fps}], "machine": {"load": 0.1}}
        (tmp_path / kind / "threads.json").write_text(json.dumps(found))
    text = tables.filled("<!-- table threads --><!-- end threads -->", tmp_path)
    assert text.index("AMX int8") < text.index("| 80.0 |") < text.index("with AVX2") < text.index("| 50.0 |")
    (tmp_path / "avx2" / "threads.json").unlink()
    (tmp_path / "common.json").write_text("[1]")
    found = kinds_of_rows.found_by_kind(tmp_path, ("threads", "common"))
    assert list(found) == ["amx"]
    assert found["amx"]["common"] == [1]
    assert kinds_of_rows.found_by_kind(tmp_path, ("common",)) == {"": {"common": [1]}}
    assert kinds_of_rows.found_by_kind(tmp_path, ("threads", "none")) == {}


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
    assert "| `lite` | control: own, shuffled | - |" in text
    assert "LSE-D" in text.split("Missing")[1]
    assert "wav2lip" in text.split("Presets without")[1]


def test_batches_say_what_they_gain_and_what_more_nodes_would_give(tables):
    machine = {"cores": 2, "load": 0.4}
    told = {"jobs": 6, "seconds": 2.0, "face": "f", "load": 0.3, "machine": machine, "note": "", "workers": 1}
    ways = {"what": "ways", "jobs_a_minute": {"loop": 10.0, "batch": 20.0, "ray": 19.0}, "ratio": 2.0}
    nodes = [
        {
            "nodes": n,
            "jobs_a_minute": 20.0,
            "made_s": 16.0,
            "made_cpu_s": 3.6,
            "again_s": 4.0,
            "again_cpu_s": 3.0,
        }
        for n in (1, 2, 4)
    ]
    rows = [told | ways | {"ray_overhead": 0.05}, told | {"what": "scale", "nodes": nodes, "cores": 2}]
    text = tables.batch_table(rows)
    assert "| 10.0 | 20.0 | 19.0 | **2.00 ×** | 5.0% | 1 | 0.3 on 2 cores |" in text
    text = tables.scale_table(rows)
    assert "| 4 | 20.0 | 2.0 |" in text
    # a job takes 2 s of a node and 0.1 s of the driver: 20 nodes are as many as it keeps up with
    assert (
        "a job 2.00 s of a node and 100 ms of the driver's processor, so that the driver keeps up with 20"
        in text
    )
    assert "| 1 | 2004 s | 30 | 100% |" in text
    assert "| 4 | 504 s | 119 | 99% |" in text
    assert "| 64 | 104 s | 577 | 30% |" in text
    old = [{name: one[name] for name in ("nodes", "jobs_a_minute")} for one in nodes]
    assert "On paper" not in tables.scale_table([rows[1] | {"nodes": old}])


def test_the_second_face_says_its_mouths(tables):
    spread = {"ratio": 1.7, "spread": [1.6, 1.8], "cpu_ratio": 1.55, "cpu_spread": [1.5, 1.6]}
    row = {"preset": "lite", "frames": 150, "rounds": 5, "machine": {"cores": 2, "load": 0.4}} | spread
    text = tables.faces_table([row, row | {"mouth": "auto"}])
    assert (
        "| `lite` | painted | 1.55 (1.50 to 1.60) | 1.70 (1.60 to 1.80) | 150 × 5 | 0.4 on 2 cores |" in text
    )
    assert "| `lite` | auto |" in text


def test_two_faces_stand_beside_the_voice_of_the_other(tables):
    row = {"face": "a", "voice": "b.mp4", "r": 0.664, "control_r": -0.1, "closures": 0.955}
    text = tables.two_faces_table({"faces": [row], "mean": row})
    assert "| a | b | 0.66 | -0.10 | 0.95 |" in text
    assert "| **mean** |  | **0.66** | **-0.10** |" in text
