"""Inputs and results behind URLs: memory, files, HTTP, S3; whole or not at all; a cache that is bounded."""

import os
import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lipsync_edge.cluster.storage import UrlStorage
from lipsync_edge.errors import DeviceError, InputError, OutputError
from tests.cluster.conftest import BUCKET, use_s3

fsspec = pytest.importorskip("fsspec")


def storage(tmp_path: Path, out: str, **options: Any) -> UrlStorage:
    return UrlStorage(out, tmp_path / "downloads", **options)


def made(tmp_path: Path, content: bytes = b"film") -> Path:
    path = tmp_path / "made.mp4"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["folder", "file", "memory", "s3"])
def test_a_result_is_published_whole_and_known_again(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    if kind == "s3":
        request.getfixturevalue("s3")
    out = {
        "folder": str(tmp_path / "out"),
        "file": f"file://{tmp_path}/out",
        "memory": f"memory://{tmp_path.name}/out",
        "s3": f"s3://{BUCKET}/out",
    }[kind]
    place = storage(tmp_path, out)
    place.check(iter([]))
    assert place.stored("a/b.mp4") is None
    told = place.publish(made(tmp_path), "a/b.mp4")
    assert place.stored("a/b.mp4") == told == place.stored("a/b.mp4")
    files, root = fsspec.core.url_to_fs(out)
    files.invalidate_cache()
    assert files.cat_file(f"{root}/a/b.mp4") == b"film"
    assert [Path(name).name for name in files.find(root)] == ["b.mp4"]
    assert place.publish(made(tmp_path, b"another film"), "a/b.mp4") == place.stored("a/b.mp4") != told
    files.rm_file(f"{root}/a/b.mp4")
    assert place.stored("a/b.mp4") is None


def test_a_break_in_an_upload_leaves_nothing_under_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, root = fsspec.core.url_to_fs(f"file://{tmp_path}/out")

    def half(self: Any, here: str, there: str, **more: Any) -> None:
        Path(there).write_bytes(b"fi")
        raise OSError("the line went dead")

    monkeypatch.setattr(type(files), "put_file", half)
    place = storage(tmp_path, f"file://{tmp_path}/out")
    with pytest.raises(OutputError, match="the line went dead"):
        place.publish(made(tmp_path), "a.mp4")
    assert list((tmp_path / "out").iterdir()) == []


def test_inputs_are_downloaded_once_and_anew_when_they_change(tmp_path: Path) -> None:
    files = fsspec.filesystem("memory")
    files.pipe_file("/in/face.mp4", b"one")
    place = storage(tmp_path, "memory://out")
    before = place.content("memory://in/face.mp4")
    first = place.fetch("memory://in/face.mp4", tmp_path / "a")
    second = place.fetch("memory://in/face.mp4", tmp_path / "b")
    assert first.suffix == ".mp4"
    assert first.read_bytes() == second.read_bytes() == b"one"
    assert first.stat().st_ino == second.stat().st_ino
    files.pipe_file("/in/face.mp4", b"two!")
    assert place.content("memory://in/face.mp4") != before
    assert place.fetch("memory://in/face.mp4", tmp_path / "c").read_bytes() == b"two!"
    assert first.read_bytes() == b"one"
    here = made(tmp_path)
    assert place.fetch(str(here), tmp_path / "d") == here


def test_the_cache_is_bounded_and_jobs_keep_what_they_use(tmp_path: Path) -> None:
    files = fsspec.filesystem("memory")
    place = storage(tmp_path, "memory://out", most_bytes=250)
    fetched = []
    for number in range(4):
        files.pipe_file(f"/in/{number}.wav", bytes([number]) * 100)
        fetched.append(place.fetch(f"memory://in/{number}.wav", tmp_path / "job"))
        kept = [path for path in (tmp_path / "downloads").iterdir() if path.suffix == ".input"]
        for path in kept:
            os.utime(path, (number, number))
        assert sum(path.stat().st_size for path in kept) <= 250
    assert [path.read_bytes()[:1] for path in fetched] == [bytes([number]) for number in range(4)]


def test_http_inputs(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "a.wav").write_bytes(b"sound")
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(tmp_path / "web")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place, base = storage(tmp_path, str(tmp_path)), f"http://127.0.0.1:{server.server_port}"
    assert place.fetch(f"{base}/a.wav?v=1", tmp_path / "in").read_bytes() == b"sound"
    assert place.fetch(f"{base}/a.wav?v=1", tmp_path / "in").suffix == ".wav"
    with pytest.raises(InputError, match=r"to read http.*none\.wav"):
        place.content(f"{base}/none.wav")
    server.shutdown()
    server.server_close()
    with pytest.raises(InputError, match="to read http"):
        place.content(f"{base}/other.wav")


def test_what_is_not_there_or_not_known_is_one_line(tmp_path: Path) -> None:
    place = storage(tmp_path, "memory://out")
    with pytest.raises(InputError, match="to read memory://in/none"):
        place.fetch("memory://in/none.mp4", tmp_path / "in")
    with pytest.raises((InputError, DeviceError), match="nonsense"):
        place.content("nonsense://in/none.mp4")
    with pytest.raises(InputError, match="a file at"):
        place.content(str(tmp_path / "none.mp4"))


def test_s3_that_does_not_know_us_is_an_error_that_says_so(
    tmp_path: Path, s3_server: Callable[[bool], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_s3(s3_server(False), monkeypatch)
    place = storage(tmp_path, f"s3://{BUCKET}/out")
    with pytest.raises(OutputError, match="credentials and rights") as caught:
        place.check(iter([]))
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="credentials and rights"):
        place.content(f"s3://{BUCKET}/face.mp4")
