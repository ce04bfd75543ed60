"""Every request of the server's own description, and around it: answers that it names, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from starlette.routing import Route, WebSocketRoute

from lipsync_edge.server.connections import protocol_of
from tests.hostile.mutate import mutated
from tests.hostile.test_server import LIMITS, is_well, wav
from tests.live.fakes import RATE
from tests.server.fixture import Served, served

DESCRIPTION = Path(__file__).parents[2] / "docs" / "openapi.json"

if not DESCRIPTION.is_file():
    pytest.skip("docs/ is not there", allow_module_level=True)
PATHS: dict[str, Any] = json.loads(DESCRIPTION.read_text("utf-8"))["paths"]


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(limits=LIMITS, http=protocol_of()) as it:
        yield it


def test_the_description_names_every_route_and_no_other(server: Served) -> None:
    there = {
        (route.path, method.lower())
        for route in server.app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    described = {(path, verb) for path, item in PATHS.items() for verb in item if verb != "parameters"}
    assert described == there
    sockets = {route.path for route in server.app.routes if isinstance(route, WebSocketRoute)}
    assert sockets == {"/api/view", "/api/speak"}
    text = DESCRIPTION.read_text("utf-8")
    assert all(f"`{path}`" in text for path in sockets)


SESSIONS = ("main", "", "nobody", "../main", "a" * 41, "main\0", "%00", "mäin", "-", "main&session=other")
KINDS = (
    "audio/wav", "audio/pcm", "audio/pcm;rate=16000", "audio/pcm;rate=-1", "audio/pcm;rate*=utf-8''7",
    "audio/pcm;rate=",
    "text/plain", "application/sdp", "application/json", "", ";;;", "audio/wav; charset=\xff", "a" * 5000,
)  # fmt: skip


def bodies(rng: Random) -> bytes:
    whole = [
        b"", b"x", bytes(1000), bytes(7), b"RIFF", wav(RATE, 1000), b"v=0\r\n", "ä".encode() * 100, b"\xff" * 999,
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
    ]  # fmt: skip
    body = rng.choice(whole)
    return mutated(body, rng) if body and rng.random() < 0.5 else body


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.nightly)])
def test_requests_of_the_description_and_around_it(server: Served, count: int) -> None:
    """Only answers that it names, and errors as it says; nothing of them makes a session fail."""
    rng, wrong = Random(3), []
    with httpx.Client(base_url=server.http, timeout=20) as client:
        for _ in range(count):
            path = rng.choice(sorted(PATHS))
            verbs = [verb for verb in PATHS[path] if verb != "parameters"]
            verb = rng.choice((*verbs, *verbs, *verbs, "put", "get", "patch", "delete", "options", "head"))
            place = path.replace("{number}", rng.choice(("1", "%2e%2e", "a%2fb", "x" * 3000, "%ff")))
            headers = [(b"content-type", rng.choice(KINDS).encode("latin-1"))]
            params = {"session": rng.choice(SESSIONS)} if rng.random() < 0.7 else {}
            answer = client.request(verb, place, params=params, headers=headers, content=bodies(rng))
            allowed = {*PATHS[path].get(verb, {}).get("responses", {})} or {"404", "405"}
            if verb == "head":
                allowed = {"200", "405", "404", "503"}
            if "%2f" in place or "/.." in place or place.endswith(".."):
                allowed |= {"404", "405"}
            if str(answer.status_code) not in allowed:
                wrong.append((verb, place, params, headers, answer.status_code, answer.text[:200]))
            elif answer.status_code >= 400 and answer.status_code not in (404, 405) and answer.text:
                assert isinstance(answer.json()["error"], str)
    assert not wrong, wrong
    assert is_well(server)
