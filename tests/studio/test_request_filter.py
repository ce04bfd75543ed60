"""What gets through to Gradio, asked of a studio that runs: no file of the machine, nothing for other sites."""

import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from lipsync_edge.studio.request_filter import COOKIE
from tests.studio.served import Studio, environment, need_gradio, served

SECRET = "root:"  # what /etc/passwd begins with


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in the folder of temporary files, from where Gradio would take one."""
    path = tmp_path_factory.mktemp("private") / "secret.txt"
    path.write_text(f"{SECRET} nobody's business")
    return path


def upload(studio: Studio, data: bytes, name: str = "a.wav") -> httpx.Response:
    return httpx.post(f"{studio.url}gradio_api/upload", files={"files": (name, data)}, timeout=60)


@lru_cache
def components(studio: Studio) -> tuple[dict[str, Any], dict[str, int]]:
    """The page's configuration, and names of its elements → their numbers."""
    config = httpx.get(f"{studio.url}config", timeout=60).json()
    return config, {one["props"].get("elem_id"): one["id"] for one in config["components"]}


def event(studio: Studio, target: str, data: list[Any]) -> str:
    """What the page's own event of a button says to data that a page would not send."""
    config, names = components(studio)
    number = next(one["id"] for one in config["dependencies"] if [names[target], "click"] in one["targets"])
    body = {"data": data, "fn_index": number, "session_hash": "abc", "trigger_id": names[target]}
    asked = httpx.post(f"{studio.url}gradio_api/queue/join", json=body, timeout=60)
    if asked.status_code != 200:
        return f"{asked.status_code} {asked.text}"
    with httpx.stream("GET", f"{studio.url}gradio_api/queue/data?session_hash=abc", timeout=60) as answer:
        lines = []
        for line in answer.iter_lines():
            lines.append(line)
            if "process_completed" in line or "close_stream" in line:
                break
    return "\n".join(lines)


def file_of(path: str) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/file=/etc/passwd",
        "gradio_api/file=%2Fetc%2Fpasswd",
        "gradio_api/file=//etc/passwd",
        "gradio_api/file={uploads}/../../etc/passwd",
        "gradio_api/file={uploads}/%2e%2e/%2e%2e/etc/passwd",
        "gradio_api/file={uploads}/..%2f..%2fetc%2fpasswd",
        "gradio_api/file={secret}",
        "gradio_api/file=file:///etc/passwd",
        "gradio_api/file=http://127.0.0.1:1/x",
        "gradio_api/file=pyproject.toml",
        "gradio_api/file=",
        "gradio_api/file/etc/passwd",
        "gradio_api/proxy=http://127.0.0.1:1/",
        "static/../../../../etc/passwd",
        "static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "assets/..%2f..%2f..%2fblocks.py",
        "results/../../etc/passwd",
        "results/..%2f..%2fetc/passwd",
        "results/x/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "gradio_api/info",
        "gradio_api/openapi.json",
        "gradio_api/deep_link",
        "gradio_api/vibe-code",
        "gradio_api/run/predict",
        "monitoring",
        "docs",
        "dev/reload",
    ],
)
def test_no_file_of_the_machine_and_no_other_service(studio: Studio, secret: Path, path: str) -> None:
    uploads = Path(upload(studio, b"x").json()[0]).parents[1]
    address = studio.url + path.format(uploads=uploads, secret=secret)
    for method in ("GET", "POST"):
        answer = subprocess.run(
            ["curl", "-s", "--path-as-is", "-X", method, "-w", "%{http_code}", address],
            capture_output=True,
            text=True,
            check=True,
        )
        assert answer.stdout[-3:] in ("404", "403"), answer.stdout
        assert SECRET not in answer.stdout


def test_an_upload_can_be_seen_again(studio: Studio) -> None:
    """The control of the test above: the same addresses do lead to files that may be seen."""
    place = upload(studio, b"a sound").json()[0]
    assert httpx.get(f"{studio.url}gradio_api/file={place}").content == b"a sound"


@pytest.mark.parametrize(
    "where", ["/etc/passwd", "{secret}", "{uploads}/../../../etc/passwd", "http://127.0.0.1:1/x"]
)
@pytest.mark.parametrize("target", ["make", "preview-frame", "make-several"])
def test_an_event_cannot_name_a_file_that_was_not_uploaded(
    studio: Studio, secret: Path, where: str, target: str
) -> None:
    mine = upload(studio, b"x").json()[0]
    path = where.format(secret=secret, uploads=Path(mine).parents[0])
    config, names = components(studio)
    count = len(next(d for d in config["dependencies"] if [names[target], "click"] in d["targets"])["inputs"])
    for place in (0, 1, 2, 3):
        data: list[Any] = [None] * count
        data[place] = [file_of(path)] if target == "make-several" else file_of(path)
        said = event(studio, target, data)
        assert said.startswith("403")
        assert SECRET not in said


def test_gradio_itself_looks_where_files_lie(tmp_path: Path) -> None:
    """Behind the filter, too: a mounted page is told that it was launched, or Gradio would copy any file."""
    code = """
import asyncio, sys
from pathlib import Path
import httpx
from lipsync_edge.cli.studio import form_of
from lipsync_edge.engine import load_engine
from lipsync_edge.studio import run
from lipsync_edge.studio.options import StudioOptions
options = StudioOptions(results=Path(sys.argv[1]))
with run.open_studio(options, form_of(options), load_engine) as app:
    inner = app._app._app
    page = next(route.app for route in inner.routes if hasattr(getattr(route, "app", None), "get_blocks")).get_blocks()
    from gradio import processing_utils
    from gradio.context import LocalContext
    LocalContext.blocks.set(page)
    for place in ("/etc/passwd", sys.argv[2]):
        try:
            processing_utils._check_allowed(place, True)
        except Exception as error:
            print(type(error).__name__)
"""
    (tmp_path / "secret.txt").write_text("x")
    words = [sys.executable, "-c", code, str(tmp_path / "r"), str(tmp_path / "secret.txt")]
    need_gradio()
    done = subprocess.run(words, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["InvalidPathError"] * 2, done.stderr


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "{origin}"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
    ],
)
def test_other_sites_and_other_names_are_refused(
    studio: Studio, headers: dict[str, str], status: int
) -> None:
    given = {name: text.format(origin=studio.url.rstrip("/")) for name, text in headers.items()}
    assert httpx.get(studio.url, headers=given, timeout=60).status_code == status
    files = {"files": ("a.wav", b"x")}
    assert httpx.post(f"{studio.url}gradio_api/upload", headers=given, files=files).status_code == status


def test_what_is_too_large_is_refused(studio: Studio) -> None:
    assert upload(studio, b"x" * 1_900_000).status_code == 200
    assert upload(studio, b"x" * 2_100_000).status_code == 413
    body = json.dumps({"data": ["x" * 3_000_000]})
    assert httpx.post(f"{studio.url}gradio_api/queue/join", content=body).status_code == 413

    def pieces() -> Any:
        yield from [b"x" * 1_000_000] * 3

    assert httpx.post(f"{studio.url}gradio_api/queue/join", content=pieces()).status_code == 403


def test_the_page_leads_nowhere_and_reports_nothing(studio: Studio) -> None:
    answer = httpx.get(studio.url, timeout=60)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    config, _ = components(studio)
    assert config["analytics_enabled"] is False
    for mark in ("<link", "<script src", "<meta"):
        tags = [part.split(">")[0] for part in answer.text.split(mark)[1:]]
        assert not [
            tag for tag in tags if "://" in tag and "xmlns" not in tag and studio.url.rstrip("/") not in tag
        ]


def test_with_a_token_nobody_else_gets_in(tmp_path: Path) -> None:
    need_gradio()
    with served(tmp_path, "--token", "open sesame") as it, httpx.Client(timeout=60) as browser:
        pass_by = ["", "config", "gradio_api/upload", "results/x/result.mp4", "?token=wrong"]
        assert [browser.get(it.url + path).status_code for path in pass_by] == [401] * len(pass_by)
        came = browser.get(f"{it.url}?token=open+sesame")
        assert came.status_code == 303
        cookie = came.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "sesame" not in cookie
        assert browser.get(it.url).status_code == 200
        assert httpx.get(it.url, cookies={COOKIE: "wrong"}).status_code == 401


@pytest.mark.skipif(os.name != "posix", reason="folders that only their owner reads")
def test_results_are_their_owners_alone(studio: Studio) -> None:
    assert studio.results.stat().st_mode & 0o077 == 0
