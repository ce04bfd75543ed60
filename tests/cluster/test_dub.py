"""The endpoint `/dub` without Ray: what it takes, what it answers, what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from lipsync_edge.cluster.dub import Dub, DubSetup, options_of
from lipsync_edge.cluster.serving import ServingOptions
from lipsync_edge.errors import UsageError
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.video.reader import VideoReader
from tests.batch.conftest import folder as folder  # noqa: PLC0414
from tests.batch.fakes import load

pytest.importorskip("fsspec")
pytest.importorskip("python_multipart")
testclient = pytest.importorskip("starlette.testclient", exc_type=(ImportError, RuntimeError))


@pytest.fixture
def post(tmp_path: Path) -> Any:
    """Posts to an endpoint that may open URLs in memory, under in/ and out/."""
    (tmp_path / "node").mkdir()
    allow = ("memory://in/", "memory://out/")
    setup = DubSetup(
        engine=EngineOptions(), folder=tmp_path / "node", allow=allow, most_bytes=300_000, load=load
    )
    dub = Dub(setup)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        response: Response = await dub(Request(scope, receive))
        await response(scope, receive, send)

    client = testclient.TestClient(app)
    yield lambda **sent: client.post("/dub", **sent)
    assert client.get("/dub").status_code == 405
    assert not [path for path in (tmp_path / "node").iterdir() if path.name.startswith("dub-")]
    client.close()


def uploads(folder: Path, audio: str = "speech.wav") -> dict[str, Any]:
    return {
        "face": ("my face.mp4", (folder / "face.mp4").read_bytes()),
        "audio": (audio, (folder / audio).read_bytes()),
    }


def test_uploads_give_a_video(post: Any, folder: Path, tmp_path: Path) -> None:
    answer = post(files=uploads(folder), data={"end": "0.2", "person": "largest"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    (tmp_path / "got.mp4").write_bytes(answer.content)
    assert len(list(VideoReader(tmp_path / "got.mp4"))) == 5


def test_urls_give_a_result_behind_a_url(post: Any, folder: Path) -> None:
    import fsspec

    files = fsspec.filesystem("memory")
    files.pipe_file("/in/face.mp4", (folder / "face.mp4").read_bytes())
    files.pipe_file("/in/speech.wav", (folder / "speech.wav").read_bytes())
    asked = {"face": "memory://in/face.mp4", "audio": "memory://in/speech.wav", "out": "memory://out/a/b.mp4"}
    answer = post(json={**asked, "loop": "cut"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["out"] == "memory://out/a/b.mp4"
    assert answer.json()["frames"] == 8
    assert len(files.cat_file("/out/a/b.mp4")) > 1000


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        (
            {"json": {"face": "memory://in/none.mp4", "audio": "memory://in/none.wav"}},
            422,
            "memory://in/none.mp4",
        ),
        ({"json": {"face": "file:///etc/passwd", "audio": "memory://in/a.wav"}}, 400, "this server may open"),
        ({"json": {"face": "memory://in/../secret.mp4", "audio": "memory://in/a.wav"}}, 400, "a URL in face"),
        ({"json": {"face": "/etc/passwd", "audio": "memory://in/a.wav"}}, 400, "a URL in face"),
        ({"json": {"face": "memory://in/a.mp4"}}, 400, "face and audio"),
        ({"json": ["face"]}, 400, "a JSON object"),
        ({"content": "{", "headers": {"content-type": "application/json"}}, 400, "a JSON object"),
        ({"content": "x" * 10}, 400, "multipart/form-data or application/json"),
        ({"data": {"face": "a"}}, 400, "multipart/form-data or application/json"),
    ],
)
def test_what_is_refused(post: Any, sent: Any, status: int, said: str) -> None:
    answer = post(**sent)
    assert answer.status_code == status, answer.text
    assert said in json.dumps(answer.json())


def test_bad_files_and_options_and_too_much(post: Any, folder: Path) -> None:
    (folder / "text.wav").write_text("no sound")
    assert post(files=uploads(folder, "text.wav")).status_code == 422
    answer = post(files=uploads(folder), data={"tempo": "3"})
    assert (answer.status_code, "tempo" in answer.text) == (400, True)
    assert post(files=uploads(folder) | {"report": ("r", b"x")}).status_code == 400
    (folder / "large.wav").write_bytes(bytes(400_000))
    assert post(files=uploads(folder, "large.wav")).status_code == 413


def test_options_are_those_of_the_api_without_files() -> None:
    wishes = options_of({"person": "left", "end": 1.5, "pads": [0, 1, 2, 3], "crf": 20})
    assert (wishes.face, wishes.end, wishes.pads, wishes.crf) == ("left", 1.5, (0, 1, 2, 3), 20)
    for given in (
        {"person": "who.jpg"},
        {"play_audio": "/etc/passwd"},
        {"face": "left"},
        {"crf": 99},
        {"end": "soon"},
    ):
        with pytest.raises(UsageError):
            options_of(given)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_deployment_grows_from_nothing() -> None:
    pytest.importorskip("ray")
    from lipsync_edge.cluster import application, deployment

    made = application({"preset": "hq", "max_replicas": 3, "allow": ["s3://films/"], "cpus": 1})
    config = made._bound_deployment
    scaling = config._deployment_config.autoscaling_config
    assert (scaling.min_replicas, scaling.max_replicas) == (0, 3)
    assert config.ray_actor_options["num_cpus"] == 1
    setup, threads = config.init_args
    assert (setup.engine.preset, setup.allow, threads) == ("hq", ("s3://films/",), 1)
    with pytest.raises(UsageError, match="colour"):
        deployment(colour="red")
    with pytest.raises(UsageError, match="min_replicas"):
        ServingOptions(min_replicas=5)
