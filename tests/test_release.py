"""The release script: two builds that differ stop it, the bill names the networks, a changed checkout is refused."""

import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def release() -> ModuleType:
    place = ROOT / "scripts" / "release.py"
    if not place.is_file():
        pytest.skip("scripts/ is not there")
    spec = importlib.util.spec_from_file_location("release", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_builds_that_differ_by_a_byte_stop_it(
    release: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [b"same", b"same", b"same", b"other"]

    def built(folder: Path) -> list[Path]:
        paths = [folder / name for name in ("a.whl", "a.tar.gz")]
        for path in paths:
            path.write_bytes(contents.pop(0))
        return paths

    monkeypatch.setattr(release, "built", built)
    with pytest.raises(SystemExit, match=r"differences in \['a"):
        release.twice(tmp_path)
    assert list(tmp_path.iterdir()) == []
    contents[:] = [b"w", b"s"] * 2
    assert sorted(path.name for path in release.twice(tmp_path)) == ["a.tar.gz", "a.whl"]


def test_the_bill_names_every_network_by_its_digest(
    release: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"bomFormat": "CycloneDX", "components": [{"type": "library", "name": "numpy", "version": "1"}]}
    monkeypatch.setattr(release, "_said", lambda *_: json.dumps(said))
    bill = release.bill_of(Path(sys.executable), ROOT / "models_onnx")
    listed = {one["name"]: one["hashes"][0]["content"] for one in bill["components"] if "hashes" in one}
    files = sorted((ROOT / "models_onnx").glob("*.onnx"))
    assert files
    assert listed == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert [one["name"] for one in bill["components"] if one["type"] == "library"] == ["numpy"]


def test_a_bill_that_the_schema_does_not_know_is_refused(release: ModuleType) -> None:
    pytest.importorskip("cyclonedx.validation.json")
    pytest.importorskip("jsonschema")
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "components": release.networks(ROOT / "models_onnx"),
    }
    release.check_bill(json.dumps(bill))
    bill["components"][0]["hashes"][0]["alg"] = "SHA-257"
    with pytest.raises(SystemExit, match=r"as CycloneDX 1\.6 says, got"):
        release.check_bill(json.dumps(bill))


def test_a_checkout_that_differs_from_its_commit_is_refused(
    release: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(release, "_said", lambda *_: " M README.md")
    monkeypatch.setattr(sys, "argv", ["release.py"])
    assert release.main() == 2
    assert "clean checkout" in capsys.readouterr().err
