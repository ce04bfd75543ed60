"""Marked files: read by c2pa's own reader, by ours, tampered with, made of marked ones, failing; and theirs."""

import io
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import av
import cv2
import numpy as np
import pytest

from lipsync_edge.errors import InputError, UsageError
from lipsync_edge.mark import apply, sign
from lipsync_edge.mark.check import check_marks
from lipsync_edge.mark.facts import SOURCE_TYPE, Facts, Ingredient
from lipsync_edge.mark.manifest import NETWORKS
from lipsync_edge.mark.options import MarkOptions
from lipsync_edge.mark.read_manifest import read_manifest
from lipsync_edge.pipeline.result import RunResult
from lipsync_edge.pipeline.run_options import RunOptions
from tests.clips import scene, write_clip, write_sound, write_still
from tests.mark.people import TRAINED, Newsroom, actions, active, as_c2pa_reads
from tests.scripted import SIZE, make_engine

UNMARKED = RunOptions(mark=MarkOptions(wanted=False))


def run(folder: Path, name: str = "o.mp4", face: Path | None = None, **options: Any) -> RunResult:
    face = face or write_clip(folder / "face.mp4", 15, size=SIZE)
    sound = write_sound(folder / "speech.wav", 0.5)
    return make_engine().run(face, sound, folder / name, options=RunOptions(**options))


@pytest.mark.parametrize("name", ["o.mp4", "o.mov"])
def test_ours_is_valid_for_c2pas_own_reader_and_says_what_was_done(tmp_path: Path, name: str) -> None:
    result = run(tmp_path, name)
    assert result.mark.layers == ("metadata", "c2pa")
    assert (result.mark.failure, result.mark.trusted) == ("", False)
    assert result.mark.added_bytes > 1000
    store = as_c2pa_reads(tmp_path / name)
    assert store["validation_state"] == "Valid"
    assert {one["code"] for one in store["validation_status"]} == {"signingCredential.untrusted"}
    manifest = active(store)
    assert [one["action"] for one in actions(manifest)] == ["c2pa.opened", "c2pa.placed", "c2pa.edited"]
    edited = actions(manifest)[-1]
    assert edited["digitalSourceType"] == SOURCE_TYPE
    [change] = edited["changes"]
    assert all(part["type"] == "temporal" for part in change["region"])
    assert {(one["title"], one["relationship"]) for one in manifest["ingredients"]} == {
        ("face.mp4", "parentOf"),
        ("voice.wav", "componentOf"),
    }
    told = next(a["data"] for a in manifest["assertions"] if a["label"] == NETWORKS)
    assert [one["stage"] for one in told["networks"]] == list(make_engine().networks)
    digests = {one["role"]: one["sha256"] for one in told["ingredients"]}
    assert digests == {
        "face": Ingredient("face", tmp_path / "face.mp4").sha256(),
        "voice": Ingredient("voice", tmp_path / "speech.wav").sha256(),
    }
    assert "thumbnail" not in str(store)  # no small copy of anybody's face


def test_the_file_says_when_it_was_changed_and_only_then(tmp_path: Path) -> None:
    import soundfile

    quiet_then_loud = tmp_path / "s.wav"
    spoken = write_sound(tmp_path / "a.wav", 0.6)
    samples, rate = soundfile.read(str(spoken))
    soundfile.write(str(quiet_then_loud), np.concatenate([np.zeros(rate), samples]), rate)
    face = write_clip(tmp_path / "face.mp4", 50, size=SIZE)
    make_engine().run(face, quiet_then_loud, tmp_path / "o.mp4")
    [layer, _] = check_marks(tmp_path / "o.mp4").layers
    assert layer.segments
    assert 0.7 < layer.segments[0][0] < 1.1
    assert layer.segments[-1][1] <= 1.6 + 0.05


def packets(path: Path) -> list[tuple[int, int | None, bytes]]:
    with av.open(str(path)) as container:
        streams = container.streams
        found = [
            (p.stream.index, p.pts, bytes(p)) for p in container.demux(streams.video[0], streams.audio[0])
        ]
    return [one for one in found if one[2]]


def test_pictures_and_sound_are_those_of_an_unmarked_run(tmp_path: Path) -> None:
    run(tmp_path, "marked.mp4")
    marked, bare = packets(tmp_path / "marked.mp4"), []
    for name in (
        "bare.mp4",
        "again.mp4",
    ):  # two: on a machine full of threads a last bit may differ between runs
        made = tmp_path / name
        make_engine().run(tmp_path / "face.mp4", tmp_path / "speech.wav", made, options=UNMARKED)
        bare.append(packets(made))
    times = [[one[:2] for one in found] for found in (marked, *bare)]
    assert times[0] == times[1] == times[2]
    assert marked in bare or bare[0] != bare[1]


def test_unmarked_is_said_and_twice_the_same_bytes(tmp_path: Path) -> None:
    result = run(tmp_path, "a.mp4", mark=MarkOptions(wanted=False))
    run(tmp_path, "b.mp4", tmp_path / "face.mp4", mark=MarkOptions(wanted=False))
    assert (result.mark.layers, result.mark.said) == ((), "not marked, as asked")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    found = check_marks(tmp_path / "a.mp4")
    assert (found.layers, found.marked, found.intact) == ((), False, True)


@pytest.mark.parametrize("name", ["o.mkv", "o.webm"])
def test_containers_that_take_no_manifest_have_metadata_and_it_is_said(tmp_path: Path, name: str) -> None:
    result = run(tmp_path, name)
    assert result.mark.layers == ("metadata",)
    assert "take no C2PA manifest" in result.mark.said
    assert result.mark.failure == ""
    found = check_marks(tmp_path / name)
    assert (found.marked, [layer.kind for layer in found.layers]) == (True, ["metadata"])
    assert found.layers[0].by.startswith("lipsync-edge")


def test_a_still_that_speaks_is_new_and_made_of_it(tmp_path: Path) -> None:
    run(tmp_path, face=write_still(tmp_path / "face.png", scene(*SIZE)))
    manifest = active(as_c2pa_reads(tmp_path / "o.mp4"))
    assert [one["action"] for one in actions(manifest)] == ["c2pa.created", "c2pa.placed", "c2pa.edited"]
    assert {one["relationship"] for one in manifest["ingredients"]} == {"componentOf"}


def test_names_of_files_are_not_told(tmp_path: Path) -> None:
    face = write_clip(tmp_path / "Erika Mustermann.mp4", 15, size=SIZE)
    run(tmp_path, face=face)
    assert b"Erika" not in (tmp_path / "o.mp4").read_bytes()


def test_the_sources_own_manifest_is_kept(tmp_path: Path) -> None:
    face = Newsroom(tmp_path).publish(write_clip(tmp_path / "face.mp4", 15, size=SIZE), "video/mp4")
    run(tmp_path, face=face)
    store = as_c2pa_reads(tmp_path / "o.mp4")
    assert store["validation_state"] == "Valid"
    parent = next(one for one in active(store)["ingredients"] if one["relationship"] == "parentOf")
    theirs = store["manifests"][parent["active_manifest"]]
    assert theirs["claim_generator_info"][0]["name"] == "Their camera"
    assert {
        one["title"]: one["manifest"] for one in check_marks(tmp_path / "o.mp4").layers[0].ingredients
    } == {
        "face.mp4": True,
        "voice.wav": False,
    }


def test_a_source_whose_manifest_does_not_hold_is_said_to_be_so(tmp_path: Path) -> None:
    face = Newsroom(tmp_path).publish(write_clip(tmp_path / "face.mp4", 15, size=SIZE), "video/mp4")
    data = bytearray(face.read_bytes())
    data[data.index(b"mdat") + 40] ^= 1
    face.write_bytes(data)
    result = run(tmp_path, face=face)
    assert result.mark.failure == ""
    store = as_c2pa_reads(tmp_path / "o.mp4")
    assert store["validation_state"] == "Valid"
    assert "bmffHash.mismatch" in str(active(store)["ingredients"])


@pytest.mark.parametrize("suffix", [".mp4", ".wav", ".mkv", ".xyz"])
def test_ingredients_that_c2pa_cannot_read_are_named_all_the_same(tmp_path: Path, suffix: str) -> None:
    path = write_clip(tmp_path / "a.mp4", 3)
    strange = tmp_path / f"strange{suffix}"
    strange.write_bytes(b"\x00\x01nothing that anybody knows")
    facts = Facts(ingredients=(Ingredient("face", strange), Ingredient("voice", tmp_path / "gone.wav")))
    report = apply.mark_file(path, facts, _own(), tagged=False)
    assert report.failure == ""
    titles = {one["title"] for one in active(as_c2pa_reads(path))["ingredients"]}
    assert titles == {f"face{suffix}", "voice.wav"}


def test_tampering_is_found_wherever_it_is(tmp_path: Path) -> None:
    run(tmp_path)
    data = (tmp_path / "o.mp4").read_bytes()
    picture, index = data.index(b"mdat") + 30, data.index(b"moov") + 60
    manifest = data.index(b"c2pa.actions") + 4
    for at in (picture, index, manifest, len(data) - 700):
        broken = bytearray(data)
        broken[at] ^= 0x10
        (tmp_path / "t.mp4").write_bytes(broken)
        found = check_marks(tmp_path / "t.mp4")
        assert (found.marked, found.intact) == (False, False), at
    (tmp_path / "t.mp4").write_bytes(data + b"\x00\x00\x00\x0cxxxx1234")
    assert not check_marks(tmp_path / "t.mp4").intact
    (tmp_path / "t.mp4").write_bytes(data[:-100])
    assert not check_marks(tmp_path / "t.mp4").marked
    assert check_marks(tmp_path / "o.mp4").marked


def test_a_manifest_moved_to_another_film_does_not_hold(tmp_path: Path) -> None:
    run(tmp_path)
    data = (tmp_path / "o.mp4").read_bytes()
    other = write_clip(tmp_path / "other.mp4", 15, size=SIZE).read_bytes()
    ftyp = int.from_bytes(other[:4], "big")
    begins = data.index(b"uuid") - 4
    box = data[begins : begins + int.from_bytes(data[begins : begins + 4], "big")]
    (tmp_path / "moved.mp4").write_bytes(other[:ftyp] + box + other[ftyp:])
    assert not check_marks(tmp_path / "moved.mp4").intact


def test_a_users_certificate_is_trusted_by_who_knows_its_root(tmp_path: Path) -> None:
    people = Newsroom(tmp_path)
    result = run(tmp_path, mark=MarkOptions(sign_cert=people.cert, sign_key=people.key))
    assert (result.mark.signer, result.mark.trusted) == ("Newsroom", None)
    assert as_c2pa_reads(tmp_path / "o.mp4", people.root)["validation_state"] == "Trusted"
    assert check_marks(tmp_path / "o.mp4", people.root).layers[0].state == "trusted"
    assert check_marks(tmp_path / "o.mp4").layers[0].state == "valid"
    assert not check_marks(tmp_path / "o.mp4").layers[0].signed_here
    with pytest.raises(UsageError):
        check_marks(tmp_path / "o.mp4", tmp_path / "no.pem")


def test_keys_that_cannot_sign_are_refused_before_work(tmp_path: Path) -> None:
    people = Newsroom(tmp_path, days=-1)
    with pytest.raises(UsageError):
        run(tmp_path, mark=MarkOptions(sign_cert=people.cert, sign_key=people.key))
    assert not (tmp_path / "o.mp4").exists()


@pytest.mark.parametrize(
    ("suffix", "mime"),
    [(".mp4", "video/mp4"), (".png", "image/png"), (".jpg", "image/jpeg"), (".wav", "audio/wav")],
)
def test_theirs_is_read_by_ours(tmp_path: Path, suffix: str, mime: str) -> None:
    people = Newsroom(tmp_path)
    for source_type, with_ai in ((None, False), (TRAINED, True)):
        path = tmp_path / f"theirs{suffix}"
        if suffix == ".mp4":
            write_clip(path, 3)
        elif suffix == ".wav":
            write_sound(path, 0.2)
        else:
            assert cv2.imwrite(str(path), scene())
        people.publish(path, mime, **({} if source_type is None else {"source_type": source_type}))
        found = check_marks(path, people.root)
        [layer] = found.layers
        assert (layer.state, layer.made_with_ai, found.marked) == ("trusted", with_ai, with_ai)
        assert (layer.signer, layer.by.startswith("Their camera 7")) == ("Newsroom", True)


def test_a_film_made_of_one_made_with_ai_is_marked(tmp_path: Path) -> None:
    face = Newsroom(tmp_path).publish(write_clip(tmp_path / "f.mp4", 3), "video/mp4", TRAINED)
    out = write_clip(tmp_path / "o.mp4", 3)
    apply.mark_file(
        out, Facts(ingredients=(Ingredient("face", face, still=True),), speaks=False), _own(), tagged=False
    )
    assert TRAINED in check_marks(out).layers[0].source_types


def test_a_file_that_is_none_is_an_error_and_one_without_marks_is_not(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.mp4", tmp_path):
        with pytest.raises(InputError):
            check_marks(path)
    for name, content in (("a.txt", b"text"), ("a.mp4", b"\x00" * 64), ("a.png", b""), ("a.html", b"<html>")):
        (tmp_path / name).write_bytes(content)
        assert not check_marks(tmp_path / name).marked


def test_a_failure_of_signing_keeps_the_video_and_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, out: Path, *_: object) -> int:
        out.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(apply, "sign", full)
    result = run(tmp_path)
    assert result.mark.layers == ("metadata",)
    assert "No space left on device" in result.mark.failure
    assert "not marked in full" in result.mark.said
    found = check_marks(tmp_path / "o.mp4")
    assert [layer.kind for layer in found.layers] == ["metadata"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["face.mp4", "o.mp4", "speech.wav"]


def test_where_c2pa_does_not_load_there_is_metadata_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in (apply, sign):
        monkeypatch.setattr(room, "library", lambda: None)
    result = run(tmp_path)
    assert (result.mark.layers, result.mark.failure) == (("metadata",), "")
    assert "does not load on this system" in result.mark.said
    people = Newsroom(tmp_path)
    with pytest.raises(UsageError, match="c2pa-python"):
        run(tmp_path, mark=MarkOptions(sign_cert=people.cert, sign_key=people.key))


def test_an_interrupt_while_signing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(source: Path, out: Path, *_: object) -> int:
        out.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(apply, "sign", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["face.mp4", "speech.wav"]


class Signalling(io.BufferedReader):
    """A file at whose first seek, which c2pa asks for through ctypes, the process gets a signal."""

    told = False

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if not self.told:
            self.told = True
            signal.raise_signal(signal.SIGTERM)
        return super().seek(offset, whence)


def signalling(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the file be one, and SIGTERM raise what it does in a command."""
    opened = Path.open

    def told(self: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:
        ours = self == path and mode == "rb"
        return Signalling(io.FileIO(path)) if ours else opened(self, mode, *rest, **options)

    monkeypatch.setattr(Path, "open", told)


@pytest.fixture
def stopping() -> Iterator[None]:
    def stop(number: int, _frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("stopping")
@pytest.mark.parametrize("what", [sign.sign, read_manifest])
def test_a_signal_while_c2pa_calls_back_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], what: Any
) -> None:
    """Ctypes prints what is raised in a callback, and goes on."""
    cv2.imwrite(str(tmp_path / "a.png"), scene())
    signalling(tmp_path / "a.png", monkeypatch)
    more = (tmp_path / "b.png", Facts(), _own()) if what is sign.sign else ()
    with pytest.raises(SystemExit, match="143"):
        what(tmp_path / "a.png", *more)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".svg"])
def test_pictures_are_marked(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".svg":
        path.write_text(
            '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9"><path d="M0 0"/></svg>\n'
        )
    else:
        assert cv2.imwrite(str(path), scene())
    report = apply.mark_file(path, Facts(), _own(), tagged=False)
    assert (report.layers, report.failure) == (("metadata", "c2pa"), "")
    found = check_marks(path)
    assert (found.marked, {layer.kind for layer in found.layers}) == (True, {"metadata", "c2pa"})


def test_no_socket_is_opened(tmp_path: Path) -> None:
    """Neither to sign nor to check, though a manifest names an address to fetch from."""
    import subprocess
    import sys

    if shutil.which("strace") is None:
        pytest.skip("no strace")
    path = write_clip(tmp_path / "a.mp4", 3)
    code = (
        "from pathlib import Path; from lipsync_edge import check_marks\n"
        "from lipsync_edge.mark.apply import mark_file\n"
        "from lipsync_edge.mark.identity import own_identity; from lipsync_edge.mark.facts import Facts\n"
        f"p = Path({str(path)!r}); mark_file(p, Facts(), own_identity(None), tagged=False)\n"
        "assert check_marks(p).marked"
    )
    calls = tmp_path / "calls"
    traced = ["strace", "-f", "-o", str(calls), "-e", "trace=socket,connect,sendto"]
    if subprocess.run([*traced, "true"], capture_output=True).returncode:
        pytest.skip("strace may not trace here")
    subprocess.run([*traced, sys.executable, "-c", code], check=True, timeout=120)
    assert [line for line in calls.read_text().splitlines() if "AF_" in line] == []


def _own() -> Any:
    from lipsync_edge.mark.identity import own_identity

    return own_identity(None)
