"""Rows say where they were measured, and those of one kind of processor never replace those of another."""

import json
from argparse import Namespace
from dataclasses import asdict, replace

import pytest

from benchmarks import rows
from lipsync_edge.machine import FLAGS, this_machine

OLD = replace(this_machine(), processor="old", flags=("AVX2",))
NEW = replace(this_machine(), processor="new", flags=("AVX2", "AVX-512", "AVX-512 VNNI"))


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        (("AVX2",), "avx2"),
        (("AVX2", "AVX VNNI"), "avx-vnni"),
        (("AVX2", "AVX-512"), "avx512"),
        (("AVX2", "AVX-512", "AVX-512 VNNI", "AVX VNNI"), "avx512-vnni"),
        (("AVX2", "AVX-512", "AVX-512 VNNI", "AMX int8"), "amx"),
        (("NEON", "NEON dot product"), "neon-dotprod"),
        ((), "riscv64"),
        (None, "riscv64"),
    ],
)
def test_a_processor_is_known_by_its_best_flag(flags, kind):
    assert rows.kind_of(flags, "riscv64") == kind
    assert {flag for flag, _ in rows.KINDS} == set(FLAGS.values())


def test_a_row_says_everything_a_figure_is_read_with():
    origin = rows.stated()
    assert set(origin) == {"when", "commit", "machine"}
    assert {"processor", "flags", "cores", "load", "versions", "python"} <= set(origin["machine"])
    assert origin["when"].endswith("+00:00")
    assert origin["commit"] is None or len(origin["commit"]) >= 10
    json.dumps(origin)


def test_a_folder_without_git_has_no_commit(tmp_path):
    assert rows.commit(tmp_path) is None


def test_another_processor_replaces_nothing(tmp_path):
    for machine in (OLD, NEW):
        rows.write(tmp_path, "start", rows.stated(machine) | {"ms": machine.processor})
        rows.keep(tmp_path, "run", [rows.stated(machine) | {"preset": "lite"}], ("preset",))
    for name in ("start", "run"):
        for kind, machine in (("avx2", OLD), ("avx512-vnni", NEW)):
            found = json.loads((tmp_path / kind / f"{name}.json").read_text())
            row = found[0] if isinstance(found, list) else found
            assert row["machine"]["processor"] == machine.processor


def test_rows_of_the_same_thing_are_replaced_where_they_stand(tmp_path):
    def row(network, batch, ms):
        return rows.stated(OLD) | {"network": network, "batch": batch, "ms": ms}

    key = ("network", "batch")
    rows.keep(tmp_path, "n", [row("a", 1, 1.0), row("a", 1, 2.0), row("b", 1, 3.0)], key)
    path = rows.keep(tmp_path, "n", [row("a", 1, 4.0)], key)
    rows.keep(tmp_path, "n", [row("a", 8, 5.0)], key)
    found = json.loads(path.read_text())
    assert [(one["network"], one["batch"], one["ms"]) for one in found] == [
        ("a", 1, 4.0),
        ("b", 1, 3.0),
        ("a", 8, 5.0),
    ]
    assert len(path.read_text().splitlines()) == 2 + 3
    assert [one.name for one in path.parent.iterdir()] == ["n.json"]


def test_what_bench_wrote_is_kept_by_its_own_machine(tmp_path, capsys):
    file = tmp_path / "found.json"
    file.write_text(json.dumps({"machine": asdict(OLD), "rows": [1]}))
    rows.main(Namespace(results=tmp_path / "results", keep=("bench", str(file))))
    assert json.loads((tmp_path / "results" / "avx2" / "bench.json").read_text())["rows"] == [1]
    capsys.readouterr()
    rows.main(Namespace(results=tmp_path / "results", keep=None))
    listed = capsys.readouterr().out.split()
    assert listed[:2] == ["avx2", "bench"]
    assert listed[-1] == "old"


def test_rows_that_are_kept_stand_in_the_folder_of_their_machine():
    measured = list(rows.RESULTS.glob("*/*.json"))
    assert len(measured) > 10
    for path in measured:
        found = json.loads(path.read_text("utf-8"))
        for row in found if isinstance(found, list) else [found]:
            machine = row.get("machine")  # rows of before 2026-11-24 do not all name theirs
            assert (
                machine is None or rows.kind_of(machine["flags"], machine["architecture"]) == path.parent.name
            )
